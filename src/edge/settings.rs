//! The policy in force: read once per isolate, and never changed.

use super::runner;
use crate::protocol::compiled;
use crate::protocol::digest::{PartsHasher, hex};
use crate::protocol::policy::{Dispatch, Policy, Route};
use std::sync::OnceLock;
use worker::Env;

/// By what gateways of this kind know each other in `CDN-Loop` (RFC 8586).
pub const CDN_ID: &str = "reprise";

/// The policy, and where it came from.
pub struct Settings {
    /// The policy.
    pub policy: Policy,
    /// `compiled` or `POLICY`.
    pub source: &'static str,
    /// The first 16 hex digits of the SHA-256 of everything that decides: two gateways with one hash behave alike.
    pub hash: String,
    /// What this gateway adds to `CDN-Loop` (rule 6.5): another policy is another gateway.
    pub loop_token: String,
}

/// Why there is no policy: the problem with its place (rule 10.1).
pub type Invalid = String;

/// The settings of this isolate. The environment of an isolate never changes.
pub fn settings(env: &Env) -> Result<&'static Settings, &'static Invalid> {
    static SETTINGS: OnceLock<Result<Settings, Invalid>> = OnceLock::new();
    SETTINGS.get_or_init(|| read(env)).as_ref()
}

fn read(env: &Env) -> Result<Settings, Invalid> {
    let variable = |name: &str| env.var(name).ok().map(|value| value.to_string());
    let (source, text) = match variable("POLICY") {
        Some(text) => ("POLICY", text),
        None => ("compiled", compiled::POLICY.to_owned()),
    };
    let label = match source {
        "POLICY" => "POLICY",
        _ => "reprise.toml",
    };
    let mut policy = Policy::parse(label, &text, compiled::CONTRACTS).map_err(|e| e.to_string())?;
    let origin = variable("ORIGIN");
    if let Some(url) = &origin {
        policy.origin = url.parse().map_err(|why| format!("ORIGIN: {why}"))?;
    }
    let detached = |route: &&Route| route.dispatch == Dispatch::Detached;
    if let Some(route) = policy.routes.iter().find(detached)
        && !runner::is_bound(env)
    {
        return Err(format!(
            "{label}: routes: {:?} has dispatch = \"detached\", which needs the Durable Object binding {}; add it to wrangler.toml",
            route.name,
            runner::BINDING
        ));
    }
    let mut hasher = PartsHasher::new("reprise/settings/1");
    hasher.part("version", Some(env!("CARGO_PKG_VERSION").as_bytes()));
    hasher.part("policy", Some(text.as_bytes()));
    hasher.part("origin", origin.as_deref().map(str::as_bytes));
    for (name, contract) in compiled::CONTRACTS {
        hasher.part(name, Some(contract.as_bytes()));
    }
    let hash: String = hex(&hasher.finish()).chars().take(16).collect();
    Ok(Settings {
        loop_token: format!("{CDN_ID};id={hash}"),
        policy,
        source,
        hash,
    })
}
