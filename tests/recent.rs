//! What an isolate remembers of the claims that it has seen done (docs/protocol.md rule 8.17).

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "protocol/fixture.rs"]
mod fixture;

use proptest::prelude::*;
use reprise::protocol::claim::{
    self, AttemptId, Begin, Begun, Claim, ClaimId, Ending, ScopeId, Settle, Settled, State, Write,
};
use reprise::protocol::contract::FingerprintPart;
use reprise::protocol::fingerprint::exact::Whole;
use reprise::protocol::fingerprint::{Fingerprint, HeadFingerprint, Print};
use reprise::protocol::headers::Headers;
use reprise::protocol::recent::{BELIEVED_MS, Recent};
use reprise::protocol::record::{Place, Provenance, Record};
use reprise::protocol::refusal::{Code, Refusal};
use reprise::protocol::request::{Body, Inbound};
use reprise::protocol::time::Time;
use reprise::protocol::verdict::Verdict;

const MIB: usize = 1024 * 1024;
const RETENTION: u64 = 60_000;
/// The ledger's clock is ahead of the one here.
const AHEAD: u64 = 5_000;

fn at(ms: u64) -> Time {
    Time::from_millis(1_000_000 + ms)
}

fn there(ms: u64) -> Time {
    at(ms + AHEAD)
}

fn attempt(name: u8) -> AttemptId {
    AttemptId::new([name; 16])
}

fn asks(key: u8, name: u8, print: u8) -> Begin {
    Begin {
        claim: ClaimId::new([key; 32]),
        attempt: attempt(name),
        head: HeadFingerprint::from_bytes([9; 32]),
        fingerprint: Some(Fingerprint::from_bytes([print; 32])),
        lease_ms: 1_000,
        retention_ms: RETENTION,
        scope: ScopeId::new([1; 16]),
        wait_ms: 0,
        run_again: false,
        running_first: false,
        refuse_expired_ms: 0,
        sketch: vec![name; 8],
        tell_record: false,
    }
}

fn record(event: &Begin, length: usize) -> Record {
    Record {
        claim: event.claim,
        attempt: event.attempt,
        fingerprint: event.fingerprint.unwrap(),
        status: 201,
        headers: Headers::new(),
        origin: Provenance::default(),
        first_seen: there(0),
        completed: there(1),
        expires_at: there(RETENTION),
        body: Place::Inline(vec![b'x'; length]),
    }
}

fn stores(event: &Begin, length: usize) -> Ending {
    Ending::Store {
        record: record(event, length).encode().unwrap(),
        expires_at: there(RETENTION),
        fingerprint: event.fingerprint.unwrap(),
    }
}

/// One that has seen attempt 1 settle the key 1, at 0.
fn after_settle() -> (Recent, Begin) {
    let mut recent = Recent::new(MIB);
    let event = asks(1, 1, 1);
    let sketch = Some(event.sketch.as_slice());
    let ending = stores(&event, 10);
    recent.settled(event.claim, event.attempt, sketch, ending, at(0), there(0));
    (recent, event)
}

fn is_done(begun: Option<Begun>) -> bool {
    matches!(begun, Some(Begun::Done { .. }))
}

#[test]
fn rule_8_17_what_this_isolate_has_settled_is_told_without_the_ledger() {
    let (recent, event) = after_settle();
    let Some(Begun::Done {
        attempt,
        expires_at,
        record: told,
    }) = recent.answer(&asks(1, 2, 1), at(5))
    else {
        panic!("it is done");
    };
    assert_eq!((attempt, expires_at), (event.attempt, there(RETENTION)));
    assert_eq!(told, record(&event, 10).encode().unwrap());
    let other = recent.answer(&asks(1, 2, 2), at(5));
    assert!(matches!(other, Some(Begun::Mismatch { sketch, .. }) if sketch == event.sketch));
    assert_eq!(recent.answer(&asks(2, 2, 1), at(5)), None, "another key");
}

