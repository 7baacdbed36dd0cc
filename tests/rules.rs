//! Walks `docs/protocol.md`: every numbered rule is cited by a test, and no test cites a rule that does not exist.
//!
//! A citation is `rule_4_9` in the name of a Rust test or in the title of an end-to-end test.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "protocol/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

type Rule = (u32, u32);

/// `- **4.9** …`, at the beginning of a line.
fn rules(page: &str) -> BTreeSet<Rule> {
    page.lines()
        .filter_map(|line| {
            let number = line.strip_prefix("- **")?.split_once("**")?.0;
            let (section, rule) = number.split_once('.')?;
            Some((section.parse().ok()?, rule.parse().ok()?))
        })
        .collect()
}

/// Every `rule_4_9` of `text`.
fn citations(text: &str) -> impl Iterator<Item = Rule> {
    text.split("rule_").skip(1).filter_map(|rest| {
        let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}

fn cited() -> BTreeSet<Rule> {
    let found = ["tests", "src", "policy"].map(|folder| sources::texts(folder, "tests/rules.rs"));
    let texts = found.iter().flatten();
    texts.flat_map(|text| citations(text)).collect()
}

fn stated() -> BTreeSet<Rule> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/protocol.md");
    let rules = rules(&fs::read_to_string(page).unwrap());
    assert!(
        rules.len() > 70,
        "only {} rules were found: has the page another form?",
        rules.len()
    );
    rules
}

#[test]
fn every_rule_is_cited_by_a_test() {
    let (stated, cited) = (stated(), cited());
    let missing: Vec<&Rule> = stated.difference(&cited).collect();
    assert!(missing.is_empty(), "no test cites {missing:?}");
}

#[test]
fn every_citation_is_of_a_rule_that_exists() {
    let (stated, cited) = (stated(), cited());
    let unknown: Vec<&Rule> = cited.difference(&stated).collect();
    assert!(unknown.is_empty(), "docs/protocol.md has no {unknown:?}");
}

#[test]
fn the_walker_finds_what_it_looks_for() {
    assert_eq!(
        rules("- **1.2** A\n  **9.9** b\n- **10.3** c"),
        BTreeSet::from([(1, 2), (10, 3)])
    );
    let found: Vec<Rule> =
        citations("fn rule_4_9_json() {} test(\"edge_1 rule_10_3 rule_x\")").collect();
    assert_eq!(found, [(4, 9), (10, 3)]);
}
