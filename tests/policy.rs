//! Policies and contracts: what good ones resolve to, and what bad ones are told (docs/protocol.md §1 and §10).

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "policy/axes.rs"]
mod axes;
#[path = "policy/complaints.rs"]
mod complaints;
#[path = "policy/contracts.rs"]
mod contracts;
#[path = "policy/overrides.rs"]
mod overrides;
#[path = "policy/reference.rs"]
mod reference;
#[path = "policy/routes.rs"]
mod routes;
#[path = "policy/words.rs"]
mod words;

use reprise::protocol::compiled;
use reprise::protocol::contract::{
    Anonymous, Contract, FingerprintPart, KeySyntax, Missing, Outcome, RetentionFrom, ScopePart,
};
use reprise::protocol::policy::{KvMode, Policy, Route, Template};

const SMALLEST: &str = "origin = \"http://127.0.0.1:9900\"\n[[routes]]\nmatch = \"POST /v1/*\"\n";

fn parse(text: &str) -> Policy {
    Policy::parse("POLICY", text, compiled::CONTRACTS)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// The smallest policy with more lines in its only route, the first of which is line 4.
fn routed(more: &str) -> String {
    format!("{SMALLEST}{more}\n")
}

/// The contract of the only route.
fn contract(more: &str) -> Contract {
    let policy = parse(&routed(more));
    policy
        .routes
        .into_iter()
        .next()
        .and_then(|route| route.contract)
        .unwrap()
}

#[test]
fn the_smallest_policy_has_every_default() {
    let policy = parse(SMALLEST);
    assert_eq!(policy.origin.url, "http://127.0.0.1:9900");
    assert_eq!(
        (policy.ledger.own.count, policy.ledger.own.generation),
        (8, 1)
    );
    assert_eq!(
        (policy.responses.kv, policy.responses.inline_limit),
        (KvMode::Always, 256 * 1024)
    );
    assert_eq!(policy.limits.request_body, 100 * 1024 * 1024);
    assert_eq!(policy.limits.buffered_body, 1024 * 1024);
    assert_eq!(policy.limits.request_head, 32 * 1024);
    assert_eq!(policy.limits.new_keys_per_minute, 9_000);
    let [route] = policy.routes.as_slice() else {
        panic!("one route")
    };
    assert_eq!(
        (route.name.as_str(), &route.methods),
        ("POST /v1/*", &vec!["POST".to_owned()])
    );
    assert_eq!((route.deadline_ms, route.lease_ms), (60_000, 90_000));
    assert_eq!(route.contract, Contract::parse("ietf", ietf()).ok());
}

/// The build leaves comments out of what it compiles in, and nothing else.
#[test]
fn the_compiled_texts_mean_what_the_files_say() {
    assert_eq!(
        parse(compiled::POLICY),
        parse(include_str!("../reprise.toml"))
    );
    for (name, text) in compiled::CONTRACTS {
        let file = std::fs::read_to_string(format!("contracts/{name}.toml")).unwrap();
        assert_eq!(Contract::parse(name, text), Contract::parse(name, &file));
        assert!(!text.contains("\n#"), "{name}");
    }
}

fn ietf() -> &'static str {
    compiled::CONTRACTS
        .iter()
        .find(|(name, _)| *name == "ietf")
        .unwrap()
        .1
}

#[test]
fn the_draft_as_a_contract() {
    let ietf = contract("");
    assert_eq!(
        (ietf.key.header.as_str(), ietf.key.syntax),
        ("idempotency-key", KeySyntax::Either)
    );
    assert_eq!(
        (ietf.key.min, ietf.key.max, ietf.key.missing),
        (1, 255, Missing::Pass)
    );
    assert_eq!(ietf.methods, ["POST", "PATCH"]);
    assert_eq!(
        ietf.scope.parts,
        [
            ScopePart::Header("authorization".to_owned()),
            ScopePart::Host
        ]
    );
    assert_eq!(ietf.scope.anonymous, Anonymous::Own);
    use FingerprintPart::{Body, MediaType, Method, Path, Query};
    assert_eq!(
        ietf.fingerprint.parts,
        [Method, Path, Query, MediaType, Body]
    );
    assert_eq!(
        (
            ietf.mismatch.status,
            ietf.running.status,
            ietf.unknown.status
        ),
        (422, 409, 409)
    );
    assert_eq!(ietf.running.retry_after_s, 2);
    assert_eq!(
        (ietf.retention.ms, ietf.retention.from),
        (86_400_000, RetentionFrom::FirstSight)
    );
    assert_eq!(
        (ietf.replay.marker.header.as_str(), ietf.replay.marker.first),
        ("idempotent-replayed", None)
    );
}

