//! As `src/edge/runner.rs`.

use super::gateway::Told;
use super::work::{Place, Reply, Work};
use crate::faults::Fault;
use crate::world::{Isolate, World};
use futures_channel::oneshot;
use reprise::protocol::decision::{self, Decision};
use reprise::protocol::exchange::Exchange;
use reprise::protocol::handover::Handover;
use reprise::protocol::wire;
use std::rc::Rc;

/// Has `handover` run by an object of its own, in some isolate, which may have another version.
pub async fn run(
    world: &Rc<World>,
    at: &Rc<Isolate>,
    key: Option<usize>,
    handover: &Handover,
) -> Result<Told, ()> {
    at.step(world, key).await;
    let message = wire::encode(handover).map_err(|_| ())?;
    world.latency().await;
    let isolate = Rc::clone(world.dice.pick(&world.isolates));
    let (reply, answer): (Reply, _) = oneshot::channel();
    if let Some(work) = fetch(world, &isolate, key, &message) {
        world.note(
            key,
            || "runner".to_owned(),
            || format!("starts, in the version of {}", isolate.name()),
        );
        let work = isolate.spawn(world, work.run(reply));
        if world.unlucky(Fault::RunnerLost) {
            world.pause(world.dice.short(20_000)).await;
            if world.dice.per_mille(500) {
                world.note(key, || "runner".to_owned(), || "dies".to_owned());
                world.executor.kill(work);
            }
            return Err(());
        }
    }
    let told = answer.await.map_err(|_| ());
    world.latency().await;
    at.step(world, key).await;
    told
}

/// The same decision as in the Worker, from the same request.
fn fetch(
    world: &Rc<World>,
    isolate: &Rc<Isolate>,
    key: Option<usize>,
    message: &[u8],
) -> Option<Work> {
    let Handover {
        attempt,
        exchange,
        request,
        body,
    } = wire::decode(message).ok()?;
    let policy = isolate.policy();
    let Decision::Guard(guarded) = decision::decide(policy, &request, isolate.clock(world)) else {
        return None;
    };
    let exchange = Exchange {
        id: exchange,
        ..Exchange::new(world.dice.bytes(), &request, &policy.cors)
    };
    let exchange = exchange.about(guarded.key.clone());
    let (world, isolate) = (Rc::clone(world), Rc::clone(isolate));
    Some(Work::new(
        world,
        isolate,
        key,
        Place::Runner,
        request,
        exchange,
        body,
        guarded,
        attempt,
    ))
}
