//! `begin` against every state at every time, under the contract's defaults.

use crate::*;
use reprise::protocol::claim::{Begun, begin};
use reprise::protocol::compiled;
use reprise::protocol::policy::Policy;

fn new_row(event: &Begin, now: u64) -> Claim {
    Claim {
        print: event
            .fingerprint
            .map_or(Print::Pending(event.head), Print::Whole),
        sketch: event.sketch.clone(),
        attempt: event.attempt,
        state: State::Running,
        first_seen: at(now),
        lease_until: at(now + LEASE),
        expires_at: at(now + RETENTION),
        refuse_ms: 0,
    }
}

/// What the words of the table of `begin` mean.
fn begun(words: &str, event: &Begin, now: u64) -> (Write, Begun) {
    let expires_at = at(START + RETENTION);
    let attempt = attempt(1);
    match words {
        "runs" => (
            Write::Put(new_row(event, now)),
            Begun::Execute {
                first_seen: at(now),
                expires_at: at(now + RETENTION),
                lease_left_ms: LEASE,
            },
        ),
        "runs, as before" => (
            Write::Keep,
            Begun::Execute {
                first_seen: at(START),
                expires_at,
                lease_left_ms: START + LEASE - now,
            },
        ),
        "running" => (
            Write::Keep,
            Begun::Running {
                age_ms: now - START,
                lease_until: at(START + LEASE),
                expires_at,
            },
        ),
        "record" => (
            Write::Keep,
            Begun::Done {
                attempt,
                expires_at,
                record: KEPT.to_vec(),
            },
        ),
        "mismatch" => (
            Write::Keep,
            Begun::Mismatch {
                attempt,
                expires_at,
                sketch: sketch(1),
                record: None,
            },
        ),
        "unknown" => (
            Write::Keep,
            Begun::Unknown {
                attempt,
                expires_at,
                lease_left_ms: (START + LEASE).saturating_sub(now),
                same: true,
            },
        ),
        "unknown from now on" => (
            Write::MarkUnknown { fingerprint: None },
            Begun::Unknown {
                attempt,
                expires_at,
                lease_left_ms: (START + LEASE).saturating_sub(now),
                same: true,
            },
        ),
        other => panic!("{other}"),
    }
}

/// State, time; then the answer to the row's own attempt and to another one with the same fingerprint, and to both with
/// another fingerprint.
const BEGIN: [(&str, &str, [&str; 4]); 12] = {
    const M: &str = "mismatch";
    const U: &str = "unknown";
    const NOW_U: &str = "unknown from now on";
    [
        ("absent", "leased", ["runs"; 4]),
        ("absent", "lease over", ["runs"; 4]),
        ("absent", "expired", ["runs"; 4]),
        ("running", "leased", ["runs, as before", "running", M, M]),
        ("running", "lease over", [NOW_U, NOW_U, M, M]),
        ("running", "expired", ["runs"; 4]),
        ("done", "leased", ["record", "record", M, M]),
        ("done", "lease over", ["record", "record", M, M]),
        ("done", "expired", ["runs"; 4]),
        ("unknown", "leased", [U, U, M, M]),
        ("unknown", "lease over", [U, U, M, M]),
        ("unknown", "expired", ["runs"; 4]),
    ]
};

/// Holds the cells of the table that `chosen(state, time, words)` takes to what `begin` does; says how many those were.
pub fn check_begin(chosen: impl Fn(&str, &str, &str) -> bool) -> usize {
    let mut checked = 0;
    for (state, row) in states() {
        for (time, moments) in TIMES {
            let (_, _, cells) = BEGIN
                .iter()
                .find(|(s, t, _)| *s == state && *t == time)
                .unwrap();
            let events = [asks(1, 1), asks(2, 1), asks(1, 2), asks(2, 2)];
            for (words, event) in cells.iter().zip(&events) {
                for now in moments {
                    if !chosen(state, time, words) {
                        continue;
                    }
                    checked += 1;
                    assert_eq!(
                        begin(row.as_ref(), event, at(now)),
                        begun(words, event, now),
                        "{state}, {time}, {now}: {event:?}"
                    );
                }
            }
        }
    }
    checked
}

