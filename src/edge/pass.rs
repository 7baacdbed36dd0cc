//! Everything that no route guards: streamed through, both ways, as it is (rule 1.6).

use super::settings::{CDN_ID, Settings};
use super::task;
use super::{clock, convert, health, js};
use crate::protocol::contract::{Contract, Signals};
use crate::protocol::exchange::Exchange;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::request::{Body, Inbound, target_in};
use crate::protocol::{cors, decision, replay};
use js_sys::{JsString, Promise, Uint8Array};
use std::cell::OnceCell;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{Request, RequestInit, RequestRedirect, Response};

/// The header by which a gateway recognises its own requests (RFC 8586).
pub const CDN_LOOP: &str = "cdn-loop";

/// Whether `request` has been here before (rule 6.5).
pub fn is_loop(settings: &Settings, request: &Inbound) -> bool {
    let is_own = |field: &str| {
        let id = field
            .split_once('=')
            .filter(|(name, _)| name.eq_ignore_ascii_case("id"));
        id.is_some_and(|(_, id)| id.eq_ignore_ascii_case(&settings.hash))
    };
    request
        .headers
        .lines(CDN_LOOP)
        .flat_map(|line| line.split(','))
        .any(|entry| {
            let mut fields = entry.split(';').map(str::trim);
            fields
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case(CDN_ID))
                && fields.any(is_own)
        })
}

/// Where the origin is asked for what `request` asks for.
pub fn origin_url(settings: &Settings, request: &Inbound) -> String {
    format!("{}{}", settings.policy.origin.url, request.target())
}

/// What is the same for all requests that are passed, as JavaScript has it.
struct Fixed {
    origin: JsString,
    token: JsString,
    failed: Closure<js::Failed>,
}

impl Fixed {
    fn new(settings: &'static Settings) -> Self {
        let failed = move |raw: Request, error: JsValue| {
            let request = convert::inbound(&raw).ok_or("a request without an absolute URL")?;
            let exchange = Exchange::new(clock::random(), &request, &settings.policy.cors);
            failed(&error, &exchange)
        };
        Self {
            origin: settings.policy.origin.url.as_str().into(),
            token: settings.loop_token.as_str().into(),
            failed: Closure::new(failed),
        }
    }
}

thread_local! {
    static FIXED: OnceCell<Fixed> = const { OnceCell::new() };
}

/// The way of most requests: path and method say that no route guards this one, so that no header is looked at but one. `None` where
/// there is more to see to, or to say of an error.
pub fn at_sight(settings: &'static Settings, raw: &Request) -> Option<Promise> {
    let url = js::first(raw)?;
    let text = String::from(&url);
    let target = target_in(&text)?;
    let path = text.get(target.clone())?.split('?').next()?;
    if path.starts_with(health::PREFIX) {
        return None;
    }
    if !decision::passes(&settings.policy, path, || raw.method()) {
        return None;
    }
    let passed = FIXED.with(|fixed| {
        let fixed = fixed.get_or_init(|| Fixed::new(settings));
        js::pass(
            raw,
            &url,
            // The runtime's URLs are ASCII: a place in these bytes is one in its string.
            target.start,
            target.end,
            &fixed.origin,
            &fixed.token,
            &fixed.failed,
        )
    });
    passed.ok()
}

/// The answer where the origin gives none.
///
/// # Errors
/// As [`convert::response`].
pub fn failed(error: &JsValue, exchange: &Exchange) -> Result<Response, JsValue> {
    worker::console_error!("pass-failed: {error:?}");
    let refusal = Refusal::new(
        Code::PassFailed,
        "No route guards this request. Whether the origin acted on it is not known.",
    );
    convert::refusal(&refusal, None, exchange)
}

/// Sends `request` to the origin, body and all, and gives its answer back, an upgraded connection too. `read` is the body where
/// it was read already.
pub async fn through(
    settings: &Settings,
    raw: &Request,
    request: &Inbound,
    read: Option<Body>,
) -> Result<Response, JsValue> {
    let url = origin_url(settings, request);
    let outbound = match read {
        // A request may stand in the place of its own `RequestInit`: method, headers and body are taken over as they are.
        None => Request::new_with_str_and_init(&url, raw.unchecked_ref())?,
        Some(body) => with_body(&url, raw, &body)?,
    };
    let answer = js::forward(&outbound, &settings.loop_token)?;
    let response: Response = task::settled(answer).await?.unchecked_into();
    match preflight_contract(settings, request) {
        Some(contract) => allow_key(response, contract),
        None => Ok(response),
    }
}

fn with_body(url: &str, raw: &Request, body: &Body) -> Result<Request, JsValue> {
    let init = RequestInit::new();
    init.set_method(&raw.method());
    init.set_headers(&raw.headers());
    init.set_redirect(RequestRedirect::Manual);
    if let Body::Bytes(bytes) = body {
        init.set_body(&Uint8Array::from(bytes.as_slice()));
    }
    Request::new_with_str_and_init(url, &init)
}

/// As [`through`], for a request with a key that its contract does not take; the answer says so, where the contract lets it
/// (rule 1.7).
pub async fn ignoring_key(
    settings: &Settings,
    raw: &Request,
    request: &Inbound,
    read: Option<Body>,
    contract: &Contract,
) -> Result<Response, JsValue> {
    let response = through(settings, raw, request, read).await?;
    if contract.gateway.signals == Signals::Off {
        return Ok(response);
    }
    let mut headers = convert::headers(&response.headers());
    replay::ignored(&mut headers, contract);
    let changed = ["idempotency-status", "access-control-expose-headers"];
    let lines = changed.map(|name| Some((name, headers.get(name)?)));
    with_headers(&response, lines.into_iter().flatten())
}

/// The contract behind the request that a CORS preflight announces.
fn preflight_contract<'s>(settings: &'s Settings, request: &Inbound) -> Option<&'s Contract> {
    if request.method != "OPTIONS" {
        return None;
    }
    let method = request.headers.get("access-control-request-method")?;
    let route = settings.policy.route(method, &request.normalised_path())?;
    route.contract.as_ref()
}

/// Rule 9.8.
fn allow_key(response: Response, contract: &Contract) -> Result<Response, JsValue> {
    let headers = convert::headers(&response.headers());
    let Some(allowed) = cors::allow_key_header(&headers, contract) else {
        return Ok(response);
    };
    let line = ("access-control-allow-headers", allowed.as_str());
    with_headers(&response, [line].into_iter())
}

/// The headers of a fetched answer cannot be changed, so a new answer takes over all that it has.
fn with_headers<'a>(
    response: &Response,
    lines: impl Iterator<Item = (&'static str, &'a str)>,
) -> Result<Response, JsValue> {
    // An answer may stand in the place of its own `ResponseInit`: status, reason and headers are taken over as they are.
    let body = response.body();
    let init = response.unchecked_ref();
    let response = Response::new_with_opt_readable_stream_and_init(body.as_ref(), init)?;
    for (name, value) in lines {
        response.headers().set(name, value)?;
    }
    Ok(response)
}
