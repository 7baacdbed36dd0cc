//! Every sequence of six events of two attempts, under contracts that differ in what `begin` may do.

use crate::*;
use reprise::protocol::claim::{Begun, Settled, begin, look, settle};
use std::collections::BTreeSet;

/// So short that a claim can expire within a lease that began later.
const RETENTION: u64 = 15;
const REFUSE: u64 = 10;

#[derive(Debug, Clone, Copy)]
enum Event {
    Begin(u8),
    Settle(u8, &'static str),
    Wait(u64),
}

const EVENTS: [Event; 10] = [
    Event::Begin(1),
    Event::Begin(2),
    Event::Settle(1, "store"),
    Event::Settle(1, "release"),
    Event::Settle(1, "hold"),
    Event::Settle(2, "store"),
    Event::Settle(2, "release"),
    Event::Settle(2, "hold"),
    Event::Wait(LEASE),
    Event::Wait(RETENTION),
];

/// What an onlooker knows who sees the events and the answers, and never the row.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// Who was the last to be permitted to call the origin since the last release or expiry.
    owner: Option<u8>,
    /// When its lease ends.
    lease: u64,
    /// When the claim ends by itself.
    until: u64,
    /// The first outcome that was stored since.
    stored: Option<Vec<u8>>,
    /// Whether the owner has said, or a caller was told, that nobody knows the outcome.
    unknown: bool,
}

/// The contract of a search, and the fingerprints of the two attempts.
#[derive(Debug, Clone, Copy, Default)]
struct Under {
    fingerprints: [u8; 2],
    run_again: bool,
    running_first: bool,
    refuse_ms: u64,
}

impl Under {
    fn fingerprint_of(&self, name: u8) -> u8 {
        let [first, second] = self.fingerprints;
        if name == 1 { first } else { second }
    }
}

struct Search {
    under: Under,
    sequences: usize,
    reached: BTreeSet<&'static str>,
}

impl Search {
    fn from(&mut self, depth: u8, row: Option<&Claim>, now: u64, seen: &Seen) {
        if depth == 6 {
            return;
        }
        for event in EVENTS {
            self.sequences += 1;
            let mut seen = seen.clone();
            let mut now = now;
            let after = match event {
                Event::Wait(ms) => {
                    now += ms;
                    row.cloned()
                }
                Event::Begin(name) => self.begin(name, row, now, &mut seen),
                Event::Settle(name, word) => self.settle(name, word, depth, row, now, &mut seen),
            };
            self.from(depth + 1, after.as_ref(), now, &seen);
        }
    }

    fn event(&self, name: u8) -> Begin {
        let [first, second] = self.under.fingerprints;
        Begin {
            retention_ms: RETENTION,
            run_again: self.under.run_again,
            running_first: self.under.running_first,
            refuse_expired_ms: self.under.refuse_ms,
            tell_record: true,
            ..asks(name, if name == 1 { first } else { second })
        }
    }

    fn begin(&mut self, name: u8, row: Option<&Claim>, now: u64, seen: &mut Seen) -> Option<Claim> {
        let event = self.event(name);
        let (write, answer) = begin(row, &event, at(now));
        let kept = write == Write::Keep;
        match look(row, &event, at(now)) {
            Some(told) => assert!(kept && told == answer, "{told:?}, not {answer:?}"),
            None => assert!(!kept || matches!(answer, Begun::Execute { .. })),
        }
        let expired = seen.owner.is_some() && now >= seen.until;
        let reached = if expired && now < seen.until + self.under.refuse_ms {
            assert!(kept, "a refused key has been written");
            let until = at(seen.until + REFUSE);
            let expired_at = at(seen.until);
            assert_eq!(answer, Begun::Expired { expired_at, until });
            "expired"
        } else {
            if expired {
                *seen = Seen::default();
            }
            let reached = self.begun(name, now, &answer, kept, seen);
            match reached {
                "execute" if expired => "execute after expiry",
                _ => reached,
            }
        };
        self.reached.insert(reached);
        applied(row.cloned(), write)
    }

