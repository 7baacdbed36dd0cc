//! Is it the same request as before? (docs/protocol.md §4)

// A helper that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod any_json;
mod arriving;
mod body;
mod excluded;
#[path = "../protocol/fixture.rs"]
mod fixture;
mod form;
mod head;
mod json;
mod malformed;
mod multipart;
mod pairs;
mod parts;
mod pinned;
mod random;
mod sketch;
mod sketch_bytes;
mod spelling;

use fixture::{policy, request};
use reprise::protocol::contract::FingerprintRules;
use reprise::protocol::fingerprint::Fingerprint;
use reprise::protocol::request::Body;
use std::fmt::Debug;
use std::sync::LazyLock;

type Line = (&'static str, &'static str);

/// The rules of a contract with these lines in its `[fingerprint]`.
fn rules(fingerprint: &str) -> FingerprintRules {
    policy(&format!(
        "[[routes]]\nmatch = \"/*\"\n[routes.fingerprint]\n{fingerprint}"
    ))
    .routes
    .remove(0)
    .contract
    .expect("a contract")
    .fingerprint
}

/// The rules that compare these parts, such as `"path", "body"`.
fn parts(parts: &str) -> FingerprintRules {
    rules(&format!("parts = [{parts}]"))
}

#[derive(Debug, Clone, Copy)]
struct Asked {
    method: &'static str,
    url: &'static str,
    headers: &'static [Line],
    /// `None` is no body at all.
    body: Option<&'static str>,
}

const JSON: Line = ("Content-Type", "application/json");
const PLAIN: Line = ("Content-Type", "text/plain");

const BASE: Asked = Asked {
    method: "POST",
    url: "http://h/v1/orders?a=1&b=2",
    headers: &[JSON, ("X-Version", "1")],
    body: Some("{\"a\":1,\"b\":2}"),
};

fn of(rules: &FingerprintRules, asked: &Asked) -> Fingerprint {
    let body = match asked.body {
        None => Body::Absent,
        Some(text) => Body::Bytes(text.as_bytes().to_vec()),
    };
    Fingerprint::of(
        rules,
        &request(asked.method, asked.url, asked.headers),
        &body,
    )
}

/// The fingerprint of nothing but a body.
fn of_body(rules: &FingerprintRules, headers: &[(&str, &str)], body: &[u8]) -> Fingerprint {
    let request = request("POST", "http://h/", headers);
    Fingerprint::of(rules, &request, &Body::Bytes(body.to_vec()))
}

/// All of `items` have one fingerprint.
fn one<T: Debug>(items: &[T], print: impl Fn(&T) -> Fingerprint) {
    for item in items {
        assert_eq!(print(item), print(&items[0]), "{:?} and {item:?}", items[0]);
    }
}

/// Every two of `items` have two fingerprints.
fn distinct<T: Debug>(items: &[T], print: impl Fn(&T) -> Fingerprint) {
    let prints: Vec<Fingerprint> = items.iter().map(print).collect();
    for (i, a) in prints.iter().enumerate() {
        for (j, b) in prints.iter().enumerate().skip(i + 1) {
            assert_ne!(a, b, "{:?} and {:?}", items[i], items[j]);
        }
    }
}

fn by_path(rules: &FingerprintRules) -> impl Fn(&&'static str) -> Fingerprint {
    let rules = rules.clone();
    move |path| of_url(&rules, &format!("http://h{path}"))
}

fn of_url(rules: &FingerprintRules, url: &str) -> Fingerprint {
    Fingerprint::of(rules, &request("POST", url, &[]), &Body::Absent)
}

fn by_headers(rules: &FingerprintRules) -> impl Fn(&&'static [Line]) -> Fingerprint {
    let rules = rules.clone();
    move |headers| {
        Fingerprint::of(
            &rules,
            &request("POST", "http://h/", headers),
            &Body::Absent,
        )
    }
}

/// Of a JSON text, when nothing but the body counts.
fn of_json(text: &[u8]) -> Fingerprint {
    static BODY: LazyLock<FingerprintRules> = LazyLock::new(|| parts("\"body\""));
    of_body(&BODY, &[JSON], text)
}

fn by_json(text: &&'static str) -> Fingerprint {
    of_json(text.as_bytes())
}
