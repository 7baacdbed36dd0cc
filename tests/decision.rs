//! The first decision about a request: pass it, refuse it, or guard it (docs/protocol.md §1 to §3).

// A helper that cannot go on says so by panicking.
#![allow(clippy::panic)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{policy, request};
use reprise::protocol::decision::{Decision, Refused, decide, passes};
use reprise::protocol::policy::Policy;
use reprise::protocol::time::Time;

/// A decision as text, so that a table shows it: `pass`, `refuse CODE`, `guard ROUTE`.
fn decided(policy: &Policy, method: &str, url: &str, headers: &[(&str, &str)]) -> String {
    match decide(policy, &request(method, url, headers), NOW) {
        Decision::Pass => "pass".to_owned(),
        Decision::Ignore(_) => "ignore".to_owned(),
        Decision::Refuse(refused) => format!("refuse {}", refused.refusal.code().row().code),
        Decision::Guard(guarded) => format!("guard {}", guarded.route.name),
        Decision::Open(open) => format!("open {}", open.route.name),
    }
}

/// Sun, 06 Nov 1994 08:49:37 GMT.
const NOW: Time = Time::from_millis(784_111_777_000);

const KEY: (&str, &str) = ("Idempotency-Key", "k");
const BROKEN: (&str, &str) = ("Idempotency-Key", "\"k");

#[test]
fn rule_1_1_the_first_matching_route_decides() {
    let policy = policy(
        r#"
[[routes]]
match = "POST /v1/orders"
[routes.key]
missing = "refuse"
[[routes]]
match = "POST /v1/orders/{id}"
[[routes]]
match = "POST,PATCH /v1/*"
"#,
    );
    for (method, path, decision) in [
        ("POST", "/v1/orders", "guard POST /v1/orders"),
        ("POST", "/v1/orders/1", "guard POST /v1/orders/{id}"),
        ("POST", "/v1/orders/1/x", "guard POST,PATCH /v1/*"),
        // The path of an earlier route matches, its method does not.
        ("PATCH", "/v1/orders", "guard POST,PATCH /v1/*"),
        ("PATCH", "/v1/orders/1", "guard POST,PATCH /v1/*"),
        ("POST", "/v1", "pass"),
        ("POST", "/v3/orders", "pass"),
        ("PUT", "/v1/orders", "pass"),
        // Normalised first (rule 1.3).
        ("POST", "/v1/%6frders", "guard POST /v1/orders"),
        ("POST", "/v3/../v1/orders", "guard POST /v1/orders"),
        ("POST", "/v1\\orders", "guard POST /v1/orders"),
        ("POST", "/v1/orders?a=/x", "guard POST /v1/orders"),
        ("POST", "/v1/orders%2F1", "guard POST,PATCH /v1/*"),
    ] {
        let url = format!("http://h{path}");
        assert_eq!(
            decided(&policy, method, &url, &[KEY]),
            decision,
            "{method} {path}"
        );
    }
    // The contract is that of the route: only the first one insists on a key.
    for (path, decision) in [
        ("/v1/orders", "refuse key-missing"),
        ("/v1/orders/1", "pass"),
        ("/v3/orders", "pass"),
    ] {
        let url = format!("http://h{path}");
        assert_eq!(decided(&policy, "POST", &url, &[]), decision, "{path}");
    }
}

#[test]
fn rule_1_4_other_methods_options_and_upgrades_pass_whatever_they_carry() {
    let policy = policy(
        "[[routes]]\nmatch = \"/v1/*\"\n[routes.key]\nmissing = \"refuse\"\n[routes.scope]\nparts = [\"host\"]",
    );
    const UPGRADE: (&str, &str) = ("Upgrade", "websocket");
    type Case = (
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
    );
    let cases: [Case; 16] = [
        ("POST", &[KEY], "guard /v1/*"),
        ("post", &[KEY], "guard /v1/*"),
        ("PATCH", &[KEY], "guard /v1/*"),
        ("POST", &[BROKEN], "refuse key-malformed"),
        ("POST", &[], "refuse key-missing"),
        ("GET", &[KEY], "pass"),
        ("GET", &[BROKEN], "pass"),
        ("HEAD", &[], "pass"),
        ("PUT", &[KEY], "pass"),
        ("DELETE", &[BROKEN], "pass"),
        ("OPTIONS", &[], "pass"),
        ("OPTIONS", &[KEY], "pass"),
        ("OPTIONS", &[BROKEN], "pass"),
        ("POST", &[UPGRADE], "pass"),
        ("POST", &[UPGRADE, KEY], "pass"),
        ("PATCH", &[BROKEN, ("upgrade", "h2c")], "pass"),
    ];
    for (method, headers, decision) in cases {
        assert_eq!(
            decided(&policy, method, "http://h/v1/x", headers),
            decision,
            "{method} {headers:?}"
        );
    }
}

