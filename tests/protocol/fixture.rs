//! What the tests of the protocol begin with: a policy and a request.

use reprise::protocol::compiled;
use reprise::protocol::headers::Headers;
use reprise::protocol::policy::Policy;
use reprise::protocol::request::Inbound;

/// A policy with these `[[routes]]`, over the contracts that are compiled in.
pub fn policy(routes_toml: &str) -> Policy {
    let text = format!("origin = \"http://origin.test\"\n{routes_toml}");
    Policy::parse("test.toml", &text, compiled::CONTRACTS)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// A request with one header line for each pair.
pub fn request(method: &str, url: &str, headers: &[(&str, &str)]) -> Inbound {
    let lines = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Inbound::new(method, url, lines.collect::<Headers>())
        .unwrap_or_else(|| panic!("{url} is not absolute"))
}
