//! What each part sees (rule 4.1).

use super::*;
use reprise::protocol::digest::hex;

#[test]
fn rule_4_1_each_part_sees_what_it_is_about_and_nothing_else() {
    const ALL: [&str; 8] = [
        "method",
        "path",
        "query",
        "query:raw",
        "media-type",
        "header:x-version",
        "body",
        "body:exact",
    ];
    let cases: [(Asked, &[&str]); 14] = [
        (BASE, &[]),
        (
            Asked {
                method: "PATCH",
                ..BASE
            },
            &["method"],
        ),
        (
            Asked {
                url: "http://h/v1/refunds?a=1&b=2",
                ..BASE
            },
            &["path"],
        ),
        (
            Asked {
                url: "http://h/v1/orders?a=1&b=3",
                ..BASE
            },
            &["query", "query:raw"],
        ),
        (
            Asked {
                url: "http://h/v1/orders",
                ..BASE
            },
            &["query", "query:raw"],
        ),
        (
            Asked {
                url: "http://h/v1/orders?b=2&a=1",
                ..BASE
            },
            &["query:raw"],
        ),
        // Another JSON media type: the body still counts by meaning.
        (
            Asked {
                headers: &[("Content-Type", "text/json"), ("X-Version", "1")],
                ..BASE
            },
            &["media-type"],
        ),
        // No longer by meaning, so the body is another one too (rule 4.9).
        (
            Asked {
                headers: &[PLAIN, ("X-Version", "1")],
                ..BASE
            },
            &["media-type", "body"],
        ),
        (
            Asked {
                headers: &[JSON, ("X-Version", "1"), ("Content-Encoding", "gzip")],
                ..BASE
            },
            &["media-type", "body", "body:exact"],
        ),
        (
            Asked {
                headers: &[JSON, ("X-Version", "2")],
                ..BASE
            },
            &["header:x-version"],
        ),
        (
            Asked {
                body: Some("{\"a\":1,\"b\":3}"),
                ..BASE
            },
            &["body", "body:exact"],
        ),
        (
            Asked {
                body: Some("{\"b\":2, \"a\":1.0}"),
                ..BASE
            },
            &["body:exact"],
        ),
        (Asked { body: None, ..BASE }, &["body", "body:exact"]),
        // What no part names.
        (
            Asked {
                url: "http://other/v1/orders?a=1&b=2",
                headers: &[
                    JSON,
                    ("X-Version", "1"),
                    ("Idempotency-Key", "k"),
                    ("Authorization", "Bearer a"),
                    ("User-Agent", "a/1"),
                    ("Content-Length", "13"),
                    ("Traceparent", "00-1-2-01"),
                ],
                ..BASE
            },
            &[],
        ),
    ];
    for (asked, seen_by) in cases {
        for part in ALL {
            let rules = parts(&format!("\"{part}\""));
            assert_eq!(
                of(&rules, &asked) != of(&rules, &BASE),
                seen_by.contains(&part),
                "{part}: {asked:?}"
            );
        }
        // Together they see what any of them sees.
        let draft = parts("\"method\", \"path\", \"query\", \"media-type\", \"body\"");
        let seen = ["method", "path", "query", "media-type", "body"]
            .iter()
            .any(|part| seen_by.contains(part));
        assert_eq!(of(&draft, &asked) != of(&draft, &BASE), seen, "{asked:?}");
    }
}

#[test]
fn rule_4_1_the_order_of_the_list_says_nothing_and_its_parts_do() {
    let lists = [
        "\"method\", \"path\", \"header:x-a\", \"header:x-b\", \"body\"",
        "\"body\", \"header:x-b\", \"header:x-a\", \"path\", \"method\"",
    ];
    one(&lists, |list| of(&parts(list), &BASE));
    let lists = [
        "\"method\"",
        "\"path\"",
        "\"query\"",
        "\"query:raw\"",
        "\"media-type\"",
        "\"header:x-version\"",
        "\"header:content-type\"",
        "\"body\"",
        "\"body:exact\"",
        "\"method\", \"path\"",
        "\"method\", \"body\"",
    ];
    distinct(&lists, |list| of(&parts(list), &BASE));
}

#[test]
fn rule_4_1_a_value_that_shifts_between_parts_is_another_request() {
    let rules = parts("\"header:x-a\", \"header:x-b\"");
    let cases: [&'static [Line]; 6] = [
        &[("X-A", "ab"), ("X-B", "")],
        &[("X-A", "a"), ("X-B", "b")],
        &[("X-A", ""), ("X-B", "ab")],
        &[("X-A", "ab")],
        &[("X-B", "ab")],
        &[],
    ];
    distinct(&cases, by_headers(&rules));
}

#[test]
fn rule_4_1_the_derivation_is_the_written_one() {
    // Computed apart from this code, as SHA-256 over `len(kind) kind 0|1 len(value) value`, lengths of eight bytes.
    // Another digest here makes every retry in the field a mismatch: it takes a new version in the domain.
    let draft = parts("\"method\", \"path\", \"query\", \"media-type\", \"body\"");
    let json = Asked {
        url: "http://h/v1/o?b=1&a=2",
        headers: &[JSON],
        body: Some("{ \"a\": 1.0 }"),
        ..BASE
    };
    assert_eq!(
        hex(of(&draft, &json).as_bytes()),
        "d41acfb7a8b87eb521180ba942003e583a22e7e49c4c5388acb00cc4b3701c49"
    );
    let bytes = Asked {
        url: "http://h/v1/o",
        headers: &[],
        body: Some("x"),
        ..BASE
    };
    assert_eq!(
        hex(of(&draft, &bytes).as_bytes()),
        "227dff20eee6db24cae309d871f457163c93b67a60e5516c0d0cd65f84f33987"
    );
}

#[test]
fn rule_4_1_a_contract_that_compares_nothing_has_one_fingerprint() {
    let nothing = rules("compare = false");
    let requests = [
        BASE,
        Asked {
            method: "PATCH",
            ..BASE
        },
        Asked {
            url: "http://g/x?y",
            ..BASE
        },
        Asked {
            headers: &[PLAIN],
            ..BASE
        },
        Asked { body: None, ..BASE },
        Asked {
            body: Some("x"),
            ..BASE
        },
    ];
    one(&requests, |asked| of(&nothing, asked));
    assert_ne!(of(&nothing, &BASE), of(&parts("\"method\""), &BASE));
}
