//! What a contract may change about `begin`, and what a call that has waited is answered.

use crate::*;
use reprise::protocol::claim::{Begun, Settled, begin, look, peek, settle};

/// For how long an expired key is refused here.
const REFUSE: u64 = 50;

fn running_first(event: Begin) -> Begin {
    Begin {
        running_first: true,
        ..event
    }
}

fn run_again(event: Begin) -> Begin {
    Begin {
        run_again: true,
        ..event
    }
}

/// As [`row`], of a contract that refuses expired keys.
fn refused_later(state: State) -> Claim {
    Claim {
        refuse_ms: REFUSE,
        ..row(state)
    }
}

#[test]
fn rule_5_15_running_first_hides_a_mismatch_while_the_first_request_is_in_its_lease() {
    for (state, row) in states().into_iter().skip(1) {
        let row = row.as_ref();
        for (time, moments) in TIMES.iter().take(2) {
            for now in moments.map(at) {
                let plain = begin(row, &asks(2, 2), now);
                let first = begin(row, &running_first(asks(2, 2)), now);
                if (state, *time) == ("running", "leased") {
                    assert_eq!(first, begin(row, &asks(2, 1), now), "as a true retry");
                    assert!(matches!(first, (Write::Keep, Begun::Running { .. })));
                } else {
                    assert_eq!(first, plain, "{state} {time}");
                }
                let same = running_first(asks(2, 1));
                assert_eq!(begin(row, &same, now), begin(row, &asks(2, 1), now));
            }
        }
    }
}

#[test]
fn rule_5_16_a_mismatch_tells_the_sketch_and_the_record_only_where_it_was_asked_for() {
    for (state, row) in states().into_iter().skip(1) {
        for tell_record in [false, true] {
            let event = Begin {
                tell_record,
                ..asks(2, 2)
            };
            let told =
                (tell_record && state == "done").then(|| b"the record of attempt 1".to_vec());
            let expected = Begun::Mismatch {
                attempt: attempt(1),
                expires_at: at(START + RETENTION),
                sketch: sketch(1),
                record: told,
            };
            let answer = begin(row.as_ref(), &event, at(START + 1));
            assert_eq!(answer, (Write::Keep, expected), "{state}");
        }
    }
}

#[test]
fn rule_5_17_where_the_contract_runs_again_a_lease_that_is_over_passes_the_claim_on() {
    let old = refused_later(State::Running);
    let now = START + LEASE;
    let (write, answer) = begin(Some(&old), &run_again(asks(2, 1)), at(now));
    let taken = Claim {
        sketch: sketch(2),
        attempt: attempt(2),
        lease_until: at(now + LEASE),
        ..old
    };
    assert_eq!(write, Write::Put(taken.clone()));
    assert_eq!(
        answer,
        Begun::Execute {
            first_seen: at(START),
            expires_at: at(START + RETENTION),
            lease_left_ms: LEASE,
        }
    );
    // From then on the claim is the second attempt's, and the first one is fenced, whatever it brings.
    for word in ["store", "release", "hold"] {
        let late = ends(1, ending(word, now + 1));
        assert_eq!(
            settle(Some(&taken), late, at(now + 1)),
            (Write::Keep, Settled::Fenced)
        );
        let own = ends(2, ending(word, now + 1));
        assert_eq!(settle(Some(&taken), own, at(now + 1)).1, Settled::Recorded);
    }
    let (_, third) = begin(Some(&taken), &run_again(asks(3, 1)), at(now + LEASE - 1));
    assert!(matches!(third, Begun::Running { .. }), "{third:?}");
}

