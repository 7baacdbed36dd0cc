//! Routes that cannot be meant: what their `match` is told.

use crate::complaints::{check, check_routed};
use crate::routed;
use reprise::protocol::compiled;
use reprise::protocol::policy::Policy;

#[test]
fn rule_1_2_a_template_that_could_not_match_is_refused() {
    let example =
        "write methods and a path, such as \"POST /v1/*\" or \"POST,PATCH /v1/orders/{id}\"";
    let rows = [
        ("POST", format!("\"POST\" is no route; {example}")),
        ("post /v1", format!("\"post\" is not a method; {example}")),
        ("POST,POST /v1", "\"POST\" is named twice; name it once".to_owned()),
        ("POST v1", "\"v1\" is not a path; a path begins with /, such as \"/v1/*\"".to_owned()),
        ("/v1*", "a * stands only at the end, after a /; write {name} for one segment, /* for the whole rest".to_owned()),
        ("/{}", "\"{}\" has no name; write a name in the braces, such as {id}".to_owned()),
        ("/{a}/{a}", "\"{a}\" is there twice; give each segment a name of its own".to_owned()),
        ("/a{b}", "\"a{b}\" mixes a name and text; braces hold one whole segment: /{id}, not /order-{id}".to_owned()),
        // Rule 1.3: what normalising would change.
        ("/%7euser", "\"%7euser\" is not normalised (rule 1.3); write ~ for %7e".to_owned()),
        ("/%2f", "\"%2f\" is not normalised (rule 1.3); write %2F for %2f".to_owned()),
        ("/a/../b", "\"..\" is a dot segment; write the path that it leads to".to_owned()),
        ("/é", "'é' cannot stand in a path; write it percent-encoded: %C3%A9".to_owned()),
        ("/v1?x=1", "'?' cannot stand in a path; write it percent-encoded: %3F".to_owned()),
        // Rule 1.4.
        ("OPTIONS /v1", "\"OPTIONS\" always passes through (rule 1.4); leave it out".to_owned()),
        (
            "DELETE /v1",
            "the contract \"ietf\" covers POST, PATCH, not DELETE; add methods = [\"DELETE\"] to this route, or leave \
             DELETE out"
                .to_owned(),
        ),
        ("PSOT /v1", "the contract \"ietf\" covers POST, PATCH, not PSOT; did you mean \"POST\"?".to_owned()),
    ];
    let rows = rows.map(|(text, said)| (text, format!("p.toml:3: match: {said}")));
    let policy = |text| format!("origin = \"http://o\"\n[[routes]]\nmatch = {text:?}\n");
    check(
        rows.iter()
            .map(|(text, expected)| (policy(text), expected.as_str())),
    );
}

#[test]
fn rule_1_1_a_route_that_can_never_match_is_refused() {
    let never = |line: u8, route: &str, first: &str| {
        format!(
            "p.toml:{line}: match: {route:?} can never match: {first:?} in front of it takes all of it (rule 1.1); \
             remove it, or move it in front of that route"
        )
    };
    let ok = || "no complaint".to_owned();
    let rows = [
        (
            "[[routes]]\nmatch = \"POST /v1/*\"",
            never(5, "POST /v1/*", "POST /v1/*"),
        ),
        (
            "[[routes]]\nmatch = \"POST /v1/{id}\"\ncontract = \"none\"",
            never(5, "POST /v1/{id}", "POST /v1/*"),
        ),
        (
            "[[routes]]\nmatch = \"PATCH /v1/{a}\"\n[[routes]]\nmatch = \"/v1/a\"",
            never(7, "/v1/a", "POST /v1/*"),
        ),
        ("[[routes]]\nmatch = \"POST,PATCH /v1/*\"", ok()),
        (
            "[[routes]]\nmatch = \"POST /v1\"\n[[routes]]\nmatch = \"POST /{v}/*\"",
            ok(),
        ),
        (
            "[[routes]]\nmatch = \"/v1/a\"\ncontract = \"none\"\n[[routes]]\nmatch = \"PATCH /v1/a\"",
            never(8, "PATCH /v1/a", "/v1/a"),
        ),
    ];
    check(
        rows.iter()
            .map(|(more, expected)| (routed(more), expected.as_str())),
    );
    let none =
        "there are none; a policy guards something: add [[routes]] and match = \"POST /v1/*\"";
    check([(
        "origin = \"http://o\"".to_owned(),
        format!("p.toml:1: routes: {none}").as_str(),
    )]);
}

#[test]
fn rule_1_5_a_route_without_a_contract_has_nothing_to_override() {
    check_routed(&[(
        "contract = \"none\"\nkey.missing = \"refuse\"",
        "p.toml:5: key: has no effect: a route with contract = \"none\" passes through (rule 1.5); leave it out, or name a \
         contract",
    )]);
}

#[test]
fn rule_9_20_a_route_says_which_of_its_answers_stream() {
    let types = [
        None,
        Some("application/json"),
        Some("text/event-stream"),
        Some("Text/Event-Stream ; charset=utf-8"),
        Some("text/event-streams"),
        Some("multipart/mixed; boundary=text/event-stream"),
    ];
    let events = [false, false, true, true, false, false];
    for (words, streams) in [
        ("", events),
        ("deliver = \"auto\"", events),
        ("deliver = \"buffered\"", [false; 6]),
        ("deliver = \"streaming\"", [true; 6]),
    ] {
        let policy = Policy::parse("p", &routed(words), compiled::CONTRACTS).unwrap();
        let deliver = policy.routes[0].deliver;
        assert_eq!(
            types.map(|value| deliver.streams(value)),
            streams,
            "{words}"
        );
    }
    check_routed(&[(
        "deliver = \"stream\"",
        "p.toml:4: deliver: \"stream\" is not a value of this field; write \"auto\", \"buffered\" or \"streaming\"",
    )]);
}
