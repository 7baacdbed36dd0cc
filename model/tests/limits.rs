//! What the functions do not give, with the shortest way to see it. Each is described in docs/proof.md; a test that fails here
//! says that a limit is gone.

use reprise_model::check::shortest;
use reprise_model::properties::*;
use reprise_model::setting::{Deadline, Setting};
use reprise_model::settings::*;

fn finds(setting: Setting, property: &'static str) {
    let way = shortest(&setting, property).expect("a counterexample: is the limit gone?");
    println!(
        "model: limit: {:?} does not hold in setting {:?}:",
        property, setting.name
    );
    for action in way {
        println!("model:   {action:?}");
    }
}

/// Where the deadline counts from the call, a permit that arrives late leads to a call that outlives the lease: under run-again
/// the next attempt calls at the same time. The lease does not begin anew when a permit is given again (rule 5.4).
#[test]
fn a_deadline_that_counts_from_the_call_does_not_end_with_the_lease() {
    finds(
        Setting {
            deadline: Deadline::FromDispatch(1),
            ..RUN_AGAIN
        },
        ONE_CALL_AT_A_TIME,
    );
}

/// A duplicate of `begin` that arrives after its attempt was released opens the claim again, with nobody at work.
#[test]
fn a_late_duplicate_of_begin_revives_a_released_attempt() {
    finds(
        Setting {
            strict: true,
            ..HOLD
        },
        RELEASED_FOR_GOOD,
    );
}

/// So does one that arrives after the lease of the attempt that has taken over; and the older attempt is not fenced any more.
#[test]
fn a_late_duplicate_of_begin_revives_an_attempt_that_was_passed_over() {
    finds(
        Setting {
            strict: true,
            ..RUN_AGAIN
        },
        PASSED_OVER_FOR_GOOD,
    );
}

/// An operator whose release arrives after the record reads that it is `Recorded`; the claim is done, and stays.
#[test]
fn a_release_of_a_claim_that_is_done_is_confirmed() {
    finds(
        Setting {
            strict: true,
            ..OPERATOR
        },
        RELEASED_IS_RELEASED,
    );
}
