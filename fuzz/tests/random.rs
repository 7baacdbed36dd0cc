//! Random variations of the corpus, a few seconds of them: what needs no fuzzer to be found.

#![allow(clippy::unwrap_used)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestRunner;
use reprise_fuzz::{TARGETS, run};
use std::fmt;
use std::fs;
use std::path::Path;

/// One change of an input.
#[derive(Debug, Clone)]
enum Edit {
    /// One bit is another.
    Flip(Index, u8),
    /// Bytes are gone.
    Remove(Index, usize),
    /// Bytes are there once more.
    Repeat(Index, usize),
    /// A word of the dictionaries stands there too.
    Insert(Index, Index),
    /// All that follows is another input's end.
    Splice(Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    let place = any::<Index>;
    prop_oneof![
        (place(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (place(), 1..20_usize).prop_map(|(at, length)| Edit::Remove(at, length)),
        (place(), 1..200_usize).prop_map(|(at, length)| Edit::Repeat(at, length)),
        (place(), place()).prop_map(|(at, word)| Edit::Insert(at, word)),
        (place(), place()).prop_map(|(at, other)| Edit::Splice(at, other)),
    ]
}

fn applied(mut input: Vec<u8>, edit: &Edit, words: &[Vec<u8>], corpus: &[Vec<u8>]) -> Vec<u8> {
    let place = |at: &Index, input: &[u8]| at.index(input.len() + 1);
    match edit {
        Edit::Flip(at, bit) => {
            let at = place(at, &input);
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        Edit::Remove(at, length) => {
            let at = place(at, &input);
            let end = (at + length).min(input.len());
            input.drain(at..end);
        }
        Edit::Repeat(at, length) => {
            let at = place(at, &input);
            let again = input[at..(at + length).min(input.len())].to_vec();
            input.splice(at..at, again);
        }
        Edit::Insert(at, word) => {
            let at = place(at, &input);
            input.splice(at..at, word.get(words).iter().copied());
        }
        Edit::Splice(at, other) => {
            let other = other.get(corpus);
            let at = place(at, &input).min(other.len());
            input.truncate(at);
            input.extend(&other[at..]);
        }
    }
    input
}

fn read(directory: &Path) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| fs::read(path).unwrap())
        .collect()
}

/// The words of all dictionaries, between their quotes; escapes stay as they are written.
fn words(root: &Path) -> Vec<Vec<u8>> {
    let texts = read(&root.join("dictionaries"));
    let lines = texts
        .iter()
        .flat_map(|text| text.split(|byte| *byte == b'\n'));
    let word = |line: &[u8]| Some(line.strip_prefix(b"\"")?.strip_suffix(b"\"")?.to_vec());
    lines.filter_map(word).collect()
}

/// Shown as text where it fails.
#[derive(Clone)]
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[test]
fn random_variations_of_the_corpus_are_without_a_finding() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let words = words(root);
    assert!(words.len() > 100);
    for (name, _) in TARGETS {
        let corpus = read(&root.join("corpus").join(name));
        let inputs = (any::<Index>(), vec(edit(), 1..8)).prop_map(|(first, edits)| {
            let first = first.get(&corpus).clone();
            let edited = |input, edit| applied(input, edit, &words, &corpus);
            Input(edits.iter().fold(first, edited))
        });
        let config = ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(400)
        };
        let runs = TestRunner::new(config).run(&inputs, |input| {
            run(name, &input.0);
            Ok(())
        });
        if let Err(finding) = runs {
            panic!("{name}: {finding}");
        }
    }
}
