//! As `src/edge/gateway.rs`, and what the runtime does around it.

use super::work::{Place, Work};
use crate::api::Outbound;
use crate::executor::TaskId;
use crate::world::{Isolate, World};
use futures_channel::oneshot;
use reprise::protocol::claim::AttemptId;
use reprise::protocol::contract::Contract;
use reprise::protocol::decision::{self, Decision, Guarded};
use reprise::protocol::exchange::Exchange;
use reprise::protocol::refusal::{Code, Refusal};
use reprise::protocol::replay::{self, Head};
use reprise::protocol::request::{Body, Inbound};
use std::rc::Rc;

/// What a client is told.
pub struct Told {
    /// Status and headers.
    pub head: Head,
    /// The body.
    pub body: Vec<u8>,
    /// Which refusal it is: what the log says.
    pub code: Option<Code>,
}

/// A request on the way to the gateway.
pub struct Arriving {
    /// Its number.
    pub call: usize,
    /// Its key, where one will stand behind it.
    pub key: Option<usize>,
    /// Its head.
    pub request: Inbound,
    /// Its body; `None` where it breaks off.
    pub body: Option<Body>,
}

/// How long the platform lets work go on whose client has gone, milliseconds.
const AFTER_CLIENT_MS: u64 = 30_000;

/// What becomes of a request. `None`: the connection broke, with the Worker behind it.
pub async fn fetch(world: &Rc<World>, isolate: &Rc<Isolate>, arriving: Arriving) -> Option<Told> {
    let policy = isolate.policy();
    let request = &arriving.request;
    let exchange = Exchange::new(world.dice.bytes(), request, &policy.cors);
    match decision::decide(policy, request, isolate.clock(world)) {
        Decision::Pass => pass(world, &arriving, None).await,
        Decision::Ignore(contract) => pass(world, &arriving, Some(contract)).await,
        Decision::Refuse(refused) => {
            world.figures.borrow_mut().decisions[1] += 1;
            let exchange = Exchange {
                key: refused.key,
                ..exchange
            };
            Some(refusal(&refused.refusal, Some(refused.contract), &exchange))
        }
        Decision::Open(_) => unreachable!("no route here has its key in the body"),
        Decision::Guard(guarded) => {
            world.figures.borrow_mut().decisions[2] += 1;
            let exchange = exchange.about(guarded.key.clone());
            guard(world, isolate, arriving, exchange, guarded).await
        }
    }
}

/// A refusal, as a client is told it.
pub fn refusal(refusal: &Refusal, contract: Option<&Contract>, exchange: &Exchange) -> Told {
    let (head, body) = refusal.answer(contract, exchange);
    Told {
        head,
        body: body.into_bytes(),
        code: Some(refusal.code()),
    }
}

async fn pass(world: &Rc<World>, arriving: &Arriving, ignored: Option<&Contract>) -> Option<Told> {
    world.figures.borrow_mut().decisions[0] += 1;
    let outbound = Outbound {
        method: arriving.request.method.clone(),
        target: arriving.request.target(),
        headers: arriving.request.headers.clone(),
        body: arriving.body.clone()?,
    };
    let answer = world.api.call(world, None, outbound).await.ok()?;
    let mut headers = answer.headers;
    if let Some(contract) = ignored {
        replay::ignored(&mut headers, contract);
    }
    Some(Told {
        head: Head {
            status: answer.status,
            headers,
        },
        body: Vec::new(),
        code: None,
    })
}

async fn guard(
    world: &Rc<World>,
    isolate: &Rc<Isolate>,
    arriving: Arriving,
    exchange: Exchange,
    guarded: Guarded<'static>,
) -> Option<Told> {
    let attempt = AttemptId::new(world.dice.bytes());
    let Some(body) = arriving.body else {
        let broke_off = Refusal::new(Code::BodyTruncated, "");
        return Some(refusal(&broke_off, Some(guarded.contract), &exchange));
    };
    world
        .oracle
        .borrow_mut()
        .arrives(arriving.call, attempt, world.now());
    let (inside, place) = (Rc::clone(world), Rc::clone(isolate));
    let work = Work::new(
        inside,
        place,
        arriving.key,
        Place::Worker,
        arriving.request,
        exchange,
        body,
        guarded,
        attempt,
    );
    let (reply, answer) = oneshot::channel();
    if let Some(known) = work.known() {
        work.tell_remembered(known, reply).await;
        return answer.await.ok();
    }
    let _handler = Handler {
        world: Rc::clone(world),
        work: isolate.spawn(world, work.run(reply)),
    };
    answer.await.ok()
}

/// The runtime drops a handler whose client has gone, or has its answer. What was given to `wait_until` goes on for some time.
struct Handler {
    world: Rc<World>,
    work: TaskId,
}

impl Drop for Handler {
    fn drop(&mut self) {
        let (executor, work) = (Rc::clone(&self.world.executor), self.work);
        if executor.lives(work) {
            let time_is_up = self.world.pause(AFTER_CLIENT_MS);
            self.world.executor.spawn(async move {
                time_is_up.await;
                executor.kill(work);
            });
        }
    }
}
