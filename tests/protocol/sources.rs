//! The sources of this repository, for the tests that walk through them.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;

/// The texts of all Rust and TypeScript sources below `folder`, a path from the root, but for the file `without`, whose name
/// ends so.
pub fn texts(folder: &str, without: &str) -> Vec<String> {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    collect(&root.join(folder), without, &mut found);
    found
}

fn collect(folder: &Path, without: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let is_source = path.extension().is_some_and(|e| e == "rs" || e == "ts");
        if path.is_dir() {
            collect(&path, without, found);
        } else if is_source && !path.ends_with(without) {
            found.push(fs::read_to_string(&path).unwrap());
        }
    }
}