#[test]
fn rule_5_17_nothing_else_is_run_again() {
    for (state, row) in states().into_iter().skip(1) {
        for (time, moments) in TIMES.iter().take(2) {
            for now in moments.map(at) {
                for name in [1, 2] {
                    for fingerprint in [1, 2] {
                        let event = asks(name, fingerprint);
                        if (state, *time, fingerprint) == ("running", "lease over", 1) {
                            continue;
                        }
                        assert_eq!(
                            begin(row.as_ref(), &run_again(event.clone()), now),
                            begin(row.as_ref(), &event, now),
                            "{state} {time} {name} {fingerprint}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn rule_5_17_rule_5_8_a_claim_that_is_passed_on_does_not_expire_within_the_new_lease() {
    let now = START + RETENTION - 1;
    let old = refused_later(State::Running);
    let (Write::Put(taken), answer) = begin(Some(&old), &run_again(asks(2, 1)), at(now)) else {
        panic!("not passed on")
    };
    assert_eq!(taken.expires_at, at(now + LEASE));
    assert_eq!(taken.keep_until(), at(now + LEASE + REFUSE));
    let expires_at = taken.expires_at;
    let first_seen = at(START);
    assert_eq!(
        answer,
        Begun::Execute {
            first_seen,
            expires_at,
            lease_left_ms: LEASE,
        }
    );
}

#[test]
fn rule_5_18_an_expired_key_is_refused_for_as_long_as_its_first_request_said() {
    let event = Begin {
        refuse_expired_ms: REFUSE,
        ..asks(1, 1)
    };
    let (Write::Put(fresh), _) = begin(None, &event, at(START)) else {
        panic!("rule 5.1")
    };
    assert_eq!(fresh, refused_later(State::Running));

    let expired = Begun::Expired {
        expired_at: at(START + RETENTION),
        until: at(START + RETENTION + REFUSE),
    };
    for state in [State::Running, State::Done(b"r".to_vec()), State::Unknown] {
        let row = refused_later(state);
        // The row decides: a contract that has changed since neither frees a key nor blocks it for longer.
        for event in [
            asks(1, 1),
            asks(2, 1),
            asks(2, 2),
            run_again(asks(2, 1)),
            event.clone(),
        ] {
            let before = begin(Some(&row), &event, at(START + RETENTION - 1)).1;
            assert!(!matches!(before, Begun::Expired { .. }));
            for now in [START + RETENTION, START + RETENTION + REFUSE - 1] {
                let answer = begin(Some(&row), &event, at(now));
                assert_eq!(answer, (Write::Keep, expired.clone()));
            }
            let (write, answer) = begin(Some(&row), &event, at(START + RETENTION + REFUSE));
            assert!(matches!(write, Write::Put(_)));
            assert!(matches!(answer, Begun::Execute { .. }));
        }
    }
}

#[test]
fn rule_5_18_settle_finds_a_refused_key_absent() {
    for state in [State::Running, State::Unknown] {
        let row = refused_later(state);
        let now = START + RETENTION;
        for word in ["store", "hold"] {
            let late = ends(1, ending(word, now));
            let answer = settle(Some(&row), late, at(now));
            assert_eq!(answer, (Write::Keep, Settled::Fenced), "{word}");
        }
        let release = settle(Some(&row), ends(1, Ending::Release), at(now));
        assert_eq!(release, (Write::Keep, Settled::Recorded));
    }
}

#[test]
fn rule_5_18_a_retention_from_completion_moves_the_refusal_along() {
    let row = refused_later(State::Running);
    let now = START + 7;
    let (write, _) = settle(Some(&row), ends(1, ending("store", now)), at(now));
    let done = applied(Some(row), write).unwrap();
    assert_eq!(done.expires_at, at(now + RETENTION));
    assert_eq!(done.keep_until(), at(now + RETENTION + REFUSE));
}

/// Every row, also one of a contract that refuses expired keys, against every `begin`, at every time.
#[test]
fn rule_5_19_who_has_waited_is_told_what_needs_no_write_and_is_never_permitted() {
    let mut told = 0;
    let mut asks_again = 0;
    let refused = refused_later(State::Done(b"r".to_vec()));
    let rows = states().into_iter().chain([("refused", Some(refused))]);
    for (state, row) in rows {
        for now in TIMES.iter().flat_map(|(_, moments)| moments.map(at)) {
            for event in [asks(1, 1), asks(2, 1), asks(2, 2), run_again(asks(2, 1))] {
                let (write, answer) = begin(row.as_ref(), &event, now);
                let permitted = matches!(answer, Begun::Execute { .. });
                match look(row.as_ref(), &event, now) {
                    Some(seen) => {
                        told += 1;
                        assert!(!permitted && write == Write::Keep, "{state} {now:?}");
                        assert_eq!(seen, answer);
                    }
                    None => {
                        asks_again += 1;
                        let marks = Write::MarkUnknown { fingerprint: None };
                        assert!(permitted || write == marks, "{state} {now:?}");
                    }
                }
            }
        }
    }
    assert_eq!((told, asks_again), (TOLD, 120 - TOLD));
}

/// Of the 120 cases above: running, leased, but for its own attempt: 3 × 2; lease over, another fingerprint: 2; done: 4 × 4;
/// unknown: 4 × 4; refused, which counts as done before: 4 × 4, and for one of the two later moments: 4.
const TOLD: usize = 6 + 2 + 16 + 16 + 20;

#[test]
fn rule_5_23_a_look_from_another_generation_tells_what_stands_in_the_way_and_writes_nothing() {
    for (state, row) in states() {
        let row = row.as_ref();
        for (time, moments) in TIMES {
            for now in moments.map(at) {
                for fingerprint in [1, 2] {
                    let event = asks(2, fingerprint);
                    let (write, answer) = begin(row, &event, now);
                    let seen = peek(row, &event, now);
                    // What could be begun here is in nobody's way; all else is told as it would be here.
                    match write {
                        Write::Put(_) => assert_eq!(seen, None, "{state} {time}"),
                        _ => assert_eq!(seen, Some(answer), "{state} {time}"),
                    }
                }
            }
        }
    }
    // Not even the attempt that runs there gets a permit from a look.
    let running = Some(row(State::Running));
    assert_eq!(peek(running.as_ref(), &asks(1, 1), at(START)), None);
}
