//! Paths and queries: what normalising may change, and what may not count (§1, §3, §4).

use crate::memory;
use form_urlencoded::parse;
use reprise::protocol::compiled;
use reprise::protocol::contract::{FingerprintPart, FingerprintRules};
use reprise::protocol::decision::{Decision, decide, passes};
use reprise::protocol::fingerprint::{Fingerprint, form};
use reprise::protocol::headers::Headers;
use reprise::protocol::policy::Policy;
use reprise::protocol::request::{Body, Inbound, normalise_escapes, target_in};
use reprise::protocol::time::Time;
use std::sync::LazyLock;

/// Some paths are guarded, so that a request without a key is refused, and some are not.
static POLICY: LazyLock<Policy> = LazyLock::new(|| {
    let text = "origin = \"http://o\"\n[[routes]]\nmatch = \"/v1/*\"\n[routes.key]\nmissing = \"refuse\"\n";
    Policy::parse("POLICY", text, compiled::CONTRACTS)
        .unwrap_or_else(|problems| panic!("{problems}"))
});

/// What follows the host in a URL.
pub fn target(input: &[u8]) -> bool {
    let text = String::from_utf8_lossy(input);
    let url = format!("http://h{text}");
    let Some(request) = Inbound::new("POST", &url, Headers::new()) else {
        unreachable!("it is absolute");
    };
    at_sight(&request, &url);
    escapes(&text);
    path(&request);
    let target = request.target();
    if let Some(query) = &request.query {
        parameters(&request, query);
        pairs(query);
    }
    let again = Inbound::new(
        "POST",
        &format!("http://{}{target}", request.host),
        Headers::new(),
    );
    assert_eq!(again.map(|again| again.target()), Some(target));
    request.query.is_some()
}

/// Rule 1.6: what is passed at the sight of its URL would have been passed, and the origin gets what it would have got.
fn at_sight(request: &Inbound, url: &str) {
    let Some(target) = target_in(url).map(|at| &url[at]) else {
        return;
    };
    let path = target.split('?').next().unwrap_or_default();
    assert_eq!(path, request.path, "rule 1.6: {url:?}");
    let whole = request.target();
    // An empty query is none.
    assert!(
        target == whole || target.strip_suffix('?') == Some(&whole),
        "rule 1.6: {url:?}"
    );
    let decision = decide(&POLICY, request, Time::from_millis(1_790_000_000_000));
    let passed = matches!(decision, Decision::Pass);
    assert_eq!(
        passes(&POLICY, path, || "POST".to_owned()),
        passed,
        "rule 1.6: {url:?}"
    );
}

/// Normalising says the same in other words, and says it once (rule 1.3): what a lenient reader decodes stays what it was, so that
/// two texts that mean different things never become one.
fn escapes(text: &str) {
    let normal = memory::bounded(text.len(), 8, || normalise_escapes(text));
    assert_eq!(
        decoded(&normal),
        decoded(text),
        "rule 1.3: {text:?} became {normal:?}"
    );
    assert_eq!(normalise_escapes(&normal), normal, "rule 1.3: {text:?}");
}

/// Every escape decoded; a `%` that begins none is itself.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes();
    let mut out = Vec::new();
    while let [first, rest @ ..] = bytes {
        let digit = |at: usize| char::from(*rest.get(at)?).to_digit(16);
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                bytes = &rest[2..];
            }
            _ => {
                out.push(*first);
                bytes = rest;
            }
        }
    }
    out
}

fn path(request: &Inbound) {
    let normal = memory::bounded(request.path.len(), 64, || request.normalised_path());
    assert!(normal.starts_with('/'));
    assert!(!normal.contains('\\'), "rule 1.3: a backslash is a slash");
    let dots = |segment: &str| segment == "." || segment == "..";
    assert!(!normal.split('/').any(dots), "rule 1.3: {normal}");
    let again = Inbound {
        path: normal.clone(),
        ..request.clone()
    };
    assert_eq!(again.normalised_path(), normal, "rule 1.3");
}

/// Rule 3.9: every parameter of a name, in their order, as others read it.
fn parameters(request: &Inbound, query: &str) {
    // A contract names no parameter that has no name.
    let names = parse(query.as_bytes()).filter(|(name, _)| !name.is_empty());
    for (name, _) in names.take(4) {
        let found: Vec<String> =
            memory::bounded(query.len(), 64, || request.parameter(&name).collect());
        let others = parse(query.as_bytes()).filter(|(other, _)| *other == name);
        let others: Vec<String> = others.map(|(_, value)| value.into_owned()).collect();
        let read = |value: &String| {
            let pair = format!("={value}");
            parse(pair.as_bytes())
                .next()
                .map(|(_, value)| value.into_owned())
        };
        let found: Vec<String> = found
            .iter()
            .map(|value| read(value).unwrap_or_default())
            .collect();
        assert_eq!(found, others, "rule 3.9: {name:?} in {query:?}");
    }
}

/// Rule 4.4: the order of pairs with different roots does not count, that of others does.
fn pairs(query: &str) {
    let of = |pairs: &[&str]| fingerprint(&pairs.join("&"));
    let mut pairs: Vec<&str> = query.split('&').collect();
    let mut turned = pairs.clone();
    turned.sort_by_key(|pair| std::cmp::Reverse(root(pair)));
    let first = memory::bounded(query.len(), 128, || fingerprint(query));
    assert_eq!(of(&turned), first, "rule 4.4: {query:?}");
    let normal: Vec<String> = pairs.iter().map(|pair| normalise_escapes(pair)).collect();
    assert_eq!(fingerprint(&normal.join("&")), first, "rule 4.4");
    let differ =
        |one: usize, two: usize| root(pairs[one]) == root(pairs[two]) && normal[one] != normal[two];
    let counts = (1..pairs.len()).find(|two| differ(two - 1, *two));
    if let Some(two) = counts {
        pairs.swap(two - 1, two);
        assert_ne!(of(&pairs), first, "rule 4.4: {query:?}");
    }
}

fn root(pair: &str) -> String {
    let pair = normalise_escapes(pair);
    let name = pair.split('=').next().unwrap_or_default();
    form::root(name.split("%5B").next().unwrap_or_default()).to_owned()
}

fn fingerprint(query: &str) -> Fingerprint {
    let rules = FingerprintRules {
        compare: true,
        parts: vec![FingerprintPart::Query],
        exclude: Vec::new(),
    };
    let url = format!("http://h/?{query}");
    let request = Inbound::new("POST", &url, Headers::new())
        .unwrap_or_else(|| unreachable!("it is absolute"));
    Fingerprint::of(&rules, &request, &Body::Absent)
}