#[test]
fn rule_1_4_a_route_may_cover_other_methods() {
    let policy = policy("[[routes]]\nmatch = \"/v1/*\"\nmethods = [\"PUT\", \"DELETE\"]");
    for (method, decision) in [
        ("PUT", "guard /v1/*"),
        ("DELETE", "guard /v1/*"),
        ("POST", "pass"),
        ("PATCH", "pass"),
    ] {
        assert_eq!(
            decided(&policy, method, "http://h/v1/x", &[KEY]),
            decision,
            "{method}"
        );
    }
}

#[test]
fn rule_1_5_a_route_without_a_contract_is_an_exception() {
    let policy = policy(
        r#"
[[routes]]
match = "POST /v1/hooks/*"
contract = "none"
[[routes]]
match = "/v1/free/*"
contract = "none"
[[routes]]
match = "POST,PATCH /v1/*"
[routes.key]
missing = "refuse"
"#,
    );
    for (method, path, decision) in [
        ("POST", "/v1/hooks/a", "pass"),
        ("POST", "/v1/x/../hooks/a", "pass"),
        ("PATCH", "/v1/hooks/a", "guard POST,PATCH /v1/*"),
        ("POST", "/v1/hooks", "guard POST,PATCH /v1/*"),
        ("POST", "/v1/hooks/../x", "guard POST,PATCH /v1/*"),
        ("POST", "/v1/free/a", "pass"),
        ("PATCH", "/v1/free/a", "pass"),
        ("POST", "/v1/x", "guard POST,PATCH /v1/*"),
    ] {
        let url = format!("http://h{path}");
        assert_eq!(
            decided(&policy, method, &url, &[KEY]),
            decision,
            "{method} {path}"
        );
        // Without a key, and with one that is none, an exception still passes.
        for (headers, refused) in [
            (&[][..], "refuse key-missing"),
            (&[BROKEN][..], "refuse key-malformed"),
        ] {
            let expected = if decision == "pass" { "pass" } else { refused };
            assert_eq!(
                decided(&policy, method, &url, headers),
                expected,
                "{method} {path}"
            );
        }
    }
}

#[test]
fn rule_2_1_a_missing_key_passes_or_is_refused() {
    for (missing, none) in [("pass", "pass"), ("refuse", "refuse key-missing")] {
        let policy = policy(&format!(
            "[[routes]]\nmatch = \"POST /v1/*\"\n[routes.key]\naliases = [\"X-Key\"]\nmissing = \"{missing}\""
        ));
        let of = |headers: &[(&str, &str)]| decided(&policy, "POST", "http://h/v1/x", headers);
        assert_eq!(of(&[]), none, "{missing}");
        assert_eq!(of(&[("X-Other-Key", "k")]), none, "{missing}");
        assert_eq!(of(&[KEY]), "guard POST /v1/*", "{missing}");
        assert_eq!(of(&[("X-Key", "k")]), "guard POST /v1/*", "{missing}");
        // A key that is there and wrong is never a missing one.
        assert_eq!(of(&[("X-Key", "")]), "refuse key-empty", "{missing}");
        assert_eq!(of(&[BROKEN]), "refuse key-malformed", "{missing}");
    }
}

