//! Every file of `corpus/` through its target: what the fuzzer has found interesting stays without a finding.

#![allow(clippy::unwrap_used)]

use reprise_fuzz::{TARGETS, run};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn corpus(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target)
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let read = |path: PathBuf| (path.display().to_string(), fs::read(&path).unwrap());
    entries.map(|entry| read(entry.unwrap().path())).collect()
}

/// Runs them all; how many of them were read as what they should be.
fn replay(name: &str) {
    let files = files(&corpus(name));
    let (mut read, mut refused) = (0, 0);
    for (path, bytes) in &files {
        // It stands before the panic's message, if one comes.
        println!("{path}");
        if run(name, bytes) {
            read += 1;
        } else {
            refused += 1;
        }
    }
    assert!(
        read > 0,
        "nothing in the corpus of {name} is read: has the format changed? (examples/seeds.rs)"
    );
    assert!(refused > 0, "nothing in the corpus of {name} is refused");
}

fn names(directory: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = fs::read_dir(path).unwrap();
    let stem = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    entries.map(|entry| stem(entry.unwrap().path())).collect()
}

#[test]
fn every_target_has_a_corpus_and_a_program() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("corpus"), targets);
    assert_eq!(names("fuzz_targets"), targets);
}

#[test]
fn contract() {
    replay("contract");
}

#[test]
fn decision() {
    replay("decision");
}

#[test]
fn form() {
    replay("form");
}

#[test]
fn header() {
    replay("header");
}

#[test]
fn json() {
    replay("json");
}

#[test]
fn key() {
    replay("key");
}

#[test]
fn message() {
    replay("message");
}

#[test]
fn multipart() {
    replay("multipart");
}

#[test]
fn never_store() {
    replay("never_store");
}

#[test]
fn policy() {
    replay("policy");
}

#[test]
fn query() {
    replay("query");
}

#[test]
fn record() {
    replay("record");
}

#[test]
fn sketch() {
    replay("sketch");
}
