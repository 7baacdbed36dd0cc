//! What must hold. Each property has a name, the rule of docs/protocol.md that it follows from, and the promise of docs/proof.md
//! that it is a part of.
//!
//! The *reached* properties say that a run is not empty: the thing happens somewhere.

use crate::onlooker::Breach;
use crate::setting::{Deadline, LEASE, LeaseOver, RETENTION, Setting};
use crate::step::{begin_of, settle_of};
use crate::world::{By, number};
use crate::world::{Mail, Phase, Record, Request, Told, World, print_of, time};
use reprise::protocol::claim::{Begun, Claim, State, Write};
use reprise::protocol::fingerprint::Print;
use stateright::Property;

type Of = Property<Setting>;

/// Everything that must hold in `setting`.
pub fn of(setting: &Setting) -> Vec<Of> {
    let mut all = vec![
        one_permit(),
        no_permit_after_done(),
        refused_key_stays_refused(),
        no_foreign_replay(),
        no_invented_replay(),
        nothing_shown_before_it_is_recorded(),
        fenced_owners_write_nothing(),
        done_is_final(),
        done_is_of_its_owner(),
        waiting_writes_nothing(),
        nobody_waits_for_itself(),
        mismatch_is_told(),
        running_ends_with_the_lease(),
        every_key_is_used_again(),
    ];
    // What an owner does that stalls for longer than its lease, no ledger can prevent: these need rule 6.4.
    if setting.deadline != Deadline::Never {
        all.extend([one_call_at_a_time(), no_call_after_done()]);
        if setting.lease_over == LeaseOver::Hold {
            all.push(one_call());
        }
    }
    if setting.strict {
        all.extend([
            released_for_good(),
            passed_over_for_good(),
            released_is_released(),
        ]);
    }
    all.extend(reached(setting));
    all
}

/// Promise 1; rules 5.1, 5.3, 5.4, 5.6, 5.17. Within a window, only its first attempt gets a permit, unless it is released. Under
/// run-again, the attempt that takes over after the lease gets it from then on, and the one before has it no more.
pub const ONE_PERMIT: &str = "one permit per key and window";
fn one_permit() -> Of {
    Property::always(ONE_PERMIT, |_, world| never(world, Breach::SecondPermit))
}

/// Promise 1; rules 6.1, 6.4. Under hold, the origin gets at most one request in a window, unless it is released in between: by
/// its outcome or by an operator.
pub const ONE_CALL: &str = "one call to the origin per key and window";
fn one_call() -> Of {
    Property::always(ONE_CALL, |_, world| never(world, Breach::SecondCall))
}

/// Promise 1; rules 5.17, 6.4. Also under run-again, two Workers never call at the same time.
pub const ONE_CALL_AT_A_TIME: &str = "one call to the origin at a time";
fn one_call_at_a_time() -> Of {
    Property::always(ONE_CALL_AT_A_TIME, |_, world| {
        never(world, Breach::CallsAtOnce)
    })
}

/// Promise 1; rule 5.5.
pub const NO_PERMIT_AFTER_DONE: &str = "no permit after done";
fn no_permit_after_done() -> Of {
    Property::always(NO_PERMIT_AFTER_DONE, |_, world| {
        never(world, Breach::PermitAfterDone)
    })
}

/// Promise 1; rules 5.5, 6.4.
pub const NO_CALL_AFTER_DONE: &str = "no call to the origin after done";
fn no_call_after_done() -> Of {
    Property::always(NO_CALL_AFTER_DONE, |_, world| {
        never(world, Breach::CallAfterDone)
    })
}

/// Rule 5.18.
pub const REFUSED_KEY_STAYS_REFUSED: &str = "a refused key stays refused";
fn refused_key_stays_refused() -> Of {
    Property::always(REFUSED_KEY_STAYS_REFUSED, |_, world| {
        never(world, Breach::PermitForRefusedKey)
    })
}

/// Promise 4; rules 3.3, 5.2. A record answers only the caller and the request that it is of.
pub const NO_FOREIGN_REPLAY: &str = "no replay for another scope or fingerprint";
fn no_foreign_replay() -> Of {
    Property::always(NO_FOREIGN_REPLAY, |_, world| {
        never(world, Breach::ForeignReplay)
    })
}

/// Promise 2; rules 5.5, 9.2. A replay is the record of an execution that the origin has answered, and that the ledger has
/// confirmed in this window.
pub const NO_INVENTED_REPLAY: &str = "a replay is of an execution that happened";
fn no_invented_replay() -> Of {
    Property::always(NO_INVENTED_REPLAY, |_, world| {
        never(world, Breach::InventedReplay)
    })
}

/// Promise 2; rule 9.1. Together with the one before and *done is final*: the client that executed saw what every retry sees.
pub const SHOWN_ONCE_RECORDED: &str = "nothing is shown before it is recorded";
fn nothing_shown_before_it_is_recorded() -> Of {
    Property::always(SHOWN_ONCE_RECORDED, |_, world| {
        never(world, Breach::ShownBeforeRecorded)
    })
}

