//! Is it the same request as before? (docs/protocol.md §4)

pub mod body;
pub mod exact;
pub mod form;
pub mod json;
pub mod leaves;
mod media_type;
pub mod multipart;
mod number;
mod part;
pub mod sketch;

use super::bytes;
use super::contract::{FingerprintPart, FingerprintRules};
use super::digest::{Parts, PartsHasher, Sha256Digest};
use super::order;
use super::request::{Body, Inbound, normalise_escapes};
pub use body::{Arriving, Contents};
pub(crate) use media_type::{Syntax, content_coding, syntax};
use serde::{Deserialize, Serialize};
use sha2::digest::Update;

/// Changes whenever the derivation does, so that records of two derivations never count as equal (edge case 134).
const DOMAIN: &str = "reprise/fingerprint/2";

/// Of another kind than a fingerprint: a head never counts as a whole request.
const HEAD_DOMAIN: &str = "reprise/fingerprint-head/1";

/// The digest of everything that the contract compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(#[serde(deserialize_with = "bytes::deserialize")] Sha256Digest);

impl Fingerprint {
    /// The fingerprint of `request` with its whole `body` (rule 4.1).
    pub fn of(rules: &FingerprintRules, request: &Inbound, body: &Body) -> Self {
        let contents = Contents::of(rules, request, body);
        Self(digest(DOMAIN, rules, request, &contents))
    }

    /// The same, of a body that was read under these `rules`; `None` while it is on its way.
    pub fn with(rules: &FingerprintRules, request: &Inbound, contents: &Contents) -> Option<Self> {
        let come = *contents != Contents::Pending;
        come.then(|| Self(digest(DOMAIN, rules, request, contents)))
    }

    /// From the bytes of a stored fingerprint.
    pub const fn from_bytes(bytes: Sha256Digest) -> Self {
        Self(bytes)
    }

    /// As stored.
    pub fn as_bytes(&self) -> &Sha256Digest {
        &self.0
    }
}

/// Everything that the contract compares but the body: all that is known of a request while its body is on its way (rule 4.22).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadFingerprint(#[serde(deserialize_with = "bytes::deserialize")] Sha256Digest);

impl HeadFingerprint {
    /// Of no request: of one that has not been read yet.
    pub const UNREAD: Self = Self([0; 32]);

    /// Of the head of `request`.
    pub fn of(rules: &FingerprintRules, request: &Inbound) -> Self {
        Self(digest(HEAD_DOMAIN, rules, request, &Contents::Pending))
    }

    /// From its bytes.
    pub fn from_bytes(bytes: Sha256Digest) -> Self {
        Self(bytes)
    }
}

/// What a row holds of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Print {
    /// All of it.
    Whole(Fingerprint),
    /// Its head: the body was still on its way when the claim was made, and has not been settled with (rule 4.22).
    Pending(HeadFingerprint),
}

impl Print {
    /// As stored: the digest; one of a head alone behind a zero, so that neither is ever taken for the other.
    pub fn to_bytes(self) -> Vec<u8> {
        match self {
            Self::Whole(fingerprint) => fingerprint.0.to_vec(),
            Self::Pending(head) => [&[0], head.0.as_slice()].concat(),
        }
    }

    /// From what [`Self::to_bytes`] made; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match (bytes.try_into(), bytes.split_first()) {
            (Ok(digest), _) => Some(Self::Whole(Fingerprint(digest))),
            (_, Some((0, head))) => Some(Self::Pending(HeadFingerprint(head.try_into().ok()?))),
            _ => None,
        }
    }
}

fn digest(
    domain: &str,
    rules: &FingerprintRules,
    request: &Inbound,
    contents: &Contents,
) -> Sha256Digest {
    let mut hasher = PartsHasher::new(domain);
    for part in compared(rules) {
        add(&mut hasher, part, request, contents);
    }
    hasher.finish()
}

/// What the contract compares, as it lists it.
fn listed(rules: &FingerprintRules) -> impl Iterator<Item = &FingerprintPart> {
    rules.parts.iter().filter(|_| rules.compare)
}

/// The same in a fixed order: the one in which it lists them says nothing.
fn compared(rules: &FingerprintRules) -> Vec<&FingerprintPart> {
    let mut parts: Vec<&FingerprintPart> = Vec::new();
    for part in listed(rules) {
        order::insert(&mut parts, part, |a, b| rank(a) <= rank(b));
    }
    parts
}

fn rank(part: &FingerprintPart) -> (u8, &str) {
    match part {
        FingerprintPart::Method => (0, ""),
        FingerprintPart::Path => (1, ""),
        FingerprintPart::Query => (2, ""),
        FingerprintPart::QueryRaw => (3, ""),
        FingerprintPart::MediaType => (4, ""),
        FingerprintPart::Header(name) => (5, name),
        FingerprintPart::Body => (6, ""),
        FingerprintPart::BodyExact => (7, ""),
    }
}

fn add<H: Update>(
    hasher: &mut Parts<H>,
    part: &FingerprintPart,
    request: &Inbound,
    contents: &Contents,
) {
    let headers = &request.headers;
    match part {
        FingerprintPart::Method => {
            hasher.part("method", Some(request.method.as_bytes()));
            for name in METHOD_OVERRIDES {
                let value = headers.get(name).map(str::to_ascii_uppercase);
                hasher.part(name, value.as_deref().map(str::as_bytes));
            }
        }
        FingerprintPart::Path => {
            hasher.part("path", Some(request.normalised_path().as_bytes()));
        }
        FingerprintPart::Query => {
            let query = request.query.as_deref().map(sorted_query);
            hasher.part("query", query.as_deref().map(str::as_bytes));
        }
        FingerprintPart::QueryRaw => {
            hasher.part("query:raw", request.query.as_deref().map(str::as_bytes));
        }
        FingerprintPart::MediaType => add_media_type(hasher, request, contents),
        FingerprintPart::Header(name) => {
            hasher.part("header", Some(name.as_bytes()));
            hasher.part("value", headers.get(name).map(str::as_bytes));
        }
        FingerprintPart::Body | FingerprintPart::BodyExact => contents.add_to(hasher),
    }
}

/// Headers by which a client asks for another method than the request line says (rule 4.2).
const METHOD_OVERRIDES: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

fn add_media_type<H: Update>(hasher: &mut Parts<H>, request: &Inbound, contents: &Contents) {
    let value = request.headers.get("content-type");
    let framing = contents.counts_boundary();
    // Of two kinds, so that no unparsed value can spell a parsed one.
    match value.map(|value| media_type::canonical(value, framing).ok_or(value)) {
        Some(Ok(parsed)) => hasher.part("media-type", Some(parsed.as_bytes())),
        Some(Err(raw)) => hasher.part("media-type:raw", Some(raw.as_bytes())),
        None => hasher.part("media-type", None),
    };
    let coding = media_type::content_coding(request);
    hasher.part("content-encoding", coding.as_deref().map(str::as_bytes));
}

/// Rule 4.4: sorted by the roots of their names; the sort is stable, so pairs of one root keep their order.
fn sorted_query(query: &str) -> String {
    let pairs: Vec<String> = query.split('&').map(normalise_escapes).collect();
    let sorted = order::by_name(pairs.iter().map(|pair| root(pair)));
    let sorted = sorted.into_iter().filter_map(|at| pairs.get(at));
    return sorted.map(String::as_str).collect::<Vec<_>>().join("&");

    fn root(pair: &str) -> &str {
        let name = pair.split('=').next().unwrap_or(pair);
        form::root(name.split("%5B").next().unwrap_or(name))
    }
}
