//! Known defects, each put into the rules, and each found: a checker that finds nothing proves nothing. The numbers are those of
//! the defects that were seen in other implementations; the others are the rest of what must hold.

use reprise::protocol::claim::{
    Begin, Begun, Claim, Ending, Settle, Settled, State, Write, begin, look, settle,
};
use reprise::protocol::fingerprint::{Fingerprint, Print};
use reprise::protocol::time::Time;
use reprise_model::check::shortest;
use reprise_model::properties::*;
use reprise_model::rules::{REAL, Rules, Show, Turns};
use reprise_model::setting::Setting;
use reprise_model::settings::*;
use reprise_model::world::{Record, World, number};
use stateright::{Expectation, Model};

/// Each of `expected` is broken; prints in how many steps.
fn catches(defect: &str, setting: Setting, rules: Rules, expected: &[&'static str]) {
    let mutated = Setting { rules, ..setting };
    for property in expected {
        let way = shortest(&mutated, property);
        let steps = way
            .unwrap_or_else(|| panic!("{defect}: not caught by {property:?}"))
            .len();
        println!("model: caught in {steps:>2} steps: {defect} breaks {property:?}");
    }
}

macro_rules! mutations {
    ($($test:ident: $setting:expr, $rules:expr => [$($property:expr),+];)*) => {
        $(
            #[test]
            fn $test() {
                catches(stringify!($test), $setting, $rules, &[$($property),+]);
            }
        )*

        #[test]
        fn every_property_is_broken_by_some_mutation() {
            let caught = [$($($property),+),*];
            for property in HOLD.properties() {
                let is_rule = property.expectation == Expectation::Always;
                assert!(!is_rule || caught.contains(&property.name), "nothing breaks {:?}", property.name);
            }
        }
    };
}

mutations! {
    edge_201_a_waiter_that_gives_up_deletes_the_claim: WAIT, Rules { leave: deletes, ..REAL } =>
        [WAITING_WRITES_NOTHING, ONE_PERMIT, ONE_CALL];
    edge_203_a_claim_has_no_expiry: HOLD, Rules { begin: without_expiry, ..REAL } => [EVERY_KEY_IS_USED_AGAIN];
    edge_210_begin_reads_and_writes_in_two_turns: HOLD, Rules { turns: Turns::Two, ..REAL } =>
        [ONE_PERMIT, ONE_CALL, ONE_CALL_AT_A_TIME];
    edge_212_an_attempt_does_not_recognise_itself: HOLD, Rules { begin: without_self, ..REAL } => [NOBODY_WAITS_FOR_ITSELF];
    edge_214_settle_has_no_owner_token: STALLED_AND_RUN_AGAIN, Rules { settle: without_owner, ..REAL } =>
        [FENCED_OWNERS_WRITE_NOTHING, DONE_IS_OF_ITS_OWNER];
    edge_228_running_hides_a_mismatch: MISMATCH, Rules { begin: running_before_mismatch, ..REAL } => [MISMATCH_IS_TOLD];
    edge_229_done_without_a_response_counts_as_running: HOLD, Rules { begin: torn_is_running, settle: torn, ..REAL } =>
        [RUNNING_ENDS];
    edge_239_a_lock_without_a_lease_outlives_its_worker: HOLD, Rules { begin: without_lease, ..REAL } => [RUNNING_ENDS];
    another_fingerprint_is_replayed: MISMATCH, Rules { begin: without_fingerprint, ..REAL } => [NO_FOREIGN_REPLAY];
    another_caller_is_replayed: CALLERS, Rules { claim_of: |_| 0, ..REAL } => [NO_FOREIGN_REPLAY];
    an_upload_is_answered_before_its_body_is_read: UPLOAD, Rules { begin: unread, ..REAL } => [NO_FOREIGN_REPLAY];
    an_upload_adopts_what_it_is_not_compared_with: UPLOAD_AND_ADOPTION, Rules { find: uncompared, ..REAL } => [NO_FOREIGN_REPLAY];
    the_answer_is_shown_before_settle: HOLD, Rules { show: Show::BeforeSettle, ..REAL } => [SHOWN_ONCE_RECORDED];
    any_record_of_the_key_is_adopted: ADOPTION_AND_OPERATOR, Rules { find: any_record, ..REAL } => [DONE_IS_OF_ITS_OWNER];
    an_operator_releases_the_key_and_not_the_attempt: OPERATOR, Rules { settle: release_by_key, ..REAL } =>
        [FENCED_OWNERS_WRITE_NOTHING, ONE_CALL];
    done_can_be_released: OPERATOR, Rules { settle: done_is_not_final, ..REAL } => [DONE_IS_FINAL, ONE_PERMIT];
    done_ends_with_the_lease: HOLD, Rules { begin: done_is_leased, ..REAL } => [NO_PERMIT_AFTER_DONE, NO_CALL_AFTER_DONE];
    a_claim_is_passed_on_within_its_lease: RUN_AGAIN, Rules { begin: impatient, look: impatient_look, ..REAL } =>
        [ONE_PERMIT, ONE_CALL_AT_A_TIME];
    a_claim_is_passed_on_beyond_its_expiry: RUN_AGAIN, Rules { begin: expiring_early, ..REAL } => [ONE_PERMIT, ONE_CALL_AT_A_TIME];
    an_expired_key_is_not_refused: REFUSE, Rules { begin: without_refusal, ..REAL } => [REFUSED_KEY_STAYS_REFUSED];
    no_answer_is_stored_as_one: HOLD, Rules { settle: hold_stores, ..REAL } => [NO_INVENTED_REPLAY];
}

fn deletes(row: Option<&Claim>) -> Write {
    row.map_or(Write::Keep, |_| Write::Remove)
}

/// `begin`, with a change to the claim that it puts.
fn putting(
    row: Option<&Claim>,
    event: &Begin,
    now: Time,
    change: fn(Claim) -> Claim,
) -> (Write, Begun) {
    match begin(row, event, now) {
        (Write::Put(claim), begun) => (Write::Put(change(claim)), begun),
        unchanged => unchanged,
    }
}

fn without_expiry(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    putting(row, event, now, |claim| Claim {
        expires_at: Time::from_millis(u64::MAX),
        ..claim
    })
}

fn without_lease(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    putting(row, event, now, |claim| Claim {
        lease_until: claim.expires_at,
        ..claim
    })
}

fn running(claim: &Claim, now: Time) -> (Write, Begun) {
    let begun = Begun::Running {
        age_ms: now.since(claim.first_seen),
        lease_until: claim.lease_until,
        expires_at: claim.expires_at,
    };
    (Write::Keep, begun)
}

fn without_self(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    match begin(row, event, now) {
        (Write::Keep, Begun::Execute { .. }) => running(row.expect("a row"), now),
        other => other,
    }
}

fn running_before_mismatch(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    match (begin(row, event, now), row) {
        ((_, Begun::Mismatch { .. }), Some(claim)) if claim.state == State::Running => {
            running(claim, now)
        }
        (other, _) => other,
    }
}

fn torn(row: Option<&Claim>, event: Settle, now: Time) -> (Write, Settled) {
    match settle(row, event, now) {
        (
            Write::Complete {
                expires_at,
                fingerprint,
                ..
            },
            settled,
        ) => (
            Write::Complete {
                record: Vec::new(),
                expires_at,
                fingerprint,
            },
            settled,
        ),
        other => other,
    }
}

fn torn_is_running(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    match (begin(row, event, now), row) {
        ((_, Begun::Done { record, .. }), Some(claim)) if record.is_empty() => running(claim, now),
        (other, _) => other,
    }
}

fn without_fingerprint(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    begin(row, &as_if_of(row, event), now)
}

/// The event, as if it asked for what the row is about.
fn as_if_of(row: Option<&Claim>, event: &Begin) -> Begin {
    let fingerprint = match row.map(|claim| claim.print) {
        Some(Print::Whole(fingerprint)) => Some(fingerprint),
        Some(Print::Pending(_)) | None => event.fingerprint,
    };
    Begin {
        fingerprint,
        ..event.clone()
    }
}

fn unread(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    match begin(row, event, now) {
        (_, Begun::BodyNeeded) => begin(row, &as_if_of(row, event), now),
        other => other,
    }
}

fn done_is_leased(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    let done = |claim: &&Claim| matches!(claim.state, State::Done(_)) && now >= claim.lease_until;
    begin(row.filter(|claim| !done(claim)), event, now)
}

/// The row, as if its lease were over.
fn stale(row: Option<&Claim>, now: Time) -> Option<Claim> {
    row.map(|claim| Claim {
        lease_until: now,
        ..claim.clone()
    })
}

fn impatient(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    begin(stale(row, now).as_ref(), event, now)
}

fn impatient_look(row: Option<&Claim>, event: &Begin, now: Time) -> Option<Begun> {
    look(stale(row, now).as_ref(), event, now)
}

/// A claim that is passed on shortly before its end ends within the new lease.
fn expiring_early(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    match (begin(row, event, now), row) {
        ((Write::Put(claim), begun), Some(before)) if now < before.expires_at => {
            let expires_at = before.expires_at;
            (
                Write::Put(Claim {
                    expires_at,
                    ..claim
                }),
                begun,
            )
        }
        (other, _) => other,
    }
}

fn without_refusal(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    begin(row.filter(|claim| now < claim.expires_at), event, now)
}

fn without_owner(row: Option<&Claim>, event: Settle, now: Time) -> (Write, Settled) {
    let attempt = row.map_or(event.attempt, |claim| claim.attempt);
    settle(row, Settle { attempt, ..event }, now)
}

fn release_by_key(row: Option<&Claim>, event: Settle, now: Time) -> (Write, Settled) {
    match event.ending {
        Ending::Release => without_owner(row, event, now),
        Ending::Store { .. } | Ending::Hold { .. } => settle(row, event, now),
    }
}

fn done_is_not_final(row: Option<&Claim>, event: Settle, now: Time) -> (Write, Settled) {
    let open = row.map(|claim| Claim {
        state: State::Unknown,
        ..claim.clone()
    });
    settle(open.as_ref(), event, now)
}

fn hold_stores(row: Option<&Claim>, event: Settle, now: Time) -> (Write, Settled) {
    let expires_at = row.map_or(now, |claim| claim.expires_at);
    let record = Record {
        attempt: number(event.attempt),
        scope: 0,
        print: 0,
        expires: 0,
        body: true,
    };
    let ending = match event.ending {
        Ending::Hold { .. } => Ending::Store {
            record: record.encode(),
            expires_at,
            fingerprint: Fingerprint::from_bytes([0; 32]),
        },
        other => other,
    };
    settle(row, Settle { ending, ..event }, now)
}

/// What KV has under the key, whosever it is.
fn any_record(world: &World, _attempt: u8, _print: u8) -> Option<Record> {
    world.requests.iter().find_map(|request| request.kv)
}

/// What KV has of the attempt, whatever it asked for.
fn uncompared(world: &World, attempt: u8, _print: u8) -> Option<Record> {
    world.request(attempt).kv
}
