//! Who is asking, and which claim that gives (docs/protocol.md §3).

use super::claim::ClaimId;
use super::contract::{ScopePart, ScopeRules};
use super::digest::PartsHasher;
use super::key::Key;
use super::request::Inbound;

/// Changes whenever the derivation does. The old one is then kept beside it for one retention window: a silent change would
/// make every claim look new (edge case 235).
const DOMAIN: &str = "reprise/claim/1";

/// Whether the request carries none of the headers by which the contract tells callers apart (rule 3.2).
pub fn is_anonymous(rules: &ScopeRules, request: &Inbound) -> bool {
    let mut headers = rules.parts.iter().filter_map(|part| match part {
        ScopePart::Header(name) => Some(request.headers.has(name)),
        _ => None,
    });
    headers.clone().next().is_some() && !headers.any(|present| present)
}

/// The claim of this caller's key (rule 3.3). `route` is the path template of the route.
pub fn claim_id(rules: &ScopeRules, request: &Inbound, route: &str, key: &Key) -> ClaimId {
    let mut hasher = PartsHasher::new(DOMAIN);
    for part in &rules.parts {
        match part {
            ScopePart::Header(name) => {
                let value = request.headers.get(name);
                hasher.part("header", Some(name.as_bytes()));
                hasher.part("value", value.map(str::as_bytes))
            }
            ScopePart::Claim(name) => {
                let value = request.headers.get("authorization");
                hasher.part("claim", Some(name.as_bytes()));
                hasher.part("credential", value.map(str::as_bytes))
            }
            ScopePart::Query(name) => hasher.part("query", Some(name.as_bytes())),
            ScopePart::Method => hasher.part("method", Some(request.method.as_bytes())),
            ScopePart::Target => {
                let path = request.normalised_path();
                hasher.part("target", Some(path.as_bytes()));
                hasher.part("query", request.query.as_deref().map(str::as_bytes))
            }
            ScopePart::Host => hasher.part("host", Some(request.host.as_bytes())),
            ScopePart::Path => hasher.part("path", Some(route.as_bytes())),
            ScopePart::Literal(text) => hasher.part("literal", Some(text.as_bytes())),
        };
    }
    hasher.part("key", Some(key.as_str().as_bytes()));
    ClaimId::new(hasher.finish())
}
