//! What two generations of shards come to, by what each of them says.

use crate::*;
use reprise::protocol::claim::Begun;
use reprise::protocol::generations::{Both, both, other_counts};

/// Every answer that there is, with a word for it.
fn answers() -> [(&'static str, Begun); 7] {
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
fn rule_5_23_the_other_generation_is_looked_into_where_a_key_seems_new_or_is_unknown() {
    for (word, own) in answers() {
        let expected = matches!(word, "execute" | "too many keys" | "unknown");
        assert_eq!(other_counts(&own), expected, "{word}");
    }
}

#[test]
fn rule_5_23_what_stands_in_the_way_there_is_the_answer() {
    for (word, own) in answers().into_iter().filter(|(_, own)| other_counts(own)) {
        assert_eq!(both(&own, Some(None)), Both::Own, "{word}, nothing there");
        for (there, other) in answers() {
            let expected = match (word, there) {
                // What is unknown here may have happened: only its outcome says more.
                ("unknown", "done") | ("execute" | "too many keys", _) => {
                    Both::Other(other.clone())
                }
                _ => Both::Own,
            };
            assert_eq!(both(&own, Some(Some(other))), expected, "{word}, {there}");
        }
    }
}

#[test]
fn rule_5_23_no_answer_from_there_takes_a_permit_away_and_nothing_else() {
    for (word, own) in answers().into_iter().filter(|(_, own)| other_counts(own)) {
        let expected = if word == "execute" {
            Both::NoAnswer
        } else {
            Both::Own
        };
        assert_eq!(both(&own, None), expected, "{word}");
    }
}
