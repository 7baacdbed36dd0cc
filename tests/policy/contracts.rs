//! Contracts as files, and the values of their axes that this version knows and does not implement.

use reprise::protocol::contract::Contract;
use reprise::protocol::policy::Policy;

use crate::complaints::check;
use crate::routed;

#[test]
fn rule_10_2_what_is_not_implemented_is_known_and_refused() {
    let words = [(
        "outcome.no_answer = \"store\"",
        "keeping the gateway's own error as the answer",
        "\"release\" or \"hold\"",
    )];
    for (line, meaning, instead) in words {
        let (field, value) = line.split_once(" = ").unwrap_or_default();
        let expected = format!(
            "p.toml:4: {field}: {value} ({meaning}) is not implemented in this version; use {instead}"
        );
        check([(routed(line), expected.as_str())]);
    }
}

/// A contract of a few lines: `[key]` is line 3, `[replay]` line 11.
const SMALL: &str = "\
source = \"a document\"
methods = [\"POST\"]
[key]
header = \"X-Key\"
[scope]
parts = [\"host\"]
[fingerprint]
parts = [\"body\"]
[outcome]
store = [\"2xx\", \"3xx\", \"4xx\", \"5xx\"]
[replay]
deny = [\"Date\"]
";

#[test]
fn rule_10_4_a_contract_is_a_file() {
    assert!(Contract::parse("small", SMALL).is_ok());
    for (from, to, expected) in [
        (
            "header = \"X-Key\"",
            "",
            "3: key.header: is missing; name the header of the key, such as header = \"Idempotency-Key\"",
        ),
        (
            "source = \"a document\"",
            "",
            "1: source: is missing; name the document that this contract follows",
        ),
        (
            "[key]",
            "[kye]",
            "1: key.header: is missing; name the header of the key, such as header = \"Idempotency-Key\"\n\
            contracts/small.toml:3: kye: unknown field; did you mean \"key\"?",
        ),
        (
            "\"3xx\", ",
            "",
            "10: outcome.store: no list says what becomes of \"3xx\"; every class stands in exactly one of \
            store, release and hold; single statuses are its exceptions",
        ),
        (
            "methods = [\"POST\"]",
            "match = \"POST /\"\nmethods = [\"POST\"]",
            "2: match: unknown field; known here: source, methods, key, \
            scope, fingerprint, mismatch, running, unknown, outcome, replay, authority, retention, errors, gateway",
        ),
    ] {
        let said = Contract::parse("small", &SMALL.replace(from, to))
            .map_err(|problems| problems.to_string());
        assert_eq!(
            said,
            Err(format!("contracts/small.toml:{expected}")),
            "{to:?} for {from:?}"
        );
    }
}

#[test]
fn rule_10_4_a_problem_stands_in_the_file_that_has_the_value() {
    let policy = "origin = \"http://o\"\n[[routes]]\nmatch = \"POST /v1\"\ncontract = \"small\"\nkey.min = 9\n";
    let said = |contract: &str| {
        Policy::parse("POLICY", policy, &[("small", contract)]).map_err(|p| p.to_string())
    };
    assert!(said(SMALL).is_ok());
    let short = SMALL.replace("header = \"X-Key\"", "header = \"X-Key\"\nmax = 8");
    let pair = "key.min: no key is at least 9 and at most 8 long; min may not be greater than max";
    assert_eq!(said(&short), Err(format!("POLICY:5: {pair}")));
    let long = SMALL.replace("header = \"X-Key\"", "header = \"X-Key\"\nmax = 9999");
    let range = "key.max: 9999 is out of range; a length from 1 to 1024 is meant";
    assert_eq!(said(&long), Err(format!("contracts/small.toml:5: {range}")));
}

#[test]
fn rule_10_1_a_contract_has_a_plain_name() {
    for name in ["none", "IETF", "a b", ""] {
        let said = Contract::parse(name, SMALL).map_err(|problems| problems.to_string());
        let mend = "use lower-case letters, digits and hyphens; \"none\" is taken";
        assert_eq!(
            said,
            Err(format!(
                "contracts/{name}.toml:1: {name:?} is no name for a contract; {mend}"
            ))
        );
    }
}
