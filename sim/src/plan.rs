//! What a seed decides before anything happens: who there is, what may go wrong and how often, and what the clocks do.

use crate::defect::Defect;
use crate::dice::Dice;
use crate::faults::Fault;
use crate::policies::{Choice, Ledger};
use crate::routes::ROUTES;

/// What is the same for all seeds.
#[derive(Clone, Copy, Default)]
pub struct Setting {
    /// What is broken, if anything is.
    pub defect: Option<Defect>,
    /// The only route, where there is to be no other.
    pub route: Option<&'static str>,
    /// The only faults, where there are to be no others, and how often each happens where it could, of a thousand times.
    pub faults: &'static [(Fault, u64)],
}

impl Setting {
    fn may(&self, fault: Fault) -> bool {
        self.faults.is_empty() || self.faults.iter().any(|(given, _)| *given == fault)
    }
}

/// The outline of a run.
pub struct Plan {
    /// Places in [`ROUTES`].
    pub routes: Vec<usize>,
    /// How many keys there are for each of them.
    pub keys: u64,
    /// How many callers, beside one without a credential.
    pub callers: u64,
    /// How many operations are begun; each is sent once or more.
    pub operations: u64,
    /// What the policies have in common.
    pub choice: Choice,
    /// Which shards there are, and from when on: the steps of a change, or one step.
    pub steps: Vec<(u64, Ledger)>,
    /// How far the clocks of the isolates are from the true time, milliseconds.
    pub isolates: Vec<i64>,
    /// How far, to begin with, those of the shards may be: so much, on either side.
    pub shard_skew_ms: u64,
    /// When a shard's clock is set, and by how much. Which shard is left to the moment.
    pub clock_steps: Vec<(u64, i64)>,
    /// How often a fault happens where it could, of a thousand times.
    rates: Vec<u64>,
}

/// Clocks differ by at most this, milliseconds.
const SKEW_MS: u64 = 2_000;
/// A step back is no longer than this, milliseconds.
const BACK_MS: u64 = 3_000;
/// A step forward is no longer than this, milliseconds.
const FORWARD_MS: u64 = 600_000;
/// Within this, every isolate has the new version.
pub const ROLL_OUT_MS: u64 = 20_000;

impl Plan {
    /// Drawn by `dice`.
    pub fn new(dice: &Dice, setting: Setting) -> Self {
        let routes = routes(dice, setting.route);
        let calm = dice.per_mille(30);
        let rate = |fault: &Fault| match dice.below(8) {
            // Few values are overwritten at all.
            7 if *fault == Fault::GetStale && setting.faults.is_empty() => 900,
            _ if !setting.faults.is_empty() => {
                let given = setting.faults.iter().find(|(given, _)| given == fault);
                given.map_or(0, |(_, rate)| *rate)
            }
            _ if calm => 0,
            // Half of all kinds do not happen at all: what is rare shows best where it is alone.
            0..=3 => 0,
            4 => 5,
            5 => 20,
            6 => 60,
            _ => 150,
        };
        let rates: Vec<u64> = Fault::ALL.iter().map(rate).collect();
        let may = |fault: Fault| setting.may(fault);
        let skewed = dice.per_mille(200) && may(Fault::ClocksDiffer);
        let skew_ms = if skewed { SKEW_MS } else { 0 };
        let offset = |_: u64| {
            i64::try_from(dice.below(2 * skew_ms + 1)).unwrap_or_default() - skew_ms as i64
        };
        Self {
            keys: dice.between(1, 12),
            callers: dice.between(1, 3),
            operations: dice.between(15, 60),
            choice: Choice {
                kv: dice.index(3),
                few_keys: dice.per_mille(100),
            },
            steps: steps(dice, &routes),
            isolates: (0..dice.between(2, 4)).map(offset).collect(),
            shard_skew_ms: skew_ms,
            clock_steps: clock_steps(dice, may(Fault::ClockBack), may(Fault::ClockForward)),
            routes,
            rates,
        }
    }

    /// How often that fault happens where it could, of a thousand times.
    pub fn rate(&self, fault: Fault) -> u64 {
        self.rates[fault as usize]
    }

    /// By how much a time that a clock has told may come too early, by the true time, milliseconds.
    pub fn early_ms(&self) -> u64 {
        let forward = self
            .clock_steps
            .iter()
            .map(|(_, by)| by.max(&0).unsigned_abs());
        2 * self.shard_skew_ms + forward.sum::<u64>()
    }

    /// When a clock is set forward.
    pub fn jumps(&self) -> impl Iterator<Item = u64> {
        let forward = self.clock_steps.iter().filter(|(_, by)| *by > 0);
        forward.map(|(at, _)| *at)
    }

    /// By how much it may come too late.
    pub fn late_ms(&self) -> u64 {
        let back = self
            .clock_steps
            .iter()
            .map(|(_, by)| by.min(&0).unsigned_abs());
        2 * self.shard_skew_ms + back.sum::<u64>()
    }
}

fn routes(dice: &Dice, only: Option<&str>) -> Vec<usize> {
    let mut routes: Vec<usize> = (0..dice.between(1, 4))
        .map(|_| dice.index(ROUTES.len()))
        .collect();
    if let Some(place) = ROUTES.iter().position(|route| Some(route.name) == only) {
        routes = vec![place];
    }
    routes.sort_unstable();
    routes.dedup();
    routes
}

/// One step, or a whole change of the number of shards: every step is everywhere before the next begins, and before the last the
/// old shards have nothing any more that counts.
fn steps(dice: &Dice, routes: &[usize]) -> Vec<(u64, Ledger)> {
    match dice.below(10) {
        0..=2 => vec![(0, Ledger::One)],
        3..=5 => vec![(0, Ledger::Three)],
        _ => {
            let longest = routes.iter().map(|route| ROUTES[*route].longest_ms());
            let begun = dice.short(120_000);
            let turned = begun + ROLL_OUT_MS + dice.short(60_000);
            let ended = turned + ROLL_OUT_MS + longest.max().unwrap_or_default();
            [0, begun, turned, ended]
                .into_iter()
                .zip(Ledger::CHANGE)
                .collect()
        }
    }
}

fn clock_steps(dice: &Dice, back: bool, forward: bool) -> Vec<(u64, i64)> {
    let mut steps = Vec::new();
    let mut add = |most: u64, sign: i64| {
        for _ in 0..dice.between(1, 4) {
            let by = i64::try_from(dice.short(most) + 1).unwrap_or_default();
            steps.push((dice.short(400_000), sign * by));
        }
    };
    let kind = dice.below(20);
    if back && matches!(kind, 0 | 1 | 4) {
        add(BACK_MS, -1);
    }
    if forward && matches!(kind, 2..=4) {
        add(FORWARD_MS, 1);
    }
    steps
}
