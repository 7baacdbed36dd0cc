//! The life of a claim (docs/protocol.md §5): every state against every event, every sequence of six events, and what an
//! answer of the ledger means for the request that asked.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "claim/axes.rs"]
mod axes;
#[path = "claim/begin.rs"]
mod begin;
#[path = "claim/clocks.rs"]
mod clocks;
#[path = "claim/generations.rs"]
mod generations;
#[path = "claim/pending.rs"]
mod pending;
#[path = "claim/sequences.rs"]
mod sequences;
#[path = "claim/settle.rs"]
mod settle;
#[path = "claim/verdict.rs"]
mod verdict;

use reprise::protocol::claim::{
    AttemptId, Begin, Claim, ClaimId, Ending, ScopeId, Settle, State, Write,
};
use reprise::protocol::fingerprint::{Fingerprint, HeadFingerprint, Print};
use reprise::protocol::time::Time;

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

/// What is known of a request with fingerprint `name` before its body.
fn head(name: u8) -> HeadFingerprint {
    HeadFingerprint::from_bytes([name; 32])
}

fn id() -> ClaimId {
    ClaimId::new([7; 32])
}

fn asks(name: u8, fingerprint: u8) -> Begin {
    Begin {
        claim: id(),
        attempt: attempt(name),
        head: head(fingerprint),
        fingerprint: Some(print(fingerprint)),
        lease_ms: LEASE,
        retention_ms: RETENTION,
        scope: ScopeId::new([9; 16]),
        wait_ms: 0,
        run_again: false,
        running_first: false,
        refuse_expired_ms: 0,
        sketch: sketch(name),
        tell_record: false,
    }
}

/// What attempt `name` leaves beside its fingerprint.
fn sketch(name: u8) -> Vec<u8> {
    vec![name; 3]
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
        print: Print::Whole(print(1)),
        sketch: sketch(1),
        attempt: attempt(1),
        state,
        first_seen: at(START),
        lease_until: at(START + LEASE),
        expires_at: at(START + RETENTION),
        refuse_ms: 0,
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

/// The words for an ending; a stored claim expires later than it would have.
fn ending(word: &str, now: u64) -> Ending {
    match word {
        "store" => Ending::Store {
            record: b"new".to_vec(),
            expires_at: at(now + RETENTION),
            fingerprint: print(1),
        },
        "release" => Ending::Release,
        "hold" => Ending::Hold {
            fingerprint: Some(print(1)),
        },
        other => panic!("{other}"),
    }
}

/// What the ledger does with a write.
fn applied(row: Option<Claim>, write: Write) -> Option<Claim> {
    match write {
        Write::Keep => row,
        Write::Put(claim) => Some(claim),
        Write::Remove => None,
        Write::MarkUnknown { fingerprint } => row.map(|claim| Claim {
            print: fingerprint.map_or(claim.print, Print::Whole),
            state: State::Unknown,
            ..claim
        }),
        Write::Complete {
            record,
            expires_at,
            fingerprint,
        } => row.map(|claim| Claim {
            print: Print::Whole(fingerprint),
            state: State::Done(record),
            expires_at,
            ..claim
        }),
    }
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

#[test]
fn rule_5_29_the_slot_is_53_bits_of_those_that_do_not_choose_the_shard() {
    let mut bytes = [0; 32];
    for (byte, value) in bytes
        .iter_mut()
        .skip(8)
        .zip([0x80, 0, 0, 0, 0, 0, 0x0f, 0xff])
    {
        *byte = value;
    }
    assert_eq!(ClaimId::new(bytes).slot(), (1 << 52) + 1);
    bytes[..8].fill(0xff);
    bytes[16..].fill(0xff);
    assert_eq!(ClaimId::new(bytes).slot(), (1 << 52) + 1);
    assert_eq!(ClaimId::new([0xff; 32]).slot(), (1 << 53) - 1);
}