#[test]
fn rule_8_17_it_is_believed_for_ten_seconds_and_not_beyond_its_expiry_by_the_ledgers_clock() {
    let (recent, _) = after_settle();
    let retry = asks(1, 2, 1);
    assert!(is_done(recent.answer(&retry, at(BELIEVED_MS - 1))));
    assert_eq!(recent.answer(&retry, at(BELIEVED_MS)), None);
    let set_back = Time::from_millis(at(0).millis() - 1);
    assert_eq!(recent.answer(&retry, set_back), None);

    let mut recent = Recent::new(MIB);
    let event = asks(1, 1, 1);
    let ending = stores(&event, 10);
    // Seen shortly before its end there, which is long after it here.
    recent.settled(
        event.claim,
        event.attempt,
        None,
        ending,
        at(RETENTION),
        there(RETENTION - 10),
    );
    assert!(is_done(recent.answer(&retry, at(RETENTION + 9))));
    assert_eq!(recent.answer(&retry, at(RETENTION + 10)), None);
}

#[test]
fn rule_8_17_hearing_of_it_again_renews_it_and_another_attempt_replaces_it() {
    let (mut recent, event) = after_settle();
    let retry = asks(1, 2, 1);
    let done = recent.answer(&retry, at(0)).unwrap();
    recent.heard(&retry, &done, at(9_000), there(9_000));
    assert!(is_done(recent.answer(&retry, at(18_000))));
    let mismatch = Begun::Mismatch {
        attempt: event.attempt,
        expires_at: there(RETENTION),
        sketch: event.sketch,
        record: None,
    };
    recent.heard(&asks(1, 2, 2), &mismatch, at(18_000), there(18_000));
    assert!(is_done(recent.answer(&retry, at(27_000))));
    // The ledger has another attempt's answer: the claim has been through a whole life meanwhile.
    let next = asks(1, 3, 1);
    let of_next = Begun::Done {
        attempt: next.attempt,
        expires_at: there(2 * RETENTION),
        record: record(&next, 3).encode().unwrap(),
    };
    recent.heard(&retry, &of_next, at(27_001), there(27_001));
    assert_eq!(recent.answer(&retry, at(27_002)), Some(of_next));
}

#[test]
fn rule_8_17_a_release_and_every_other_word_of_the_ledger_empty_it() {
    let retry = asks(1, 2, 1);
    let (mut recent, event) = after_settle();
    recent.settled(
        event.claim,
        event.attempt,
        None,
        Ending::Release,
        at(1),
        there(1),
    );
    assert_eq!(recent.answer(&retry, at(2)), None);

    let running = Begun::Running {
        age_ms: 1,
        lease_until: there(1_000),
        expires_at: there(RETENTION),
    };
    let (mut recent, _) = after_settle();
    recent.heard(&retry, &running, at(1), there(1));
    assert_eq!(recent.answer(&retry, at(2)), None);
}

#[test]
fn rule_8_17_a_mismatch_is_told_only_where_it_can_be_explained_as_the_ledger_does() {
    let mut recent = Recent::new(MIB);
    let event = asks(1, 1, 1);
    let other = asks(1, 2, 2);
    recent.settled(
        event.claim,
        event.attempt,
        None,
        stores(&event, 10),
        at(0),
        there(0),
    );
    assert!(is_done(recent.answer(&asks(1, 2, 1), at(1))));
    assert_eq!(recent.answer(&other, at(1)), None);
    let told = Begun::Mismatch {
        attempt: event.attempt,
        expires_at: there(RETENTION),
        sketch: vec![4; 8],
        record: None,
    };
    recent.heard(&other, &told, at(1), there(1));
    assert_eq!(recent.answer(&other, at(2)), Some(told));
}

fn request(url: &str, media_type: &str) -> Inbound {
    let mut headers = Headers::new();
    headers.push("content-type", media_type);
    headers.push("x-tenant", "a");
    Inbound::new("POST", url, headers).unwrap()
}

