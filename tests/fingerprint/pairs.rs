//! Pairs of random bodies: the same content has one digest, and two contents have two.
//!
//! Every pair is made of one seed, which a failure names: `pair(seed)` is that pair again.

use super::random::{Random, change_form, form, json, write_form};
use super::spelling::{Choices, change_leaf, leaves, spell};
use super::*;
use reprise::protocol::fingerprint::multipart::{Hasher, Multipart};

static WITH_TYPE: LazyLock<FingerprintRules> = LazyLock::new(|| parts("\"media-type\", \"body\""));

/// How many pairs were the same, and how many were not.
#[derive(Debug, Default)]
struct Seen {
    same: u64,
    different: u64,
}

fn run(seeds: std::ops::Range<u64>) -> Seen {
    let mut seen = Seen::default();
    for seed in seeds {
        let mut random = Random::new(seed);
        let same = if random.one_in(2) {
            form_pair(seed, &mut random)
        } else {
            json_pair(seed, &mut random)
        };
        *(if same {
            &mut seen.same
        } else {
            &mut seen.different
        }) += 1;
    }
    seen
}

/// Checks a pair of forms; whether they are the same.
fn form_pair(seed: u64, random: &mut Random) -> bool {
    let one = form(random);
    let other = match random.below(4) {
        0 | 1 => one.clone(),
        2 => change_form(&one, random),
        _ => form(random),
    };
    let mut print = |parts| {
        let (boundary, text) = write_form(parts, random);
        let whole = chunked(&boundary, &text, &mut || text.len().max(1));
        assert!(
            whole.is_some(),
            "seed {seed}: {boundary:?} {}",
            text.escape_ascii()
        );
        let in_chunks = chunked(&boundary, &text, &mut || {
            1 + random.below(40) * random.below(40)
        });
        assert_eq!(
            in_chunks,
            whole,
            "seed {seed}: {boundary:?} {}",
            text.escape_ascii()
        );
        let kind = format!("multipart/form-data; boundary=\"{boundary}\"");
        of_body(&WITH_TYPE, &[("Content-Type", &kind)], &text)
    };
    assert_eq!(
        print(&one) == print(&other),
        one == other,
        "seed {seed}: {one:?} and {other:?}"
    );
    one == other
}

fn chunked(boundary: &str, text: &[u8], length: &mut impl FnMut() -> usize) -> Option<Multipart> {
    let mut hasher = Hasher::new(boundary);
    let mut rest = text;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(length().min(rest.len()));
        hasher.update(chunk);
        rest = after;
    }
    hasher.finish()
}

/// Checks a pair of JSON bodies; whether they are the same.
fn json_pair(seed: u64, random: &mut Random) -> bool {
    let one = json(random, 3);
    let other = match random.below(4) {
        0 | 1 => one.clone(),
        2 => {
            let mut other = one.clone();
            change_leaf(&mut other, &mut Some(random.below(leaves(&one))));
            other
        }
        _ => json(random, 2),
    };
    let mut text = |value| {
        let list = random.bytes(40);
        spell(
            value,
            &mut Choices {
                list: &list,
                next: 0,
            },
        )
    };
    let texts = (text(&one), text(&other));
    let same = of_json(texts.0.as_bytes()) == of_json(texts.1.as_bytes());
    assert_eq!(same, one == other, "seed {seed}: {texts:?}");
    same
}

#[test]
fn rule_4_14_rule_4_8_of_20_000_random_pairs_exactly_the_same_bodies_have_one_digest() {
    let seen = run(0..20_000);
    assert!(seen.same > 5_000 && seen.different > 5_000, "{seen:?}");
}

#[test]
fn rule_4_15_rule_4_16_a_damaged_form_is_the_same_in_any_chunks() {
    let (mut whole, mut broken) = (0, 0);
    for seed in 0..5_000 {
        let mut random = Random::new(seed);
        let (boundary, mut text) = write_form(&form(&mut random), &mut random);
        for _ in 0..=random.below(3) {
            let at = random.below(text.len());
            match random.below(3) {
                0 => drop(text.remove(at)),
                1 => text.insert(at, random.of(b"\r\n-b: ")),
                _ => text[at] ^= 1 << random.below(8),
            }
        }
        let at_once = chunked(&boundary, &text, &mut || text.len().max(1));
        let in_chunks = chunked(&boundary, &text, &mut || 1 + random.below(9));
        assert_eq!(
            at_once,
            in_chunks,
            "seed {seed}: {boundary:?} {}",
            text.escape_ascii()
        );
        *(if at_once.is_some() {
            &mut whole
        } else {
            &mut broken
        }) += 1;
    }
    assert!(whole > 500 && broken > 500, "{whole} and {broken}");
}

/// `cargo test --release --test fingerprint -- --ignored million --nocapture`
#[test]
#[ignore = "takes a while"]
fn a_million_random_pairs() {
    let start = std::time::Instant::now();
    let seen = run(1_000_000..2_000_000);
    println!("{seen:?} in {:?}", start.elapsed());
}
