//! Is it the same request as before? (docs/protocol.md §4)

pub mod json;

use super::contract::{FingerprintPart, FingerprintRules};
use super::digest::{PartsHasher, Sha256Digest, sha256};
use super::request::{Body, Inbound, normalise_escapes};
use mediatype::{MediaType, ReadParams};
use serde::{Deserialize, Serialize};

/// Changes whenever the derivation does, so that records of two derivations never count as equal (edge case 134).
const DOMAIN: &str = "reprise/fingerprint/1";

/// The digest of everything that the contract compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint(Sha256Digest);

impl Fingerprint {
    /// The fingerprint of `request` with its whole `body` (rule 4.1).
    pub fn of(rules: &FingerprintRules, request: &Inbound, body: &Body) -> Self {
        let mut hasher = PartsHasher::new(DOMAIN);
        if rules.compare {
            let mut parts: Vec<&FingerprintPart> = rules.parts.iter().collect();
            // The order in which a contract lists its parts says nothing.
            parts.sort_by_key(|part| order(part));
            for part in parts {
                add(&mut hasher, part, request, body);
            }
        }
        Self(hasher.finish())
    }

    /// From the bytes of a stored fingerprint.
    pub fn from_bytes(bytes: Sha256Digest) -> Self {
        Self(bytes)
    }

    /// As stored.
    pub fn as_bytes(&self) -> &Sha256Digest {
        &self.0
    }
}

fn order(part: &FingerprintPart) -> (u8, &str) {
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

fn add(hasher: &mut PartsHasher, part: &FingerprintPart, request: &Inbound, body: &Body) {
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
        FingerprintPart::MediaType => {
            let value = headers.get("content-type");
            // Of two kinds, so that no unparsed value can spell a parsed one.
            match value.map(|value| media_type(value).ok_or(value)) {
                Some(Ok(parsed)) => hasher.part("media-type", Some(parsed.as_bytes())),
                Some(Err(raw)) => hasher.part("media-type:raw", Some(raw.as_bytes())),
                None => hasher.part("media-type", None),
            };
            let coding = content_coding(request);
            hasher.part("content-encoding", coding.as_deref().map(str::as_bytes));
        }
        FingerprintPart::Header(name) => {
            hasher.part("header", Some(name.as_bytes()));
            hasher.part("value", headers.get(name).map(str::as_bytes));
        }
        FingerprintPart::Body => match (body, meaning(request, body)) {
            (_, Some(canonical)) => {
                hasher.part("body:json", Some(&sha256(&canonical)));
            }
            (body, None) => add_bytes(hasher, body),
        },
        FingerprintPart::BodyExact => add_bytes(hasher, body),
    }
}

fn add_bytes(hasher: &mut PartsHasher, body: &Body) {
    match body {
        Body::Absent => hasher.part("body", None),
        Body::Bytes(bytes) => hasher.part("body", Some(&sha256(bytes))),
    };
}

/// Headers by which a client asks for another method than the request line says (rule 4.2).
const METHOD_OVERRIDES: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// The canonical form of a body that counts by its meaning (rules 4.8 and 4.9); `None` where it counts by its bytes.
fn meaning(request: &Inbound, body: &Body) -> Option<Vec<u8>> {
    let Body::Bytes(bytes) = body else {
        return None;
    };
    let media_type = request.headers.get("content-type")?;
    if !is_json(media_type) || content_coding(request).is_some() {
        return None;
    }
    json::canonical(bytes)
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or(media_type).trim();
    let essence = essence.to_ascii_lowercase();
    matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
}

fn content_coding(request: &Inbound) -> Option<String> {
    let coding = request
        .headers
        .get("content-encoding")?
        .to_ascii_lowercase();
    (!coding.is_empty() && coding != "identity").then_some(coding)
}

/// Rule 4.5; `None` for a value that does not parse.
fn media_type(value: &str) -> Option<String> {
    let parsed = MediaType::parse(value).ok()?;
    let mut out = parsed.essence().to_string().to_ascii_lowercase();
    let mut params: Vec<(String, String)> = parsed
        .params()
        .map(|(name, value)| {
            (
                name.as_str().to_ascii_lowercase(),
                value.unquoted_str().into_owned(),
            )
        })
        .filter(|(name, value)| !(name == "charset" && value.eq_ignore_ascii_case("utf-8")))
        .collect();
    params.sort();
    for (name, value) in params {
        // Length-prefixed: a quoted value may contain `;` and `=`.
        out.push_str(&format!(";{name}={}:{value}", value.len()));
    }
    Some(out)
}

/// Rule 4.4: sorted by name; the sort is stable, so pairs of one name keep their order.
fn sorted_query(query: &str) -> String {
    let mut pairs: Vec<String> = query.split('&').map(normalise_escapes).collect();
    pairs.sort_by(|a, b| name(a).cmp(name(b)));
    return pairs.join("&");

    fn name(pair: &str) -> &str {
        pair.split('=').next().unwrap_or(pair)
    }
}
