//! One seed, and many of them.

use crate::clients::{Operation, all_are_answered, all_are_usable};
use crate::figures::Figures;
use crate::plan::Setting;
use crate::promises::Violation;
use crate::routes::ROUTES;
use crate::world::World;
use std::rc::Rc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// What came of a seed.
pub struct Outcome {
    /// Which.
    pub seed: u64,
    /// The first promise that was broken.
    pub violation: Option<Violation>,
    /// What was done.
    pub figures: Figures,
    /// What has happened, where that was wanted; of the key of the violation, where there is one.
    pub history: String,
}

/// Runs one seed. The same seed is the same run, on every machine.
pub fn run(seed: u64, setting: Setting, with_history: bool) -> Outcome {
    let world = World::new(seed, setting, with_history);
    let director = world.executor.spawn(direct(Rc::clone(&world)));
    let executor = Rc::clone(&world.executor);
    let enough = || world.oracle.borrow().violation().is_some() || !executor.lives(director);
    executor.run_until(enough);
    let violation = world.oracle.borrow().violation().cloned();
    let key = violation.as_ref().and_then(|violation| violation.key);
    let mut figures = world.figures.take();
    figures.seeds = 1;
    figures.virtual_s = world.now() / 1000;
    figures.keys = world.oracle.borrow().keys() as u64;
    figures.executions = world.oracle.borrow().executions() as u64;
    let history = world.history.text(key);
    // What lives in it holds it.
    executor.clear();
    Outcome {
        seed,
        violation,
        figures,
        history,
    }
}

/// Trouble, then none, and everybody asks once more; then everything expires, and everybody asks again.
async fn direct(world: Rc<World>) {
    world.deploy();
    set_clocks(&world);
    for _ in 0..world.plan.operations {
        let operation = Operation::new(&world);
        world.executor.spawn(operation.carry_out(Rc::clone(&world)));
        let pause = match world.dice.below(20) {
            0..=11 => world.dice.short(300),
            12..=16 => world.dice.short(5_000),
            17 | 18 => world.dice.short(40_000),
            _ => world.dice.between(60_000, 200_000),
        };
        world.pause(pause).await;
    }
    world.pause(world.dice.short(60_000)).await;
    world.calm_down();
    world.note(
        None,
        || "---".to_owned(),
        || "nothing goes wrong any more".to_owned(),
    );
    let routes = || world.plan.routes.iter().map(|route| &ROUTES[*route]);
    let leases = routes().map(|route| route.lease_ms());
    world.pause(leases.max().unwrap_or_default()).await;
    all_are_answered(&world).await;
    let longest = routes().map(|route| route.longest_ms());
    let longest = longest.max().unwrap_or_default() + world.plan.late_ms();
    world.pause(longest).await;
    world.note(
        None,
        || "---".to_owned(),
        || "everything has expired".to_owned(),
    );
    all_are_usable(&world).await;
}

fn set_clocks(world: &Rc<World>) {
    for (at, by_ms) in &world.plan.clock_steps {
        let (inside, pause, by_ms) = (Rc::clone(world), world.pause(*at), *by_ms);
        world.executor.spawn(async move {
            pause.await;
            if !inside.is_calm() {
                inside.objects.set_clock(&inside, by_ms);
            }
        });
    }
}

/// What came of many seeds.
#[derive(Default)]
pub struct Summary {
    /// Of all of them.
    pub figures: Figures,
    /// The seeds that broke a promise, in order, with the first that each of them broke.
    pub failed: Vec<(u64, Violation)>,
}

/// Runs the seeds from `first` on, `count` of them, on so many threads; ends early when `most` of them have failed.
pub fn run_many(first: u64, count: u64, threads: usize, setting: Setting, most: usize) -> Summary {
    let next = AtomicU64::new(first);
    let sum = Mutex::new(Summary::default());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut figures = Figures::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count || sum.lock().unwrap().failed.len() >= most {
                        break;
                    }
                    let outcome = run(seed, setting, false);
                    figures.add(&outcome.figures);
                    if let Some(violation) = outcome.violation {
                        sum.lock().unwrap().failed.push((seed, violation));
                    }
                }
                sum.lock().unwrap().figures.add(&figures);
            });
        }
    });
    let mut sum = sum.into_inner().unwrap();
    sum.failed.sort_by_key(|(seed, _)| *seed);
    sum
}

/// How many threads this machine runs at once.
pub fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// What to tell of a seed that has failed: the history of the key, the promise, its rules, and how to see it again.
pub fn report(seed: u64, setting: Setting) -> String {
    let outcome = run(seed, setting, true);
    let Some(violation) = outcome.violation else {
        return format!("seed {seed} keeps every promise\n");
    };
    let (seconds, ms) = (violation.at / 1000, violation.at % 1000);
    format!(
        "{}\nseed {seed} breaks a promise after {seconds}.{ms:03} s: {} (docs/protocol.md, {})\n  {}\n  \
         again: npm run simulate -- --seed {seed}\n",
        outcome.history,
        violation.promise.text(),
        violation.promise.rules(),
        violation.what
    )
}