#[test]
fn rule_2_9_every_fault_of_a_key_is_refused_from_the_head_alone() {
    let policy = policy(
        "[[routes]]\nmatch = \"POST /v1/*\"\n[routes.key]\naliases = [\"X-Key\"]\nmin = 2\nmax = 4",
    );
    type Case = (&'static [(&'static str, &'static str)], &'static str);
    let cases: [Case; 9] = [
        (&[("Idempotency-Key", "")], "refuse key-empty"),
        (&[("Idempotency-Key", "\"\"")], "refuse key-empty"),
        (&[("Idempotency-Key", "a b")], "refuse key-malformed"),
        (&[("Idempotency-Key", "\"ab\";p")], "refuse key-malformed"),
        (&[("Idempotency-Key", "a,b")], "refuse key-repeated"),
        (
            &[("Idempotency-Key", "ab"), ("Idempotency-Key", "ab")],
            "refuse key-repeated",
        ),
        (&[("Idempotency-Key", "a")], "refuse key-too-short"),
        (&[("Idempotency-Key", "abcde")], "refuse key-too-long"),
        (
            &[("Idempotency-Key", "ab"), ("X-Key", "cd")],
            "refuse key-conflict",
        ),
    ];
    for (headers, decision) in cases {
        assert_eq!(
            decided(&policy, "POST", "http://h/v1/x", headers),
            decision,
            "{headers:?}"
        );
    }
}

#[test]
fn rule_2_9_a_key_is_judged_before_the_caller() {
    for anonymous in ["own", "refuse", "ignore"] {
        let policy = policy(&format!(
            "[[routes]]\nmatch = \"POST /v1/*\"\n[routes.scope]\nanonymous = \"{anonymous}\""
        ));
        assert_eq!(
            decided(&policy, "POST", "http://h/v1/x", &[BROKEN]),
            "refuse key-malformed",
            "{anonymous}"
        );
    }
}

#[test]
fn rule_3_2_an_anonymous_caller_is_guarded_refused_or_passed() {
    const CREDENTIAL: (&str, &str) = ("Authorization", "Bearer a");
    for (anonymous, decision) in [
        ("own", "guard POST /v1/*"),
        ("refuse", "refuse credential-missing"),
        ("ignore", "ignore"),
    ] {
        let policy = policy(&format!(
            "[[routes]]\nmatch = \"POST /v1/*\"\n[routes.scope]\nanonymous = \"{anonymous}\""
        ));
        let of = |headers: &[(&str, &str)]| decided(&policy, "POST", "http://h/v1/x", headers);
        assert_eq!(of(&[KEY]), decision, "{anonymous}");
        assert_eq!(of(&[KEY, CREDENTIAL]), "guard POST /v1/*", "{anonymous}");
        assert_eq!(
            of(&[KEY, ("Authorization", "")]),
            "guard POST /v1/*",
            "{anonymous}"
        );
        // Without a key there is nothing to ask a credential for.
        assert_eq!(of(&[]), "pass", "{anonymous}");
    }
}

#[test]
fn rule_3_2_anonymous_callers_share_a_scope_of_their_own() {
    let policy = policy("[[routes]]\nmatch = \"POST /v1/*\"");
    let claim = |headers: &[(&str, &str)]| match decide(
        &policy,
        &request("POST", "http://h/v1/x", headers),
        NOW,
    ) {
        Decision::Guard(guarded) => guarded.claim,
        other => panic!("{other:?}"),
    };
    assert_eq!(claim(&[KEY]), claim(&[KEY, ("Cookie", "a=b")]));
    assert_ne!(claim(&[KEY]), claim(&[KEY, ("Authorization", "Bearer a")]));
    assert_ne!(claim(&[KEY]), claim(&[KEY, ("Authorization", "")]));
}

#[test]
fn rule_3_3_the_template_of_the_route_goes_into_the_claim() {
    let policy = policy(
        "[[routes]]\nmatch = \"POST /v1/orders/{id}\"\n[routes.scope]\nparts = [\"path\"]\n\
         [[routes]]\nmatch = \"POST /v1/*\"\n[routes.scope]\nparts = [\"path\"]",
    );
    let claim = |path: &str| match decide(
        &policy,
        &request("POST", &format!("http://h{path}"), &[KEY]),
        NOW,
    ) {
        Decision::Guard(guarded) => guarded.claim,
        other => panic!("{other:?}"),
    };
    assert_eq!(claim("/v1/orders/1"), claim("/v1/orders/2"));
    assert_ne!(claim("/v1/orders/1"), claim("/v1/refunds/1"));
}

