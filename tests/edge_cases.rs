//! Every edge case has its test. Edge cases are numbered: 1 to 135 are situations that a gateway meets, 201 to 244 defects that other
//! implementations had. A test cites its own by three digits in its name or title, such as `edge_072`, so that both are found.

#[path = "protocol/sources.rs"]
mod sources;

use std::collections::BTreeSet;

fn cases() -> impl Iterator<Item = u16> {
    (1..=135).chain(201..=244)
}

/// What follows `edge_` in the name or the title of a test, as far as it is digits. Citations in comments do not count.
fn citations(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| is_name(line)).flat_map(|line| {
        line.split("edge_").skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit());
            rest.get(..end.unwrap_or(rest.len())).unwrap_or_default()
        })
    })
}

/// Whether a line is that of a test's name: of a function, of a row of the model's table of defects, of a TypeScript test.
fn is_name(line: &str) -> bool {
    let line = line.trim_start();
    ["fn ", "edge_", "test(", "async fn "]
        .iter()
        .any(|start| line.starts_with(start))
}

fn cited() -> BTreeSet<String> {
    let folders = ["tests", "src", "policy", "conformance", "model"];
    let texts = folders.map(|folder| sources::texts(folder, "tests/edge_cases.rs"));
    let numbers = texts.iter().flatten().flat_map(|text| citations(text));
    numbers
        .filter(|digits| !digits.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_case_is_cited_by_a_test() {
    let cited = cited();
    let missing: Vec<u16> = cases()
        .filter(|n| !cited.contains(&format!("{n:03}")))
        .collect();
    assert!(missing.is_empty(), "no test cites the cases {missing:?}");
}

#[test]
fn every_citation_is_of_a_case_that_exists() {
    let known: BTreeSet<String> = cases().map(|n| format!("{n:03}")).collect();
    let unknown: Vec<String> = cited().difference(&known).cloned().collect();
    assert!(
        unknown.is_empty(),
        "there is no case {unknown:?}; a number has three digits"
    );
}

#[test]
fn the_walker_finds_what_it_looks_for() {
    let text = "// edge_001\nfn rule_1_2_edge_003_edge_204_a() {}\n    edge_205_b: X =>\ntest(\"edge_72 c\", edge_x)";
    let found: Vec<&str> = citations(text).collect();
    assert_eq!(found, ["003", "204", "205", "72", ""]);
}
