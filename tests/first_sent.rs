//! When the client says that it first sent this operation (docs/protocol.md rule 2.13).

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{policy, request};
use reprise::protocol::decision::{Decision, decide};
use reprise::protocol::policy::Policy;
use reprise::protocol::time::Time;

/// A decision as text, so that a table shows it: `pass`, `refuse CODE`, `guard ROUTE`.
fn decided(policy: &Policy, method: &str, url: &str, headers: &[(&str, &str)]) -> String {
    match decide(policy, &request(method, url, headers), NOW) {
        Decision::Pass => "pass".to_owned(),
        Decision::Ignore(_) => "ignore".to_owned(),
        Decision::Refuse(refused) => format!("refuse {}", refused.refusal.code().row().code),
        Decision::Guard(guarded) => format!("guard {}", guarded.route.name),
        Decision::Open(open) => format!("open {}", open.route.name),
    }
}

/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: Time = Time::from_millis(784_111_777_000);

const KEY: (&str, &str) = ("Idempotency-Key", "k");
const BROKEN: (&str, &str) = ("Idempotency-Key", "\"k");

/// One day of retention, and the name that OASIS gave that header.
const FIRST_SENT: &str = "[[routes]]\nmatch = \"POST /v1/*\"\n[routes.key]\nfirst_sent = \"Repeatability-First-Sent\"\n\
     [routes.scope]\nanonymous = \"refuse\"\n[routes.retention]\nseconds = 86400";

#[test]
fn edge_122_rule_2_13_the_date_of_the_first_attempt_lies_within_the_retention() {
    let policy = policy(FIRST_SENT);
    for (date, decision) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "guard POST /v1/*"),
        ("Sat, 05 Nov 1994 08:49:38 GMT", "guard POST /v1/*"),
        ("Sat, 05 Nov 1994 08:49:37 GMT", "refuse first-sent-too-old"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "refuse first-sent-too-old"),
        // A clock that is ahead of ours.
        ("Mon, 07 Nov 1994 08:49:37 GMT", "guard POST /v1/*"),
        (
            "Mon, 07 Nov 1994 08:49:38 GMT",
            "refuse first-sent-malformed",
        ),
        // The older forms of a date.
        ("Sunday, 06-Nov-94 08:49:37 GMT", "guard POST /v1/*"),
        ("Sun Nov  6 08:49:37 1994", "guard POST /v1/*"),
        (" Sun, 06 Nov 1994 08:49:37 GMT ", "guard POST /v1/*"),
        ("", "refuse first-sent-malformed"),
        ("yesterday", "refuse first-sent-malformed"),
        ("784111777", "refuse first-sent-malformed"),
        ("1994-11-06T08:49:37Z", "refuse first-sent-malformed"),
        (
            "Sun, 06 Nov 1994 08:49:37 +0100",
            "refuse first-sent-malformed",
        ),
        (
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "refuse first-sent-malformed",
        ),
        (
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "refuse first-sent-malformed",
        ),
    ] {
        let headers = [
            KEY,
            ("Authorization", "a"),
            ("Repeatability-First-Sent", date),
        ];
        assert_eq!(
            decided(&policy, "POST", "http://h/v1/x", &headers),
            decision,
            "{date}"
        );
    }
}

#[test]
fn edge_122_rule_2_13_it_says_something_of_a_key_and_is_judged_last() {
    const GOOD: (&str, &str) = ("Repeatability-First-Sent", "Sun, 06 Nov 1994 08:49:37 GMT");
    const BAD: (&str, &str) = ("Repeatability-First-Sent", "yesterday");
    const CALLER: (&str, &str) = ("Authorization", "a");
    let with = policy(FIRST_SENT);
    let without = policy("[[routes]]\nmatch = \"POST /v1/*\"");
    for (headers, decision) in [
        (&[KEY, CALLER][..], "guard POST /v1/*"),
        (&[KEY, CALLER, GOOD, GOOD], "refuse first-sent-malformed"),
        (&[BAD, CALLER], "pass"),
        (&[BROKEN, BAD], "refuse key-malformed"),
        (&[KEY, BAD], "refuse credential-missing"),
    ] {
        assert_eq!(
            decided(&with, "POST", "http://h/v1/x", headers),
            decision,
            "{headers:?}"
        );
    }
    assert_eq!(
        decided(&without, "POST", "http://h/v1/x", &[KEY, BAD]),
        "guard POST /v1/*"
    );
}
