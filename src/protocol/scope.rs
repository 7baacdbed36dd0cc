//! Who is asking, and which claim that gives (docs/protocol.md §3).

use super::claim::{ClaimId, ScopeId};
use super::contract::{ScopePart, ScopeRules};
use super::digest::{PartsHasher, hex};
use super::jwt::{self, ClaimValue};
use super::key::Key;
use super::request::Inbound;
use std::fmt;

/// Changes whenever the derivation does. The old one is then kept beside it for one retention window: a silent change would
/// make every claim look new (edge case 235).
const CLAIM: &str = "reprise/claim/1";
/// The origin may keep what it derives for as long as it likes: this one may not change.
const ORIGIN_KEY: &str = "reprise/origin-key/1";

/// Whether the request shows none of the credentials by which the contract tells callers apart (rule 3.2).
pub fn is_anonymous(rules: &ScopeRules, request: &Inbound) -> bool {
    let mut credentials = rules.parts.iter().filter(|part| part.is_credential());
    credentials.clone().next().is_some() && !credentials.any(|part| is_shown(part, request))
}

fn is_shown(part: &ScopePart, request: &Inbound) -> bool {
    match part {
        ScopePart::Header(name) => request.headers.has(name),
        ScopePart::Claim(_) => request.headers.has("authorization"),
        ScopePart::Query(name) => request.parameter(name).next().is_some(),
        ScopePart::Host
        | ScopePart::Method
        | ScopePart::Path
        | ScopePart::PathExact
        | ScopePart::Target
        | ScopePart::Literal(_) => false,
    }
}

/// Whose key it is: the parts that the contract names, read once.
#[derive(Clone)]
pub struct Scope(PartsHasher);

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scope(..)")
    }
}

impl Scope {
    /// Of `request`. `route` is the path template of the route.
    pub fn of(rules: &ScopeRules, request: &Inbound, route: &str) -> Self {
        let mut hasher = PartsHasher::new(CLAIM);
        add_parts(&mut hasher, rules, request, route);
        Self(hasher)
    }

    /// The claim of this caller's key (rule 3.3).
    pub fn claim(mut self, key: &Key) -> ClaimId {
        self.0.part("key", Some(key.as_str().as_bytes()));
        ClaimId::new(self.0.finish())
    }

    /// Who is asking, whatever the key (rule 3.6). No claim ends with this part. Callers are told apart within one process at a time
    /// only, so this may change.
    pub fn caller(mut self) -> ScopeId {
        self.0.part("caller", None);
        ScopeId::new(half(self.0))
    }
}

/// The key that the origin gets in the place of the caller's own (D2, rule 3.8): a UUID of version 8 (RFC 9562 §5.8), because
/// many origins take nothing else. It tells callers apart, and neither key nor scope can be read from it.
pub fn origin_key(claim: ClaimId) -> String {
    let mut hasher = PartsHasher::new(ORIGIN_KEY);
    hasher.part("claim", Some(claim.to_hex().as_bytes()));
    let bits = u128::from_be_bytes(half(hasher));
    let (version, variant) = (0x8_u128 << 76, 0b10_u128 << 62);
    let uuid = bits & !(0xf_u128 << 76) & !(0b11_u128 << 62) | version | variant;
    let digits = hex(&uuid.to_be_bytes());
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32];
    groups
        .map(|group| digits.get(group).unwrap_or_default())
        .join("-")
}

fn half(hasher: PartsHasher) -> [u8; 16] {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = hasher.finish();
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// Writes each part as its kind, then what it holds. Several values are several entries of one kind that begins no part, so
/// that nothing flows into the next part.
fn add_parts(hasher: &mut PartsHasher, rules: &ScopeRules, request: &Inbound, route: &str) {
    for part in &rules.parts {
        match part {
            ScopePart::Header(name) => {
                hasher.part("header", Some(name.as_bytes()));
                let lines = request.headers.lines(name);
                add_values(hasher, lines);
            }
            ScopePart::Claim(name) => {
                hasher.part("claim", Some(name.as_bytes()));
                add_claim(hasher, request, name);
            }
            ScopePart::Query(name) => {
                hasher.part("query", Some(name.as_bytes()));
                add_values(hasher, request.parameter(name));
            }
            ScopePart::Host => add(hasher, "host", &request.host),
            ScopePart::Method => add(hasher, "method", &request.method),
            ScopePart::Path => add(hasher, "path", route),
            ScopePart::PathExact => add(hasher, "path-exact", &request.normalised_path()),
            ScopePart::Target => {
                add(hasher, "target", &request.normalised_path());
                let query = request.normalised_query();
                hasher.part("target-query", query.as_deref().map(str::as_bytes));
            }
            ScopePart::Literal(text) => add(hasher, "literal", text),
        }
    }
}

fn add(hasher: &mut PartsHasher, kind: &str, value: &str) {
    hasher.part(kind, Some(value.as_bytes()));
}

fn add_values(hasher: &mut PartsHasher, values: impl Iterator<Item = impl AsRef<str>>) {
    let mut none = true;
    for value in values {
        add(hasher, "value", value.as_ref());
        none = false;
    }
    if none {
        hasher.part("value", None);
    }
}

/// What the claim `name` says (rule 3.7), or else the credential itself, under a kind of its own.
fn add_claim(hasher: &mut PartsHasher, request: &Inbound, name: &str) {
    let mut lines = request.headers.lines("authorization");
    let (first, more) = (lines.next(), lines.next().is_some());
    let Some(credential) = first else {
        hasher.part("credential", None);
        return;
    };
    match jwt::claim(credential, name).filter(|_| !more) {
        Some(ClaimValue::Text(text)) => add(hasher, "claim-text", &text),
        Some(ClaimValue::Number(digits)) => add(hasher, "claim-number", &digits),
        None => request
            .headers
            .lines("authorization")
            .for_each(|line| add(hasher, "credential", line)),
    }
}
