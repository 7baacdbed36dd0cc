//! Asking the origin whether a caller may still know of a claim (axis A1; rule 9.12).

use super::settings::Settings;
use super::{convert, js, pass};
use crate::protocol::contract::{AuthorityRules, Contract};
use crate::protocol::record::remove_reserved;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::request::Inbound;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Request, RequestInit, RequestRedirect, Response};

/// How long the origin may take to say who is asking, milliseconds: a replay should be quicker than the operation was.
const DEADLINE_MS: u32 = 10_000;

/// What says something about the body or the conditions of the operation, and nothing about who asks for it.
const OF_THE_OPERATION: [&str; 12] = [
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "prefer",
    "range",
];

/// Whether this caller may be told what is known of its key.
///
/// # Errors
/// The refusal that it gets instead: the origin's own 401 or 403, or that the origin did not say.
pub async fn vouch(
    settings: &Settings,
    contract: &Contract,
    request: &Inbound,
) -> Result<(), Refusal> {
    let AuthorityRules::Origin { method, target } = &contract.authority else {
        return Ok(());
    };
    let answer = match question(settings, contract, request, method, target) {
        Ok(question) => ask(&question).await,
        Err(error) => Err(error),
    };
    let answer = answer.map_err(|error| {
        worker::console_error!("the origin could not be asked who is asking: {error:?}");
        unavailable()
    })?;
    if let Some(body) = answer.body() {
        // Unread, it would keep the connection busy.
        let _ = body.cancel();
    }
    match answer.status() {
        status @ (401 | 403) => Err(refused(status, &answer)),
        500..=599 => Err(unavailable()),
        _ => Ok(()),
    }
}

fn question(
    settings: &Settings,
    contract: &Contract,
    request: &Inbound,
    method: &str,
    target: &str,
) -> Result<Request, JsValue> {
    let mut headers = request.headers.clone();
    headers.remove_hop_by_hop();
    remove_reserved(&contract.replay, &mut headers);
    let key = &contract.key;
    headers.retain(|name, _| {
        !OF_THE_OPERATION.contains(&name)
            && name != key.header
            && !key.aliases.iter().any(|alias| alias == name)
    });
    headers.push(pass::CDN_LOOP, pass::loop_token(settings));
    let init = RequestInit::new();
    init.set_method(method);
    init.set_headers(&convert::js_headers(&headers)?.into());
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(DEADLINE_MS)));
    Request::new_with_str_and_init(&format!("{}{target}", settings.policy.origin.url), &init)
}

async fn ask(question: &Request) -> Result<Response, JsValue> {
    Ok(JsFuture::from(js::fetch(question)?).await?.unchecked_into())
}

fn refused(status: u16, answer: &Response) -> Refusal {
    let detail = "There is a claim for this key, and the origin does not say that this caller may know of it. Send the request with a credential that the origin takes.";
    let refusal = Refusal::new(Code::AuthorityRefused, detail).with_status(status);
    match answer.headers().get("www-authenticate") {
        Ok(Some(challenge)) => refusal.challenge(challenge),
        _ => refusal,
    }
}

fn unavailable() -> Refusal {
    Refusal::new(
        Code::AuthorityUnavailable,
        "The origin must be asked who is asking, and did not say. Nothing is run again. Retry with the same key.",
    )
}
