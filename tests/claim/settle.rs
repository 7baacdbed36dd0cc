//! `settle` against every state at every time.

use crate::begin::check_begin;
use crate::*;
use reprise::protocol::claim::{Settled, begin, settle};
use reprise::protocol::compiled;
use reprise::protocol::policy::Policy;

fn settled(words: &str, now: u64) -> (Write, Settled) {
    match words {
        "completes" => {
            let expires_at = at(now + RETENTION);
            let complete = Write::Complete {
                record: b"new".to_vec(),
                expires_at,
                fingerprint: print(1),
            };
            (complete, Settled::Recorded)
        }
        "removes" => (Write::Remove, Settled::Recorded),
        "marks" => {
            let fingerprint = Some(print(1));
            (Write::MarkUnknown { fingerprint }, Settled::Recorded)
        }
        "was so" => (Write::Keep, Settled::Recorded),
        "fenced" => (Write::Keep, Settled::Fenced),
        other => panic!("{other}"),
    }
}

/// State, and what store, release and hold do while the claim has not expired: from its own attempt, from another one.
const SETTLE: [(&str, [&str; 3], [&str; 3]); 4] = {
    const FENCED: [&str; 3] = ["fenced"; 3];
    const ABSENT: [&str; 3] = ["fenced", "was so", "fenced"];
    [
        ("absent", ABSENT, ABSENT),
        ("running", ["completes", "removes", "marks"], FENCED),
        // What it would store is another record than the one that is kept.
        ("done", ["fenced", "was so", "was so"], FENCED),
        ("unknown", ["completes", "removes", "was so"], FENCED),
    ]
};

/// As [`check_begin`], for `chosen(state, attempt is its own, words)`.
fn check_settle(chosen: impl Fn(&str, bool, &str) -> bool) -> usize {
    let mut checked = 0;
    for (state, row) in states() {
        let (_, own, other) = SETTLE.iter().find(|(s, ..)| *s == state).unwrap();
        // The lease says nothing about `settle`: an owner that is late but alone is not fenced.
        let moments = TIMES.iter().take(2).flat_map(|(_, moments)| moments);
        for now in moments.copied() {
            for (name, cells) in [(1, own), (2, other)] {
                for (word, words) in ["store", "release", "hold"].into_iter().zip(cells) {
                    if !chosen(state, name == 1, words) {
                        continue;
                    }
                    checked += 1;
                    assert_eq!(
                        settle(row.as_ref(), ends(name, ending(word, now)), at(now)),
                        settled(words, now),
                        "{state}, {word} by attempt {name} at {now}"
                    );
                }
            }
        }
    }
    checked
}

#[test]
fn every_state_against_every_settle() {
    assert_eq!(check_settle(|_, _, _| true), 4 * 4 * 2 * 3);
}

#[test]
fn rule_5_7_a_claim_whose_expiry_has_come_is_absent_for_both_events() {
    assert_eq!(check_begin(|_, time, _| time == "expired"), 4 * 4 * 2);
    for (state, row) in states().into_iter().skip(1) {
        for now in [START + RETENTION, START + 10 * RETENTION] {
            for name in [1, 2] {
                for word in ["store", "hold"] {
                    assert_eq!(
                        settle(row.as_ref(), ends(name, ending(word, now)), at(now)),
                        (Write::Keep, Settled::Fenced),
                        "{state}, {word} by attempt {name} at {now}"
                    );
                }
                let released = settle(row.as_ref(), ends(name, Ending::Release), at(now));
                assert_eq!(released.0, Write::Keep, "{state}, release by {name}");
            }
        }
    }
}

#[test]
fn rule_5_8_lease_and_expiry_are_two_times_and_completion_may_move_the_expiry() {
    let asked = Begin {
        lease_ms: 3,
        retention_ms: 5,
        ..asks(1, 1)
    };
    let (Write::Put(mut claim), _) = begin(None, &asked, at(START)) else {
        panic!("rule 5.1")
    };
    assert_eq!(
        (claim.lease_until, claim.expires_at),
        (at(START + 3), at(START + 5))
    );
    let late = START + 50;
    let store = Ending::Store {
        record: KEPT.to_vec(),
        expires_at: at(late),
        fingerprint: print(1),
    };
    let (write, _) = settle(Some(&claim), ends(1, store), at(START + 4));
    claim = applied(Some(claim), write).unwrap();
    assert_eq!(claim.expires_at, at(late));
    assert_eq!(
        begin(Some(&claim), &asks(2, 1), at(late - 1)).0,
        Write::Keep
    );
    assert!(matches!(
        begin(Some(&claim), &asks(2, 1), at(late)).0,
        Write::Put(_)
    ));
}

#[test]
fn rule_5_8_a_policy_whose_claims_expire_within_the_lease_is_refused() {
    let policy = |seconds: u32| {
        let text = format!(
            "origin = \"http://h\"\n[[routes]]\nmatch = \"POST /x\"\ncall = {{ deadline_seconds = 60, lease_seconds = 90 }}\n\
             [routes.retention]\nseconds = {seconds}\n"
        );
        Policy::parse("test", &text, compiled::CONTRACTS)
    };
    assert!(policy(60).is_err());
    assert!(policy(90).is_err());
    let route = policy(3600).unwrap().routes.remove(0);
    assert!(route.contract.unwrap().retention.ms > route.lease_ms);
}

#[test]
fn rule_5_9_the_owner_ends_a_claim_that_is_running_or_unknown() {
    let own = check_settle(|state, own, _| own && (state == "running" || state == "unknown"));
    assert_eq!(own, 2 * 3 * 4);
}

#[test]
fn rule_5_10_settling_again_answers_as_the_first_time() {
    assert_eq!(check_settle(|_, own, words| own && words == "was so"), 16);
    for word in ["store", "release", "hold"] {
        let event = || ends(1, ending(word, START + 1));
        let (write, first) = settle(Some(&row(State::Running)), event(), at(START + 1));
        let after = applied(Some(row(State::Running)), write);
        let again = settle(after.as_ref(), event(), at(START + 2));
        assert_eq!(again, (Write::Keep, first), "{word}");
    }
}

#[test]
fn rule_5_10_what_is_confirmed_as_stored_is_what_is_held() {
    let done = row(State::Done(KEPT.to_vec()));
    let settles = |record: &[u8]| {
        let store = Ending::Store {
            record: record.to_vec(),
            expires_at: done.expires_at,
            fingerprint: print(1),
        };
        settle(Some(&done), ends(1, store), at(START + 1))
    };
    assert_eq!(settles(KEPT), (Write::Keep, Settled::Recorded));
    // In the attempt's name, another record is held: whoever shows this one shows what no retry will see.
    assert_eq!(settles(b"another answer"), (Write::Keep, Settled::Fenced));
}

#[test]
fn rule_5_11_anybody_else_is_fenced() {
    assert_eq!(
        check_settle(|_, own, words| !own && words == "fenced"),
        4 * (2 + 9)
    );
    assert_eq!(
        check_settle(|state, own, words| own && state == "absent" && words == "fenced"),
        4 * 2
    );
    // A release that finds nothing was done before; one that finds another owner was not.
    let release = || ends(1, Ending::Release);
    assert_eq!(settle(None, release(), at(START)).1, Settled::Recorded);
    let taken = Claim {
        attempt: attempt(2),
        ..row(State::Running)
    };
    assert_eq!(
        settle(Some(&taken), release(), at(START)),
        (Write::Keep, Settled::Fenced)
    );
}
