//! Everything that a run has, and what all of it may do: wait, be unlucky, leave a note.

use crate::api::Api;
use crate::clients::Operation;
use crate::defect::Defect;
use crate::dice::Dice;
use crate::executor::{Executor, TaskId};
use crate::faults::Fault;
use crate::figures::Figures;
use crate::history::History;
use crate::kv::Kv;
use crate::objects::Objects;
use crate::oracle::Oracle;
use crate::plan::{Plan, ROLL_OUT_MS, Setting};
use crate::policies::{Ledger, policy};
use futures_util::future::{Either, select};
use reprise::protocol::policy::Policy;
use reprise::protocol::recent::Recent;
use reprise::protocol::time::Time;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;

/// A run.
pub struct World {
    /// What the seed has decided.
    pub plan: Plan,
    /// What is broken.
    pub defect: Option<Defect>,
    /// Chance.
    pub dice: Dice,
    /// Time.
    pub executor: Rc<Executor>,
    /// The Durable Objects.
    pub objects: Objects,
    /// Workers KV.
    pub kv: Kv,
    /// The API behind the gateway.
    pub api: Api,
    /// Who judges.
    pub oracle: RefCell<Oracle>,
    /// What was done how often.
    pub figures: RefCell<Figures>,
    /// What has happened.
    pub history: History,
    /// Where Workers run.
    pub isolates: Vec<Rc<Isolate>>,
    /// The last operation of every key.
    pub last: RefCell<BTreeMap<usize, Operation>>,
    /// Whether nothing goes wrong any more.
    calm: Cell<bool>,
}

/// Where Workers run, each in a place of its own in the network.
pub struct Isolate {
    /// Its number.
    pub number: usize,
    /// How far its clock is from the true time, milliseconds.
    skew_ms: i64,
    /// The version that is deployed here.
    deployed: Cell<&'static Policy>,
    /// What it has seen done lately.
    recent: RefCell<Recent>,
    /// Everything that runs in it.
    works: RefCell<Vec<TaskId>>,
}

/// How much an isolate remembers, bytes: nothing, a few answers, all of them.
const MEMORY: [usize; 3] = [1 << 20, 8 << 10, 0];

/// An isolate that has seen nothing yet.
fn forgetful(number: usize) -> Recent {
    Recent::new(MEMORY[number % MEMORY.len()])
}

/// The true time at the beginning of a run.
const BEGINNING: u64 = 1_800_000_000_000;

/// A clock that is so far from the true time `now`.
pub fn clock(now: u64, skew_ms: i64) -> Time {
    Time::from_millis((BEGINNING + now).saturating_add_signed(skew_ms))
}

/// The true time that a clock tells which goes right, milliseconds since the beginning.
pub fn true_time(time: Time) -> u64 {
    time.millis().saturating_sub(BEGINNING)
}

impl World {
    /// The world of `seed`, in which nothing has happened yet.
    pub fn new(seed: u64, setting: Setting, with_history: bool) -> Rc<Self> {
        let dice = Dice::new(seed);
        let plan = Plan::new(&dice, setting);
        let defect = setting.defect;
        let first = policy(plan.steps[0].1, plan.choice, defect);
        let isolate = |(number, skew_ms): (usize, &i64)| {
            Rc::new(Isolate {
                number,
                skew_ms: *skew_ms,
                deployed: Cell::new(first),
                recent: RefCell::new(forgetful(number)),
                works: RefCell::default(),
            })
        };
        let mut figures = Figures::default();
        if plan.shard_skew_ms > 0 {
            figures.fault(Fault::ClocksDiffer);
        }
        Rc::new(Self {
            defect,
            executor: Rc::default(),
            objects: Objects::default(),
            kv: Kv::default(),
            api: Api::default(),
            oracle: RefCell::new(Oracle::new(&plan)),
            figures: RefCell::new(figures),
            history: History::new(with_history),
            isolates: plan.isolates.iter().enumerate().map(isolate).collect(),
            last: RefCell::default(),
            calm: Cell::new(false),
            plan,
            dice,
        })
    }

