//! Which sites may read an answer, and which of its headers (rules 9.8, 9.9 and 9.19).

use crate::*;
use reprise::protocol::cors::allow_key_header;
use reprise::protocol::key::Key;
use reprise::protocol::refusal::{Code, Refusal};

const OURS: &str = "idempotency-status, idempotency-expires, idempotency-original-date, idempotency-original-request-id, \
                    preference-applied, retry-after, x-request-id, link, idempotent-replayed, idempotency-key, x-should-retry";

fn exposed(head: &Head) -> Vec<&str> {
    head.headers
        .lines("access-control-expose-headers")
        .collect()
}

#[test]
fn rule_9_8_an_answer_to_another_origin_exposes_the_gateways_headers() {
    let ietf = contract("");
    let all = |lines: &[(&str, &str)]| {
        let sorted = Sorted::new(&ietf, headers(lines));
        [
            first_answer(&ietf, 200, lines),
            replayed(&ietf, 200, lines, &[("Origin", "http://a")]),
            released(503, sorted, &ietf, &Exchange::default()),
        ]
    };
    for allowed in ["*", "http://a"] {
        for head in all(&[("Access-Control-Allow-Origin", allowed)]) {
            assert_eq!(exposed(&head), [OURS]);
        }
        let lines = [
            ("Access-Control-Allow-Origin", allowed),
            ("Access-Control-Expose-Headers", "X-Total ,RETRY-AFTER"),
            ("Access-Control-Expose-Headers", "ETag,"),
        ];
        for head in all(&lines) {
            let [line] = exposed(&head)[..] else {
                panic!("one line")
            };
            let ours = OURS.replace("retry-after, ", "");
            assert_eq!(line, format!("X-Total, RETRY-AFTER, ETag, {ours}"));
        }
    }
    // Whoever may not read the answer may not read its headers either.
    for head in all(&[("etag", "1")]) {
        assert!(exposed(&head).is_empty());
    }
    let own = contract(
        "[routes.key]\nheader = \"X-Key\"\n[routes.replay]\nmarker = { header = \"X-Again\" }",
    );
    let head = first_answer(&own, 200, &[("Access-Control-Allow-Origin", "*")]);
    let ours = OURS
        .replace("idempotent-replayed", "x-again")
        .replace("idempotency-key", "x-key");
    assert_eq!(exposed(&head), [ours]);
}

#[test]
fn rule_9_8_a_preflight_lists_the_key_header() {
    let ietf = contract("");
    for (lines, expected) in [
        (vec![], None),
        (vec!["Content-Type"], Some("Content-Type, idempotency-key")),
        (vec!["A, B", "C"], Some("A, B, C, idempotency-key")),
        (vec!["A,Idempotency-Key,B"], None),
        (vec!["A", " IDEMPOTENCY-KEY "], None),
        (vec!["*"], Some("*, idempotency-key")),
        (
            vec!["X-Idempotency-Key"],
            Some("X-Idempotency-Key, idempotency-key"),
        ),
    ] {
        let lines: Vec<(&str, &str)> = lines
            .into_iter()
            .map(|line| ("Access-Control-Allow-Headers", line))
            .collect();
        let allowed = allow_key_header(&headers(&lines), &ietf);
        assert_eq!(allowed.as_deref(), expected, "{lines:?}");
    }
    let own = contract("[routes.key]\nheader = \"X-Key\"");
    let allowed = allow_key_header(&headers(&[("access-control-allow-headers", "a")]), &own);
    assert_eq!(allowed.as_deref(), Some("a, x-key"));
}

#[test]
fn rule_9_9_a_replay_to_another_site_allows_it_nothing() {
    let ietf = contract("");
    let cors = |allowed| {
        [
            ("Vary", "Origin"),
            ("Access-Control-Allow-Origin", allowed),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", "etag"),
        ]
    };
    for (allowed, asked, stays) in [
        ("http://a", Some("http://a"), true),
        ("http://a", Some("http://b"), false),
        ("http://a", Some("https://a"), false),
        ("http://a", Some("null"), false),
        // Not a browser's cross-origin request: nobody is there to be misled.
        ("http://a", None, true),
        ("*", Some("http://b"), true),
    ] {
        let asked: Vec<(&str, &str)> = asked.map(|origin| ("Origin", origin)).into_iter().collect();
        let head = replayed(&ietf, 200, &cors(allowed), &asked);
        let left: Vec<&str> = head
            .headers
            .iter()
            .map(|(name, _)| name)
            .filter(|name| name.starts_with("access-control-"))
            .collect();
        let case = format!("{allowed} to {asked:?}");
        assert_eq!(left.len(), if stays { 3 } else { 0 }, "{case}: {left:?}");
        assert_eq!(head.headers.get("vary"), Some("Origin"), "{case}");
    }
}

const NAMED: &str = "origins = [\"http://a\", \"http://b\"]";