#[test]
fn rule_7_1_the_drafts_outcome_of_every_status() {
    let table = contract("").outcome;
    for status in 200..=599 {
        let expected = match status {
            401 | 403 | 408 | 425 | 429 | 501 | 503 => Outcome::Release,
            _ => Outcome::Store,
        };
        assert_eq!(table.status(status), expected, "{status}");
    }
    assert_eq!(
        [table.status(101), table.status(199), table.status(600)],
        [Outcome::Hold; 3]
    );
    assert_eq!(table.not_sent, Outcome::Release);
    assert_eq!(
        [table.no_answer, table.broken_off, table.deadline],
        [Outcome::Hold; 3]
    );
}

#[test]
fn rule_8_7_a_deny_list_takes_names_and_prefixes() {
    let replay = contract("replay.deny_also = [\"X-Trace-*\", \"X-Cost\"]").replay;
    let denied = [
        "set-cookie",
        "date",
        "ratelimit",
        "ratelimit-limit",
        "x-trace-id",
        "x-cost",
    ];
    let kept = [
        "retry-after",
        "location",
        "date-created",
        "x-cost-center",
        "x-trace",
        "etag",
    ];
    for name in denied {
        assert!(replay.denies(name), "{name}");
    }
    for name in kept {
        assert!(!replay.denies(name), "{name}");
    }
}

#[test]
fn rule_10_4_a_route_overrides_single_values() {
    let before = contract("");
    let after = contract(
        "retention.seconds = 3600\nkey.missing = \"refuse\"\nmethods = [\"POST\", \"DELETE\"]\n\
         outcome.store = [\"2xx\", \"3xx\", \"4xx\"]\noutcome.hold = [\"5xx\"]\nfingerprint.compare = false",
    );
    let mut expected = before;
    expected.retention.ms = 3_600_000;
    expected.key.missing = Missing::Refuse;
    expected.methods = vec!["POST".to_owned(), "DELETE".to_owned()];
    expected.fingerprint.compare = false;
    expected.fingerprint.parts.clear();
    assert_eq!(
        (after.outcome.status(500), after.outcome.status(503)),
        (Outcome::Hold, Outcome::Release)
    );
    expected.outcome = after.outcome.clone();
    assert_eq!(after, expected);
}

#[test]
fn every_value_that_this_version_implements() {
    let policy = parse(
        r#"
origin = "HTTPS://API.example.com:8443/base/"
ledger = { shards = 1024, generation = 2 }
responses = { kv = "overflow", inline_limit = "64 KiB" }
limits = { request_body = "2 GiB", buffered_body = 0x100, request_head = "128 KiB", new_keys_per_minute = 0 }
call = { deadline_seconds = 20 }

[[routes]]
match = "PUT,DELETE /v1/{id}"
dispatch = "worker"
deliver = "buffered"
methods = ["PUT", "DELETE"]
call = { lease_seconds = 30, upload_seconds = 7 }
key = { header = "X-Key", aliases = ["Idempotency-Key"], syntax = "raw", min = 36, max = 64, unit = "bytes", malformed = "refuse" }
scope = { parts = ["header:X-API-Key", "path", "literal:live"], anonymous = "ignore" }
fingerprint = { parts = ["query:raw", "header:Api-Version", "body:exact"] }
mismatch = { status = 409, retry = "never", while_running = "mismatch-first" }
running = { answer = "refuse", status = 503, retry_after = 60 }
unknown = { status = 599, lease_over = "hold" }
outcome = { deadline = "release", upload_cut = "hold", no_answer = "release", too_large = "keep-head" }
replay = { status = "same", deny = [], marker = { header = "X-Replayed", value = "yes", first = "no" }, request_id = "verbatim" }
authority = { ask = "none" }
retention = { seconds = 2592000, from = "completion", after = "new" }
errors = { template = "problem+json" }
gateway = { ledger_down = "refuse", key_to_origin = "as-it-came", signals = "on" }
"#,
    );
    assert_eq!(policy.origin.url, "HTTPS://API.example.com:8443/base");
    assert_eq!(policy.origin.host, "api.example.com:8443");
    assert_eq!(
        (policy.ledger.own.count, policy.ledger.own.generation),
        (1024, 2)
    );
    assert_eq!(
        (policy.responses.kv, policy.responses.inline_limit),
        (KvMode::Overflow, 65_536)
    );
    assert_eq!(policy.limits.request_body, 2 * 1024 * 1024 * 1024);
    assert_eq!(policy.limits.buffered_body, 256);
    assert_eq!(policy.limits.request_head, 131_072);
    assert_eq!(policy.limits.new_keys_per_minute, 0);
    let route = policy.route("DELETE", "/v1/7").unwrap();
    assert_eq!((route.deadline_ms, route.lease_ms), (20_000, 30_000));
    assert_eq!(route.upload_ms, 7_000);
    let rules = route.contract.as_ref().unwrap();
    assert_eq!(
        (rules.key.header.as_str(), rules.key.min, rules.key.max),
        ("x-key", 36, 64)
    );
    assert_eq!(rules.key.aliases, ["idempotency-key"]);
    let header = |name: &str| ScopePart::Header(name.to_owned());
    assert_eq!(
        rules.scope.parts,
        [
            header("x-api-key"),
            ScopePart::Path,
            ScopePart::Literal("live".to_owned())
        ]
    );
    assert_eq!(rules.fingerprint.parts.len(), 3);
    assert_eq!(
        (rules.outcome.deadline, rules.outcome.no_answer),
        (Outcome::Release, Outcome::Release)
    );
    assert_eq!(rules.replay.marker.first.as_deref(), Some("no"));
    assert_eq!(rules.retention.ms, 30 * 86_400_000);
}

