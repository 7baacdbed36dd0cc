//! What the answer to a `begin` means for the request that asked.

use crate::*;
use reprise::protocol::claim::Begun;
use reprise::protocol::contract::{AfterExpiry, RetentionFrom, RetentionRules};
use reprise::protocol::exchange::Exchange;
use reprise::protocol::headers::Headers;
use reprise::protocol::record::{Place, Provenance, Record, Unkept};
use reprise::protocol::refusal::{Code, Refusal};
use reprise::protocol::verdict::{Attempt, Mismatch, Verdict};

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
        lease_left_ms: 7,
    };
    let Verdict::Execute(permit) = Verdict::of(&asks(2, 1), begun) else {
        panic!("no permit")
    };
    assert_eq!(permit.attempt(), attempt(2));
    let spent = permit.spend();
    assert_eq!(
        (
            spent.id,
            spent.first_seen,
            spent.expires_at,
            spent.lease_left_ms
        ),
        (attempt(2), at(START), at(START + RETENTION), 7)
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
fn rule_8_2_a_body_that_was_not_kept_says_what_the_status_was_and_why() {
    for (why, words) in [
        (Unkept::TooLarge, "too large"),
        (Unkept::NotWritten, "could not be stored"),
        (Unkept::Withheld, "the contract does not let it"),
    ] {
        let refusal = refused(verdict(record(Place::NotKept(why)).encode().unwrap()));
        assert_eq!(refusal.code(), Code::ResponseNotKept);
        assert_eq!(expiry(&refusal), at(START + RETENTION).http_date());
        let (_, body) = refusal.answer(None, &Exchange::default());
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["original_status"], 201);
        assert!(body["detail"].as_str().unwrap().contains(words), "{body}");
    }
}

fn expiry(refusal: &Refusal) -> String {
    let (head, _) = refusal.answer(None, &Exchange::default());
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
                lease_until: expires_at,
                expires_at,
            },
            Code::RequestInProgress,
        ),
        (
            Begun::Unknown {
                attempt,
                expires_at,
                lease_left_ms: 0,
                same: true,
            },
            Code::OutcomeUnknown,
        ),
        (
            Begun::Expired {
                expired_at: at(START),
                until: expires_at,
            },
            Code::KeyExpired,
        ),
    ] {
        let refusal = refused(Verdict::of(&asks(2, 1), begun));
        assert_eq!(refusal.code(), code);
        assert_eq!(expiry(&refusal), expires_at.http_date());
    }
    let refusal = mismatch(None).refusal();
    assert_eq!(refusal.code(), Code::KeyReused);
    assert_eq!(expiry(&refusal), expires_at.http_date());
}

/// The verdict for attempt 2 where attempt 1 has asked for something else, and has left this record.
fn mismatch(record: Option<Vec<u8>>) -> Mismatch {
    let begun = Begun::Mismatch {
        attempt: attempt(1),
        expires_at: at(START + RETENTION),
        sketch: sketch(1),
        record,
    };
    match Verdict::of(&asks(2, 2), begun) {
        Verdict::Mismatch(mismatch) => mismatch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn rule_5_16_a_mismatch_passes_on_what_is_known_of_the_first_request() {
    let first = record(Place::Inline(b"body".to_vec()));
    let known = mismatch(Some(first.encode().unwrap()));
    assert_eq!(known.attempt, attempt(1));
    assert_eq!(known.expires_at, at(START + RETENTION));
    assert_eq!(known.sketch, sketch(1));
    assert_eq!(known.record, Some(first.clone()));
    // It only explains: what cannot be read, or is not of this claim and attempt, is not told, and still is a mismatch.
    let of_other_claim = Record {
        claim: ClaimId::new([8; 32]),
        ..first.clone()
    };
    let of_other_attempt = Record {
        attempt: attempt(2),
        ..first
    };
    for bytes in [
        Vec::new(),
        of_other_claim.encode().unwrap(),
        of_other_attempt.encode().unwrap(),
    ] {
        assert_eq!(mismatch(Some(bytes)).record, None);
    }
}

#[test]
fn rule_5_18_the_refusal_of_an_expired_key_says_since_when_and_until_when() {
    let begun = Begun::Expired {
        expired_at: at(START),
        until: at(START + RETENTION),
    };
    let refusal = refused(Verdict::of(&asks(2, 1), begun));
    assert_eq!(refusal.code(), Code::KeyExpired);
    assert_eq!(expiry(&refusal), at(START + RETENTION).http_date());
    let (_, body) = refusal.answer(None, &Exchange::default());
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(&at(START).http_date()), "{detail}");
}

#[test]
fn edge_130_rule_5_25_the_refusal_of_a_key_too_many_says_when_to_ask_again() {
    for (wait_ms, seconds) in [(1, "1"), (1_000, "1"), (1_001, "2"), (60_000, "60")] {
        let refusal = refused(Verdict::of(&asks(2, 1), Begun::TooManyKeys { wait_ms }));
        assert_eq!(refusal.code(), Code::TooManyKeys);
        let (head, body) = refusal.answer(None, &Exchange::default());
        assert_eq!(head.status, 429);
        assert_eq!(head.headers.get("retry-after"), Some(seconds));
        assert!(
            !head.headers.has("idempotency-status"),
            "no claim stands behind it"
        );
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["retry_after"].to_string(), seconds);
    }
}

#[test]
fn rule_5_3_the_refusal_says_for_how_many_seconds_the_first_request_runs() {
    let expires_at = at(START + RETENTION);
    let running = Begun::Running {
        age_ms: 9_999,
        lease_until: expires_at,
        expires_at,
    };
    let (_, body) = refused(Verdict::of(&asks(2, 1), running)).answer(None, &Exchange::default());
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let detail = body["detail"].as_str().unwrap();
    assert!(detail.contains(" 9 s."), "{detail}");
}

/// Spent under a lease with so much left.
fn spent(lease_left_ms: u64) -> Attempt {
    Attempt {
        id: attempt(2),
        first_seen: at(START),
        expires_at: at(START + RETENTION),
        lease_left_ms,
    }
}

#[test]
fn rule_6_4_a_call_ends_with_its_deadline_or_with_the_lease_whichever_comes_first() {
    for (lease_left, deadline, elapsed, expected) in [
        (90, 60, 0, Some(60)),
        (90, 60, 30, Some(60)),
        (90, 60, 31, Some(59)),
        (90, 60, 89, Some(1)),
        // Nothing is left: nothing is sent.
        (90, 60, 90, None),
        (90, 60, 5_000, None),
        (0, 60, 0, None),
        // A permit that was given once more has the rest of a lease.
        (10, 60, 0, Some(10)),
    ] {
        let time = spent(lease_left).time_for_call(deadline, elapsed);
        assert_eq!(time, expected, "{lease_left} {deadline} {elapsed}");
    }
}

#[test]
fn rule_5_8_rule_8_13_an_answer_is_kept_from_first_sight_or_from_completion_or_as_the_origin_says()
{
    let rules = |from| RetentionRules {
        ms: RETENTION,
        from,
        after: AfterExpiry::New,
    };
    let completed = at(START + 7);
    for (from, ttl_ms, expected) in [
        (RetentionFrom::FirstSight, None, START + RETENTION),
        (RetentionFrom::Completion, None, START + 7 + RETENTION),
        (RetentionFrom::FirstSight, Some(60), START + 7 + 60),
        (RetentionFrom::Completion, Some(600), START + 7 + 600),
    ] {
        let until = spent(LEASE).kept_until(&rules(from), completed, ttl_ms);
        assert_eq!(until, at(expected), "{from:?} {ttl_ms:?}");
    }
}
