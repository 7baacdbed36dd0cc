//! Durable Objects, as the platform describes them: storage that survives, memory that does not, one alarm, calls that fail before
//! or after they have had their effect, and a clock.

use crate::edge::ledger::Ledger;
use crate::executor::TaskId;
use crate::faults::Fault;
use crate::world::{World, clock};
use futures_channel::oneshot;
use reprise::protocol::claim::Claim;
use reprise::protocol::time::Time;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The namespace of the ledger.
#[derive(Default)]
pub struct Objects(RefCell<BTreeMap<String, Rc<Object>>>);

/// One object.
pub struct Object {
    /// Its name.
    pub name: String,
    /// The table `claims`, by the bytes of the claim id.
    pub rows: RefCell<BTreeMap<[u8; 32], Claim>>,
    /// When its alarm is due.
    alarm: Cell<Option<u64>>,
    /// What lives in memory only.
    instance: RefCell<Rc<Ledger>>,
    /// The calls inside.
    calls: RefCell<Vec<TaskId>>,
    /// How far its clock is from the true time, milliseconds.
    skew_ms: Cell<i64>,
    /// Until when nobody reaches it.
    gone_until: Cell<u64>,
}

/// What a call to an object throws.
pub struct Thrown {
    /// Whether the platform says that the object is overloaded.
    pub overloaded: bool,
}

/// A call that comes late comes within this, milliseconds: longer than any lease that is not detached.
const LATE_MS: u64 = 40_000;
/// A slow call takes no longer than this on either way, milliseconds.
const SLOW_MS: u64 = 20_000;

const LOST: Thrown = Thrown { overloaded: false };

impl Objects {
    /// The object of that name.
    pub fn named(&self, world: &World, name: &str) -> Rc<Object> {
        let mut objects = self.0.borrow_mut();
        let made = objects.entry(name.to_owned()).or_insert_with(|| {
            let reach = world.plan.shard_skew_ms;
            let skew_ms = world.dice.below(2 * reach + 1) as i64 - reach as i64;
            Rc::new(Object {
                name: name.to_owned(),
                rows: RefCell::default(),
                alarm: Cell::new(None),
                instance: RefCell::new(Ledger::new(world)),
                calls: RefCell::default(),
                skew_ms: Cell::new(skew_ms),
                gone_until: Cell::new(0),
            })
        });
        Rc::clone(made)
    }

    /// Sets the clock of some object.
    pub fn set_clock(&self, world: &World, by_ms: i64) {
        let objects = self.0.borrow();
        let all: Vec<&Rc<Object>> = objects.values().collect();
        if all.is_empty() {
            return;
        }
        let object = world.dice.pick(&all);
        let back = by_ms < 0;
        let fault = if back {
            Fault::ClockBack
        } else {
            Fault::ClockForward
        };
        world.figures.borrow_mut().fault(fault);
        world.note(
            None,
            || object.name.clone(),
            || format!("its clock is set by {by_ms} ms"),
        );
        object.skew_ms.set(object.skew_ms.get() + by_ms);
    }

    /// One call to the object `name`, about that key.
    ///
    /// # Errors
    /// What the platform throws. What the object did is not known.
    pub async fn fetch(
        &self,
        world: &Rc<World>,
        key: Option<usize>,
        name: &str,
        message: &[u8],
    ) -> Result<Vec<u8>, Thrown> {
        let object = self.named(world, name);
        let lost = |what: &str| world.note(key, || name.to_owned(), || format!("… {what}"));
        if world.unlucky(Fault::Overloaded) {
            lost("is overloaded");
            world.latency().await;
            return Err(Thrown { overloaded: true });
        }
        if world.unlucky(Fault::ShardGone) {
            object
                .gone_until
                .set(world.now() + world.dice.short(30_000));
        }
        if world.now() < object.gone_until.get() || world.unlucky(Fault::CallLost) {
            lost("the call is lost");
            world.latency().await;
            return Err(LOST);
        }
        if world.unlucky(Fault::CallLate) {
            lost("the call is lost, and will arrive");
            object.deliver_late(world, message);
            world.latency().await;
            return Err(LOST);
        }
        if world.unlucky(Fault::CallTwice) {
            lost("the call will arrive twice");
            object.deliver_late(world, message);
        }
        slowly(world).await;
        let reply = object.deliver(world, message);
        if world.unlucky(Fault::ReplyLost) {
            lost("the reply is lost");
            world.latency().await;
            return Err(LOST);
        }
        let mut reply = reply.await.map_err(|_| LOST)?;
        slowly(world).await;
        if world.unlucky(Fault::OtherVersion) {
            lost("the reply is of another version");
            reply[0] ^= 0x40;
        }
        Ok(reply)
    }
}