/// Rules 5.9, 5.11. Whoever is not the owner changes nothing, and is not told that it did.
pub const FENCED_OWNERS_WRITE_NOTHING: &str = "a fenced owner writes nothing";
fn fenced_owners_write_nothing() -> Of {
    Property::always(FENCED_OWNERS_WRITE_NOTHING, |_, world| {
        never(world, Breach::FencedOwnerWrote)
    })
}

/// Promise 2; rule 5.10. Until it expires.
pub const DONE_IS_FINAL: &str = "done is final";
fn done_is_final() -> Of {
    Property::always(DONE_IS_FINAL, |_, world| never(world, Breach::DoneChanged))
}

/// Rules 5.9, 8.4. The record in a row is the one of the attempt in the row.
pub const DONE_IS_OF_ITS_OWNER: &str = "a record is of its owner";
fn done_is_of_its_owner() -> Of {
    Property::always(DONE_IS_OF_ITS_OWNER, |_, world| {
        rows(world).all(|claim| match &claim.state {
            State::Done(record) => Record::decode(record).attempt == number(claim.attempt),
            State::Running | State::Unknown => true,
        })
    })
}

/// Promise 1; rule 5.19.
pub const WAITING_WRITES_NOTHING: &str = "waiting writes nothing";
fn waiting_writes_nothing() -> Of {
    Property::always(WAITING_WRITES_NOTHING, |_, world| {
        never(world, Breach::WaitingWrote)
    })
}

/// Rule 5.4. Otherwise a key whose permit was lost on the way is lost, too.
pub const NOBODY_WAITS_FOR_ITSELF: &str = "nobody waits for itself";
fn nobody_waits_for_itself() -> Of {
    Property::always(NOBODY_WAITS_FOR_ITSELF, |_, world| {
        never(world, Breach::WaitsForItself)
    })
}

/// Promise 6; rules 5.2, 5.15.
pub const MISMATCH_IS_TOLD: &str = "a mismatch is told as one";
fn mismatch_is_told() -> Of {
    Property::always(MISMATCH_IS_TOLD, |_, world| {
        never(world, Breach::MismatchHidden)
    })
}

/// Promise 3; rule 5.6. Liveness: whatever has happened, a lease from now nobody is told any more that an attempt of before runs.
/// A claim is done, unknown, absent, or passed on.
pub const RUNNING_ENDS: &str = "running ends with the lease";
fn running_ends_with_the_lease() -> Of {
    Property::always(RUNNING_ENDS, |setting, world| {
        probe(setting, world, LEASE).all(|begun| !matches!(begun, Begun::Running { .. }))
    })
}

/// Rules 5.7, 5.8, 5.18. Liveness: whatever has happened, the key can be used again, no later than after the longest that a
/// contract can keep it.
pub const EVERY_KEY_IS_USED_AGAIN: &str = "every key can be used again";
fn every_key_is_used_again() -> Of {
    Property::always(EVERY_KEY_IS_USED_AGAIN, |setting, world| {
        probe(setting, world, RETENTION + setting.refuse)
            .all(|begun| matches!(begun, Begun::Execute { .. }))
    })
}

/// Not promised. An attempt that was released gets no permit again: a duplicate of its `begin` that comes later than all that has
/// happened since would have to be recognised.
pub const RELEASED_FOR_GOOD: &str = "a released attempt stays so";
fn released_for_good() -> Of {
    Property::always(RELEASED_FOR_GOOD, |_, world| {
        never(world, Breach::RevivedAfterRelease)
    })
}

/// Not promised, for the same reason. An attempt that was passed over gets no permit again.
pub const PASSED_OVER_FOR_GOOD: &str = "an attempt that was passed over stays so";
fn passed_over_for_good() -> Of {
    Property::always(PASSED_OVER_FOR_GOOD, |_, world| {
        never(world, Breach::RevivedAfterTakeOver)
    })
}

/// Not promised. Where a release is confirmed, the claim is gone: rule 5.10 confirms any ending of a claim that is done.
pub const RELEASED_IS_RELEASED: &str = "what is confirmed as released is released";
fn released_is_released() -> Of {
    Property::always(RELEASED_IS_RELEASED, |_, world| {
        never(world, Breach::FalselyReleased)
    })
}