const ROUTES: &str = r#"
origin = "http://o"
[[routes]]
match = "POST /v1/health"
contract = "none"
[[routes]]
match = "/v1/echo"
contract = "none"
[[routes]]
match = "POST /v1/orders/{id}"
[[routes]]
match = "POST,PATCH /v1/*"
[[routes]]
match = "/v2/{tenant}/*"
"#;

fn chosen(method: &str, path: &str) -> String {
    parse(ROUTES)
        .route(method, path)
        .map_or_else(|| "-".to_owned(), |route: &Route| route.name.clone())
}

#[test]
fn rule_1_1_the_first_route_that_matches_decides() {
    for (method, path, route) in [
        ("POST", "/v1/orders/7", "POST /v1/orders/{id}"),
        ("PATCH", "/v1/orders/7", "POST,PATCH /v1/*"),
        ("POST", "/v1/orders/7/lines", "POST,PATCH /v1/*"),
        ("PATCH", "/v2/acme/orders", "/v2/{tenant}/*"),
        ("POST", "/v3", "-"),
        // Rule 1.4: a method that no contract covers, and a preflight.
        ("PUT", "/v1/orders/7", "-"),
        ("post", "/v1/orders/7", "-"),
        ("OPTIONS", "/v1/echo", "-"),
    ] {
        assert_eq!(chosen(method, path), route, "{method} {path}");
    }
}

#[test]
fn rule_1_5_a_route_without_a_contract_is_an_exception() {
    for (method, path, route) in [
        ("POST", "/v1/health", "POST /v1/health"),
        ("PATCH", "/v1/health", "POST,PATCH /v1/*"),
        ("DELETE", "/v1/echo", "/v1/echo"),
    ] {
        assert_eq!(chosen(method, path), route, "{method} {path}");
    }
    let policy = parse(ROUTES);
    assert_eq!(policy.route("POST", "/v1/health").unwrap().contract, None);
}

#[test]
fn rule_1_2_a_template_matches_segment_by_segment() {
    for (template, matching, other) in [
        ("/", &["/"][..], &["", "//", "/a"][..]),
        ("/*", &["/", "/a", "/a/b", "//"], &["", "*"]),
        (
            "/v1/*",
            &["/v1/", "/v1/a", "/v1/a/b", "/v1//"],
            &["/v1", "/v1a", "/V1/a", "/v2/a", "v1/a"],
        ),
        (
            "/v1/{id}",
            &["/v1/a", "/v1/%2F", "/v1/{id}"],
            &["/v1", "/v1/", "/v1/a/", "/v1/a/b"],
        ),
        (
            "/a/{x}/c/*",
            &["/a/b/c/", "/a/b/c/d/e"],
            &["/a/b/c", "/a//c/d", "/a/b/d/c"],
        ),
        ("/v1/a/", &["/v1/a/"], &["/v1/a", "/v1/a//"]),
        ("/v1/%C3%A9", &["/v1/%C3%A9"], &["/v1/%c3%a9", "/v1/é"]),
    ] {
        let parsed = Template::parse(template).unwrap();
        for path in matching {
            assert!(parsed.matches(path), "{template} matches {path}");
        }
        for path in other {
            assert!(!parsed.matches(path), "{template} does not match {path}");
        }
    }
}