#[test]
fn rule_8_17_a_request_that_comes_again_to_the_byte_is_not_read_again() {
    let (mut recent, event) = after_settle();
    let claim = event.claim;
    let rules = fixture::contract("").fingerprint;
    let body = Body::Bytes(b"{\"a\":1}".to_vec());
    let json = request("http://h/v1/orders", "application/json");
    let first = Whole {
        rules: &rules,
        request: &json,
        body: &body,
    };
    assert_eq!(recent.recall(claim, first, at(1)), None);
    recent.told(claim, event.attempt, first, None);
    let same = Some(Verdict::Replay(record(&event, 10)));
    assert_eq!(recent.recall(claim, first, at(1)), same);
    assert_eq!(recent.recall(claim, first, at(BELIEVED_MS)), None);
    // Another body, or another head, may be another request: that is for its fingerprint to say.
    let spaced = Body::Bytes(b"{\"a\": 1}".to_vec());
    for body in [&spaced, &Body::Absent] {
        assert_eq!(recent.recall(claim, Whole { body, ..first }, at(1)), None);
    }
    for (url, media_type) in [
        ("http://h/v1/orders", "text/plain"),
        ("http://h/v1/orders", ""),
        ("http://h/v1/order", "application/json"),
        ("http://h/v1/orders?a", "application/json"),
    ] {
        let request = &request(url, media_type);
        let other = Whole { request, ..first };
        assert_eq!(
            recent.recall(claim, other, at(1)),
            None,
            "{url} {media_type}"
        );
    }
    // So may the same one, where more is compared, or less, or something else.
    let (mut more, mut less, mut raw) = (rules.clone(), rules.clone(), rules.clone());
    more.parts
        .push(FingerprintPart::Header("x-tenant".to_owned()));
    less.parts.retain(|part| *part != FingerprintPart::Query);
    for part in raw
        .parts
        .iter_mut()
        .filter(|part| **part == FingerprintPart::Query)
    {
        *part = FingerprintPart::QueryRaw;
    }
    for rules in [&more, &less, &raw] {
        assert_eq!(recent.recall(claim, Whole { rules, ..first }, at(1)), None);
    }

    let refusal = Refusal::new(Code::KeyReused, "another request");
    let second = Whole {
        body: &spaced,
        ..first
    };
    recent.told(claim, event.attempt, second, Some(refusal.clone()));
    let told = Some(Verdict::Refuse(refusal));
    assert_eq!(recent.recall(claim, second, at(1)), told);
    assert_eq!(recent.recall(claim, first, at(1)), same);

    // What was told of another attempt's answer says nothing of this one's.
    recent.told(claim, attempt(4), second, None);
    assert_eq!(recent.recall(claim, second, at(1)), told);
}

#[test]
fn rule_8_17_it_is_bounded_in_bytes_and_the_oldest_go_first() {
    const MOST: usize = 64 * 1024;
    let mut recent = Recent::new(MOST);
    let seen = |recent: &mut Recent, key: u8, length: usize| {
        let event = asks(key, 1, 1);
        recent.settled(
            event.claim,
            event.attempt,
            None,
            stores(&event, length),
            at(0),
            there(0),
        );
    };
    for key in 0..=255 {
        seen(&mut recent, key, 1024);
    }
    let known: Vec<u8> = (0..=255)
        .filter(|key| is_done(recent.answer(&asks(*key, 2, 1), at(1))))
        .collect();
    assert!(
        !known.is_empty() && known.len() * 1024 <= MOST,
        "{}",
        known.len()
    );
    let newest: Vec<u8> = (0..=255).skip(256 - known.len()).collect();
    assert_eq!(known, newest);
    // One that would take much of it puts no others out.
    seen(&mut recent, 0, MOST / 2);
    assert_eq!(recent.answer(&asks(0, 2, 1), at(1)), None);
    assert!(is_done(recent.answer(&asks(255, 2, 1), at(1))));

    let mut none = Recent::new(0);
    seen(&mut none, 1, 0);
    assert_eq!(none.answer(&asks(1, 2, 1), at(1)), None);
}

