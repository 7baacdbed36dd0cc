//! What differs between two requests with one key, told from digests (docs/protocol.md §4).
//!
//! A sketch is kept beside a fingerprint, so it must not hold content. Every entry is two short hashes under a salt that no other
//! claim has: one of what the entry is about, one of its value. Names are told from the request at hand.

use super::body::{Contents, Reading};
use super::leaves::{Found, Leaf};
use super::{add, compared, rank};
use crate::protocol::bytes;
use crate::protocol::contract::{FingerprintPart, FingerprintRules};
use crate::protocol::digest::{Keyed, Parts};
use crate::protocol::request::Inbound;
use serde::{Deserialize, Serialize};

/// No sketch is longer, in bytes.
pub const MAX_SKETCH: usize = 2048;
/// No more differences are told.
pub const MAX_DIFFERENCES: usize = 10;

/// Bytes of a hash that are kept. Of a value that can be guessed, few bytes confirm a guess less surely; two values that share
/// them leave one difference untold.
const KEPT: usize = 4;
type Short = [u8; KEPT];

/// Something in which a request is not the first one with its key. In JSON: `{"part":"body","pointer":"/amount"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "part", rename_all = "kebab-case")]
pub enum Difference {
    /// The method, or a header that overrides it.
    Method,
    /// The path.
    Path,
    /// The query.
    Query,
    /// `Content-Type` or `Content-Encoding`.
    MediaType,
    /// A header that the contract compares.
    Header {
        /// In lower case.
        name: String,
    },
    /// A value of a JSON body: another one, or one that was not there.
    #[serde(rename = "body")]
    Pointer {
        /// RFC 6901.
        pointer: String,
    },
    /// A field of a form: another one, or one that was not there.
    #[serde(rename = "body")]
    Field {
        /// As the form has it.
        name: String,
    },
    /// Values or fields that were there, and are not. Their names are not kept.
    #[serde(rename = "body")]
    Missing {
        /// How many.
        missing: usize,
    },
    /// The body as a whole.
    #[serde(rename = "body")]
    Body,
}

/// The versions in which sketches lie in ledgers. A variant is never changed, only added: its number is the first byte.
#[derive(Serialize, Deserialize)]
enum Stored<S> {
    /// Of longer hashes: it tells no differences any more.
    V1(S),
    V2(S),
}

#[derive(Serialize, Deserialize)]
struct Sketch {
    /// All parts that are compared, the body as a whole among them.
    parts: Vec<Entry>,
    /// The leaves of the body, where there are few enough.
    leaves: Option<(Reading, Vec<Entry>)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    name: Short,
    value: Short,
}

/// The sketch of a request, in bytes, at most [`MAX_SKETCH`] of them. `salt` belongs to the claim and is kept with it; `contents`
/// is the body as it was read under these `rules`. An empty sketch is none: it tells no differences.
pub fn sketch(
    rules: &FingerprintRules,
    salt: &[u8; 16],
    request: &Inbound,
    contents: &Contents,
) -> Vec<u8> {
    let mut salted = Salted::new(salt);
    let parts = compared(rules);
    let parts = parts
        .iter()
        .map(|part| salted.part(part, request, contents));
    let mut sketch = Sketch {
        parts: parts.collect(),
        leaves: leaves_of(contents).map(|(reading, leaves)| (reading, salted.leaves(leaves))),
    };
    for _ in 0..2 {
        match salted.seal(&sketch) {
            Some(bytes) if bytes.len() <= MAX_SKETCH => return bytes,
            // A contract of hundreds of headers leaves no room.
            _ => sketch.leaves = None,
        }
    }
    Vec::new()
}

/// In what `request` differs from the one whose sketch is `stored`, at most [`MAX_DIFFERENCES`]. None from a sketch of another
/// version or under another salt, and none from a damaged one.
pub fn differences(
    rules: &FingerprintRules,
    salt: &[u8; 16],
    stored: &[u8],
    request: &Inbound,
    contents: &Contents,
) -> Vec<Difference> {
    let mut salted = Salted::new(salt);
    let Some(stored) = salted.open(stored) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for part in compared(rules) {
        let now = salted.part(part, request, contents);
        // A part that the contract has since gained was not compared then.
        let differs = |then: &Entry| then.name == now.name && then.value != now.value;
        if stored.parts.iter().any(differs) {
            match named(part) {
                Some(difference) => found.push(difference),
                None => {
                    let room = MAX_DIFFERENCES.saturating_sub(found.len());
                    found.extend(in_body(&mut salted, stored.leaves.as_ref(), contents, room));
                }
            }
        }
    }
    found.truncate(MAX_DIFFERENCES);
    found
}

/// What a differing part is called; `None` for the body, which has names of its own.
fn named(part: &FingerprintPart) -> Option<Difference> {
    Some(match part {
        FingerprintPart::Method => Difference::Method,
        FingerprintPart::Path => Difference::Path,
        FingerprintPart::Query | FingerprintPart::QueryRaw => Difference::Query,
        FingerprintPart::MediaType => Difference::MediaType,
        FingerprintPart::Header(name) => Difference::Header { name: name.clone() },
        FingerprintPart::Body | FingerprintPart::BodyExact => return None,
    })
}

