//! The life of a claim (docs/protocol.md §5): every state against every event, every sequence of six events, and what an
//! answer of the ledger means for the request that asked.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use reprise::protocol::claim::{
    AttemptId, Begin, Begun, Claim, ClaimId, Ending, Settle, Settled, State, Write, begin, settle,
};
use reprise::protocol::compiled;
use reprise::protocol::fingerprint::Fingerprint;
use reprise::protocol::headers::Headers;
use reprise::protocol::policy::Policy;
use reprise::protocol::record::{Place, Provenance, Record};
use reprise::protocol::refusal::{Code, Refusal};
use reprise::protocol::time::Time;
use reprise::protocol::verdict::Verdict;

const LEASE: u64 = 10;
const RETENTION: u64 = 100;
/// When the row of the tables was first seen.
const START: u64 = 1_000;

fn at(ms: u64) -> Time {
    Time::from_millis(ms)
}

fn attempt(name: u8) -> AttemptId {
    AttemptId::new([name; 16])
}

fn print(name: u8) -> Fingerprint {
    Fingerprint::from_bytes([name; 32])
}

fn id() -> ClaimId {
    ClaimId::new([7; 32])
}

fn asks(name: u8, fingerprint: u8) -> Begin {
    Begin {
        claim: id(),
        attempt: attempt(name),
        fingerprint: print(fingerprint),
        lease_ms: LEASE,
        retention_ms: RETENTION,
    }
}

fn ends(name: u8, ending: Ending) -> Settle {
    Settle {
        claim: id(),
        attempt: attempt(name),
        ending,
    }
}

/// The claim of attempt 1 with fingerprint 1, first seen at `START`.
fn row(state: State) -> Claim {
    Claim {
        fingerprint: print(1),
        attempt: attempt(1),
        state,
        first_seen: at(START),
        lease_until: at(START + LEASE),
        expires_at: at(START + RETENTION),
    }
}

const KEPT: &[u8] = b"the record of attempt 1";

