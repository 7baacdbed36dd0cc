//! Keys that stand in a JSON body (docs/protocol.md rule 2.15).

// A helper that cannot go on says so by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{policy, request};
use reprise::protocol::decision::{Decision, decide};
use reprise::protocol::policy::Policy;
use reprise::protocol::request::Body;
use reprise::protocol::time::Time;

const NOW: Time = Time::from_millis(784_111_777_000);
const JSON: (&str, &str) = ("Content-Type", "application/json");
const KEY: (&str, &str) = ("Idempotency-Key", "k");

fn guarding(more: &str) -> Policy {
    policy(&format!(
        "[[routes]]\nmatch = \"POST /v1/*\"\n[routes.key]\nbody = \"/idempotency_key\"\n{more}"
    ))
}

/// What becomes of a request with this body: `pass`, `ignore`, `refuse CODE`, `guard KEY`.
fn decided(policy: &Policy, headers: &[(&str, &str)], body: &str) -> String {
    decided_of(policy, headers, &Body::Bytes(body.as_bytes().to_vec()))
}

fn decided_of(policy: &Policy, headers: &[(&str, &str)], body: &Body) -> String {
    let request = request("POST", "http://h/v1/x", headers);
    let decision = match decide(policy, &request, NOW) {
        Decision::Open(open) => open.decide(&request, body, NOW),
        decided => decided,
    };
    match decision {
        Decision::Pass => "pass".to_owned(),
        Decision::Ignore(_) => "ignore".to_owned(),
        Decision::Refuse(refused) => format!("refuse {}", refused.refusal.code().row().code),
        Decision::Guard(guarded) => format!("guard {}", guarded.key.as_str()),
        Decision::Open(_) => panic!("still open"),
    }
}

