//! What the tests of the protocol begin with: a policy, a contract, a request, an exchange.

// Each test program uses a part of it. A test that cannot go on says so by panicking.
#![allow(dead_code, clippy::panic, clippy::unwrap_used)]

use reprise::protocol::compiled;
use reprise::protocol::contract::Contract;
use reprise::protocol::exchange::Exchange;
use reprise::protocol::headers::Headers;
use reprise::protocol::policy::Policy;
use reprise::protocol::request::Inbound;

/// A policy with these `[[routes]]`, over the contracts that are compiled in.
pub fn policy(routes_toml: &str) -> Policy {
    let text = format!("origin = \"http://origin.test\"\n{routes_toml}");
    Policy::parse("test.toml", &text, compiled::CONTRACTS)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// The contract of a route with these lines.
pub fn contract(overrides: &str) -> Contract {
    let mut policy = policy(&format!("[[routes]]\nmatch = \"POST /x\"\n{overrides}\n"));
    policy.routes.remove(0).contract.unwrap()
}

/// Header lines, one for each pair.
pub fn headers(lines: &[(&str, &str)]) -> Headers {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    lines.iter().map(owned).collect()
}

/// A request with one header line for each pair.
pub fn request(method: &str, url: &str, lines: &[(&str, &str)]) -> Inbound {
    Inbound::new(method, url, headers(lines)).unwrap_or_else(|| panic!("{url} is not absolute"))
}

/// The [`Exchange::id`] of [`exchange`].
pub const EXCHANGE_ID: &str = "07070707070707070707070707070707";

/// The exchange of a request with these header lines, under a policy with this `[cors]`.
pub fn exchange(lines: &[(&str, &str)], cors: &str) -> Exchange {
    let policy = policy(&format!(
        "[cors]\n{cors}\n[[routes]]\nmatch = \"POST /x\"\n"
    ));
    let request = request("POST", "http://h/x", lines);
    Exchange::new([7; 16], &request, &policy.cors)
}