#[test]
fn rule_1_7_a_key_that_the_contract_does_not_take_is_ignored_and_not_passed_silently() {
    for (missing, none, no_key) in [
        ("pass", "pass", "ignore"),
        ("refuse", "refuse key-missing", "refuse key-missing"),
    ] {
        let policy = policy(&format!(
            "[[routes]]\nmatch = \"POST /v1/*\"\n[routes.key]\nmalformed = \"absent\"\naliases = [\"X-Key\"]\nmissing = \"{missing}\""
        ));
        let of = |headers: &[(&str, &str)]| decided(&policy, "POST", "http://h/v1/x", headers);
        assert_eq!(of(&[]), none, "{missing}");
        assert_eq!(of(&[BROKEN]), no_key, "{missing}");
        assert_eq!(of(&[("X-Key", "")]), no_key, "{missing}");
        assert_eq!(of(&[KEY]), "guard POST /v1/*", "{missing}");
        assert_eq!(
            of(&[("Idempotency-Key", "a,b")]),
            "refuse key-repeated",
            "{missing}"
        );
    }
}

#[test]
fn rule_2_10_the_refusal_names_the_pattern() {
    let policy =
        policy("[[routes]]\nmatch = \"POST /v1/*\"\n[routes.key]\npattern = '[0-9a-f]{4}'");
    let request = request("POST", "http://h/v1/x", &[KEY]);
    let Decision::Refuse(Refused { refusal, .. }) = decide(&policy, &request, NOW) else {
        panic!("the key matches");
    };
    assert_eq!(refusal.code().row().code, "key-malformed");
    assert!(
        format!("{refusal:?}").contains("[0-9a-f]{4}"),
        "{refusal:?}"
    );
}

#[test]
fn rule_2_12_rule_3_6_a_guarded_request_has_its_key_and_its_caller() {
    let policy = policy(
        "[[routes]]\nmatch = \"POST /v1/*\"\n[routes.scope]\nparts = [\"header:authorization\", \"path\"]",
    );
    let guarded = |key: &str, token: &str| {
        let headers = [("Idempotency-Key", key), ("Authorization", token)];
        match decide(&policy, &request("POST", "http://h/v1/x", &headers), NOW) {
            Decision::Guard(guarded) => (guarded.key.as_str().to_owned(), guarded.caller()),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(guarded("\"k\"", "a").0, "k");
    assert_eq!(guarded("k", "a").1, guarded("l", "a").1);
    assert_ne!(guarded("k", "a").1, guarded("k", "b").1);
}

#[test]
fn rule_1_6_what_is_passed_at_sight_is_what_is_passed_whatever_its_headers() {
    let policy = policy(
        r#"
[[routes]]
match = "PATCH /v1/reports"
[routes.key]
missing = "refuse"
[[routes]]
match = "POST /v1/open/*"
contract = "none"
[[routes]]
match = "POST,PATCH /v1/*"
"#,
    );
    let methods = ["GET", "POST", "PATCH", "OPTIONS", "DELETE"];
    let paths = [
        "/",
        "/v1",
        "/v1/reports",
        "/v1/open/x",
        "/v1/orders",
        "/%761/orders",
        "/x/../v1/orders",
        "/x\\..\\v1/orders",
        "/v2/orders",
    ];
    let mut at_sight = Vec::new();
    for method in methods {
        for path in paths {
            if passes(&policy, path, || method.to_owned()) {
                at_sight.push(format!("{method} {path}"));
                for headers in [&[][..], &[KEY], &[BROKEN], &[("Upgrade", "websocket")]] {
                    assert_eq!(
                        decided(&policy, method, &format!("http://h{path}"), headers),
                        "pass",
                        "{method} {path}"
                    );
                }
            }
        }
    }
    let expected = |method: &str| -> Vec<&str> {
        let of_method = |line: &&String| line.starts_with(&format!("{method} "));
        let lines = at_sight.iter().filter(of_method);
        lines
            .filter_map(|line| line.split_once(' '))
            .map(|(_, path)| path)
            .collect()
    };
    assert_eq!(expected("POST"), ["/", "/v1", "/v1/open/x", "/v2/orders"]);
    assert_eq!(
        expected("GET"),
        [
            "/",
            "/v1",
            "/v1/reports",
            "/v1/open/x",
            "/v1/orders",
            "/%761/orders",
            "/x/../v1/orders",
            "/x\\..\\v1/orders",
            "/v2/orders"
        ]
    );
    // A preflight for what may be guarded tells of another request.
    assert_eq!(expected("OPTIONS"), ["/", "/v1", "/v2/orders"]);
}
