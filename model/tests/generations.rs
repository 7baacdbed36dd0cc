//! Two generations of shards, exhausted; and the three ways to do it wrong, each found.

use reprise::protocol::claim::{Begin, Begun, Claim, look};
use reprise::protocol::time::Time;
use reprise_model::generations::{Generations, Looks, NONE_AFTER_DONE, ONE_CALL, REAL};
use stateright::{Checker, Model};

#[test]
fn rule_5_23_of_workers_of_two_generations_at_most_one_calls() {
    let checker = REAL.checker().spawn_bfs().join();
    checker.assert_properties();
    println!(
        "model: two generations: {} states, depth {}",
        checker.unique_state_count(),
        checker.max_depth() - 1
    );
}

fn caught(defect: &str, mutated: Generations, property: &'static str) {
    let checker = mutated.checker().spawn_bfs().join();
    let path = checker.discovery(property);
    let steps = path.expect(defect).into_actions().len();
    println!("model: caught in {steps} steps: {defect}");
}

#[test]
fn looking_before_beginning_is_caught() {
    let looks = Looks::BeforeBegin;
    caught(
        "two Workers look, then both begin",
        Generations { looks, ..REAL },
        ONE_CALL,
    );
}

#[test]
fn not_looking_is_caught() {
    let looks = Looks::Never;
    let mutated = Generations { looks, ..REAL };
    caught(
        "the other generation is forgotten",
        mutated,
        NONE_AFTER_DONE,
    );
}

/// What a waiting call is told is not enough: an attempt whose lease is over has left a claim that nobody has marked yet.
fn only_what_needs_no_write(row: Option<&Claim>, event: &Begin, now: Time) -> Option<Begun> {
    look(row, event, now)
}

#[test]
fn overlooking_a_lease_that_is_over_is_caught() {
    let peek = only_what_needs_no_write;
    caught(
        "a claim whose lease is over looks free",
        Generations { peek, ..REAL },
        ONE_CALL,
    );
}
