//! Where a request comes in: the decision from its head, the body, and the work that goes on without the client.

use super::body::Incoming;
use super::log::Line;
use super::receive::{receive, receive_whole};
use super::settings::{self, Settings};
use super::task::{self, Outcome, Reply};
use super::work::{Place, Work};
use super::{clock, convert, health, pass};
use crate::protocol::claim::AttemptId;
use crate::protocol::decision::{self, Decision, Guarded, Open};
use crate::protocol::exchange::Exchange;
use crate::protocol::policy::Limits;
use crate::protocol::refusal::{Code, Refusal};
use crate::protocol::request::{Body, Inbound};
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
    task::answering(|reply| answer(request, env, context, reply))
}

async fn answer(request: Request, env: Env, context: Context, reply: Reply) -> Outcome {
    match route(&request, env, &context, reply).await {
        Ok(Some(answer)) => Ok(answer.into()),
        Ok(None) => Ok(JsValue::UNDEFINED),
        Err(error) => {
            worker::console_error!("request failed: {error:?}");
            let exchange = Exchange::unread(clock::random());
            convert::refusal(&internal(), None, &exchange).map(Into::into)
        }
    }
}

fn internal() -> Refusal {
    Refusal::new(
        Code::Internal,
        "Retry with the same key: the ledger knows whether the operation ran.",
    )
}

/// The answer; `None` where it has been given, and the work after it done.
type Answered = Result<Option<Response>, JsValue>;

async fn route(raw: &Request, env: Env, context: &Context, reply: Reply) -> Answered {
    let Some(request) = convert::inbound(raw) else {
        return Err("a request without an absolute URL".into());
    };
    let settings = settings::settings(&env);
    if request.path.starts_with(health::PREFIX) {
        return health::answer(&request.path, &env, settings).map(Some);
    }
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            worker::console_error!("policy-invalid: {error}");
            let exchange = Exchange::unread(clock::random());
            return convert::refusal(&policy_invalid(), None, &exchange).map(Some);
        }
    };
    let exchange = Exchange::new(clock::random(), &request, &settings.policy.cors);
    if pass::is_loop(settings, &request) {
        return convert::refusal(&loop_detected(), None, &exchange).map(Some);
    }
    let arrival = Arrival {
        raw,
        env,
        context,
        settings,
        exchange,
        reply,
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
    reply: Reply,
}

impl Arrival<'_> {
    /// The decision takes the body (rule 2.15).
    async fn open(self, request: Inbound, open: Open<'static>) -> Answered {
        match receive_whole(self.raw, &request, self.limits()).await {
            Ok(body) => {
                let decided = open.decide(&request, &body, clock::now());
                self.decided(decided, request, Some(body)).await
            }
            Err(refusal) => {
                let line = Line::new(&open.route.name, &self.exchange, None, None);
                line.refuse(&refusal, Some(open.contract), &self.exchange)
                    .map(Some)
            }
        }
    }

    /// `body` is there where it was read already.
    async fn decided(
        self,
        decided: Decision<'static>,
        request: Inbound,
        body: Option<Body>,
    ) -> Answered {
        let Self { raw, settings, .. } = self;
        let answer = match decided {
            Decision::Guard(guarded) => return self.guard(request, guarded, body).await,
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
            Decision::Open(_) => Err("a body that is there leaves nothing open".into()),
        };
        answer.map(Some)
    }

    async fn guard(
        self,
        request: Inbound,
        guarded: Guarded<'static>,
        body: Option<Body>,
    ) -> Answered {
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
                return line.refuse(&refusal, Some(contract), &exchange).map(Some);
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
        match work.known().await {
            Some(known) => work.tell_remembered(known, self.reply).await,
            None => {
                // Before it begins: a client that goes away takes its answer with it, and not the work (rule 6.6).
                self.context.wait_until(&self.reply.lasts())?;
                work.run(self.reply).await;
            }
        }
        Ok(None)
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
