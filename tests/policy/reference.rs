//! `docs/reference/configuration.md` says what the reader does: its examples are read, and no field is left out of it.

use reprise::protocol::compiled;
use reprise::protocol::contract::{Contract, EDGE_STATUSES};
use reprise::protocol::policy::Policy;

use crate::routed;

const PAGE: &str = include_str!("../../docs/reference/configuration.md");

/// A whole policy, a whole contract, or what stands in a route.
fn read(example: &str) -> Result<(), String> {
    let problems = if example.starts_with("source = ") {
        Contract::parse("example", example).err()
    } else {
        let whole = example.starts_with("origin = ");
        let text = if whole {
            example.to_owned()
        } else {
            routed(example)
        };
        Policy::parse("example", &text, compiled::CONTRACTS).err()
    };
    problems.map_or(Ok(()), |problems| {
        Err(format!("{problems}\nin:\n{example}"))
    })
}

#[test]
fn every_example_of_the_reference_is_read() {
    let blocks = PAGE
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("```"));
    let examples: Vec<&str> = blocks.map(|(example, _)| example).collect();
    assert!(examples.len() > 10, "the examples were not found");
    for example in examples {
        assert_eq!(read(example), Ok(()));
    }
}

/// The fields that the reader knows at the place where an example has a `?`: an unknown field makes it list them.
fn fields(with_gap: &str) -> Vec<String> {
    let text = with_gap.replace('?', "not-a-field-of-anything = 1");
    let said = Policy::parse("p", &text, compiled::CONTRACTS)
        .map_err(|problems| problems.to_string())
        .unwrap_err();
    let list = said
        .split_once("known here: ")
        .map(|(_, list)| list.to_owned())
        .expect(&said);
    list.lines()
        .next()
        .unwrap_or_default()
        .split(", ")
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_field_has_its_row_in_the_reference() {
    let tables = [
        "key",
        "scope",
        "fingerprint",
        "mismatch",
        "running",
        "unknown",
        "outcome",
        "replay",
        "replay.marker",
    ];
    let more = ["authority", "retention", "errors", "gateway", "call"];
    let in_route = tables
        .iter()
        .chain(&more)
        .map(|table| routed(&format!("[routes.{table}]\n?")));
    let in_policy =
        ["ledger", "responses", "limits", "cors"].map(|table| routed(&format!("[{table}]\n?")));
    // One for each kind of rule: which fields it has depends on what it looks at.
    let rules = [
        "request = \"query\"",
        "request = \"json\"",
        "answer = \"media-type\"",
    ]
    .map(|looks_at| routed(&format!("[[routes.outcome.never_store]]\n{looks_at}\n?")));
    let gaps = in_route
        .chain(in_policy)
        .chain(rules)
        .chain([routed("?"), format!("?\n{}", routed(""))]);
    let edge = EDGE_STATUSES.map(|(status, _)| status.to_string());
    let mut seen = 0;
    for field in gaps.flat_map(|gap| fields(&gap)).chain(edge) {
        // A table has a heading of its own, any other field a row.
        let row = PAGE
            .lines()
            .filter(|line| line.starts_with('|'))
            .any(|line| {
                line.split(" | ")
                    .next()
                    .is_some_and(|first| first.contains(&format!("`{field}`")))
            });
        assert!(
            row || PAGE.contains(&format!("### `[{field}]`")),
            "{field} is not in the reference"
        );
        seen += 1;
    }
    assert!(seen > 90, "the fields were not found: {seen}");
}

#[test]
fn every_placeholder_has_its_row_in_the_reference() {
    let text = routed("errors = { template = \"own\", body = '\"{}\"' }");
    let said = Policy::parse("p", &text, compiled::CONTRACTS).unwrap_err();
    let said = said.to_string();
    let (_, list) = said.split_once("; there is ").expect(&said);
    for word in list.split(", ") {
        assert!(PAGE.contains(&format!("| `{word}` | ")), "{word}");
    }
}
