//! Every byte that outlives a deployment, pinned: claim ids, fingerprints, records and messages. The fingerprints of forms,
//! and sketches, are in `fingerprint/pinned.rs`.
//!
//! A pin that breaks says: what the version before has written can no longer be found or read. Unless that was never
//! deployed, do not mend the pin.
//!
//! - A claim id (edge case 235): give `scope.rs` a new domain, look keys up under the new and the old derivation for one
//!   retention window, and pin both. Else every claim looks new, and every retry runs again.
//! - A fingerprint (edge case 134): give `fingerprint` a new domain, and accept the old derivation for one retention window.
//!   Else every honest retry is a mismatch.
//! - A record (rule 8.1): add a variant to the versions in `record.rs`, keep reading the old one for one retention window,
//!   and leave its pin here. Else what ran cannot be replayed.
//! - A message: bump `wire::VERSION`. Worker and shard are of different versions for the time of a roll-out, and refuse each
//!   other then; a shard that reads the version before, too, spares that.
//!
//! The expected bytes come from the written rules (frames of `digest.rs`, postcard), computed with another program.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Debug;

use reprise::protocol::claim::{
    AttemptId, Begin, Begun, ClaimId, Ending, ScopeId, Settle, Settled,
};
use reprise::protocol::compiled;
use reprise::protocol::contract::Contract;
use reprise::protocol::digest::hex;
use reprise::protocol::fingerprint::{Fingerprint, HeadFingerprint};
use reprise::protocol::headers::Headers;
use reprise::protocol::key::Key;
use reprise::protocol::policy::Policy;
use reprise::protocol::record::{Place, Provenance, Record, Unkept};
use reprise::protocol::request::{Body, Inbound};
use reprise::protocol::scope::Scope;
use reprise::protocol::time::Time;
use reprise::protocol::wire::{self, Answer, Call, Unreadable};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The contract of a route with these lines. The parts that ids and fingerprints are made of are pinned with them, as the
/// compiled contracts have them.
fn contract(more: &str) -> Contract {
    let text = format!("origin = \"http://h\"\n[[routes]]\nmatch = \"POST /x\"\n{more}\n");
    let mut policy = Policy::parse("test", &text, compiled::CONTRACTS)
        .unwrap_or_else(|problems| panic!("{problems}"));
    policy.routes.remove(0).contract.unwrap()
}

fn request(url: &str, lines: &[(&str, &str)]) -> Inbound {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Inbound::new("POST", url, lines.iter().map(owned).collect()).unwrap()
}

#[test]
fn edge_235_rule_3_3_claim_ids_are_pinned() {
    let every_part =
        "[routes.scope]\nparts = [\"header:x-tenant\", \"host\", \"path\", \"literal:blue\"]";
    for (more, pin) in [
        (
            "",
            "9753cf80edb03583779ae9aee7c6819616611efeae670a5050bb51d49aece0a7",
        ),
        (
            every_part,
            "db2a5c0065a47d6952be975fe6dbcf1a4bb3bae8dbdbe63fa80549a2f997411a",
        ),
    ] {
        let contract = contract(more);
        let request = request(
            "https://API.example/v1/orders/7",
            &[
                ("Authorization", "Bearer t"),
                ("Idempotency-Key", "\"k-1\""),
            ],
        );
        let key = Key::read(&contract.key, &request.headers).unwrap().unwrap();
        let id = Scope::of(&contract.scope, &request, "/v1/orders/{id}").claim(&key);
        assert_eq!(id.to_hex(), pin, "{more}");
    }
}

fn fingerprint(more: &str, query: &str, lines: &[(&str, &str)], body: Body) -> String {
    let request = request(&format!("http://h/v1/%6frders{query}"), lines);
    let fingerprint = Fingerprint::of(&contract(more).fingerprint, &request, &body);
    hex(fingerprint.as_bytes())
}

fn bytes(text: &str) -> Body {
    Body::Bytes(text.as_bytes().to_vec())
}

