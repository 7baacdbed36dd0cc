//! What must not be kept, whatever its status says (docs/protocol.md rules 8.9 to 8.13).

// A helper that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../protocol/fixture.rs"]
mod fixture;

mod answer;
mod request;

use fixture::policy;
use reprise::protocol::contract::{NeverStore, NeverThen};
use reprise::protocol::control::Control;
use reprise::protocol::headers::Headers;
use reprise::protocol::never_store::{by_answer, by_request, stronger};
use reprise::protocol::request::Body;

type Lines<'a> = &'a [(&'a str, &'a str)];

/// Rules as a contract has them, each one the inside of a TOML table.
fn rules(tables: &[&str]) -> Vec<NeverStore> {
    let mut text = "[[routes]]\nmatch = \"POST /*\"\n".to_owned();
    for table in tables {
        text.push_str(&format!("[[routes.outcome.never_store]]\n{table}\n"));
    }
    let mut routes = policy(&text).routes;
    routes.remove(0).contract.expect("a contract").never_store
}

fn of_request(rule: &str, url: &str, headers: Lines<'_>, body: &[u8]) -> bool {
    let body = Body::Bytes(body.to_vec());
    by_request(
        &rules(&[rule]),
        &fixture::request("POST", url, headers),
        Some(&body),
    )
    .is_some()
}

fn of_answer(rule: &str, headers: Lines<'_>, body: Option<&[u8]>) -> bool {
    by_answer(&rules(&[rule]), &lines(headers), body).is_some()
}

fn lines(headers: Lines<'_>) -> Headers {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    headers.iter().map(owned).collect()
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const MULTIPART: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=\"b b\"");

#[test]
fn rule_8_9_without_a_rule_everything_is_kept() {
    assert_eq!(
        by_request(
            &[],
            &fixture::request("POST", "http://h/?a=b", &[JSON]),
            Some(&Body::Bytes(b"{".to_vec()))
        ),
        None
    );
    assert_eq!(by_answer(&[], &lines(&[]), Some(b"x")), None);
}

#[test]
fn rule_8_9_release_leaves_less_behind_than_spent() {
    const ANY: &str = "request = \"header\"\nname = \"x-a\"\nthen = ";
    let of = |thens: &[&str]| {
        let tables: Vec<String> = thens
            .iter()
            .map(|then| format!("{ANY}\"{then}\""))
            .collect();
        let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
        let request = fixture::request("POST", "http://h/", &[("X-A", "")]);
        by_request(&rules(&tables), &request, Some(&Body::Absent))
    };
    use NeverThen::{Release, Spent};
    assert_eq!(of(&["spent"]), Some(Spent));
    assert_eq!(of(&["release"]), Some(Release));
    assert_eq!(of(&["spent", "release"]), Some(Release));
    assert_eq!(of(&["release", "spent"]), Some(Release));
    assert_eq!(of(&["spent", "spent"]), Some(Spent));
    for (one, other, both) in [
        (None, None, None),
        (Some(Spent), None, Some(Spent)),
        (None, Some(Spent), Some(Spent)),
        (Some(Spent), Some(Release), Some(Release)),
        (Some(Release), Some(Spent), Some(Release)),
        (Some(Release), None, Some(Release)),
    ] {
        assert_eq!(stronger(one, other), both, "{one:?} {other:?}");
    }
}

#[test]
fn rule_8_11_rules_of_one_side_say_nothing_of_the_other() {
    const REQUEST: [&str; 4] = [
        "request = \"query\"\nname = \"*\"",
        "request = \"form\"\nname = \"*\"",
        "request = \"json\"\npointer = \"/a\"",
        "request = \"header\"\nname = \"*\"",
    ];
    const ANSWER: [&str; 4] = [
        "answer = \"media-type\"\nis = [\"*/*\"]",
        "answer = \"media-type\"\nnot = [\"a/b\"]",
        "answer = \"header\"\nname = \"content-type\"",
        "answer = \"json\"\npointer = \"/a\"",
    ];
    for rule in REQUEST.iter().filter(|rule| !rule.contains("header")) {
        assert!(!of_answer(rule, &[JSON], Some(br#"{"a":1}"#)), "{rule}");
    }
    for rule in ANSWER {
        assert!(
            !of_request(rule, "http://h/?a=b", &[JSON], br#"{"a":1}"#),
            "{rule}"
        );
        assert!(of_answer(rule, &[JSON], Some(br#"{"a":1}"#)), "{rule}");
    }
}

#[test]
fn edge_102_rule_8_13_the_origin_may_say_no_store_and_for_how_long() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let of = |values: &[&str]| {
        let headers: Headers = values
            .iter()
            .map(|value| ("X-Idempotency-Store".to_owned(), (*value).to_owned()))
            .collect();
        let control = Control::read(Some("x-idempotency-store"), &headers);
        (control.no_store, control.ttl_ms)
    };
    for (values, control) in [
        (&[][..], (false, None)),
        (&[""], (false, None)),
        (&["no-store"], (true, None)),
        (&["No-Store"], (true, None)),
        (&["ttl=3600"], (false, Some(3_600_000))),
        (&["TTL=3600"], (false, Some(3_600_000))),
        (&["ttl=3600, no-store"], (true, Some(3_600_000))),
        (&["ttl=3600;no-store"], (true, Some(3_600_000))),
        (&["ttl=3600", "no-store"], (true, Some(3_600_000))),
        (&["ttl=0"], (false, Some(60_000))),
        (&["ttl=59"], (false, Some(60_000))),
        (&["ttl=61"], (false, Some(61_000))),
        (&["ttl=2592000"], (false, Some(30 * DAY))),
        (&["ttl=2592001"], (false, Some(30 * DAY))),
        (&["ttl=99999999999999999999"], (false, Some(30 * DAY))),
        (&["ttl=7200, ttl=3600"], (false, Some(3_600_000))),
        (&["ttl=3600", "ttl=7200"], (false, Some(3_600_000))),
        (&["store"], (false, None)),
        (&["no-store=1"], (false, None)),
        (&["ttl"], (false, None)),
        (&["ttl="], (false, None)),
        (&["ttl=-1"], (false, None)),
        (&["ttl=+60"], (false, None)),
        (&["ttl=1h"], (false, None)),
        (&["max-age=3600"], (false, None)),
    ] {
        assert_eq!(of(values), control, "{values:?}");
    }
    // A header that the contract does not name has no say.
    let headers = lines(&[("X-Other", "no-store")]);
    assert_eq!(
        Control::read(Some("x-idempotency-store"), &headers),
        Control::default()
    );
    assert_eq!(Control::read(None, &headers), Control::default());
}
