//! The pairs of an `application/x-www-form-urlencoded` body.

use super::leaves::Leaves;
use crate::protocol::digest::{PartsHasher, Sha256Digest};
use crate::protocol::order;

/// Forms with more pairs count by their bytes: a pair in memory is many times its text.
const MAX_PAIRS: usize = 1 << 16;

/// A form that counts by its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Of all pairs.
    pub digest: Sha256Digest,
    /// The values of each name.
    pub leaves: Leaves,
}

/// The pairs of `text`, or `None` where it does not decode (rule 4.13).
pub fn read(text: &[u8]) -> Option<Form> {
    if text.iter().filter(|byte| **byte == b'&').count() >= MAX_PAIRS {
        return None;
    }
    let pairs = text.split(|byte| *byte == b'&').map(pair);
    let pairs: Vec<Pair> = pairs.collect::<Option<_>>()?;
    let mut hasher = PartsHasher::new("reprise/form");
    let mut leaves = Leaves::default();
    let sorted = order::by_name(pairs.iter().map(|(name, _)| root(name)));
    for (name, value) in sorted.into_iter().filter_map(|at| pairs.get(at)) {
        let value = value.as_deref().map(str::as_bytes);
        hasher
            .part("name", Some(name.as_bytes()))
            .part("value", value);
        // A leaf may hold several values, so each comes with its length.
        let length = value.map_or(0, |value| value.len() as u64 + 1);
        leaves.add(
            name,
            &[&length.to_be_bytes(), value.unwrap_or_default()].concat(),
        );
    }
    Some(Form {
        digest: hasher.finish(),
        leaves,
    })
}

/// A name and, behind `=`, a value. Readers differ on whether `a` and `a=` mean the same, so they do not count as the same.
type Pair = (String, Option<String>);

fn pair(text: &[u8]) -> Option<Pair> {
    let mut halves = text.splitn(2, |byte| *byte == b'=');
    let name = decode(halves.next().unwrap_or_default())?;
    Some(match halves.next() {
        Some(value) => (name, Some(decode(value)?)),
        None => (name, None),
    })
}

/// `None` for a `%` without two hexadecimal digits and for what is not UTF-8: what a reader makes of them, nobody knows.
fn decode(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(out).ok()
}

/// The part of a name before its first `[` or `.`. Frameworks build lists and objects of the pairs that share it in the order in
/// which they come (`a[][x]=1&a[][y]=2`), so their order counts; no framework mixes pairs of different roots.
pub fn root(name: &str) -> &str {
    name.split(['[', '.']).next().unwrap_or(name)
}