/// Every `Access-Control-*` line and `Vary`, but for what is exposed.
fn permission(head: &Head) -> Vec<(&str, &str)> {
    let cors = |name: &str| name.starts_with("access-control-allow-") || name == "vary";
    let mut lines: Vec<_> = head.headers.iter().filter(|(name, _)| cors(name)).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn rule_9_9_a_replay_to_another_site_that_the_policy_allows_names_that_one() {
    let ietf = contract("");
    let recorded = [
        ("Vary", "Accept"),
        ("Access-Control-Allow-Origin", "http://a"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Max-Age", "5"),
        ("Access-Control-Expose-Headers", "etag"),
    ];
    let (record, _) = answered(&ietf, 200, &recorded);
    let replayed = |site: &str, cors: &str| {
        let exchange = exchange(&[("Origin", site)], cors);
        replay(&record, &ietf, &exchange, Time::from_millis(DATE_MS))
    };
    let vary = [("vary", "Accept"), ("vary", "Origin")];
    // Whether a site may send credentials is said by whoever allows it.
    let other = replayed("http://b", NAMED);
    let allowed = [("access-control-allow-origin", "http://b")];
    assert_eq!(permission(&other), [&allowed[..], &vary].concat());
    assert_eq!(exposed(&other), [format!("etag, {OURS}")]);
    assert!(!other.headers.has("access-control-max-age"));
    let other = replayed("http://b", &format!("{NAMED}\ncredentials = true"));
    let credentials = [("access-control-allow-credentials", "true")];
    let expected = [&credentials[..], &allowed, &vary].concat();
    assert_eq!(permission(&other), expected);
    let any = replayed("http://c", "origins = [\"*\"]");
    assert_eq!(any.headers.get("access-control-allow-origin"), Some("*"));
    // A site that nobody allows still gets nothing, and the first one what the origin gave it.
    assert_eq!(
        permission(&replayed("http://c", NAMED)),
        [("vary", "Accept"), ("vary", "Origin")]
    );
    let same = replayed("http://a", NAMED);
    let given = [
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-origin", "http://a"),
        ("vary", "Accept"),
    ];
    assert_eq!(permission(&same), given);
}

#[test]
fn rule_9_9_a_record_that_allows_nobody_allows_nobody_again() {
    let ietf = contract("");
    let (record, first_only) = answered(&ietf, 200, &[("etag", "1")]);
    let exchange = exchange(&[("Origin", "http://a")], NAMED);
    let again = replay(&record, &ietf, &exchange, Time::from_millis(DATE_MS));
    let first = first(&record, first_only, &ietf, &exchange);
    for head in [first, again] {
        assert!(permission(&head).is_empty());
        assert!(exposed(&head).is_empty());
    }
}

#[test]
fn rule_9_19_a_refusal_may_be_read_by_the_sites_of_the_policy() {
    let ietf = contract("");
    let refused = |site: Option<&str>, cors: &str| {
        let asked: Vec<_> = site.map(|site| ("Origin", site)).into_iter().collect();
        let refusal = Refusal::new(Code::RequestInProgress, "");
        refusal.answer(Some(&ietf), &exchange(&asked, cors)).0
    };
    let allowed = refused(Some("http://b"), NAMED);
    let named = [
        ("access-control-allow-origin", "http://b"),
        ("vary", "Origin"),
    ];
    assert_eq!(permission(&allowed), named);
    assert_eq!(exposed(&allowed), [OURS]);
    let credentials = refused(Some("http://b"), &format!("{NAMED}\ncredentials = true"));
    assert_eq!(
        permission(&credentials),
        [&[("access-control-allow-credentials", "true")][..], &named].concat()
    );
    for site in [None, Some("http://c"), Some("https://b"), Some("null")] {
        let head = refused(site, NAMED);
        assert_eq!(permission(&head), [("vary", "Origin")], "{site:?}");
        assert!(exposed(&head).is_empty(), "{site:?}");
    }
    let any = refused(Some("http://c"), "origins = [\"*\"]");
    assert_eq!(any.headers.get("access-control-allow-origin"), Some("*"));
    assert!(permission(&refused(Some("http://a"), "")).is_empty());
}

#[test]
fn rule_9_8_edge_244_what_is_exposed_is_all_that_may_be_added() {
    let own = contract(
        "[routes.key]\necho = true\n[routes.errors]\nhints = [\"x-should-retry\", \"stripe-should-retry\", \"retry-after-ms\", \"transient-error\"]",
    );
    let mut exchange = exchange(&[("Origin", "http://a"), ("Idempotency-Key", "k-1")], NAMED);
    exchange.waited_s = Some(3);
    let asked = headers(&[("Idempotency-Key", "k-1")]);
    exchange.key = Key::read(&own.key, &asked).unwrap();
    let cors = [
        ("Access-Control-Allow-Origin", "http://a"),
        ("X-Request-ID", "r"),
    ];
    let (record, first_only) = answered(&own, 500, &cors);
    let refusal = Refusal::new(Code::RequestInProgress, "").until(Time::from_millis(DATE_MS));
    // The browser shows these to every script, or the runtime writes them.
    let safe = ["cache-control", "content-type", "date", "vary"];
    for head in [
        first(&record, first_only, &own, &exchange),
        replay(&record, &own, &exchange, Time::from_millis(DATE_MS)),
        refusal.answer(Some(&own), &exchange).0,
    ] {
        let exposed: Vec<&str> = exposed(&head)[0].split(", ").collect();
        for (name, _) in head.headers.iter() {
            let covered = safe.contains(&name) || name.starts_with("access-control-");
            assert!(
                covered || exposed.contains(&name),
                "{name} of {}",
                head.status
            );
        }
    }
}

#[test]
fn edge_244_the_page_of_the_headers_names_all_that_is_exposed() {
    let page = include_str!("../../docs/reference/headers.md").to_ascii_lowercase();
    let all = contract(
        "[routes.errors]\nhints = [\"x-should-retry\", \"stripe-should-retry\", \"retry-after-ms\", \"transient-error\"]",
    );
    let head = first_answer(&all, 200, &[("Access-Control-Allow-Origin", "*")]);
    for name in exposed(&head)[0].split(", ") {
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
}
