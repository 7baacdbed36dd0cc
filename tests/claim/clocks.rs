//! Clocks that are set back and forth (rule 5.27): no function of the claim takes time to go on.

use crate::*;
use proptest::prelude::*;
use reprise::protocol::claim::{Begun, Settled, begin, settle};

/// Around the times of the row, and at both ends of time.
fn moment() -> impl Strategy<Value = u64> {
    prop_oneof![START - 20..START + 3 * RETENTION, Just(0), Just(u64::MAX),]
}

fn any_row() -> impl Strategy<Value = Claim> {
    let state = prop_oneof![
        Just(State::Running),
        Just(State::Unknown),
        Just(State::Done(KEPT.to_vec())),
    ];
    (
        state,
        moment(),
        moment(),
        moment(),
        prop_oneof![Just(0), Just(30), Just(u64::MAX)],
    )
        .prop_map(
            |(state, first_seen, lease_until, expires_at, refuse_ms)| Claim {
                first_seen: at(first_seen),
                lease_until: at(lease_until),
                expires_at: at(expires_at),
                refuse_ms,
                ..row(state)
            },
        )
}

fn any_begin() -> impl Strategy<Value = Begin> {
    (1..=2_u8, 1..=2_u8, any::<[bool; 2]>()).prop_map(
        |(attempt, print, [run_again, running_first])| Begin {
            run_again,
            running_first,
            ..asks(attempt, print)
        },
    )
}

fn permits(answer: &Begun) -> bool {
    matches!(answer, Begun::Execute { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

    #[test]
    fn fault_c1_rule_5_27_an_earlier_clock_permits_nothing_that_a_later_one_does_not(
        row in any_row(), event in any_begin(), one in moment(), other in moment(),
    ) {
        let (early, late) = (at(one.min(other)), at(one.max(other)));
        let own = row.attempt == event.attempt && row.state == State::Running;
        let (_, before) = begin(Some(&row), &event, early);
        let (_, after) = begin(Some(&row), &event, late);
        // A permit that was given already, and whose reply was lost, is given again within its lease (rule 5.4). And a claim that
        // is passed on is so until its key is refused (rule 5.17).
        let passed_on = event.run_again && matches!(after, Begun::Expired { .. });
        prop_assert!(!permits(&before) || permits(&after) || own || passed_on, "{:?} at {:?}, {:?} at {:?}", before, early, after, late);
    }

    #[test]
    fn fault_c1_rule_5_27_no_age_is_negative_and_no_time_overflows(row in any_row(), event in any_begin(), now in moment()) {
        let now = at(now);
        match begin(Some(&row), &event, now).1 {
            Begun::Running { age_ms, lease_until, .. } => {
                prop_assert_eq!(age_ms, now.millis().saturating_sub(row.first_seen.millis()));
                prop_assert!(now < lease_until);
            }
            Begun::Execute { expires_at, lease_left_ms, .. } => {
                prop_assert!(expires_at > now || now == at(u64::MAX));
                prop_assert!(lease_left_ms > 0 || now == at(u64::MAX));
            }
            Begun::Unknown { lease_left_ms, .. } => prop_assert_eq!(lease_left_ms, row.lease_until.millis().saturating_sub(now.millis())),
            _ => {}
        }
    }

    #[test]
    fn fault_c1_rule_5_27_by_a_clock_that_shows_no_expiry_a_key_runs_once_in_whatever_order_its_times_come(
        moments in prop::collection::vec((0..START + RETENTION, 1..=5_u8, any::<bool>()), 1..20),
    ) {
        let first = asks(9, 1);
        let (write, _) = begin(None, &first, at(START));
        let mut row = applied(None, write);
        for (now, name, settles) in moments {
            let event = asks(name, 1);
            let (write, answer) = begin(row.as_ref(), &event, at(now));
            prop_assert!(!permits(&answer), "{:?} at {}", answer, now);
            row = applied(row, write);
            if settles {
                let (write, answer) = settle(row.as_ref(), ends(name, Ending::Release), at(now));
                prop_assert_eq!(answer, Settled::Fenced);
                row = applied(row, write);
            }
        }
    }
}