#[test]
fn every_state_against_every_begin() {
    assert_eq!(check_begin(|_, _, _| true), 4 * 3 * 4 * 2);
}

#[test]
fn rule_5_1_the_first_begin_writes_a_running_claim_and_may_execute() {
    assert_eq!(check_begin(|state, _, _| state == "absent"), 24);
    let (write, answer) = begin(None, &asks(1, 1), at(START));
    assert_eq!(write, Write::Put(row(State::Running)));
    assert!(matches!(answer, Begun::Execute { .. }));
    // It is the only permission: nothing else that is written lets anybody execute.
    for (state, row) in states().into_iter().skip(1) {
        for now in START..START + RETENTION {
            let (_, answer) = begin(row.as_ref(), &asks(2, 1), at(now));
            assert!(!matches!(answer, Begun::Execute { .. }), "{state} {now}");
        }
    }
}

/// Contracts whose documents say a day, and one that says seven.
#[test]
fn edge_118_rule_5_7_a_key_is_new_at_the_very_end_of_its_retention() {
    for (name, hours) in [
        ("ietf", 24),
        ("surveycoder", 24),
        ("redactr", 24),
        ("speechify", 24),
        ("adyen", 168),
    ] {
        let text = format!(
            "origin = \"http://h\"\n[[routes]]\nmatch = \"POST /x\"\ncontract = \"{name}\""
        );
        let route = Policy::parse("test", &text, compiled::CONTRACTS)
            .unwrap()
            .routes
            .remove(0);
        let asks = |attempt| Begin {
            lease_ms: route.lease_ms,
            retention_ms: route.contract.as_ref().unwrap().retention.ms,
            ..asks(attempt, 1)
        };
        let (Write::Put(claim), _) = begin(None, &asks(1), at(START)) else {
            panic!("rule 5.1")
        };
        let done = Claim {
            state: State::Done(KEPT.to_vec()),
            ..claim
        };
        let end = START + hours * 60 * 60 * 1000;
        for (now, is_new) in [
            (end - 1000, false),
            (end - 1, false),
            (end, true),
            (end + 1000, true),
            (end + 60 * 60 * 1000, true),
        ] {
            let (_, answer) = begin(Some(&done), &asks(2), at(now));
            match is_new {
                true => assert!(
                    matches!(answer, Begun::Execute { first_seen, .. } if first_seen == at(now)),
                    "{name} {answer:?}"
                ),
                false => assert!(matches!(answer, Begun::Done { .. }), "{name} {answer:?}"),
            }
        }
    }
}

#[test]
fn rule_5_2_another_fingerprint_is_a_mismatch_whatever_the_state() {
    assert_eq!(check_begin(|_, _, words| words == "mismatch"), 3 * 2 * 4);
}

#[test]
fn rule_5_3_a_running_claim_says_for_how_long() {
    assert_eq!(check_begin(|_, _, words| words == "running"), 2);
    // A clock that went back since is no reason for a huge age.
    let (write, answer) = begin(Some(&row(State::Running)), &asks(2, 1), at(START - 5));
    let expires_at = at(START + RETENTION);
    assert_eq!(write, Write::Keep);
    assert_eq!(
        answer,
        Begun::Running {
            age_ms: 0,
            lease_until: at(START + LEASE),
            expires_at
        }
    );
}

#[test]
fn rule_5_4_the_same_begin_again_may_execute_again() {
    assert_eq!(check_begin(|_, _, words| words == "runs, as before"), 2);
}

#[test]
fn edge_218_rule_5_5_a_done_claim_gives_its_record_lease_or_none() {
    assert_eq!(check_begin(|_, _, words| words == "record"), 2 * 2 * 2);
}

#[test]
fn rule_5_6_a_running_claim_whose_lease_is_over_is_written_down_as_unknown() {
    let asked = check_begin(|state, time, words| {
        state == "running" && time == "lease over" && words != "mismatch"
    });
    assert_eq!(asked, 2 * 2);
    assert_eq!(check_begin(|_, _, words| words == "unknown"), 2 * 2 * 2);
}
