//! Which sites may read an answer, and which of its headers (rules 9.8, 9.9 and 9.19; Fetch §3.2).

use super::contract::{Contract, ErrorTemplate};
use super::headers::Headers;
use super::hints;
use super::policy::Cors;

const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const ALLOW_CREDENTIALS: &str = "access-control-allow-credentials";
const ALLOW_HEADERS: &str = "access-control-allow-headers";
const EXPOSE: &str = "access-control-expose-headers";

/// The site of a request, and what the policy's `[cors]` lets it read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// Its `Origin`; `None` for whoever is no browser, or asks its own site.
    origin: Option<String>,
    /// The `Access-Control-Allow-Origin` that the policy gives it.
    allowed: Option<String>,
    /// Whether the policy lets it send the credentials of the browser.
    credentials: bool,
    /// Whether the policy names any site: then answers differ by `Origin`.
    varies: bool,
}

impl Site {
    /// The site that sent `headers`, under `cors`.
    pub fn of(headers: &Headers, cors: &Cors) -> Self {
        let origin = headers.get("origin");
        Self {
            origin: origin.map(str::to_owned),
            allowed: origin
                .and_then(|origin| cors.allows(origin))
                .map(str::to_owned),
            credentials: cors.credentials(),
            varies: cors.is_on(),
        }
    }

    /// Lets the site read an answer that the gateway itself makes, where the policy does (rule 9.19).
    pub fn admit(&self, headers: &mut Headers) {
        if self.varies {
            vary_by_origin(headers);
        }
        let Some(allowed) = &self.allowed else { return };
        headers.set(ALLOW_ORIGIN, allowed);
        if self.credentials {
            headers.set(ALLOW_CREDENTIALS, "true");
        }
    }

    /// Rule 9.9: a record that names another site must not tell a browser that that site may read this replay. Where the policy
    /// lets this one read, it is named instead.
    pub fn replace(&self, headers: &mut Headers) {
        let foreign = match (headers.get(ALLOW_ORIGIN), &self.origin) {
            (None | Some("*"), _) | (_, None) => false,
            (Some(allowed), Some(origin)) => allowed != origin,
        };
        if !foreign {
            return;
        }
        let keeps = |name: &str| name == EXPOSE && self.allowed.is_some();
        headers.retain(|name, _| !name.starts_with("access-control-") || keeps(name));
        self.admit(headers);
    }
}

fn vary_by_origin(headers: &mut Headers) {
    let varies = headers
        .lines("vary")
        .flat_map(|line| line.split(','))
        .any(|name| is(name, "*") || is(name, "origin"));
    if !varies {
        headers.push("vary", "Origin");
    }
}

fn is(item: &str, name: &str) -> bool {
    item.trim().eq_ignore_ascii_case(name)
}

/// Rule 9.8: whoever may read an answer may read every header that the gateway may have put there.
pub fn expose(headers: &mut Headers, contract: Option<&Contract>) {
    if !headers.has(ALLOW_ORIGIN) {
        return;
    }
    let mut exposed: Vec<String> = headers
        .lines(EXPOSE)
        .flat_map(|line| line.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    for name in ours(contract) {
        if !exposed.iter().any(|exposed| is(exposed, name)) {
            exposed.push(name.to_owned());
        }
    }
    headers.set(EXPOSE, exposed.join(", "));
}

/// What the gateway may add under `contract`.
fn ours(contract: Option<&Contract>) -> Vec<&str> {
    let mut names = vec![
        "idempotency-status",
        "idempotency-expires",
        "idempotency-original-date",
        "idempotency-original-request-id",
        "preference-applied",
        "retry-after",
        "x-request-id",
    ];
    let own = |contract: &Contract| matches!(contract.errors.template, ErrorTemplate::Own { .. });
    if !contract.is_some_and(own) {
        names.push("link");
    }
    if let Some(contract) = contract {
        names.push(&contract.replay.marker.header);
        names.push(&contract.key.header);
    }
    for hint in hints::of(contract) {
        names.push(hints::name(*hint));
    }
    names
}

/// The `Access-Control-Allow-Headers` of a preflight's answer, with the key header (rule 9.8); `None` where nothing is to be
/// changed. A `*` does not stand for it: with credentials, browsers take it as a name.
pub fn allow_key_header(headers: &Headers, contract: &Contract) -> Option<String> {
    let allowed: Vec<&str> = headers.lines(ALLOW_HEADERS).collect();
    let allowed = allowed.join(", ");
    let covered = allowed
        .split(',')
        .any(|name| is(name, &contract.key.header));
    (!allowed.is_empty() && !covered).then(|| format!("{allowed}, {}", contract.key.header))
}