/// Things that a run must come by.
fn reached(setting: &Setting) -> Vec<Of> {
    let mut all = vec![
        Property::sometimes("reached: a replay", |s, w| {
            would_be_told(s, w, |told| matches!(told, Told::Done(_)))
        }),
        Property::sometimes("reached: unknown", |_, w| {
            rows(w).any(|claim| claim.state == State::Unknown)
        }),
        Property::sometimes("reached: a second window", |_, w| {
            rows(w).any(|claim| claim.first_seen >= time(RETENTION))
        }),
    ];
    let mut add = |when: bool, property: Of| all.extend(when.then_some(property));
    let run_again = setting.lease_over == LeaseOver::RunAgain;
    add(
        run_again,
        Property::sometimes("reached: a claim passed on", |_, w| rows(w).any(passed_on)),
    );
    add(
        setting.wait > 0,
        Property::sometimes("reached: a replay after waiting", waited_for),
    );
    // A claim that is passed on is not adopted: its next attempt executes.
    add(
        setting.kv && !run_again,
        Property::sometimes("reached: an adoption", adopted),
    );
    add(
        setting.operator,
        Property::sometimes(
            "reached: a call after an operator's release",
            called_after_release,
        ),
    );
    let expired = |s: &Setting, w: &World| would_be_told(s, w, |told| *told == Told::Expired);
    add(
        setting.refuse > 0,
        Property::sometimes("reached: a refused key", expired),
    );
    let uploads = setting
        .asks
        .iter()
        .any(|asks| asks.iter().any(|ask| ask.upload));
    let body_needed =
        |s: &Setting, w: &World| would_be_told(s, w, |told| *told == Told::BodyNeeded);
    add(
        uploads,
        Property::sometimes("reached: a body to be compared", body_needed),
    );
    add(
        uploads,
        Property::sometimes("reached: an outcome of an unread body", |_, w| {
            rows(w).any(|claim| {
                claim.state == State::Unknown && matches!(claim.print, Print::Pending(_))
            })
        }),
    );
    let differs = setting
        .asks
        .iter()
        .any(|asks| asks.iter().any(|ask| ask.print != asks[0].print));
    let mismatch = |s: &Setting, w: &World| would_be_told(s, w, |told| *told == Told::Mismatch);
    add(
        differs,
        Property::sometimes("reached: a mismatch", mismatch),
    );
    all
}

/// Whether somebody calls `begin`, and would be told so.
fn would_be_told(setting: &Setting, world: &World, so: fn(&Told) -> bool) -> bool {
    let mut asking = world
        .requests
        .iter()
        .enumerate()
        .filter(|(_, request)| request.phase == Phase::Begin);
    asking.any(|(number, request)| {
        let row = world.rows[usize::from(request.scope)]
            .as_ref()
            .map(|row| &row.0);
        let event = begin_of(setting, number as u8, request);
        so(&Told::of(
            &(setting.rules.begin)(row, &event, time(world.now)).1,
        ))
    })
}

fn passed_on(claim: &Claim) -> bool {
    claim.lease_until > claim.first_seen.plus(LEASE.into())
}

fn waited_for(_: &Setting, world: &World) -> bool {
    let parked = world
        .requests
        .iter()
        .any(|request| request.phase == Phase::Parked);
    parked && rows(world).any(|claim| matches!(claim.state, State::Done(_)))
}

/// A record arrives in the name of an attempt that is not its sender's, and completes the claim.
fn adopted(setting: &Setting, world: &World) -> bool {
    world.mail.iter().any(|mail| match *mail {
        Mail::Settle {
            by: By::Worker(by),
            attempt,
            ending,
        } if by != attempt => {
            let claim = world.claim_of(&setting.rules, attempt);
            let row = world.rows[claim].as_ref().map(|row| &row.0);
            let (write, _) =
                (setting.rules.settle)(row, settle_of(claim, attempt, 0, ending), time(world.now));
            matches!(write, Write::Complete { .. })
        }
        _ => false,
    })
}

/// Within the window that the operator has closed, another attempt than the released one calls the origin.
fn called_after_release(_: &Setting, world: &World) -> bool {
    world.mail.iter().any(|mail| match mail {
        Mail::Settle {
            by: By::Operator,
            attempt,
            ..
        } => world.requests.iter().enumerate().any(|(number, request)| {
            let other = number != usize::from(*attempt)
                && world.rows[0]
                    .as_ref()
                    .is_some_and(|row| row.attempt() != *attempt);
            other && matches!(request.phase, Phase::Call { .. }) && world.now < RETENTION
        }),
        _ => false,
    })
}

fn never(world: &World, breach: Breach) -> bool {
    !world.onlooker.breaches.contains(&breach)
}

fn rows(world: &World) -> impl Iterator<Item = &Claim> {
    world.rows.iter().flatten().map(|row| &row.0)
}

/// What somebody new, with the request of each claim, would be told `ticks` from now if nothing else happened.
fn probe(setting: &Setting, world: &World, ticks: u8) -> impl Iterator<Item = Begun> {
    const NEW: u8 = 200;
    rows(world).map(move |claim| {
        // Beside a body that nobody has read, any body is the same.
        let request = Request {
            print: print_of(&claim.print),
            upload: false,
            ..world.requests[0].clone()
        };
        (setting.rules.begin)(
            Some(claim),
            &begin_of(setting, NEW, &request),
            time(world.now + ticks),
        )
        .1
    })
}