fn leaves_of(contents: &Contents) -> Option<(Reading, &Found)> {
    match contents {
        Contents::Meaning {
            reading,
            leaves: Some(leaves),
            ..
        } => Some((*reading, leaves)),
        _ => None,
    }
}

/// What differs inside two bodies that are not the same: at most `room` differences, and at least one.
fn in_body(
    salted: &mut Salted,
    stored: Option<&(Reading, Vec<Entry>)>,
    contents: &Contents,
    room: usize,
) -> Vec<Difference> {
    let (stored, reading, leaves) = match (stored, leaves_of(contents)) {
        (Some((then, stored)), Some((now, leaves))) if *then == now => (stored, now, leaves),
        _ => return vec![Difference::Body],
    };
    let missing = missing(salted, stored, reading, leaves);
    let mut found: Vec<Difference> = salted
        .leaves(leaves)
        .iter()
        .zip(leaves.iter())
        .filter(|(entry, _)| !stored.contains(entry))
        .map(|(_, leaf)| match reading {
            Reading::Json => Difference::Pointer {
                pointer: leaf.name.to_owned(),
            },
            Reading::Form | Reading::Multipart => Difference::Field {
                name: leaf.name.to_owned(),
            },
        })
        .take(room.saturating_sub(usize::from(missing > 0)))
        .collect();
    if missing > 0 {
        found.push(Difference::Missing { missing });
    }
    if found.is_empty() {
        // The same leaves in another order.
        found.push(Difference::Body);
    }
    found
}

/// How many of the `stored` leaves are no longer there.
fn missing(salted: &mut Salted, stored: &[Entry], reading: Reading, leaves: &Found) -> usize {
    let mut names: Vec<Short> = Vec::new();
    for leaf in leaves.iter() {
        names.push(salted.name(leaf.name));
        if reading == Reading::Json {
            // What was an empty container then may have got members since: it is still there.
            let ends = leaf.name.match_indices('/');
            let outer = ends.filter_map(|(end, _)| leaf.name.get(..end));
            names.extend(outer.map(|outer| salted.name(outer)));
        }
    }
    stored
        .iter()
        .filter(|entry| !names.contains(&entry.name))
        .count()
}

/// What a sketch ends with under this `salt`, so that a damaged one is known.
pub fn seal(salt: &[u8; 16], sketch: &[u8]) -> [u8; KEPT] {
    Salted::new(salt).seal_of(sketch)
}

/// What a hash is of.
mod tag {
    pub const PART: u8 = 1;
    pub const LEAF: u8 = 2;
    pub const CONTENT: u8 = 3;
    pub const SKETCH: u8 = 4;
}

fn short([a, b, c, d, ..]: [u8; 8]) -> Short {
    [a, b, c, d]
}

/// Hashes that mean nothing without their salt.
struct Salted(Parts<Keyed>);

impl Salted {
    fn new(salt: &[u8; 16]) -> Self {
        Self(Parts::keyed(salt))
    }

    fn part(&mut self, part: &FingerprintPart, request: &Inbound, contents: &Contents) -> Entry {
        let (number, header) = rank(part);
        let name = short(self.0.tagged(tag::PART, &[number], header.as_bytes()));
        add(&mut self.0, part, request, contents);
        let value = short(self.0.hash());
        Entry { name, value }
    }

    fn leaves(&mut self, leaves: &Found) -> Vec<Entry> {
        leaves.iter().map(|leaf| self.leaf(&leaf)).collect()
    }

    fn leaf(&mut self, leaf: &Leaf<'_>) -> Entry {
        let name = self.named(leaf.name);
        Entry {
            name: short(name),
            // With the name: that two leaves have one value is nobody's business.
            value: short(self.0.tagged(tag::CONTENT, &name, leaf.content)),
        }
    }

    fn name(&mut self, leaf: &str) -> Short {
        short(self.named(leaf))
    }

    fn named(&mut self, leaf: &str) -> [u8; 8] {
        self.0.tagged(tag::LEAF, &[], leaf.as_bytes())
    }

    /// `None` never happens for a sketch; the type says so because the encoder does.
    fn seal(&mut self, sketch: &Sketch) -> Option<Vec<u8>> {
        let mut bytes = bytes::encode(&Stored::V2(sketch)).ok()?;
        bytes.extend(self.seal_of(&bytes));
        Some(bytes)
    }

    fn open(&mut self, bytes: &[u8]) -> Option<Sketch> {
        let (bytes, seal) = bytes.split_last_chunk::<KEPT>()?;
        if *seal != self.seal_of(bytes) {
            return None;
        }
        match postcard::take_from_bytes(bytes).ok()? {
            (Stored::V2(sketch), []) => Some(sketch),
            _ => None,
        }
    }

    fn seal_of(&mut self, sketch: &[u8]) -> Short {
        short(self.0.tagged(tag::SKETCH, &[], sketch))
    }
}