#[derive(Debug, Clone)]
enum Step {
    Begin {
        name: u8,
        print: u8,
    },
    Store,
    Release,
    Later(u64),
    /// The row is lost to this isolate: another one has the key's next life.
    Elsewhere {
        name: u8,
        print: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (2..6u8, 1..3u8).prop_map(|(name, print)| Step::Begin { name, print }),
        2 => Just(Step::Store),
        1 => Just(Step::Release),
        2 => (0..30_000u64).prop_map(Step::Later),
        1 => (6..9u8, 1..3u8).prop_map(|(name, print)| Step::Elsewhere { name, print }),
    ]
}

fn applied(row: Option<Claim>, write: Write) -> Option<Claim> {
    let changed = |row: Option<Claim>, change: &dyn Fn(&mut Claim)| {
        row.map(|mut row| {
            change(&mut row);
            row
        })
    };
    match write {
        Write::Keep => row,
        Write::Put(claim) => Some(claim),
        Write::Remove => None,
        Write::MarkUnknown { .. } => changed(row, &|row| row.state = State::Unknown),
        Write::Complete {
            record,
            expires_at,
            fingerprint,
        } => changed(row, &|row| {
            row.state = State::Done(record.clone());
            row.expires_at = expires_at;
            row.print = Print::Whole(fingerprint);
        }),
    }
}

proptest! {
    /// Whatever happens to one key, here and elsewhere: an answer from memory is the one that the ledger would give.
    #[test]
    fn rule_8_17_memory_and_ledger_say_the_same(steps in prop::collection::vec(step(), 1..40)) {
        let mut recent = Recent::new(MIB);
        let mut row: Option<Claim> = None;
        let mut owner: Option<Begin> = None;
        let mut now = 0;
        for step in steps {
            match step {
                Step::Later(ms) => now += ms,
                Step::Begin { name, print } => {
                    let event = asks(1, name, print);
                    if let Some(known) = recent.answer(&event, at(now)) {
                        let (_, begun) = claim::begin(row.as_ref(), &event, there(now));
                        prop_assert_eq!(known, begun);
                        continue;
                    }
                    let (write, begun) = claim::begin(row.as_ref(), &event, there(now));
                    row = applied(row, write);
                    if let Begun::Execute { .. } = begun {
                        owner = Some(event.clone());
                    }
                    recent.heard(&event, &begun, at(now), there(now));
                }
                Step::Elsewhere { name, print } => {
                    let event = asks(1, name, print);
                    let (write, begun) = claim::begin(row.as_ref(), &event, there(now));
                    row = applied(row, write);
                    if let Begun::Execute { .. } = begun {
                        let settle = Settle { claim: event.claim, attempt: event.attempt, ending: until(&event, now) };
                        let (write, _) = claim::settle(row.as_ref(), settle, there(now));
                        row = applied(row, write);
                    }
                }
                Step::Store | Step::Release => {
                    let Some(event) = owner.clone() else { continue };
                    let ending = if let Step::Store = step { until(&event, now) } else { Ending::Release };
                    let settle = Settle { claim: event.claim, attempt: event.attempt, ending: ending.clone() };
                    let (write, settled) = claim::settle(row.as_ref(), settle, there(now));
                    row = applied(row, write);
                    match settled {
                        Settled::Recorded => recent.settled(event.claim, event.attempt, Some(&event.sketch), ending, at(now), there(now)),
                        Settled::Fenced => recent.forget(event.claim),
                    }
                }
            }
        }
    }
}

/// The end of `event`, kept from `now` on.
fn until(event: &Begin, now: u64) -> Ending {
    let mut record = record(event, 4);
    record.expires_at = there(now + RETENTION);
    Ending::Store {
        record: record.encode().unwrap(),
        expires_at: record.expires_at,
        fingerprint: record.fingerprint,
    }
}
