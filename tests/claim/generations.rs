//! What two generations of shards come to, by what each of them says.

use crate::*;
use reprise::protocol::claim::Begun;
use reprise::protocol::generations::{Both, both, other_counts};

/// Every answer that there is, with a word for it.
fn answers() -> [(&'static str, Begun); 8] {
    let (attempt, expires_at) = (attempt(1), at(START + RETENTION));
    [
        (
            "execute",
            Begun::Execute {
                first_seen: at(START),
                expires_at,
                lease_left_ms: LEASE,
            },
        ),
        ("too many keys", Begun::TooManyKeys { wait_ms: 1 }),
        (
            "unknown",
            Begun::Unknown {
                attempt,
                expires_at,
                lease_left_ms: 0,
                same: true,
            },
        ),
        (
            "done",
            Begun::Done {
                attempt,
                expires_at,
                record: KEPT.to_vec(),
            },
        ),
        (
            "running",
            Begun::Running {
                age_ms: 1,
                lease_until: at(START + LEASE),
                expires_at,
            },
        ),
        (
            "mismatch",
            Begun::Mismatch {
                attempt,
                expires_at,
                sketch: Vec::new(),
                record: None,
            },
        ),
        ("body needed", Begun::BodyNeeded),
        (
            "expired",
            Begun::Expired {
                expired_at: expires_at,
                until: expires_at,
            },
        ),
    ]
}

#[test]
fn rule_5_23_only_an_outcome_and_a_refused_key_are_certain_in_one_generation() {
    for (word, own) in answers() {
        let certain = matches!(word, "done" | "expired" | "body needed");
        assert_eq!(other_counts(&own), !certain, "{word}");
    }
}

/// From the one that counts least.
const ORDER: [&str; 8] = [
    "too many keys",
    "execute",
    // One of the two requests is about to give way, and nobody can tell which: it is not told that it is another one.
    "mismatch",
    "expired",
    "body needed",
    // What is unknown in one generation may be what gave way to the one that runs in the other.
    "unknown",
    "running",
    "done",
];

#[test]
fn rule_5_23_of_two_answers_the_one_counts_that_keeps_a_client_from_more() {
    let place = |word| ORDER.iter().position(|other| *other == word).unwrap();
    for (word, own) in answers() {
        assert_eq!(both(&own, Some(None)), Both::Own, "{word}, nothing there");
        for (there, other) in answers() {
            let seem_new = place(word) < 2 && place(there) < 2;
            let expected = if place(there) > place(word) && !seem_new {
                Both::Other(other.clone())
            } else {
                Both::Own
            };
            assert_eq!(both(&own, Some(Some(other))), expected, "{word}, {there}");
        }
    }
}

#[test]
fn rule_5_23_without_an_answer_from_there_nothing_is_told_from_here() {
    for (word, own) in answers().into_iter().filter(|(_, own)| other_counts(own)) {
        assert_eq!(both(&own, None), Both::NoAnswer, "{word}");
    }
}
