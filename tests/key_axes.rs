//! What a contract may say of keys: their pattern, what counts as none, and how a key is echoed (docs/protocol.md §2).

// A helper that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{policy, request};
use proptest::prelude::*;
use reprise::protocol::key::{Key, KeyFault};

type Lines<'a> = &'a [(&'a str, &'a str)];

/// What a request with these headers yields under the draft's contract with `overrides` in its `[key]`.
fn read(overrides: &str, headers: Lines<'_>) -> Result<Option<String>, KeyFault> {
    let policy = policy(&format!(
        "[[routes]]\nmatch = \"POST /*\"\n[routes.key]\n{overrides}"
    ));
    let contract = policy.routes[0].contract.as_ref().expect("a contract");
    let request = request("POST", "http://h/", headers);
    Key::read(&contract.key, &request.headers).map(|key| key.map(|key| key.as_str().to_owned()))
}

fn one(overrides: &str, value: &str) -> Result<String, KeyFault> {
    read(overrides, &[("Idempotency-Key", value)]).map(|key| key.expect("a key was sent"))
}

fn is_malformed(result: &Result<String, KeyFault>) -> bool {
    matches!(result, Err(KeyFault::Malformed(_)))
}

#[test]
fn rule_2_10_a_key_matches_the_whole_pattern() {
    const UUID: &str = "pattern = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'";
    const TELNYX: &str = "pattern = '^[A-Za-z0-9_:-]{1,255}$'";
    const EITHER: &str = "pattern = 'a|b'\nmin = 1";
    const ID: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    for (overrides, sent, key) in [
        (UUID, ID.to_owned(), Some(ID)),
        // After unquoting.
        (UUID, format!("\"{ID}\""), Some(ID)),
        (UUID, format!("x{ID}"), None),
        (UUID, format!("{ID}x"), None),
        (UUID, ID.to_uppercase(), None),
        (UUID, "k".to_owned(), None),
        (TELNYX, "a:b_c-9".to_owned(), Some("a:b_c-9")),
        (TELNYX, "a.b".to_owned(), None),
        (EITHER, "a".to_owned(), Some("a")),
        (EITHER, "b".to_owned(), Some("b")),
        (EITHER, "ab".to_owned(), None),
    ] {
        let expected = key.map(str::to_owned).ok_or(KeyFault::Unmatched);
        assert_eq!(one(overrides, &sent), expected, "{overrides} {sent}");
    }
    // What has a fault of its own is refused for that one.
    assert_eq!(one(TELNYX, &"k".repeat(256)), Err(KeyFault::TooLong));
    assert_eq!(one(TELNYX, ""), Err(KeyFault::Empty));
    assert!(is_malformed(&one(TELNYX, "é")));
}

#[test]
fn rule_2_11_a_value_that_is_no_key_counts_as_none_where_the_contract_says_so() {
    const ABSENT: &str = "malformed = \"absent\"\nmin = 2\nmax = 4\npattern = '[^!]*'";
    for sent in [
        "",
        " ",
        "\"\"",
        "\"ab",
        "\"ab\";p",
        "\"\\a\"",
        "a b",
        "é",
        "éééééééé",
        "\"é\"",
        "a\u{1}",
        "ab!",
    ] {
        assert_eq!(
            read(ABSENT, &[("Idempotency-Key", sent)]),
            Ok(None),
            "{sent:?}"
        );
    }
    for (sent, fault) in [
        ("a", KeyFault::TooShort),
        ("abcde", KeyFault::TooLong),
        ("a,b", KeyFault::Repeated),
        ("ab,", KeyFault::Repeated),
        ("\"ab\", \"cd\"", KeyFault::Repeated),
    ] {
        assert_eq!(one(ABSENT, sent), Err(fault), "{sent:?}");
    }
    assert_eq!(one(ABSENT, "abc"), Ok("abc".to_owned()));
}

#[test]
fn rule_2_11_what_is_no_key_leaves_the_aliases_alone() {
    const ABSENT: &str = "malformed = \"absent\"\naliases = [\"X-Key\"]";
    let cases: [(Lines<'_>, Result<Option<&str>, KeyFault>); 6] = [
        (&[("Idempotency-Key", ""), ("X-Key", "k")], Ok(Some("k"))),
        (&[("Idempotency-Key", "k"), ("X-Key", "é")], Ok(Some("k"))),
        (&[("Idempotency-Key", "é"), ("X-Key", "")], Ok(None)),
        (
            &[("Idempotency-Key", "k"), ("X-Key", "l")],
            Err(KeyFault::Conflict),
        ),
        (
            &[("Idempotency-Key", "é"), ("Idempotency-Key", "k")],
            Err(KeyFault::Repeated),
        ),
        (
            &[("Idempotency-Key", ""), ("X-Key", "a,b")],
            Err(KeyFault::Repeated),
        ),
    ];
    for (headers, expected) in cases {
        let expected = expected.map(|key| key.map(str::to_owned));
        assert_eq!(read(ABSENT, headers), expected, "{headers:?}");
    }
}

/// The key of `sent`, as an answer under these overrides would carry it.
fn echoed(overrides: &str, sent: &str) -> Option<String> {
    let policy = policy(&format!(
        "[[routes]]\nmatch = \"POST /*\"\n[routes.key]\n{overrides}"
    ));
    let contract = policy.routes[0].contract.as_ref().expect("a contract");
    let request = request("POST", "http://h/", &[("Idempotency-Key", sent)]);
    let key = Key::read(&contract.key, &request.headers).ok()??;
    Some(key.field_value(&contract.key))
}

#[test]
fn rule_2_12_a_key_is_echoed_bare_where_that_is_the_same_key() {
    for (syntax, sent, echo) in [
        ("either", "k", "k"),
        ("either", "\"k\"", "k"),
        ("either", "k\"", "k\""),
        ("either", r#""a,b""#, r#""a,b""#),
        ("either", r#""\"k\\""#, r#""\"k\\""#),
        ("either", r#""a\\""#, r"a\"),
        ("quoted", "\"k\"", "\"k\""),
        ("quoted", r#""a\\""#, r#""a\\""#),
        ("raw", "k", "k"),
        ("raw", "\"k\"", "\"k\""),
    ] {
        let overrides = format!("syntax = \"{syntax}\"");
        assert_eq!(
            echoed(&overrides, sent).as_deref(),
            Some(echo),
            "{syntax} {sent}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn rule_2_12_an_echo_is_read_as_the_same_key(
        // Many quotes, commas and backslashes.
        sent in r#"["\\,a]{0,6}|"([a, ,]|\\"|\\\\){1,6}""#,
        syntax in prop_oneof!["either", "quoted", "raw"],
    ) {
        let overrides = format!("syntax = \"{syntax}\"");
        if let (Ok(key), Some(echo)) = (one_of(&overrides, &sent), echoed(&overrides, &sent)) {
            prop_assert_eq!(one(&overrides, &echo), Ok(key), "{} {}", sent, echo);
        }
    }
}

/// As [`one`], where nothing may have been sent.
fn one_of(overrides: &str, sent: &str) -> Result<String, KeyFault> {
    read(overrides, &[("Idempotency-Key", sent)]).and_then(|key| key.ok_or(KeyFault::Empty))
}