async fn slowly(world: &World) {
    world.latency().await;
    if world.unlucky(Fault::CallSlow) {
        world.pause(world.dice.short(SLOW_MS)).await;
    }
}

impl Object {
    /// What time it is here.
    pub fn clock(&self, world: &World) -> Time {
        clock(world.now(), self.skew_ms.get())
    }

    /// When the alarm is due, by the true time.
    pub fn alarm(&self) -> Option<u64> {
        self.alarm.get()
    }

    /// Sets the alarm, in the place of the one that was set.
    pub fn set_alarm(self: &Rc<Self>, world: &Rc<World>, after_ms: u64) {
        let mut due = world.now() + after_ms;
        self.alarm.set(Some(due));
        if world.unlucky(Fault::SweepNever) {
            return;
        }
        if world.unlucky(Fault::SweepLate) {
            due += world.dice.short(1_800_000);
        }
        let (object, set) = (Rc::clone(self), self.alarm.get());
        let (inside, pause) = (Rc::clone(world), world.pause(due - world.now()));
        world.executor.spawn(async move {
            pause.await;
            if object.alarm.get() == set {
                object.alarm.set(None);
                let instance = Rc::clone(&object.instance.borrow());
                instance.alarm(&inside, &object);
            }
        });
    }

    /// The message arrives, and is answered from inside; a call that fails inside gives no answer.
    fn deliver(self: &Rc<Self>, world: &Rc<World>, message: &[u8]) -> oneshot::Receiver<Vec<u8>> {
        let (answer, answered) = oneshot::channel();
        let (object, inside) = (Rc::clone(self), Rc::clone(world));
        let instance = Rc::clone(&self.instance.borrow());
        let message = message.to_vec();
        let call = world.executor.spawn(async move {
            if let Some(bytes) = instance.fetch(&inside, &object, &message).await {
                let _ = answer.send(bytes);
            }
        });
        let mut calls = self.calls.borrow_mut();
        calls.retain(|other| world.executor.lives(*other));
        calls.push(call);
        if world.unlucky(Fault::ShardRestarts) {
            self.restart_later(world);
        }
        answered
    }

    fn deliver_late(self: &Rc<Self>, world: &Rc<World>, message: &[u8]) {
        let (object, inside) = (Rc::clone(self), Rc::clone(world));
        let message = message.to_vec();
        let pause = world.pause(world.dice.short(LATE_MS));
        world.executor.spawn(async move {
            pause.await;
            drop(object.deliver(&inside, &message));
        });
    }

    /// Another instance, with the same storage.
    fn restart_later(self: &Rc<Self>, world: &Rc<World>) {
        let (object, inside) = (Rc::clone(self), Rc::clone(world));
        let pause = world.pause(world.dice.short(5_000));
        world.executor.spawn(async move {
            pause.await;
            inside.note(None, || object.name.clone(), || "starts anew".to_owned());
            object.instance.replace(Ledger::new(&inside));
            let calls = object.calls.take();
            calls
                .into_iter()
                .for_each(|call| inside.executor.kill(call));
        });
    }
}
