//! Where a request comes in: the decision from its head, the body, and the work that goes on without the client.

use super::body::{self, Read};
use super::log::Line;
use super::settings::{self, Settings};
use super::work::{Place, Work};
use super::{clock, convert, health, pass};
use crate::protocol::claim::AttemptId;
use crate::protocol::decision::{self, Decision, Guarded};
use crate::protocol::exchange::Exchange;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::request::{Body, Inbound};
use futures_channel::oneshot;
use wasm_bindgen::JsValue;
use web_sys::{Request, Response};
use worker::{Context, Env, event};

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

#[event(fetch)]
async fn fetch(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    match route(&request, env, &context).await {
        Ok(response) => Ok(response),
        Err(error) => {
            worker::console_error!("request failed: {error:?}");
            let exchange = Exchange::unread(clock::random());
            Ok(convert::refusal(&internal(), None, &exchange)?)
        }
    }
}

fn internal() -> Refusal {
    Refusal::new(
        Code::Internal,
        "Retry with the same key: the ledger knows whether the operation ran.",
    )
}

async fn route(raw: &Request, env: Env, context: &Context) -> Result<Response, JsValue> {
    let Some(request) = convert::inbound(raw) else {
        return Err("a request without an absolute URL".into());
    };
    let settings = settings::settings(&env);
    if request.path.starts_with(health::PREFIX) {
        return health::answer(&request.path, &env, settings);
    }
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            worker::console_error!("policy-invalid: {error}");
            let exchange = Exchange::unread(clock::random());
            return convert::refusal(&policy_invalid(), None, &exchange);
        }
    };
    let exchange = Exchange::new(clock::random(), &request, &settings.policy.cors);
    if pass::is_loop(settings, &request) {
        return convert::refusal(&loop_detected(), None, &exchange);
    }
    match decision::decide(&settings.policy, &request, clock::now()) {
        Decision::Pass => passed(pass::through(settings, raw, &request).await, &exchange),
        Decision::Ignore(contract) => {
            let answer = pass::ignoring_key(settings, raw, &request, contract).await;
            passed(answer, &exchange)
        }
        Decision::Refuse(refused) => {
            let exchange = Exchange {
                key: refused.key,
                ..exchange
            };
            Line::new(&refused.route.name, &exchange, None, None).refuse(
                &refused.refusal,
                Some(refused.contract),
                &exchange,
            )
        }
        Decision::Guard(guarded) => {
            let exchange = exchange.about(guarded.key.clone());
            guard(raw, env, context, settings, request, exchange, guarded).await
        }
    }
}

fn passed(answer: Result<Response, JsValue>, exchange: &Exchange) -> Result<Response, JsValue> {
    answer.or_else(|error| {
        worker::console_error!("pass-failed: {error:?}");
        convert::refusal(&pass_failed(), None, exchange)
    })
}

async fn guard(
    raw: &Request,
    env: Env,
    context: &Context,
    settings: &'static Settings,
    request: Inbound,
    exchange: Exchange,
    guarded: Guarded<'static>,
) -> Result<Response, JsValue> {
    let attempt = AttemptId::new(clock::random());
    let body = match read_body(raw, &request, settings.policy.limits.request_body).await {
        Ok(body) => body,
        Err(refusal) => {
            let (claim, contract) = (guarded.claim, guarded.contract);
            let line = Line::new(&guarded.route.name, &exchange, Some(claim), Some(attempt));
            return line.refuse(&refusal, Some(contract), &exchange);
        }
    };
    let place = Place::Worker;
    let work = Work::new(
        settings, env, place, request, exchange, body, guarded, attempt,
    );
    let (reply, answer) = oneshot::channel();
    // Handed over before it is first polled: a client that goes away drops this handler, and not the work (rule 6.6).
    context.wait_until(work.run(reply));
    answer
        .await
        .unwrap_or_else(|_| Err("the work ended without an answer".into()))
}

/// The whole body, before anything is claimed (rules 4.11 and 4.12).
async fn read_body(raw: &Request, request: &Inbound, limit: usize) -> Result<Body, Refusal> {
    let announced = request
        .headers
        .get("content-length")
        .and_then(|l| l.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large(limit));
    }
    let stream = raw.body();
    if stream.is_none() && announced.is_none() && !request.headers.has("transfer-encoding") {
        return Ok(Body::Absent);
    }
    match body::read(stream, limit).await {
        Read::Whole(chunks) if announced.is_some_and(|length| chunks.len() < length) => {
            Err(truncated())
        }
        Read::Whole(chunks) => Ok(Body::Bytes(chunks.into_vec())),
        Read::TooLong(_, reader) => {
            let _ = reader.cancel();
            Err(too_large(limit))
        }
        Read::Broken => Err(truncated()),
    }
}

fn too_large(limit: usize) -> Refusal {
    Refusal::new(
        Code::BodyTooLarge,
        format!(
            "A guarded request may have a body of at most {limit} bytes (`limits.request_body` of the policy)."
        ),
    )
}

fn truncated() -> Refusal {
    Refusal::new(
        Code::BodyTruncated,
        "The body ended before its announced length. Nothing was claimed. Send the whole request again with the same key.",
    )
}

fn pass_failed() -> Refusal {
    Refusal::new(
        Code::PassFailed,
        "No route guards this request. Whether the origin acted on it is not known.",
    )
}

fn policy_invalid() -> Refusal {
    Refusal::new(
        Code::PolicyInvalid,
        "Nothing is forwarded until the policy is mended. GET /.reprise/health names the line.",
    )
}

fn loop_detected() -> Refusal {
    Refusal::new(
        Code::LoopDetected,
        "The policy's origin leads back to this gateway. Set `origin` to the API itself.",
    )
}