fn states() -> [(&'static str, Option<Claim>); 4] {
    [
        ("absent", None),
        ("running", Some(row(State::Running))),
        ("done", Some(row(State::Done(KEPT.to_vec())))),
        ("unknown", Some(row(State::Unknown))),
    ]
}

/// On both sides of each boundary: a lease and a claim are over at their very millisecond.
const TIMES: [(&str, [u64; 2]); 3] = [
    ("leased", [START, START + LEASE - 1]),
    ("lease over", [START + LEASE, START + RETENTION - 1]),
    ("expired", [START + RETENTION, START + 10 * RETENTION]),
];

fn new_row(event: &Begin, now: u64) -> Claim {
    Claim {
        fingerprint: event.fingerprint,
        attempt: event.attempt,
        state: State::Running,
        first_seen: at(now),
        lease_until: at(now + LEASE),
        expires_at: at(now + RETENTION),
    }
}

/// What the words of the table of `begin` mean.
fn begun(words: &str, event: &Begin, now: u64) -> (Write, Begun) {
    let expires_at = at(START + RETENTION);
    let attempt = attempt(1);
    match words {
        "runs" => (
            Write::Put(new_row(event, now)),
            Begun::Execute {
                first_seen: at(now),
                expires_at: at(now + RETENTION),
            },
        ),
        "runs, as before" => (
            Write::Keep,
            Begun::Execute {
                first_seen: at(START),
                expires_at,
            },
        ),
        "running" => (
            Write::Keep,
            Begun::Running {
                age_ms: now - START,
                expires_at,
            },
        ),
        "record" => (
            Write::Keep,
            Begun::Done {
                attempt,
                expires_at,
                record: KEPT.to_vec(),
            },
        ),
        "mismatch" => (Write::Keep, Begun::Mismatch { expires_at }),
        "unknown" => (
            Write::Keep,
            Begun::Unknown {
                attempt,
                expires_at,
            },
        ),
        "unknown from now on" => (
            Write::MarkUnknown,
            Begun::Unknown {
                attempt,
                expires_at,
            },
        ),
        other => panic!("{other}"),
    }
}

/// State, time; then the answer to the row's own attempt and to another one with the same fingerprint, and to both with
/// another fingerprint.
const BEGIN: [(&str, &str, [&str; 4]); 12] = {
    const M: &str = "mismatch";
    const U: &str = "unknown";
    const NOW_U: &str = "unknown from now on";
    [
        ("absent", "leased", ["runs"; 4]),
        ("absent", "lease over", ["runs"; 4]),
        ("absent", "expired", ["runs"; 4]),
        ("running", "leased", ["runs, as before", "running", M, M]),
        ("running", "lease over", [NOW_U, NOW_U, M, M]),
        ("running", "expired", ["runs"; 4]),
        ("done", "leased", ["record", "record", M, M]),
        ("done", "lease over", ["record", "record", M, M]),
        ("done", "expired", ["runs"; 4]),
        ("unknown", "leased", [U, U, M, M]),
        ("unknown", "lease over", [U, U, M, M]),
        ("unknown", "expired", ["runs"; 4]),
    ]
};

/// Holds the cells of the table that `chosen(state, time, words)` takes to what `begin` does; says how many those were.
fn check_begin(chosen: impl Fn(&str, &str, &str) -> bool) -> usize {
    let mut checked = 0;
    for (state, row) in states() {
        for (time, moments) in TIMES {
            let (_, _, cells) = BEGIN
                .iter()
                .find(|(s, t, _)| *s == state && *t == time)
                .unwrap();
            let events = [asks(1, 1), asks(2, 1), asks(1, 2), asks(2, 2)];
            for (words, event) in cells.iter().zip(&events) {
                for now in moments {
                    if !chosen(state, time, words) {
                        continue;
                    }
                    checked += 1;
                    assert_eq!(
                        begin(row.as_ref(), event, at(now)),
                        begun(words, event, now),
                        "{state}, {time}, {now}: {event:?}"
                    );
                }
            }
        }
    }
    checked
}

#[test]
fn every_state_against_every_begin() {
    assert_eq!(check_begin(|_, _, _| true), 4 * 3 * 4 * 2);
}

#[test]
fn rule_5_1_the_first_begin_writes_a_running_claim_and_may_execute() {
    assert_eq!(check_begin(|state, _, _| state == "absent"), 24);
    let (write, answer) = begin(None, &asks(1, 1), at(START));
    assert_eq!(write, Write::Put(row(State::Running)));
    assert!(matches!(answer, Begun::Execute { .. }));
    // It is the only permission: nothing else that is written lets anybody execute.
    for (state, row) in states().into_iter().skip(1) {
        for now in START..START + RETENTION {
            let (_, answer) = begin(row.as_ref(), &asks(2, 1), at(now));
            assert!(!matches!(answer, Begun::Execute { .. }), "{state} {now}");
        }
    }
}

#[test]
fn rule_5_2_another_fingerprint_is_a_mismatch_whatever_the_state() {
    assert_eq!(check_begin(|_, _, words| words == "mismatch"), 3 * 2 * 4);
}

#[test]
fn rule_5_3_a_running_claim_says_for_how_long() {
    assert_eq!(check_begin(|_, _, words| words == "running"), 2);
    // A clock that went back since is no reason for a huge age.
    let (write, answer) = begin(Some(&row(State::Running)), &asks(2, 1), at(START - 5));
    let expires_at = at(START + RETENTION);
    assert_eq!(write, Write::Keep);
    assert_eq!(
        answer,
        Begun::Running {
            age_ms: 0,
            expires_at
        }
    );
}

#[test]
fn rule_5_4_the_same_begin_again_may_execute_again() {
    assert_eq!(check_begin(|_, _, words| words == "runs, as before"), 2);
}

#[test]
fn rule_5_5_a_done_claim_gives_its_record() {
    assert_eq!(check_begin(|_, _, words| words == "record"), 2 * 2 * 2);
}

#[test]
fn rule_5_6_a_running_claim_whose_lease_is_over_is_written_down_as_unknown() {
    let asked = check_begin(|state, time, words| {
        state == "running" && time == "lease over" && words != "mismatch"
    });
    assert_eq!(asked, 2 * 2);
    assert_eq!(check_begin(|_, _, words| words == "unknown"), 2 * 2 * 2);
}

/// The words for an ending; a stored claim expires later than it would have.
fn ending(word: &str, now: u64) -> Ending {
    match word {
        "store" => Ending::Store {
            record: b"new".to_vec(),
            expires_at: at(now + RETENTION),
        },
        "release" => Ending::Release,
        "hold" => Ending::Hold,
        other => panic!("{other}"),
    }
}

fn settled(words: &str, now: u64) -> (Write, Settled) {
    match words {
        "completes" => {
            let expires_at = at(now + RETENTION);
            let record = b"new".to_vec();
            (Write::Complete { record, expires_at }, Settled::Recorded)
        }
        "removes" => (Write::Remove, Settled::Recorded),
        "marks" => (Write::MarkUnknown, Settled::Recorded),
        "was so" => (Write::Keep, Settled::Recorded),
        "fenced" => (Write::Keep, Settled::Fenced),
        other => panic!("{other}"),
    }
}

/// State, and what store, release and hold do while the claim has not expired: from its own attempt, from another one.
const SETTLE: [(&str, [&str; 3], [&str; 3]); 4] = {
    const FENCED: [&str; 3] = ["fenced"; 3];
    const ABSENT: [&str; 3] = ["fenced", "was so", "fenced"];
    [
        ("absent", ABSENT, ABSENT),
        ("running", ["completes", "removes", "marks"], FENCED),
        ("done", ["was so"; 3], FENCED),
        ("unknown", ["completes", "removes", "was so"], FENCED),
    ]
};

/// As [`check_begin`], for `chosen(state, attempt is its own, words)`.
fn check_settle(chosen: impl Fn(&str, bool, &str) -> bool) -> usize {
    let mut checked = 0;
    for (state, row) in states() {
        let (_, own, other) = SETTLE.iter().find(|(s, ..)| *s == state).unwrap();
        // The lease says nothing about `settle`: an owner that is late but alone is not fenced.
        let moments = TIMES.iter().take(2).flat_map(|(_, moments)| moments);
        for now in moments.copied() {
            for (name, cells) in [(1, own), (2, other)] {
                for (word, words) in ["store", "release", "hold"].into_iter().zip(cells) {
                    if !chosen(state, name == 1, words) {
                        continue;
                    }
                    checked += 1;
                    assert_eq!(
                        settle(row.as_ref(), ends(name, ending(word, now)), at(now)),
                        settled(words, now),
                        "{state}, {word} by attempt {name} at {now}"
                    );
                }
            }
        }
    }
    checked
}

#[test]
fn every_state_against_every_settle() {
    assert_eq!(check_settle(|_, _, _| true), 4 * 4 * 2 * 3);
}

#[test]
fn rule_5_7_a_claim_whose_expiry_has_come_is_absent_for_both_events() {
    assert_eq!(check_begin(|_, time, _| time == "expired"), 4 * 4 * 2);
    for (state, row) in states().into_iter().skip(1) {
        for now in [START + RETENTION, START + 10 * RETENTION] {
            for name in [1, 2] {
                for word in ["store", "hold"] {
                    assert_eq!(
                        settle(row.as_ref(), ends(name, ending(word, now)), at(now)),
                        (Write::Keep, Settled::Fenced),
                        "{state}, {word} by attempt {name} at {now}"
                    );
                }
                let released = settle(row.as_ref(), ends(name, Ending::Release), at(now));
                assert_eq!(released.0, Write::Keep, "{state}, release by {name}");
            }
        }
    }
}

#[test]
fn rule_5_8_lease_and_expiry_are_two_times_and_completion_may_move_the_expiry() {
    let asked = Begin {
        lease_ms: 3,
        retention_ms: 5,
        ..asks(1, 1)
    };
    let (Write::Put(mut claim), _) = begin(None, &asked, at(START)) else {
        panic!("rule 5.1")
    };
    assert_eq!(
        (claim.lease_until, claim.expires_at),
        (at(START + 3), at(START + 5))
    );
    let late = START + 50;
    let store = Ending::Store {
        record: KEPT.to_vec(),
        expires_at: at(late),
    };
    let (write, _) = settle(Some(&claim), ends(1, store), at(START + 4));
    claim = applied(Some(claim), write).unwrap();
    assert_eq!(claim.expires_at, at(late));
    assert_eq!(
        begin(Some(&claim), &asks(2, 1), at(late - 1)).0,
        Write::Keep
    );
    assert!(matches!(
        begin(Some(&claim), &asks(2, 1), at(late)).0,
        Write::Put(_)
    ));
}

#[test]
fn rule_5_8_a_policy_whose_claims_expire_within_the_lease_is_refused() {
    let policy = |seconds: u32| {
        let text = format!(
            "origin = \"http://h\"\n[[routes]]\nmatch = \"POST /x\"\ncall = {{ deadline_seconds = 60, lease_seconds = 90 }}\n\
             [routes.retention]\nseconds = {seconds}\n"
        );
        Policy::parse("test", &text, compiled::CONTRACTS)
    };
    assert!(policy(60).is_err());
    assert!(policy(90).is_err());
    let route = policy(3600).unwrap().routes.remove(0);
    assert!(route.contract.unwrap().retention.ms > route.lease_ms);
}

#[test]
fn rule_5_9_the_owner_ends_a_claim_that_is_running_or_unknown() {
    let own = check_settle(|state, own, _| own && (state == "running" || state == "unknown"));
    assert_eq!(own, 2 * 3 * 4);
}

#[test]
fn rule_5_10_settling_again_answers_as_the_first_time() {
    assert_eq!(check_settle(|_, own, words| own && words == "was so"), 20);
    for word in ["store", "release", "hold"] {
        let event = || ends(1, ending(word, START + 1));
        let (write, first) = settle(Some(&row(State::Running)), event(), at(START + 1));
        let after = applied(Some(row(State::Running)), write);
        let again = settle(after.as_ref(), event(), at(START + 2));
        assert_eq!(again, (Write::Keep, first), "{word}");
    }
}

#[test]
fn rule_5_11_anybody_else_is_fenced() {
    assert_eq!(check_settle(|_, _, words| words == "fenced"), 4 * (4 + 9));
    // A release that finds nothing was done before; one that finds another owner was not.
    let release = || ends(1, Ending::Release);
    assert_eq!(settle(None, release(), at(START)).1, Settled::Recorded);
    let taken = Claim {
        attempt: attempt(2),
        ..row(State::Running)
    };
    assert_eq!(
        settle(Some(&taken), release(), at(START)),
        (Write::Keep, Settled::Fenced)
    );
}

#[test]
fn rule_5_13_the_shard_is_the_first_eight_bytes_modulo_the_number_of_shards() {
    let mut bytes = [0xff; 32];
    for (byte, value) in bytes.iter_mut().zip([0, 0, 0, 0, 0, 0, 1, 3]) {
        *byte = value;
    }
    let id = ClaimId::new(bytes);
    assert_eq!(id.shard(1000), 259);
    assert_eq!(id.shard(8), 3);
    assert_eq!(id.shard(1), 0);
    bytes[0] = 0x80;
    assert_eq!(
        ClaimId::new(bytes).shard(1000),
        ((1_u64 << 63) + 259) % 1000
    );
}

/// What the ledger does with a write.
fn applied(row: Option<Claim>, write: Write) -> Option<Claim> {
    match write {
        Write::Keep => row,
        Write::Put(claim) => Some(claim),
        Write::Remove => None,
        Write::MarkUnknown => row.map(|claim| Claim {
            state: State::Unknown,
            ..claim
        }),
        Write::Complete { record, expires_at } => row.map(|claim| Claim {
            state: State::Done(record),
            expires_at,
            ..claim
        }),
    }
}

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
    /// Who may have called the origin since the last release or expiry.
    owner: Option<u8>,
    /// When that ends by itself.
    until: u64,
    /// The first outcome that was stored since.
    stored: Option<Vec<u8>>,
    /// Whether the owner said that it does not know.
    held: bool,
}

