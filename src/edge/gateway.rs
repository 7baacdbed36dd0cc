//! Where a request comes in: the decision from its head, the body, and the work that goes on without the client.

use super::body::Incoming;
use super::log::Line;
use super::receive::{receive, receive_whole};
use super::settings::{self, Settings};
use super::work::{Place, Work};
use super::{clock, convert, health, pass, task};
use crate::protocol::claim::AttemptId;
use crate::protocol::decision::{self, Decision, Guarded, Open};
use crate::protocol::exchange::Exchange;
use crate::protocol::policy::Limits;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::request::{Body, Inbound};
use futures_channel::oneshot;
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use web_sys::{Request, Response};
use worker::worker_sys::Context;
use worker::{Env, event};

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

/// What the runtime calls for each request.
#[wasm_bindgen]
pub fn fetch(request: Request, env: Env, context: Context) -> Promise {
    if let Ok(settings) = settings::settings(&env)
        && let Some(passed) = pass::at_sight(settings, &request)
    {
        return passed;
    }
    task::promise(answer(request, env, context))
}

async fn answer(request: Request, env: Env, context: Context) -> Result<JsValue, JsValue> {
    let answer = match route(&request, env, &context).await {
        Ok(response) => response,
        Err(error) => {
            worker::console_error!("request failed: {error:?}");
            let exchange = Exchange::unread(clock::random());
            convert::refusal(&internal(), None, &exchange)?
        }
    };
    Ok(answer.into())
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
    let arrival = Arrival {
        raw,
        env,
        context,
        settings,
        exchange,
    };
    match decision::decide(&settings.policy, &request, clock::now()) {
        Decision::Open(open) => arrival.open(request, open).await,
        decided => arrival.decided(decided, request, None).await,
    }
}

/// A request on its way, and what its answer needs.
struct Arrival<'a> {
    raw: &'a Request,
    env: Env,
    context: &'a Context,
    settings: &'static Settings,
    exchange: Exchange,
}

impl Arrival<'_> {
    /// The decision takes the body (rule 2.15).
    async fn open(self, request: Inbound, open: Open<'static>) -> Result<Response, JsValue> {
        match receive_whole(self.raw, &request, self.limits()).await {
            Ok(body) => {
                let decided = open.decide(&request, &body, clock::now());
                self.decided(decided, request, Some(body)).await
            }
            Err(refusal) => {
                let line = Line::new(&open.route.name, &self.exchange, None, None);
                line.refuse(&refusal, Some(open.contract), &self.exchange)
            }
        }
    }

    /// `body` is there where it was read already.
    async fn decided(
        self,
        decided: Decision<'static>,
        request: Inbound,
        body: Option<Body>,
    ) -> Result<Response, JsValue> {
        let Self { raw, settings, .. } = self;
        match decided {
            Decision::Pass => {
                let answer = pass::through(settings, raw, &request, body).await;
                passed(answer, &self.exchange)
            }
            Decision::Ignore(contract) => {
                let answer = pass::ignoring_key(settings, raw, &request, body, contract).await;
                passed(answer, &self.exchange)
            }
            Decision::Refuse(refused) => {
                let exchange = Exchange {
                    key: refused.key,
                    ..self.exchange
                };
                let line = Line::new(&refused.route.name, &exchange, None, None);
                line.refuse(&refused.refusal, Some(refused.contract), &exchange)
            }
            Decision::Guard(guarded) => self.guard(request, guarded, body).await,
            Decision::Open(_) => Err("a body that is there leaves nothing open".into()),
        }
    }

    async fn guard(
        self,
        request: Inbound,
        guarded: Guarded<'static>,
        body: Option<Body>,
    ) -> Result<Response, JsValue> {
        let attempt = AttemptId::new(clock::random());
        let head_limit = self.settings.policy.limits.request_head;
        let body = match body {
            _ if request.head_length() > head_limit => Err(head_too_large(head_limit)),
            Some(body) => Ok(Incoming::Whole(body)),
            None if guarded.route.needs_whole_body() => {
                let body = receive_whole(self.raw, &request, self.limits()).await;
                body.map(Incoming::Whole)
            }
            None => receive(self.raw, &request, self.limits()).await,
        };
        let exchange = self.exchange.about(guarded.key.clone());
        let body = match body {
            Ok(body) => body,
            Err(refusal) => {
                let (claim, contract) = (guarded.claim, guarded.contract);
                let line = Line::new(&guarded.route.name, &exchange, Some(claim), Some(attempt));
                return line.refuse(&refusal, Some(contract), &exchange);
            }
        };
        let place = Place::Worker;
        let mut work = Work::new(
            self.settings,
            self.env,
            place,
            request,
            exchange,
            body,
            guarded,
            attempt,
        );
        let (reply, answer) = oneshot::channel();
        match work.known().await {
            Some(known) => work.tell_remembered(known, reply).await,
            // Handed over before it is first polled: a client that goes away drops this handler, and not the work (rule 6.6).
            None => self.context.wait_until(&work.run_to_end(reply))?,
        }
        answer
            .await
            .unwrap_or_else(|_| Err("the work ended without an answer".into()))
    }

    fn limits(&self) -> &'static Limits {
        &self.settings.policy.limits
    }
}

fn passed(answer: Result<Response, JsValue>, exchange: &Exchange) -> Result<Response, JsValue> {
    answer.or_else(|error| pass::failed(&error, exchange))
}

fn head_too_large(limit: usize) -> Refusal {
    Refusal::new(
        Code::HeadTooLarge,
        format!(
            "A guarded request may have a head of at most {limit} bytes (`limits.request_head` of the policy): its URL and its header lines together."
        ),
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
