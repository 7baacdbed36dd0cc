//! How long a client would rather wait (docs/protocol.md rule 2.14).

use reprise::protocol::contract::RunningRules;
use reprise::protocol::headers::Headers;
use reprise::protocol::prefer::{wait, wait_ms};

fn headers(lines: &[&str]) -> Headers {
    let lines = lines.iter();
    lines
        .map(|value| ("Prefer".to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn rule_2_14_the_seconds_are_read_by_rfc_7240() {
    let cases: [(&[&str], Option<u64>); 34] = [
        (&[], None),
        (&["wait=10"], Some(10)),
        (&["wait=0"], Some(0)),
        (&["wait=007"], Some(7)),
        (&["WAIT=3"], Some(3)),
        (&["wait=\"3\""], Some(3)),
        (&["wait = 3"], Some(3)),
        (&["wait=3;a=b"], Some(3)),
        (&["wait=3 ; a"], Some(3)),
        (&["respond-async, wait=5"], Some(5)),
        (&["respond-async,wait=5,handling=lenient"], Some(5)),
        (&["respond-async", "wait=5"], Some(5)),
        (&[",,wait=5"], Some(5)),
        // The first counts, even where it says nothing.
        (&["wait=1, wait=2"], Some(1)),
        (&["wait=1", "wait=2"], Some(1)),
        (&["wait=x, wait=2"], None),
        (&["wait, wait=2"], None),
        // Neither a comma nor a semicolon separates between quotes.
        (&["a=\"b, wait=9\", wait=2"], Some(2)),
        (&["a=\"b\\\", wait=9\", wait=2"], Some(2)),
        (&["a;b=\"wait=9;\", wait=2"], Some(2)),
        (&["a=\"b, wait=9"], None),
        // No number of seconds.
        (&["wait"], None),
        (&["wait="], None),
        (&["wait=\"\""], None),
        (&["wait=-1"], None),
        (&["wait=+1"], None),
        (&["wait=1.5"], None),
        (&["wait=1s"], None),
        (&["wait=1 2"], None),
        (&["wait=\"1\"2"], None),
        (&["waits=1"], None),
        (&["a;wait=1"], None),
        (&["wait=18446744073709551616"], Some(u64::MAX)),
        (&["wait=18446744073709551615"], Some(u64::MAX)),
    ];
    for (lines, seconds) in cases {
        assert_eq!(wait(&headers(lines)), seconds, "{lines:?}");
    }
}

#[test]
fn rule_2_14_a_contract_caps_the_preference_or_takes_none() {
    for (own, cap, preference, expected) in [
        (0, 0, "", (0, None)),
        (10, 10, "", (10_000, None)),
        (10, 20, "wait=5", (5_000, Some(5))),
        (10, 20, "wait=15", (15_000, Some(15))),
        (10, 20, "wait=20", (20_000, Some(20))),
        (10, 20, "wait=21", (20_000, Some(20))),
        (10, 20, "wait=99999999999999999999", (20_000, Some(20))),
        (10, 20, "wait=0", (0, Some(0))),
        (10, 20, "wait=x", (10_000, None)),
        (0, 5, "wait=9", (5_000, Some(5))),
        (0, 5, "", (0, None)),
        // A cap below the contract's own wait: who asks for more gets less.
        (10, 5, "wait=10", (5_000, Some(5))),
        (10, 0, "wait=5", (10_000, None)),
        (0, 0, "wait=5", (0, None)),
    ] {
        let rules = RunningRules {
            wait_ms: own * 1000,
            wait_cap_ms: cap * 1000,
            status: 409,
            retry_after_s: 2,
        };
        let lines = if preference.is_empty() {
            headers(&[])
        } else {
            headers(&[preference])
        };
        assert_eq!(
            wait_ms(&rules, &lines),
            expected,
            "{own} {cap} {preference:?}"
        );
    }
}