#[test]
fn edge_134_rule_4_1_fingerprints_are_pinned() {
    let json = ("content-type", "application/json; charset=utf-8");
    assert_eq!(
        fingerprint("", "?b=2&a=1", &[json], bytes("{\"b\": \"x\", \"a\": 1.0}")),
        "12889a596e8bbf82fb7281df0004fab054b0396aee5bcdd171e0338fac2015de"
    );
    assert_eq!(
        fingerprint("", "", &[("content-type", "text/plain")], bytes("hello")),
        "ad6d00cd92c3dedcca6f860605fb6b04ab2b5410db41407553c765b30d1dcbf4"
    );
    let flowed = ("content-type", "Text/Plain; Format=\"flow\"");
    assert_eq!(
        fingerprint("", "", &[flowed], bytes("hello")),
        "ccf7bfabdea756c2ffdf717068740d40ce810ee92dde018e7c9ee2617d2fbc39"
    );
    assert_eq!(
        fingerprint(
            "",
            "",
            &[json, ("content-encoding", "GZIP")],
            bytes("hello")
        ),
        "e72cd78184f6c56c73326e5a00a7887b1cc1891fe551ff0a5bb996c1dd76580b"
    );
    assert_eq!(
        fingerprint("", "", &[], Body::Absent),
        "067cc0271ab7ba61a818a7ec133871c746394abf9ab90901828e6208639cd468"
    );
    assert_eq!(
        fingerprint("", "", &[], bytes("")),
        "b7ec5d626a91c6bf2386108c53569d7e880220b3f6a03a7a9a557f263b6b4c33"
    );
    let exact = "[routes.fingerprint]\nparts = [\"body:exact\", \"header:x-v\", \"query:raw\", \"path\", \"method\"]";
    let lines = [json, ("x-v", "2"), ("x-http-method-override", "patch")];
    assert_eq!(
        fingerprint(exact, "?b=2&a=1", &lines, bytes("{}")),
        "f1ddce6202e058b68bafd6b78bb188bc6fd9350b4ad8d8edc922cfadddbb3387"
    );
}

#[test]
fn rule_4_1_without_a_comparison_all_fingerprints_are_this_one() {
    for body in [Body::Absent, bytes("a"), bytes("b")] {
        assert_eq!(
            fingerprint(
                "[routes.fingerprint]\ncompare = false\nparts = []",
                "",
                &[],
                body
            ),
            "730244d97d8206677e60cc45f2ad5e281e79ef904def5028c0e84319c012c089"
        );
    }
}

const CLAIM: &str = "0101010101010101010101010101010101010101010101010101010101010101";
const ATTEMPT: &str = "02020202020202020202020202020202";
const HEAD: &str = "0404040404040404040404040404040404040404040404040404040404040404";
const PRINT: &str = "0303030303030303030303030303030303030303030303030303030303030303";
const SCOPE: &str = "05050505050505050505050505050505";
/// 1 700 000 000 000 ms and a day later.
const SEEN: &str = "80d095ffbc31";
const EXPIRES: &str = "8088afa8bd31";

fn claim() -> ClaimId {
    ClaimId::new([1; 32])
}

fn attempt() -> AttemptId {
    AttemptId::new([2; 16])
}

fn print() -> Fingerprint {
    Fingerprint::from_bytes([3; 32])
}

fn seen() -> Time {
    Time::from_millis(1_700_000_000_000)
}

fn expires() -> Time {
    seen().plus(86_400_000)
}

