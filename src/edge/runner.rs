//! The object that runs one long call, so that it outlives its client (`dispatch = "detached"`; rule 6.8).
//!
//! What a Worker does for a request ends at most 30 s after its client has gone. An object is kept for as long as it waits for
//! something, up to 15 minutes (compatibility flag `durable_object_io_tasks_prevent_eviction`). Every call gets an object of
//! its own, by a unique id: such an id needs no look around the world, and the object stores nothing.

use super::body::Incoming;
use super::settings::{self, Settings};
use super::work::{Place, Reply, Work};
use super::{clock, js};
use crate::protocol::decision::{self, Decision};
use crate::protocol::exchange::Exchange;
use crate::protocol::handover::Handover;
use crate::protocol::wire;
use futures_channel::oneshot;
use js_sys::Uint8Array;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use worker::{DurableObject, Env, Error, Request, Response, Result, State, durable_object};

/// The binding of the Durable Object namespace.
pub const BINDING: &str = "RUNNER";

/// Whether the namespace is bound.
pub fn is_bound(env: &Env) -> bool {
    namespace(env).is_some()
}

/// Has `handover` run by an object of its own, and gives its answer.
///
/// # Errors
/// What the platform throws where the object cannot be reached, or is lost. What it did until then is not known.
pub async fn run(env: &Env, handover: &Handover) -> Result<web_sys::Response, JsValue> {
    let namespace = namespace(env).ok_or("the binding RUNNER is missing")?;
    let message = wire::encode(handover).map_err(|error| error.to_string())?;
    let stub = namespace.get(&namespace.new_unique_id()?)?;
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(&Uint8Array::from(message.as_slice()));
    let call = stub.fetch("https://runner/", &init)?;
    Ok(JsFuture::from(call).await?.unchecked_into())
}

fn namespace(env: &Env) -> Option<js::ObjectNamespace> {
    js::binding(env, BINDING)
}

/// One call.
#[durable_object(fetch)]
pub struct Runner {
    state: State,
    env: Env,
}

impl DurableObject for Runner {
    fn new(state: State, env: Env) -> Self {
        Self { state, env }
    }

    async fn fetch(&self, mut request: Request) -> Result<Response> {
        let handover: Handover = wire::decode(&request.bytes().await?)
            .map_err(|error| Error::RustError(error.to_string()))?;
        let settings =
            settings::settings(&self.env).map_err(|error| Error::RustError(error.clone()))?;
        let mut work = work(settings, self.env.clone(), handover)?;
        let (reply, answer): (Reply, _) = oneshot::channel();
        work.read().await;
        // Not awaited here: whoever called may go away, and with it this answer, but not the work.
        self.state.wait_until(work.run(reply));
        let answer = answer
            .await
            .unwrap_or_else(|_| Err("the work ended without an answer".into()))?;
        Ok(answer.into())
    }
}

/// The same decision as in the Worker, from the same request. Only a policy that changed in between gives another one, and
/// then nothing runs.
fn work(settings: &'static Settings, env: Env, handover: Handover) -> Result<Work> {
    let Handover {
        attempt,
        exchange,
        request,
        body,
    } = handover;
    let decided = match decision::decide(&settings.policy, &request, clock::now()) {
        Decision::Open(open) => open.decide(&request, &body, clock::now()),
        decided => decided,
    };
    let Decision::Guard(guarded) = decided else {
        return Err(Error::RustError(
            "the policy has changed: this request is not guarded any more".into(),
        ));
    };
    let exchange = Exchange {
        id: exchange,
        ..Exchange::new(clock::random(), &request, &settings.policy.cors)
    };
    let exchange = exchange.about(guarded.key.clone());
    Ok(Work::new(
        settings,
        env,
        Place::Runner,
        request,
        exchange,
        Incoming::Whole(body),
        guarded,
        attempt,
    ))
}
