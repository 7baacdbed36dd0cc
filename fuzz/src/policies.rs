//! The rules under which input is read: every contract that is compiled in, and what none of them has.

use reprise::protocol::compiled;
use reprise::protocol::contract::Contract;
use reprise::protocol::policy::Policy;
use std::sync::LazyLock;

/// Lines of a route under the contract `ietf`.
const VARIATIONS: [&str; 13] = [
    "[routes.key]\nbody = \"/idempotency_key\"",
    "[routes.key]\nsyntax = \"quoted\"\nbody = \"/a/0/k~1\"\nmissing = \"refuse\"\nmalformed = \"absent\"\nmin = 2",
    "[routes.key]\nsyntax = \"quoted\"\naliases = [\"X-Idempotency-Key\"]\nmissing = \"refuse\"",
    "[routes.key]\nsyntax = \"raw\"\naliases = [\"X-Idempotency-Key\", \"Cko-Idempotency-Key\"]\necho = true",
    "[routes.key]\nunit = \"bytes\"\nmin = 2\nmax = 8\nmalformed = \"absent\"\necho = true",
    "[routes.key]\nsyntax = \"quoted\"\nmalformed = \"absent\"\npattern = \"[a-z]+|(?:x[0-9]{2}){1,9}\"",
    "[routes.key]\nfirst_sent = \"Repeatability-First-Sent\"\n[routes.retention]\nseconds = 3600",
    "[routes.scope]\nparts = [\"claim:sub\", \"header:x-tenant\", \"query:t\"]\nanonymous = \"refuse\"\n[routes.authority]\nask = \"origin\"\nrequest = \"GET /me\"",
    "[routes.scope]\nparts = [\"host\", \"method\", \"path\", \"path:exact\", \"target\", \"literal:x\"]",
    "[routes.scope]\nparts = [\"query:a\", \"query:a b\"]\nanonymous = \"ignore\"",
    "[routes.running]\nanswer = \"wait\"\nwait_cap_seconds = 20",
    "[routes.gateway]\nsignals = \"off\"\nkey_to_origin = \"derived\"\n[routes.replay]\nallow = [\"location\"]",
    "[routes.outcome]\ncontrol_header = \"Idempotency-Control\"\n[routes.replay]\nstatus = { 201 = 200 }\nmarker = { header = \"X-Replayed\", value = \"yes\", first = \"no\" }",
];

/// One policy for each contract, and one for each variation; all paths are guarded.
pub static ALL: LazyLock<Vec<Policy>> = LazyLock::new(|| {
    let contracts = compiled::CONTRACTS.iter();
    let contracts = contracts.map(|(name, _)| format!("contract = \"{name}\""));
    let variations = VARIATIONS.iter().map(|lines| (*lines).to_owned());
    contracts.chain(variations).map(|text| one(&text)).collect()
});

/// Their contracts.
pub fn contracts() -> impl Iterator<Item = &'static Contract> {
    let routes = ALL.iter().flat_map(|policy| &policy.routes);
    routes.filter_map(|route| route.contract.as_ref())
}

/// A policy with one route for all paths, which has these lines.
///
/// # Panics
/// Where they are wrong.
pub fn one(lines: &str) -> Policy {
    let cors = "[cors]\norigins = [\"https://a.example\"]\ncredentials = true";
    let text = format!("origin = \"http://o\"\n{cors}\n[[routes]]\nmatch = \"/*\"\n{lines}\n");
    Policy::parse("POLICY", &text, compiled::CONTRACTS)
        .unwrap_or_else(|problems| panic!("{problems}"))
}
