//! How many new keys a caller may claim in one shard (docs/protocol.md rule 5.25).

use proptest::prelude::*;
use reprise::protocol::claim::ScopeId;
use reprise::protocol::new_keys::{CALLERS, NewKeys};
use reprise::protocol::time::Time;

const START: u64 = 1_700_000_000_000;
const MINUTE: u64 = 60_000;

fn at(ms: u64) -> Time {
    Time::from_millis(START + ms)
}

fn caller(number: u128) -> ScopeId {
    ScopeId::new(number.to_be_bytes())
}

/// Takes keys for `who` at `ms` until there are none, at most `most`; how many there were.
fn taken(keys: &mut NewKeys, who: ScopeId, ms: u64, most: u64) -> u64 {
    (0..most)
        .take_while(|_| {
            let free = keys.wait_ms(who, at(ms)) == 0;
            if free {
                keys.take(who, at(ms));
            }
            free
        })
        .count() as u64
}

#[test]
fn edge_130_rule_5_25_a_minutes_keys_at_once_and_then_one_after_the_other() {
    let mut keys = NewKeys::new(6);
    let who = caller(1);
    assert_eq!(taken(&mut keys, who, 0, 100), 6);
    assert_eq!(keys.wait_ms(who, at(0)), 10_000);
    assert_eq!(keys.wait_ms(who, at(9_999)), 1);
    assert_eq!(taken(&mut keys, who, 9_999, 100), 0);
    assert_eq!(taken(&mut keys, who, 10_000, 100), 1);
    assert_eq!(taken(&mut keys, who, 40_000, 100), 3);
    assert_eq!(taken(&mut keys, who, 40_000 + MINUTE, 100), 6);
    assert_eq!(
        taken(&mut keys, who, 100 * MINUTE, 100),
        6,
        "no more is saved up"
    );
}

#[test]
fn rule_5_25_a_limit_of_one_and_one_of_less_than_a_millisecond() {
    let mut keys = NewKeys::new(1);
    assert_eq!(taken(&mut keys, caller(1), 0, 100), 1);
    assert_eq!(
        keys.wait_ms(caller(1), at(0)),
        MINUTE,
        "never longer than a minute"
    );
    assert_eq!(taken(&mut keys, caller(1), MINUTE, 100), 1);

    let mut keys = NewKeys::new(1_000_000);
    assert_eq!(taken(&mut keys, caller(1), 0, 2_000_000), 1_000_000);
    assert_eq!(keys.wait_ms(caller(1), at(0)), 1);
    assert_eq!(taken(&mut keys, caller(1), 3, 100), 50, "3 ms at 60 µs");
}

#[test]
fn rule_5_25_zero_is_no_limit_and_counts_nobody() {
    let mut keys = NewKeys::new(0);
    assert_eq!(taken(&mut keys, caller(1), 0, 100_000), 100_000);
}

#[test]
fn edge_130_rule_5_25_one_caller_takes_nothing_of_anothers() {
    let mut keys = NewKeys::new(5);
    assert_eq!(taken(&mut keys, caller(1), 0, 100), 5);
    assert_eq!(taken(&mut keys, caller(2), 0, 100), 5);
    assert_eq!(taken(&mut keys, caller(1), 0, 100), 0);
}

#[test]
fn rule_5_25_a_clock_that_is_set_back_forgets_and_refuses_nobody() {
    let mut keys = NewKeys::new(60);
    assert_eq!(taken(&mut keys, caller(1), 1_000 * MINUTE, 100), 60);
    assert_eq!(taken(&mut keys, caller(1), 0, 100), 60);
    assert_eq!(taken(&mut keys, caller(1), 0, 100), 0);
}

#[test]
fn rule_5_25_so_many_callers_are_counted_and_the_busiest_are_not_forgotten() {
    let mut keys = NewKeys::new(10);
    let busiest = caller(0);
    assert_eq!(taken(&mut keys, busiest, 0, 100), 10);
    for other in 1..=5 * CALLERS as u128 {
        assert_eq!(
            keys.wait_ms(caller(other), at(1)),
            0,
            "nobody is refused for the number of others"
        );
        keys.take(caller(other), at(1));
    }
    assert!(keys.wait_ms(busiest, at(1)) > 0);
    let counted = (1..=5 * CALLERS as u128).filter(|other| {
        // Who has been forgotten has all ten again.
        taken(&mut keys.clone(), caller(*other), 1, 100) == 9
    });
    assert_eq!(counted.count(), CALLERS - 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Within any stretch of time, a caller gets no more than a minute's keys and what has come back since; and a caller that
    /// asks for no more than its rate is never refused.
    #[test]
    fn rule_5_25_no_order_of_asking_gets_more(
        per_minute in 1..=200_u32,
        pauses in prop::collection::vec(0..=3_000_u64, 1..200),
        others in prop::collection::vec(1..=3_u128, 200),
    ) {
        let mut keys = NewKeys::new(per_minute);
        let mut now = 0;
        let mut granted = Vec::new();
        for (pause, who) in pauses.iter().zip(others) {
            now += pause;
            if taken(&mut keys, caller(who), now, 1) == 1 && who == 1 {
                granted.push(now);
            }
        }
        for (first, from) in granted.iter().enumerate() {
            for (last, to) in granted.iter().enumerate().skip(first) {
                let most = u64::from(per_minute) * (MINUTE + to - from) / MINUTE;
                prop_assert!((last - first) as u64 <= most, "{} keys in {} ms", last - first + 1, to - from);
            }
        }
    }

    #[test]
    fn rule_5_25_who_keeps_to_the_rate_is_never_refused(per_minute in 1..=1_000_u32, late in prop::collection::vec(0..=50_u64, 100)) {
        let mut keys = NewKeys::new(per_minute);
        let share = MINUTE.div_ceil(per_minute.into());
        let mut now = 0;
        for late in late {
            prop_assert_eq!(taken(&mut keys, caller(1), now, 1), 1);
            now += share + late;
        }
    }
}
