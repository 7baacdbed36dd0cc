//! The bytes between Worker, shard and Runner (rules 5.1, 5.4, 6.8).

use crate::record::{CLAIMED, PER_BYTE};
use crate::{decision, memory, policies};
use reprise::protocol::claim::{self, Begin, Begun, Claim, Settle, Write};
use reprise::protocol::fingerprint::{HeadFingerprint, Print};
use reprise::protocol::handover::Handover;
use reprise::protocol::record::Record;
use reprise::protocol::time::Time;
use reprise::protocol::verdict::Verdict;
use reprise::protocol::wire::{self, Answer, Call, VERSION};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

const NOW: Time = Time::from_millis(1_790_000_000_000);

/// A byte that says which message; the message, after its version.
pub fn target(input: &[u8]) -> bool {
    let Some((kind, message)) = input.split_first() else {
        return false;
    };
    let other = [&[VERSION.wrapping_add(1)], message].concat();
    assert!(
        wire::decode::<Call>(&other).is_err(),
        "another version is refused"
    );
    let message = [&[VERSION], message].concat();
    match kind % 3 {
        0 => read(&message).map(call).is_some(),
        1 => read(&message).map(answer).is_some(),
        _ => read(&message).map(handover).is_some(),
    }
}

/// What is read can be written, and is read again as the same.
fn read<T: DeserializeOwned + Serialize + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    let message: T =
        memory::bounded_beside(CLAIMED, bytes.len(), PER_BYTE, || wire::decode(bytes)).ok()?;
    let written = wire::encode(&message).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(wire::decode::<T>(&written).as_ref(), Ok(&message));
    Some(message)
}

fn call(call: Call) {
    match call {
        Call::Begin(event) | Call::Peek(event) => begin(event),
        Call::Settle(event) => settle(event),
    }
}

/// Whatever it asks for, it gets one permit, and again only in its own name.
fn begin(event: Begin) {
    let (Write::Put(row), Begun::Execute { .. }) = claim::begin(None, &event, NOW) else {
        panic!("rule 5.1");
    };
    let again = claim::begin(Some(&row), &event, NOW);
    let over = NOW >= row.lease_until || NOW >= row.expires_at;
    assert!(
        over || matches!(again, (Write::Keep, Begun::Execute { .. })),
        "rule 5.4: {again:?}"
    );
    for told in [
        claim::peek(Some(&row), &event, NOW),
        claim::look(Some(&row), &event, NOW),
    ] {
        assert!(
            !matches!(told, Some(Begun::Execute { .. })),
            "rules 5.19 and 5.23: {told:?}"
        );
    }
    let other = Begin {
        attempt: claim::AttemptId::new([9; 16]),
        ..event.clone()
    };
    let second = claim::begin(Some(&row), &other, NOW);
    let mine = other.attempt == event.attempt || over;
    assert!(
        mine || !matches!(second, (_, Begun::Execute { .. })),
        "rule 5.3: {second:?}"
    );
}

fn settle(event: Settle) {
    let (nothing, _) = claim::settle(None, event.clone(), NOW);
    assert_eq!(nothing, Write::Keep, "rule 5.11");
    let row = Claim {
        print: Print::Pending(HeadFingerprint::from_bytes([1; 32])),
        sketch: Vec::new(),
        attempt: event.attempt,
        state: claim::State::Running,
        first_seen: NOW,
        lease_until: NOW.plus(90_000),
        expires_at: NOW.plus(86_400_000),
        refuse_ms: 0,
    };
    let (_, settled) = claim::settle(Some(&row), event, NOW);
    assert_eq!(settled, claim::Settled::Recorded, "rule 5.9");
}

/// A record answers nobody but the request that it is of, whatever the shard says.
fn answer(answer: Answer) {
    let begun = match answer {
        Answer::Begun { begun, .. } => begun,
        Answer::Settled(_) | Answer::Again => return,
    };
    let asked = Begin {
        claim: claim::ClaimId::new([1; 32]),
        attempt: claim::AttemptId::new([2; 16]),
        head: HeadFingerprint::from_bytes([3; 32]),
        fingerprint: None,
        lease_ms: 90_000,
        retention_ms: 86_400_000,
        scope: claim::ScopeId::new([4; 16]),
        wait_ms: 0,
        run_again: false,
        running_first: false,
        refuse_expired_ms: 0,
        sketch: Vec::new(),
        tell_record: true,
    };
    let own = match &begun {
        Begun::Done { record, .. }
        | Begun::Mismatch {
            record: Some(record),
            ..
        } => Record::decode(record).ok(),
        _ => None,
    };
    // Once as it comes, and once as if it had been asked for.
    verdict(&asked, begun.clone());
    if let Some((record, _)) = own {
        let asked = Begin {
            claim: record.claim,
            fingerprint: Some(record.fingerprint),
            ..asked
        };
        verdict(&asked, begun);
    }
}

fn verdict(asked: &Begin, begun: Begun) {
    match Verdict::of(asked, begun) {
        Verdict::Replay(record) => {
            assert_eq!(
                (record.claim, Some(record.fingerprint)),
                (asked.claim, asked.fingerprint),
                "rule 8.4"
            );
        }
        Verdict::Mismatch(mismatch) => {
            assert!(
                mismatch
                    .record
                    .as_ref()
                    .is_none_or(|record| record.claim == asked.claim)
            );
            let id = mismatch.resource_id("/id");
            assert!(
                id.is_none_or(|id| id.is_string() || id.is_number()),
                "rule 9.13"
            );
        }
        Verdict::BodyNeeded => {}
        Verdict::Execute(permit) => assert_eq!(permit.attempt(), asked.attempt, "rule 6.1"),
        Verdict::Refuse(refusal) => {
            let (head, body) = refusal.answer(None, &Default::default());
            crate::answers::is_sound(&head, &body);
        }
    }
}

/// The object that runs it decides about it as the Worker has done.
fn handover(handover: Handover) {
    let Handover { request, body, .. } = &handover;
    for policy in policies::ALL.iter() {
        decision::judge(policy, request, request.head_length(), body);
    }
}