struct Search {
    fingerprints: [u8; 2],
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

    fn begin(&mut self, name: u8, row: Option<&Claim>, now: u64, seen: &mut Seen) -> Option<Claim> {
        let expired = seen.owner.is_some() && now >= seen.until;
        if expired {
            *seen = Seen::default();
        }
        let [first, second] = self.fingerprints;
        let fingerprint = if name == 1 { first } else { second };
        let (write, answer) = begin(row, &asks(name, fingerprint), at(now));
        let kept = write == Write::Keep;
        let reached = match &answer {
            Begun::Execute { .. } => match seen.owner {
                Some(owner) => {
                    assert_eq!(owner, name, "a second permit in one window");
                    assert!(kept && seen.stored.is_none() && !seen.held);
                    "execute again, reply lost"
                }
                None => {
                    seen.owner = Some(name);
                    seen.until = now + RETENTION;
                    match (row, expired) {
                        (None, _) => "execute",
                        (Some(_), true) => "execute after expiry",
                        (Some(row), false) => panic!("not expired: {row:?}"),
                    }
                }
            },
            Begun::Done { record, .. } => {
                assert_eq!(Some(record), seen.stored.as_ref(), "done has changed");
                assert!(kept);
                "done"
            }
            Begun::Mismatch { .. } => {
                assert!(kept, "a mismatch has written");
                assert_ne!(self.fingerprints[0], self.fingerprints[1]);
                assert_ne!(seen.owner, Some(name));
                "mismatch"
            }
            Begun::Running { .. } => {
                assert!(kept && seen.stored.is_none() && !seen.held);
                "running"
            }
            Begun::Unknown { .. } => {
                assert!(seen.stored.is_none());
                if kept { "unknown" } else { "lease over" }
            }
        };
        assert!(seen.owner.is_some(), "{answer:?} without an owner");
        self.reached.insert(reached);
        applied(row.cloned(), write)
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
                assert!(!owns, "the owner is fenced");
                "fenced"
            }
            (Settled::Recorded, _) if seen.stored.is_some() && !absent => {
                assert!(owns && kept, "done has changed");
                "settled again"
            }
            (Settled::Recorded, "store") => {
                assert!(owns && !kept);
                seen.stored = Some(vec![depth, name]);
                seen.until = now + RETENTION;
                if seen.held {
                    "stored after hold"
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
                seen.held = true;
                "held"
            }
        };
        self.reached.insert(reached);
        applied(row.cloned(), write)
    }
}