#[test]
fn rule_8_1_records_are_pinned_in_version_1() {
    let head = [
        "00", // version 1: postcard numbers variants from 0
        CLAIM,
        ATTEMPT,
        PRINT,
        "c901",       // 201
        "02",         // two header lines
        "0465746167", // etag
        "03223122",   // "1"
        "046c696e6b", // link
        "033c613e",   // <a>
        "01",         // a date
        "1d53756e2c203036204e6f7620313939342030383a34393a333720474d54",
        "00", // no request id
        SEEN,
        "fad195ffbc31", // completed 250 ms later
        EXPIRES,
    ]
    .concat();
    for (body, pin) in [
        (Place::Inline(b"body".to_vec()), "0004626f6479"),
        (Place::Kv(300_000), "01e0a712"),
        (Place::NotKept(Unkept::TooLarge), "0200"),
        (Place::NotKept(Unkept::NotWritten), "0201"),
        (Place::NotKept(Unkept::Withheld), "0202"),
        (Place::R2(30_000_000), "038087a70e"),
    ] {
        let mut headers = Headers::new();
        headers.push("etag", "\"1\"");
        headers.push("link", "<a>");
        let record = Record {
            claim: claim(),
            attempt: attempt(),
            fingerprint: print(),
            status: 201,
            headers,
            origin: Provenance {
                date: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
                request_id: None,
            },
            first_seen: seen(),
            completed: seen().plus(250),
            expires_at: expires(),
            body,
        };
        let bytes = record.encode().unwrap();
        assert_eq!(hex(&bytes), format!("{head}{pin}"));
        assert_eq!(Record::decode(&bytes), Ok((record, [].as_slice())));
    }
}

fn calls() -> Vec<(Call, String)> {
    let (claim, attempt) = (claim(), attempt());
    let settle = |ending| {
        Call::Settle(Settle {
            claim,
            attempt,
            ending,
        })
    };
    let begin = Begin {
        claim,
        attempt,
        head: HeadFingerprint::from_bytes([4; 32]),
        fingerprint: Some(print()),
        lease_ms: 90_000,
        retention_ms: 86_400_000,
        scope: ScopeId::new([5; 16]),
        wait_ms: 10_000,
        run_again: true,
        running_first: false,
        refuse_expired_ms: 3_600_000,
        sketch: b"sk".to_vec(),
        tell_record: true,
    };
    let store = settle(Ending::Store {
        record: b"rec".to_vec(),
        expires_at: expires(),
        fingerprint: print(),
    });
    let hold = |fingerprint| settle(Ending::Hold { fingerprint });
    let pending = Begin {
        fingerprint: None,
        ..begin.clone()
    };
    vec![
        (
            Call::Begin(begin.clone()),
            format!(
                "0300{CLAIM}{ATTEMPT}{HEAD}01{PRINT}90bf0580b89929{SCOPE}904e010080dddb0102736b01"
            ),
        ),
        (
            Call::Begin(pending),
            format!("0300{CLAIM}{ATTEMPT}{HEAD}0090bf0580b89929{SCOPE}904e010080dddb0102736b01"),
        ),
        (
            Call::Peek(begin),
            format!(
                "0302{CLAIM}{ATTEMPT}{HEAD}01{PRINT}90bf0580b89929{SCOPE}904e010080dddb0102736b01"
            ),
        ),
        (
            store,
            format!("0301{CLAIM}{ATTEMPT}0003726563{EXPIRES}{PRINT}"),
        ),
        (settle(Ending::Release), format!("0301{CLAIM}{ATTEMPT}01")),
        (hold(None), format!("0301{CLAIM}{ATTEMPT}0200")),
        (
            hold(Some(print())),
            format!("0301{CLAIM}{ATTEMPT}0201{PRINT}"),
        ),
    ]
}