    /// Deploys every step of the plan, to one isolate after the other.
    pub fn deploy(self: &Rc<Self>) {
        for (at, step) in self.plan.steps.iter().skip(1) {
            for isolate in &self.isolates {
                let (world, isolate, step) = (Rc::clone(self), Rc::clone(isolate), *step);
                let pause = self.pause(at + self.dice.below(ROLL_OUT_MS));
                self.executor.spawn(async move {
                    pause.await;
                    isolate.deploy(&world, step);
                });
            }
        }
    }

    /// The true time, milliseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.executor.now()
    }

    /// Waits.
    pub fn pause(&self, ms: u64) -> impl Future<Output = ()> + use<> {
        self.executor.sleep(ms, self.dice.below(1 << 32))
    }

    /// What `work` comes to; `None` once `ms` milliseconds have passed.
    pub async fn within<T>(&self, ms: u64, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), pin!(self.pause(ms))).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    /// How long a message takes where nothing is wrong.
    pub fn latency(&self) -> impl Future<Output = ()> + use<> {
        self.pause(1 + self.dice.short(30))
    }

    /// Whether this goes wrong now.
    pub fn unlucky(&self, fault: Fault) -> bool {
        let happens = !self.calm.get() && self.dice.per_mille(self.plan.rate(fault));
        if happens {
            self.figures.borrow_mut().fault(fault);
        }
        happens
    }

    /// Whether the defect is there.
    pub fn has(&self, defect: Defect) -> bool {
        self.defect == Some(defect)
    }

    /// From now on nothing goes wrong.
    pub fn calm_down(&self) {
        self.calm.set(true);
    }

    /// Whether nothing goes wrong any more.
    pub fn is_calm(&self) -> bool {
        self.calm.get()
    }

    /// Leaves a note.
    pub fn note(
        &self,
        key: Option<usize>,
        who: impl FnOnce() -> String,
        what: impl FnOnce() -> String,
    ) {
        self.history.note(self.now(), key, || (who(), what()));
    }
}

impl Isolate {
    /// The version that is deployed here.
    pub fn policy(&self) -> &'static Policy {
        self.deployed.get()
    }

    /// What time it is here.
    pub fn clock(&self, world: &World) -> Time {
        clock(world.now(), self.skew_ms)
    }

    /// Has `work` run here.
    pub fn spawn(&self, world: &World, work: impl Future<Output = ()> + 'static) -> TaskId {
        let id = world.executor.spawn(work);
        let mut works = self.works.borrow_mut();
        works.retain(|other| world.executor.lives(*other));
        works.push(id);
        id
    }

    /// A moment at which the work here may end or stand still: before and after everything that it does outside.
    pub async fn step(&self, world: &World, key: Option<usize>) {
        if world.unlucky(Fault::WorkerDies) {
            world.note(key, || self.name(), || "dies".to_owned());
            world.executor.kill(world.executor.current());
            pending::<()>().await;
        }
        if world.unlucky(Fault::IsolateDies) {
            world.note(
                None,
                || self.name(),
                || "dies, with all that runs in it".to_owned(),
            );
            let works = self.works.take();
            works.into_iter().for_each(|work| world.executor.kill(work));
            self.recent.replace(forgetful(self.number));
            pending::<()>().await;
        }
        if world.unlucky(Fault::WorkerStalls) {
            let ms = world.dice.short(20_000);
            world.note(key, || self.name(), || format!("stands still for {ms} ms"));
            world.pause(ms).await;
        }
    }

    /// For people.
    pub fn name(&self) -> String {
        format!("worker {}", self.number)
    }

    fn deploy(&self, world: &World, step: Ledger) {
        world.note(None, || self.name(), || format!("has {step:?} now"));
        world.figures.borrow_mut().deployments += 1;
        self.deployed
            .set(policy(step, world.plan.choice, world.defect));
        // A version that is deployed begins with isolates of its own.
        self.recent.replace(forgetful(self.number));
    }

    /// As `src/edge/recent.rs`.
    pub fn recent<T>(&self, work: impl FnOnce(&mut Recent) -> T) -> Option<T> {
        let changes = self.policy().ledger.other.is_some();
        (!changes).then(|| work(&mut self.recent.borrow_mut()))
    }
}