/// Every sequence of up to six events of two attempts: no window has a second permit, a record never changes, and whoever is
/// not the owner changes nothing.
#[test]
fn rule_5_1_and_5_11_hold_over_every_sequence_of_six_events() {
    let common = [
        "execute",
        "execute after expiry",
        "execute again, reply lost",
        "done",
        "unknown",
        "lease over",
        "stored",
        "stored after hold",
        "settled again",
        "released",
        "released again",
        "held",
        "fenced",
    ];
    for (fingerprints, special) in [([1, 1], "running"), ([1, 2], "mismatch")] {
        let mut search = Search {
            fingerprints,
            sequences: 0,
            reached: BTreeSet::new(),
        };
        search.from(0, None, START, &Seen::default());
        assert_eq!(search.sequences, 1_111_110);
        let expected: BTreeSet<&str> = common.into_iter().chain([special]).collect();
        assert_eq!(search.reached, expected);
    }
}

fn record(place: Place) -> Record {
    Record {
        claim: id(),
        attempt: attempt(1),
        fingerprint: print(1),
        status: 201,
        headers: Headers::new(),
        origin: Provenance::default(),
        first_seen: at(START),
        completed: at(START + 5),
        expires_at: at(START + RETENTION),
        body: place,
    }
}

/// The verdict for attempt 2, where attempt 1 has left these bytes.
fn verdict(bytes: Vec<u8>) -> Verdict {
    let expires_at = at(START + RETENTION);
    let begun = Begun::Done {
        attempt: attempt(1),
        expires_at,
        record: bytes,
    };
    Verdict::of(&asks(2, 1), begun)
}