fn answers() -> Vec<(Answer, String)> {
    let (attempt, expires_at) = (attempt(), expires());
    let execute = Begun::Execute {
        first_seen: seen(),
        expires_at,
        lease_left_ms: 90_000,
    };
    let done = Begun::Done {
        attempt,
        expires_at,
        record: b"rec".to_vec(),
    };
    let running = Begun::Running {
        age_ms: 1_500,
        lease_until: seen(),
        expires_at,
    };
    let mismatch = |record| Begun::Mismatch {
        attempt,
        expires_at,
        sketch: b"sk".to_vec(),
        record,
    };
    let unknown = Begun::Unknown {
        attempt,
        expires_at,
        lease_left_ms: 90_000,
        same: true,
    };
    let expired = Begun::Expired {
        expired_at: seen(),
        until: expires_at,
    };
    let too_many = Begun::TooManyKeys { wait_ms: 1_500 };
    let at = seen();
    let begun = |begun, waited| Answer::Begun { begun, waited, at };
    vec![
        (
            begun(execute, false),
            format!("030000{SEEN}{EXPIRES}90bf0500{SEEN}"),
        ),
        (
            begun(done, true),
            format!("030001{ATTEMPT}{EXPIRES}0372656301{SEEN}"),
        ),
        (
            begun(running, true),
            format!("030002dc0b{SEEN}{EXPIRES}01{SEEN}"),
        ),
        (
            begun(mismatch(None), false),
            format!("030003{ATTEMPT}{EXPIRES}02736b0000{SEEN}"),
        ),
        (
            begun(mismatch(Some(b"rec".to_vec())), false),
            format!("030003{ATTEMPT}{EXPIRES}02736b010372656300{SEEN}"),
        ),
        (
            begun(unknown, false),
            format!("030004{ATTEMPT}{EXPIRES}90bf050100{SEEN}"),
        ),
        (begun(Begun::BodyNeeded, false), format!("03000500{SEEN}")),
        (
            begun(expired, false),
            format!("030006{SEEN}{EXPIRES}00{SEEN}"),
        ),
        (begun(too_many, false), format!("030007dc0b00{SEEN}")),
        (Answer::Settled(Settled::Recorded), "030100".to_owned()),
        (Answer::Settled(Settled::Fenced), "030101".to_owned()),
        (Answer::Again, "0302".to_owned()),
    ]
}

fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(messages: Vec<(T, String)>) {
    for (message, pin) in messages {
        let bytes = wire::encode(&message).unwrap();
        assert_eq!(hex(&bytes), pin, "{message:?}");
        assert_eq!(wire::decode::<T>(&bytes).as_ref(), Ok(&message));
        for length in 0..bytes.len() {
            let cut = bytes.get(..length).unwrap();
            assert_eq!(
                wire::decode::<T>(cut),
                Err(Unreadable),
                "{message:?} {length}"
            );
        }
        for more in 0..=u8::MAX {
            let longer = [bytes.as_slice(), &[more]].concat();
            assert_eq!(wire::decode::<T>(&longer), Err(Unreadable), "{message:?}");
        }
        for version in (0..=u8::MAX).filter(|version| *version != wire::VERSION) {
            let mut other = bytes.clone();
            *other.first_mut().unwrap() = version;
            assert_eq!(
                wire::decode::<T>(&other),
                Err(Unreadable),
                "{message:?} {version}"
            );
        }
    }
}

#[test]
fn calls_are_pinned_and_nothing_else_is_read() {
    check(calls());
}

#[test]
fn answers_are_pinned_and_nothing_else_is_read() {
    check(answers());
}

/// A variant that is new here has no pin yet: add one above.
#[test]
fn every_variant_has_a_pin() {
    let call = |call: &Call| match call {
        Call::Begin(begin) => u32::from(begin.fingerprint.is_none()),
        Call::Peek(_) => 2,
        Call::Settle(settle) => match settle.ending {
            Ending::Store { .. } => 3,
            Ending::Release => 4,
            Ending::Hold { fingerprint: None } => 5,
            Ending::Hold { .. } => 6,
        },
    };
    let answer = |answer: &Answer| match answer {
        Answer::Begun { begun, .. } => match begun {
            Begun::Execute { .. } => 0,
            Begun::Done { .. } => 1,
            Begun::Running { .. } => 2,
            Begun::Mismatch { record: None, .. } => 3,
            Begun::Mismatch { .. } => 4,
            Begun::Unknown { .. } => 5,
            Begun::BodyNeeded => 6,
            Begun::Expired { .. } => 7,
            Begun::TooManyKeys { .. } => 8,
        },
        Answer::Settled(Settled::Recorded) => 9,
        Answer::Settled(Settled::Fenced) => 10,
        Answer::Again => 11,
    };
    let called: Vec<u32> = calls().iter().map(|(message, _)| call(message)).collect();
    assert_eq!(called, [0, 1, 2, 3, 4, 5, 6]);
    let answered: Vec<u32> = answers()
        .iter()
        .map(|(message, _)| answer(message))
        .collect();
    assert_eq!(answered, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
}
