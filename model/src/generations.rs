//! Two generations of shards while their number changes (rule 5.23): Workers for which one of them decides, and Workers for which
//! the other does, side by side on one key. As `edge::work::asking` does it: begin in the own generation, look into the other,
//! and give way to what is there.

use crate::setting::LEASE;
use crate::world::{Row, name, time};
use reprise::protocol::claim::{
    Begin, Begun, Claim, ClaimId, Ending, ScopeId, Settle, Settled, begin, peek, settle,
};
use reprise::protocol::fingerprint::{Fingerprint, HeadFingerprint};
use reprise::protocol::time::Time;
use stateright::{Model, Property};

/// Longer than the horizon: everything happens within one retention.
const RETENTION: u8 = 9;
const HORIZON: u8 = 4;

/// What is under test.
#[derive(Clone, Copy)]
pub struct Generations {
    /// How a Worker looks into the other generation.
    pub looks: Looks,
    /// What the other generation tells.
    pub peek: fn(Option<&Claim>, &Begin, Time) -> Option<Begun>,
}

/// When a Worker looks into the other generation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Looks {
    /// After it has begun in its own: the rule.
    AfterBegin,
    /// Before: a mutation.
    BeforeBegin,
    /// Not at all: a mutation.
    Never,
}

/// As the Worker does it.
pub const REAL: Generations = Generations {
    looks: Looks::AfterBegin,
    peek,
};

/// One key, in both generations, and those who ask for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Two {
    now: u8,
    rows: [Option<Row>; 2],
    workers: Vec<Worker>,
    /// Calls to the origin that no release has made undone.
    calls: u8,
    done: bool,
    called_after_done: bool,
}

/// One request, and the Worker that serves it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Worker {
    /// The generation that decides for it.
    own: usize,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Phase {
    Absent,
    /// Looks before it begins.
    Before,
    Begin,
    /// Has begun: the call, if there is one, ends before this tick.
    After(u8),
    Permit(u8),
    /// Something stands in its way: its own claim is to be released.
    Yield,
    Called(u8),
    End,
}

/// What can happen next, to the Worker of that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It arrives.
    Arrive(usize),
    /// Its next message reaches a shard, and the answer reaches it.
    Send(usize),
    /// Its next message reaches a shard, and the answer is lost: it asks again.
    Lose(usize),
    /// It calls the origin.
    Dispatch(usize),
    /// The call ends, and this is settled.
    Settle(usize, Ends),
    /// The call ends, this is settled, and the Worker never hears of it.
    SettleUnheard(usize, Ends),
    /// It crashes.
    Crash(usize),
    /// Time goes on.
    Tick,
}

/// How an attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// With an answer that is stored.
    Store,
    /// With one that the contract releases.
    Release,
    /// With none.
    Hold,
}

/// At most one call that no release has made undone.
pub const ONE_CALL: &str = "at most one call in both generations";
/// No call once the outcome is kept in either.
pub const NONE_AFTER_DONE: &str = "no call after done in either generation";

impl Model for Generations {
    type State = Two;
    type Action = Step;

    fn init_states(&self) -> Vec<Two> {
        // Three requests; every way in which the generations that decide for them may be mixed.
        (0..8)
            .map(|mix: usize| Two {
                now: 0,
                rows: [None, None],
                workers: (0..3)
                    .map(|n| Worker {
                        own: (mix >> n) & 1,
                        phase: Phase::Absent,
                    })
                    .collect(),
                calls: 0,
                done: false,
                called_after_done: false,
            })
            .collect()
    }

    fn actions(&self, two: &Two, actions: &mut Vec<Step>) {
        for (n, worker) in two.workers.iter().enumerate() {
            match worker.phase {
                Phase::Absent => actions.push(Step::Arrive(n)),
                Phase::Before | Phase::Begin | Phase::After(_) | Phase::Yield => {
                    actions.extend([Step::Send(n), Step::Lose(n), Step::Crash(n)]);
                }
                // No call outlives its lease, and where nothing of it is left, nothing is sent (rule 6.4).
                Phase::Permit(until) if two.now < until => {
                    actions.extend([Step::Dispatch(n), Step::Crash(n)]);
                }
                Phase::Called(until) => {
                    let ends: &[Ends] = if two.now < until {
                        &[Ends::Store, Ends::Release, Ends::Hold]
                    } else {
                        &[Ends::Hold]
                    };
                    for end in ends {
                        actions.extend([Step::Settle(n, *end), Step::SettleUnheard(n, *end)]);
                    }
                    actions.push(Step::Crash(n));
                }
                Phase::Permit(_) => actions.push(Step::Crash(n)),
                Phase::End => {}
            }
        }
        if two.now < HORIZON {
            actions.push(Step::Tick);
        }
    }