#[test]
fn rule_2_15_edge_023_a_key_in_the_body_is_one_where_the_contract_says_so() {
    let policy = guarding("");
    for (body, decision) in [
        (r#"{"idempotency_key":"k","amount":1}"#, "guard k"),
        // A JSON string needs no other quotes: these are part of the key.
        (r#"{"idempotency_key":"\"k\""}"#, "guard \"k\""),
        (r#"{"idempotency_key":"\u006b"}"#, "guard k"),
        (r#"{"amount":1}"#, "pass"),
        (r#"{"idempotency_key":null}"#, "pass"),
        (r#"{"payment":{"idempotency_key":"k"}}"#, "pass"),
        (r#"["idempotency_key"]"#, "pass"),
        ("", "pass"),
        (r#"{"idempotency_key":""}"#, "refuse key-empty"),
        (r#"{"idempotency_key":" k"}"#, "refuse key-malformed"),
        (r#"{"idempotency_key":"é"}"#, "refuse key-malformed"),
        (r#"{"idempotency_key":1}"#, "refuse key-malformed"),
        (r#"{"idempotency_key":["k"]}"#, "refuse key-malformed"),
        (
            r#"{"idempotency_key":"k","idempotency_key":"k"}"#,
            "refuse key-repeated",
        ),
        // What is no JSON may be enough for the origin.
        (r#"{"idempotency_key":"k",}"#, "refuse key-malformed"),
        ("{", "refuse key-malformed"),
    ] {
        assert_eq!(decided(&policy, &[JSON], body), decision, "{body}");
    }
    assert_eq!(decided_of(&policy, &[JSON], &Body::Absent), "pass");
    let long = format!(r#"{{"idempotency_key":"{}"}}"#, "k".repeat(256));
    assert_eq!(decided(&policy, &[JSON], &long), "refuse key-too-long");
}

#[test]
fn rule_2_15_edge_023_elsewhere_a_key_in_body_or_query_is_none() {
    let header_only = policy("[[routes]]\nmatch = \"POST /v1/*\"");
    let request = request("POST", "http://h/v1/x?idempotency_key=k", &[JSON]);
    assert!(matches!(
        decide(&header_only, &request, NOW),
        Decision::Pass
    ));
}

#[test]
fn rule_2_15_only_json_holds_a_key() {
    let policy = guarding("");
    const BODY: &str = r#"{"idempotency_key":"k"}"#;
    for (headers, decision) in [
        (&[][..], "pass"),
        (&[("Content-Type", "text/plain")], "pass"),
        (
            &[("Content-Type", "application/x-www-form-urlencoded")],
            "pass",
        ),
        (
            &[("Content-Type", "application/vnd.x+json; charset=utf-8")],
            "guard k",
        ),
        (&[JSON, ("Content-Encoding", "identity")], "guard k"),
        // The origin would decode it.
        (
            &[JSON, ("Content-Encoding", "gzip")],
            "refuse key-malformed",
        ),
    ] {
        assert_eq!(decided(&policy, headers, BODY), decision, "{headers:?}");
    }
}

#[test]
fn rule_2_15_header_and_body_carry_one_key() {
    let policy = guarding("");
    for (header, body, decision) in [
        ("k", r#"{"idempotency_key":"k"}"#, "guard k"),
        ("\"k\"", r#"{"idempotency_key":"k"}"#, "guard k"),
        ("k", r#"{"amount":1}"#, "guard k"),
        ("k", r#"{"idempotency_key":"l"}"#, "refuse key-conflict"),
        // A header that is no key is refused for itself.
        ("", r#"{"idempotency_key":"k"}"#, "refuse key-empty"),
        ("k", r#"{"idempotency_key":""}"#, "refuse key-empty"),
    ] {
        let sent = [JSON, ("Idempotency-Key", header)];
        assert_eq!(decided(&policy, &sent, body), decision, "{header} {body}");
    }
}

#[test]
fn rule_2_15_what_the_contract_says_of_keys_holds_in_the_body_too() {
    for (rules, body, decision) in [
        ("missing = \"refuse\"", "{}", "refuse key-missing"),
        (
            "malformed = \"absent\"",
            r#"{"idempotency_key":"é"}"#,
            "pass",
        ),
        (
            "pattern = \"[0-9]+\"",
            r#"{"idempotency_key":"7"}"#,
            "guard 7",
        ),
        (
            "pattern = \"[0-9]+\"",
            r#"{"idempotency_key":"k"}"#,
            "refuse key-malformed",
        ),
        // A pair of quotes is a form that headers have.
        (
            "syntax = \"quoted\"",
            r#"{"idempotency_key":"k"}"#,
            "guard k",
        ),
    ] {
        assert_eq!(
            decided(&guarding(rules), &[JSON], body),
            decision,
            "{rules}"
        );
    }
    let anonymous = guarding("[routes.scope]\nanonymous = \"refuse\"");
    let body = r#"{"idempotency_key":"k"}"#;
    let refused = decided(&anonymous, &[JSON], body);
    assert_eq!(refused, "refuse credential-missing");
}

#[test]
fn rule_2_15_a_pointer_leads_through_objects_and_lists() {
    for (pointer, body, decision) in [
        ("/payment/key", r#"{"payment":{"key":"k"}}"#, "guard k"),
        ("/a~1b/~0", r#"{"a/b":{"~":"k"}}"#, "guard k"),
        ("/items/1/key", r#"{"items":[{},{"key":"k"}]}"#, "guard k"),
        ("/items/01/key", r#"{"items":[{},{"key":"k"}]}"#, "pass"),
        ("/items/2/key", r#"{"items":[{},{"key":"k"}]}"#, "pass"),
        (
            "/a/key",
            r#"{"a":{"key":"k"},"a":{}}"#,
            "refuse key-repeated",
        ),
    ] {
        let rules =
            format!("[[routes]]\nmatch = \"POST /v1/*\"\n[routes.key]\nbody = \"{pointer}\"");
        assert_eq!(decided(&policy(&rules), &[JSON], body), decision, "{body}");
    }
}

#[test]
fn rule_2_15_header_and_body_make_one_claim() {
    let policy = guarding("");
    let claim = |headers: &[(&str, &str)], body: &str| {
        let request = request("POST", "http://h/v1/x", headers);
        let body = Body::Bytes(body.as_bytes().to_vec());
        match decide(&policy, &request, NOW) {
            Decision::Open(open) => match open.decide(&request, &body, NOW) {
                Decision::Guard(guarded) => guarded.claim,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    };
    let in_body = claim(&[JSON], r#"{"idempotency_key":"k"}"#);
    assert_eq!(in_body, claim(&[JSON, KEY], "{}"));
    assert_ne!(in_body, claim(&[JSON], r#"{"idempotency_key":"l"}"#));
}
