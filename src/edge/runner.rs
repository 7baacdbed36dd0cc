//! The object that runs one long call, so that it outlives its client (`dispatch = "detached"`; rule 6.8).
//!
//! What a Worker does for a request ends at most 30 s after its client has gone. An object is kept for as long as it waits for
//! something, up to 15 minutes (compatibility flag `durable_object_io_tasks_prevent_eviction`). Every call gets an object of
//! its own, by a unique id: such an id needs no look around the world, and the object stores nothing.

use super::body::Incoming;
use super::settings::{self, Settings};
use super::task::{self, Reply};
use super::work::{Place, Work};
use super::{clock, js};
use crate::protocol::decision::{self, Decision};
use crate::protocol::exchange::Exchange;
use crate::protocol::handover::Handover;
use crate::protocol::wire;
use js_sys::{Promise, Uint8Array};
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use web_sys::{Request, Response};
use worker::Env;
use worker::worker_sys::DurableObjectState;

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
pub async fn run(env: &Env, handover: &Handover) -> Result<Response, JsValue> {
    let namespace = namespace(env).ok_or("the binding RUNNER is missing")?;
    let message = wire::encode(handover).map_err(|error| error.to_string())?;
    let stub = namespace.get(&namespace.new_unique_id()?)?;
    let init = web_sys::RequestInit::new();
    init.set_method("POST");
    init.set_body(&Uint8Array::from(message.as_slice()));
    let call = stub.fetch("https://runner/", &init)?;
    Ok(task::settled(call).await?.unchecked_into())
}

fn namespace(env: &Env) -> Option<js::ObjectNamespace> {
    js::binding(env, BINDING)
}

/// One call, as the runtime holds it.
#[wasm_bindgen]
pub struct Runner {
    state: Rc<DurableObjectState>,
    env: Env,
}

#[wasm_bindgen]
impl Runner {
    /// An object for one call.
    #[wasm_bindgen(constructor)]
    pub fn new(state: DurableObjectState, env: Env) -> Self {
        let state = Rc::new(state);
        Self { state, env }
    }

    /// The answer to the call: a [`Handover`], and what becomes of it.
    pub fn fetch(&self, request: Request) -> Promise {
        let (state, env) = (Rc::clone(&self.state), self.env.clone());
        task::answering(async move |reply| {
            answer(&state, env, request, reply).await?;
            Ok(JsValue::UNDEFINED)
        })
    }
}

async fn answer(
    state: &DurableObjectState,
    env: Env,
    request: Request,
    reply: Reply,
) -> Result<(), JsValue> {
    let message = task::settled(request.array_buffer()?).await?;
    let handover: Handover =
        wire::decode(&Uint8Array::new(&message).to_vec()).map_err(|error| error.to_string())?;
    let settings = settings::settings(&env)?;
    let mut work = work(settings, env, handover)?;
    work.read().await;
    // Whoever called may go away, and with it this answer, but not the work.
    state.wait_until(&reply.lasts())?;
    work.run(reply).await;
    Ok(())
}

/// The same decision as in the Worker, from the same request. Only a policy that changed in between gives another one, and
/// then nothing runs.
fn work(settings: &'static Settings, env: Env, handover: Handover) -> Result<Work, JsValue> {
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
        return Err("the policy has changed: this request is not guarded any more".into());
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