fn refused(verdict: Verdict) -> Refusal {
    match verdict {
        Verdict::Refuse(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_6_1_a_permit_carries_the_attempt_that_asked() {
    let begun = Begun::Execute {
        first_seen: at(START),
        expires_at: at(START + RETENTION),
    };
    let Verdict::Execute(permit) = Verdict::of(&asks(2, 1), begun) else {
        panic!("no permit")
    };
    assert_eq!(permit.attempt(), attempt(2));
    let spent = permit.spend();
    assert_eq!(
        (spent.id, spent.first_seen, spent.expires_at),
        (attempt(2), at(START), at(START + RETENTION))
    );
}

#[test]
fn rule_5_5_a_record_of_its_row_is_replayed() {
    for place in [Place::Inline(b"body".to_vec()), Place::Kv(300_000)] {
        let record = record(place);
        let bytes = record.encode().unwrap();
        assert_eq!(verdict(bytes), Verdict::Replay(record));
    }
}

#[test]
fn rule_8_1_a_record_that_is_not_its_rows_answers_nobody() {
    let sound = record(Place::Inline(b"body".to_vec()));
    let claim = ClaimId::new([8; 32]);
    let of_other_claim = Record {
        claim,
        ..sound.clone()
    };
    let of_other_attempt = Record {
        attempt: attempt(2),
        ..sound.clone()
    };
    let of_other_request = Record {
        fingerprint: print(2),
        ..sound.clone()
    };
    let mut of_version_2 = sound.encode().unwrap();
    of_version_2[0] += 1;
    for bytes in [
        of_other_claim.encode().unwrap(),
        of_other_attempt.encode().unwrap(),
        of_other_request.encode().unwrap(),
        of_version_2,
        Vec::new(),
    ] {
        let refusal = refused(verdict(bytes));
        assert_eq!(refusal.code(), Code::RecordUnreadable);
        assert_eq!(expiry(&refusal), at(START + RETENTION).http_date());
    }
}

#[test]
fn rule_8_2_a_body_that_was_not_kept_says_what_the_status_was() {
    let refusal = refused(verdict(record(Place::NotKept).encode().unwrap()));
    assert_eq!(refusal.code(), Code::ResponseNotKept);
    assert_eq!(expiry(&refusal), at(START + RETENTION).http_date());
    let (_, body) = refusal.answer(None);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["original_status"], 201);
}

fn expiry(refusal: &Refusal) -> String {
    let (head, _) = refusal.answer(None);
    head.headers.get("idempotency-expires").unwrap().to_owned()
}

#[test]
fn rule_9_4_all_other_answers_are_refusals_that_name_the_claims_end() {
    let expires_at = at(START + RETENTION);
    let attempt = attempt(1);
    for (begun, code) in [
        (
            Begun::Running {
                age_ms: 9_999,
                expires_at,
            },
            Code::RequestInProgress,
        ),
        (Begun::Mismatch { expires_at }, Code::KeyReused),
        (
            Begun::Unknown {
                attempt,
                expires_at,
            },
            Code::OutcomeUnknown,
        ),
    ] {
        let refusal = refused(Verdict::of(&asks(2, 1), begun));
        assert_eq!(refusal.code(), code);
        assert_eq!(expiry(&refusal), expires_at.http_date());
    }
}

#[test]
fn rule_5_3_the_refusal_says_for_how_many_seconds_the_first_request_runs() {
    let expires_at = at(START + RETENTION);
    let running = Begun::Running {
        age_ms: 9_999,
        expires_at,
    };
    let (_, body) = refused(Verdict::of(&asks(2, 1), running)).answer(None);
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(" 9 s."), "{detail}");
}
