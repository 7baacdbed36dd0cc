//! Walks the table of docs/operating.md, "What fails how": every row says all that it should, and is cited by a test.
//!
//! A citation is `fault_l1` in the name of a Rust test or in the title of an end-to-end test.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "protocol/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What fails, what the client gets, the operation, what to watch, rules.
const CELLS: usize = 5;

/// `| **L1** | … |`: its name, in lower case, and its cells.
fn row(line: &str) -> Option<(String, Vec<&str>)> {
    let (name, rest) = line.strip_prefix("| **")?.split_once("** | ")?;
    let cells = rest.strip_suffix(" |")?.split(" | ");
    Some((name.to_lowercase(), cells.collect()))
}

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn section(page: &str) -> &str {
    let (_, rest) = page.split_once("\n## What fails how\n").unwrap();
    rest.split("\n## ").next().unwrap_or(rest)
}

/// Every `fault_l1` of `text`.
fn citations(text: &str) -> impl Iterator<Item = String> {
    text.split("fault_").skip(1).filter_map(|rest| {
        let name: String = rest
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let (letter, number) = name.split_at_checked(1)?;
        let is_row =
            letter.starts_with(|c: char| c.is_ascii_lowercase()) && number.parse::<u32>().is_ok();
        is_row.then_some(name)
    })
}

fn cited() -> BTreeSet<String> {
    let found = ["tests", "src", "policy"].map(|folder| sources::texts(folder, "tests/faults.rs"));
    found
        .iter()
        .flatten()
        .flat_map(|text| citations(text))
        .collect()
}

#[test]
fn every_fault_is_cited_by_a_test_and_every_citation_is_of_a_fault() {
    let page = page("docs/operating.md");
    let rows: Vec<String> = section(&page)
        .lines()
        .filter_map(row)
        .map(|(name, _)| name)
        .collect();
    let stated: BTreeSet<String> = rows.iter().cloned().collect();
    assert_eq!(rows.len(), stated.len(), "no name is given twice");
    assert!(
        rows.len() > 40,
        "only {} rows were found: has the table another form?",
        rows.len()
    );
    let cited = cited();
    let missing: Vec<&String> = stated.difference(&cited).collect();
    assert!(missing.is_empty(), "no test cites {missing:?}");
    let unknown: Vec<&String> = cited.difference(&stated).collect();
    assert!(unknown.is_empty(), "docs/operating.md has no {unknown:?}");
}

#[test]
fn every_row_says_what_is_seen_what_becomes_of_it_and_by_which_rules() {
    let (page, rules) = (page("docs/operating.md"), page("docs/protocol.md"));
    for (name, cells) in section(&page).lines().filter_map(row) {
        assert_eq!(cells.len(), CELLS, "{name}: {cells:?}");
        assert!(
            cells.iter().all(|cell| !cell.trim().is_empty()),
            "{name}: {cells:?}"
        );
        for rule in cells[CELLS - 1].split(", ") {
            assert!(
                rules.contains(&format!("\n- **{rule}** ")),
                "{name}: docs/protocol.md has no rule {rule}"
            );
        }
    }
}

#[test]
fn the_walker_finds_what_it_looks_for() {
    assert_eq!(
        row("| **L1** | a | b |"),
        Some(("l1".to_owned(), vec!["a", "b"]))
    );
    assert_eq!(row("| a | b |"), None);
    let found: Vec<String> =
        citations("fn fault_l1_a() {} \"edge_1 fault_k12 fault_x\" fault_(").collect();
    assert_eq!(found, ["l1", "k12"]);
}