    fn next_state(&self, two: &Two, step: Step) -> Option<Two> {
        let mut next = two.clone();
        match step {
            Step::Arrive(n) => {
                next.workers[n].phase = match self.looks {
                    Looks::BeforeBegin => Phase::Before,
                    Looks::AfterBegin | Looks::Never => Phase::Begin,
                };
            }
            Step::Send(n) => next.workers[n].phase = next.send(self, n),
            Step::Lose(n) => drop(next.send(self, n)),
            Step::Dispatch(n) => next.dispatch(n),
            Step::Settle(n, end) | Step::SettleUnheard(n, end) => {
                next.settle(n, end);
                if matches!(step, Step::Settle(..)) {
                    next.workers[n].phase = Phase::End;
                }
            }
            Step::Crash(n) => next.workers[n].phase = Phase::End,
            Step::Tick => next.now += 1,
        }
        (next != *two).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONE_CALL, |_, two: &Two| two.calls <= 1),
            Property::always(NONE_AFTER_DONE, |_, two: &Two| !two.called_after_done),
            Property::sometimes("done, and found by the other generation", |_, two: &Two| {
                let gives_way = |worker: &Worker| worker.phase == Phase::Yield;
                two.done && two.workers.iter().any(gives_way)
            }),
            Property::sometimes("both give way", |_, two: &Two| {
                let yields = |worker: &&Worker| worker.phase == Phase::Yield;
                two.workers.iter().filter(yields).count() == 2
            }),
        ]
    }
}

impl Two {
    /// The next message of Worker `n`, delivered; the phase that its answer leads to.
    fn send(&mut self, setting: &Generations, n: usize) -> Phase {
        let (own, phase) = (self.workers[n].own, self.workers[n].phase);
        let event = event(n);
        let now = time(self.now);
        match phase {
            Phase::Before => match (setting.peek)(self.claim(1 - own), &event, now) {
                None => Phase::Begin,
                Some(_) => Phase::End,
            },
            Phase::Begin => {
                let (write, begun) = begin(self.claim(own), &event, now);
                self.rows[own] = Row::after(self.rows[own].take(), write);
                match (begun, setting.looks) {
                    (Begun::Execute { lease_left_ms, .. }, looks) => {
                        let until = self.now + u8::try_from(lease_left_ms).unwrap_or(u8::MAX);
                        match looks {
                            Looks::AfterBegin => Phase::After(until),
                            Looks::BeforeBegin | Looks::Never => Phase::Permit(until),
                        }
                    }
                    _ => Phase::End,
                }
            }
            Phase::After(until) => match (setting.peek)(self.claim(1 - own), &event, now) {
                None => Phase::Permit(until),
                Some(_) => Phase::Yield,
            },
            Phase::Yield => {
                self.ends(n, Ending::Release);
                Phase::End
            }
            other => other,
        }
    }

    fn dispatch(&mut self, n: usize) {
        if let Phase::Permit(until) = self.workers[n].phase {
            self.calls += 1;
            self.called_after_done |= self.done;
            self.workers[n].phase = Phase::Called(until);
        }
    }

    fn settle(&mut self, n: usize, end: Ends) {
        let ending = match end {
            Ends::Store => Ending::Store {
                record: vec![u8::try_from(n).unwrap_or_default()],
                expires_at: time(RETENTION),
                fingerprint: fingerprint(),
            },
            Ends::Release => Ending::Release,
            Ends::Hold => Ending::Hold {
                fingerprint: Some(fingerprint()),
            },
        };
        let own = self.workers[n].own;
        let there = self.claim(own).is_some();
        let settled = self.ends(n, ending);
        self.done |= end == Ends::Store && settled == Settled::Recorded;
        if there && self.claim(own).is_none() {
            self.calls -= 1;
        }
    }

    fn ends(&mut self, n: usize, ending: Ending) -> Settled {
        let own = self.workers[n].own;
        let event = Settle {
            claim: ClaimId::new([0; 32]),
            attempt: name(u8::try_from(n).unwrap_or_default()),
            ending,
        };
        let (write, settled) = settle(self.claim(own), event, time(self.now));
        self.rows[own] = Row::after(self.rows[own].take(), write);
        settled
    }

    fn claim(&self, generation: usize) -> Option<&Claim> {
        self.rows[generation].as_ref().map(|row| &row.0)
    }
}

fn fingerprint() -> Fingerprint {
    Fingerprint::from_bytes([0; 32])
}

fn event(n: usize) -> Begin {
    Begin {
        claim: ClaimId::new([0; 32]),
        attempt: name(u8::try_from(n).unwrap_or_default()),
        head: HeadFingerprint::from_bytes([0; 32]),
        fingerprint: Some(fingerprint()),
        lease_ms: LEASE.into(),
        retention_ms: RETENTION.into(),
        scope: ScopeId::new([0; 16]),
        wait_ms: 0,
        run_again: false,
        running_first: false,
        refuse_expired_ms: 0,
        sketch: Vec::new(),
        tell_record: false,
    }
}