    /// Holds the answer to a `begin` on a claim that has not expired to what the onlooker knows.
    fn begun(
        &self,
        name: u8,
        now: u64,
        answer: &Begun,
        kept: bool,
        seen: &mut Seen,
    ) -> &'static str {
        let ended = seen.stored.is_some() || seen.unknown;
        let differs = seen
            .owner
            .is_some_and(|owner| owner != name && self.under.fingerprints == [1, 2]);
        match answer {
            Begun::Execute {
                first_seen,
                expires_at,
                lease_left_ms,
            } => {
                // A permit that is given again ends with the lease of the first one (rule 5.4).
                assert!(*lease_left_ms > 0 && *lease_left_ms <= LEASE);
                assert!(!ended && !differs);
                let reached = match seen.owner {
                    None => {
                        assert!(!kept && *first_seen == at(now));
                        seen.until = now + RETENTION;
                        "execute"
                    }
                    Some(owner) if now < seen.lease => {
                        assert_eq!(owner, name, "a second permit within a lease");
                        assert!(kept);
                        "execute again, reply lost"
                    }
                    Some(_) => {
                        assert!(self.under.run_again && !kept && *first_seen < at(now));
                        seen.until = seen.until.max(now + LEASE);
                        "take over"
                    }
                };
                if !kept {
                    seen.owner = Some(name);
                    seen.lease = now + LEASE;
                }
                assert_eq!(*expires_at, at(seen.until));
                reached
            }
            Begun::Done { record, .. } => {
                assert_eq!(Some(record), seen.stored.as_ref(), "done has changed");
                assert!(kept && !differs);
                "done"
            }
            Begun::Mismatch {
                attempt: first,
                sketch: told,
                record,
                ..
            } => {
                assert!(kept && differs);
                assert!(!self.under.running_first || ended || now >= seen.lease);
                assert_eq!(Some(*first), seen.owner.map(attempt));
                assert_eq!(Some(told), seen.owner.map(sketch).as_ref());
                assert_eq!(record, &seen.stored, "a mismatch tells another record");
                "mismatch"
            }
            Begun::Running { lease_until, .. } => {
                assert!(kept && !ended && now < seen.lease);
                assert!(!differs || self.under.running_first);
                assert_eq!(*lease_until, at(seen.lease));
                "running"
            }
            Begun::Unknown { .. } => {
                assert!(seen.stored.is_none() && !differs);
                assert!(seen.unknown || now >= seen.lease && !self.under.run_again);
                seen.unknown = true;
                if kept { "unknown" } else { "lease over" }
            }
            Begun::BodyNeeded => panic!("every body is there"),
            Begun::Expired { .. } => panic!("not expired"),
            Begun::TooManyKeys { .. } => panic!("no claim counts keys"),
        }
    }

    fn settle(
        &mut self,
        name: u8,
        word: &'static str,
        depth: u8,
        row: Option<&Claim>,
        now: u64,
        seen: &mut Seen,
    ) -> Option<Claim> {
        let ending = match word {
            // No two steps store the same.
            "store" => Ending::Store {
                record: vec![depth, name],
                expires_at: at(now + RETENTION),
                fingerprint: print(self.under.fingerprint_of(name)),
            },
            "hold" => Ending::Hold {
                fingerprint: Some(print(self.under.fingerprint_of(name))),
            },
            other => ending(other, now),
        };
        let owns = seen.owner == Some(name) && now < seen.until;
        let absent = row.is_none_or(|row| at(now) >= row.expires_at);
        let (write, answer) = settle(row, ends(name, ending), at(now));
        let kept = write == Write::Keep;
        let reached = match (answer, word) {
            (Settled::Fenced, _) => {
                assert!(kept, "a fenced settle has written");
                // What an owner stores again here is another record: no two steps store the same.
                let differs = owns && seen.stored.is_some() && word == "store";
                assert!(!owns || differs, "the owner is fenced");
                if differs { "another record" } else { "fenced" }
            }
            (Settled::Recorded, _) if seen.stored.is_some() && !absent => {
                assert!(owns && kept, "done has changed");
                "settled again"
            }
            (Settled::Recorded, "store") => {
                assert!(owns && !kept);
                seen.stored = Some(vec![depth, name]);
                seen.until = now + RETENTION;
                if seen.unknown {
                    "stored after unknown"
                } else {
                    "stored"
                }
            }
            (Settled::Recorded, "release") if absent => {
                assert!(kept && !owns);
                "released again"
            }
            (Settled::Recorded, "release") => {
                assert!(owns && !kept);
                *seen = Seen::default();
                "released"
            }
            (Settled::Recorded, _) => {
                assert!(owns);
                seen.unknown = true;
                "held"
            }
        };
        self.reached.insert(reached);
        applied(row.cloned(), write)
    }
}

/// Runs every sequence under this contract: all of them reach what is common and `special`, and nothing else.
fn search(under: Under, special: &[&'static str]) {
    let common = [
        "execute",
        "execute after expiry",
        "execute again, reply lost",
        "done",
        "unknown",
        "stored",
        "stored after unknown",
        "settled again",
        "released",
        "released again",
        "held",
        "fenced",
        "another record",
    ];
    let mut search = Search {
        under,
        sequences: 0,
        reached: BTreeSet::new(),
    };
    search.from(0, None, START, &Seen::default());
    assert_eq!(search.sequences, 1_111_110);
    let expected: BTreeSet<&str> = common.into_iter().chain(special.iter().copied()).collect();
    assert_eq!(search.reached, expected);
}

const SAME: [u8; 2] = [1, 1];
const DIFFERENT: [u8; 2] = [1, 2];

/// No window has a second permit, a record never changes, and whoever is not the owner changes nothing.
#[test]
fn rule_5_1_and_5_11_hold_over_every_sequence_of_six_events() {
    let under = Under {
        fingerprints: SAME,
        ..Under::default()
    };
    search(under, &["running", "lease over"]);
    let under = Under {
        fingerprints: DIFFERENT,
        ..Under::default()
    };
    search(under, &["mismatch", "lease over"]);
}

/// A second permit only after the lease of the first, which is fenced from then on.
#[test]
fn rule_5_17_rule_5_18_hold_over_every_sequence_of_six_events() {
    let under = Under {
        fingerprints: SAME,
        run_again: true,
        refuse_ms: REFUSE,
        ..Under::default()
    };
    search(under, &["running", "take over", "expired"]);
}

#[test]
fn rule_5_15_rule_5_16_hold_over_every_sequence_of_six_events() {
    let under = Under {
        fingerprints: DIFFERENT,
        running_first: true,
        refuse_ms: REFUSE,
        ..Under::default()
    };
    search(under, &["running", "mismatch", "lease over", "expired"]);
}
