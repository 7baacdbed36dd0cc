//! Is it the same request as before? (docs/protocol.md §4)

// A helper that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{policy, request};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use reprise::protocol::contract::FingerprintRules;
use reprise::protocol::digest::hex;
use reprise::protocol::fingerprint::{Fingerprint, json};
use reprise::protocol::request::Body;
use std::collections::BTreeMap;
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
            &["media-type", "body"],
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
        "9e358ce6052c55d657d0ce9432cc09a414cef4d51e57ddbef70cc3a1e26113b5"
    );
    let bytes = Asked {
        url: "http://h/v1/o",
        headers: &[],
        body: Some("x"),
        ..BASE
    };
    assert_eq!(
        hex(of(&draft, &bytes).as_bytes()),
        "eed3847041cf8fab86fb1176e193507999f0067b6dfa5da95cb97485dfd2c4d9"
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

#[test]
fn rule_4_2_the_method_comes_with_its_override() {
    let rules = parts("\"method\"");
    for name in [
        "X-HTTP-Method-Override",
        "X-HTTP-Method",
        "X-Method-Override",
        "x-http-method-override",
    ] {
        let with = |value| {
            let headers: &[(&str, &str)] = match value {
                None => &[],
                Some(value) => &[(name, value)],
            };
            Fingerprint::of(
                &rules,
                &request("POST", "http://h/", headers),
                &Body::Absent,
            )
        };
        let values = [None, Some("PUT"), Some("DELETE")];
        distinct(&values, |value| with(*value));
        assert_eq!(with(Some("PUT")), with(Some(" PUT ")), "{name}");
        // Not a part of anything else.
        let path = parts("\"path\"");
        let headers = [(name, "PUT")];
        let overridden = request("POST", "http://h/", &headers);
        assert_eq!(
            Fingerprint::of(&path, &overridden, &Body::Absent),
            of_url(&path, "http://h/")
        );
    }
    let methods = ["POST", "PATCH", "PUT", "DELETE"];
    distinct(&methods, |method| {
        Fingerprint::of(&rules, &request(method, "http://h/", &[]), &Body::Absent)
    });
}

#[test]
fn rule_4_3_paths_are_normalised() {
    let rules = parts("\"path\"");
    for same in [
        &["/a/b", "/%61/b", "/a/./b", "/a/x/../b", "/a\\b", "/a/b?q"][..],
        &["/a%2fb", "/a%2Fb"],
        &["/~", "/%7e", "/%7E"],
        &["/", "", "/."],
    ] {
        one(same, by_path(&rules));
    }
    let different = [
        "/a/b", "/a/b/", "/A/b", "//a/b", "/a//b", "/a%2Fb", "/a", "/",
    ];
    distinct(&different, by_path(&rules));
}

#[test]
fn rule_4_4_the_pairs_of_a_query_are_sorted_by_name() {
    let rules = parts("\"query\"");
    for same in [
        &["/?a=1&b=2", "/?b=2&a=1", "/other?a=1&b=2"][..],
        // The order within a name stays.
        &["/?a=2&b=9&a=1", "/?a=2&a=1&b=9", "/?b=9&a=2&a=1"],
        // A name that begins with another one, and one whose next character sorts before `=`.
        &["/?ab=1&a=2&a-=3", "/?a=2&a-=3&ab=1"],
        &["/?a=1", "/?%61=1", "/?%61=%31"],
        &["/?a=2&%61=1", "/?%61=2&a=1"],
        &["/?a=%2f", "/?a=%2F"],
        &["/?a=~", "/?a=%7e"],
        &["/", "/?"],
    ] {
        one(same, by_path(&rules));
    }
    let different = [
        "/",
        "/?a",
        "/?a=",
        "/?a=1",
        "/?A=1",
        "/?a=1&a=1",
        "/?a=1&a=2",
        "/?a=2&a=1",
        "/?a=1&b=2",
        "/?a=2&b=1",
        "/?a=1%26b=2",
        "/?a=1%26b%3D2",
        "/?a%3D1",
        "/?a=/",
        "/?a=%2F",
        "/?a=+",
        "/?a=%20",
        "/?a=%2B",
    ];
    distinct(&different, by_path(&rules));
}

#[test]
fn rule_4_4_a_raw_query_is_the_text_as_it_came() {
    let rules = parts("\"query:raw\"");
    one(&["/?a=1", "/x?a=1", "/?a=1#b"], by_path(&rules));
    one(&["/", "/?"], by_path(&rules));
    let different = [
        "/",
        "/?a=1&b=2",
        "/?b=2&a=1",
        "/?%61=1&b=2",
        "/?a=%2f",
        "/?a=%2F",
        "/?a=+",
        "/?a=%20",
        "/?a=1&b=2&",
        "/?&",
    ];
    distinct(&different, by_path(&rules));
}

fn by_type(value: &&'static str) -> Fingerprint {
    let headers = [("Content-Type", *value)];
    let request = request("POST", "http://h/", &headers);
    Fingerprint::of(&parts("\"media-type\""), &request, &Body::Absent)
}

#[test]
fn rule_4_5_media_types_are_normalised() {
    for same in [
        &[
            "application/json",
            "Application/JSON",
            " application/json ",
            "application/json;charset=utf-8",
            "application/json; charset=UTF-8",
            "application/json ; CHARSET=utf-8",
            "application/json; charset=\"utf-8\"",
        ][..],
        &[
            "text/plain; a=1; b=2",
            "text/plain;b=2;a=1",
            "TEXT/plain; A=1; B=2",
            "text/plain; a=\"1\"; b=2",
            "text/plain; b=2; charset=utf-8; a=1",
        ],
    ] {
        one(same, by_type);
    }
    let different = [
        "application/json",
        "text/json",
        "application/vnd.x+json",
        "application/json; charset=iso-8859-1",
        "application/json; charset=utf-16",
        "application/json; version=utf-8",
        "application/json; v=1",
        "application/json; v=2",
        "application/json; w=1",
        "application/json; v=a",
        "application/json; v=A",
        "text/plain; a=1; b=2",
        "text/plain; a=2; b=1",
        "text/plain; a=\"1;b=2\"",
        // These do not parse, and count as their bytes.
        "",
        "json",
        "JSON",
        "application/",
    ];
    distinct(&different, by_type);
}

#[test]
fn rule_4_5_no_media_type_is_one_of_its_own_and_the_coding_belongs_to_it() {
    let cases: [&'static [Line]; 6] = [
        &[],
        &[("Content-Type", "")],
        &[PLAIN],
        &[PLAIN, ("Content-Encoding", "gzip")],
        &[PLAIN, ("Content-Encoding", "br")],
        &[("Content-Encoding", "gzip")],
    ];
    distinct(&cases, by_headers(&parts("\"media-type\"")));
}

#[test]
fn rule_4_5_identity_and_an_empty_coding_are_no_coding() {
    let media_type = parts("\"media-type\"");
    let body = parts("\"body\"");
    let uncoded = of_body(&media_type, &[JSON], b"");
    for coding in ["identity", "Identity", ""] {
        let headers = [JSON, ("Content-Encoding", coding)];
        assert_eq!(of_body(&media_type, &headers, b""), uncoded, "{coding:?}");
        // Rule 4.8: such a body still counts by its meaning.
        let spaced = of_body(&body, &headers, b"{ }");
        assert_eq!(spaced, of_body(&body, &[JSON], b"{}"), "{coding:?}");
    }
}

#[test]
fn rule_4_6_a_named_header_counts_and_no_other() {
    let rules = parts("\"header:x-version\"");
    let same: [&'static [Line]; 4] = [
        &[("X-Version", "1")],
        &[("x-version", " 1\t")],
        &[("X-VERSION", "1"), ("X-Other", "2")],
        &[JSON, ("X-Version", "1"), ("Accept", "a/b")],
    ];
    one(&same, by_headers(&rules));
    let different: [&'static [Line]; 6] = [
        &[],
        &[("X-Version", "")],
        &[("X-Version", "1")],
        &[("X-Version", "1.0")],
        &[("X-Version", "a")],
        &[("X-Version", "A")],
    ];
    distinct(&different, by_headers(&rules));
}

#[test]
fn rule_4_7_no_body_an_empty_body_and_an_empty_object_are_three() {
    for part in ["body", "body:exact"] {
        let rules = parts(&format!("\"{part}\""));
        for headers in [&[JSON][..], &[PLAIN], &[]] {
            let bodies = [None, Some(""), Some("{}"), Some("null"), Some(" ")];
            distinct(&bodies, |body| {
                of(
                    &rules,
                    &Asked {
                        headers,
                        body: *body,
                        ..BASE
                    },
                )
            });
        }
    }
}

#[test]
fn rule_4_7_the_whole_body_counts() {
    let rules = parts("\"body\"");
    let long = vec![b'x'; 200_000];
    for at in [0, 65_535, 65_536, 199_999] {
        let mut other = long.clone();
        other[at] = b'y';
        assert_ne!(
            of_body(&rules, &[PLAIN], &long),
            of_body(&rules, &[PLAIN], &other),
            "{at}"
        );
    }
    assert_ne!(
        of_body(&rules, &[PLAIN], &long),
        of_body(&rules, &[PLAIN], &long[1..])
    );
}

#[test]
fn rule_4_8_a_json_body_counts_by_meaning_where_its_media_type_says_json() {
    let rules = parts("\"body\"");
    let cases: [(&'static [Line], bool); 15] = [
        (&[JSON], true),
        (&[("Content-Type", "text/json")], true),
        (&[("Content-Type", "APPLICATION/JSON")], true),
        (&[("Content-Type", "application/json; charset=utf-8")], true),
        (&[("Content-Type", "application/json ;v=1")], true),
        (&[("Content-Type", "application/vnd.api+json")], true),
        (&[("Content-Type", "application/Problem+JSON; v=1")], true),
        (&[], false),
        (&[("Content-Type", "")], false),
        (&[PLAIN], false),
        (&[("Content-Type", "application/json-seq")], false),
        (&[("Content-Type", "application/x-ndjson")], false),
        (&[("Content-Type", "text/plain; a=application/json")], false),
        (&[("Content-Type", "text/plain; a=b+json")], false),
        (&[JSON, ("Content-Encoding", "gzip")], false),
    ];
    for (headers, meaning) in cases {
        let print = |body: &str| of_body(&rules, headers, body.as_bytes());
        assert_eq!(
            print("{\"a\":1}") == print("{ \"a\": 1e0 }"),
            meaning,
            "{headers:?}"
        );
    }
    // `body:exact` has no meaning.
    let exact = parts("\"body:exact\"");
    assert_ne!(
        of_body(&exact, &[JSON], b"{}"),
        of_body(&exact, &[JSON], b"{ }")
    );
}

#[test]
fn rule_4_8_spelling_does_not_count() {
    for same in [
        &[
            "{\"a\":1,\"b\":2}",
            "{\"b\":2,\"a\":1}",
            " {\r\n\t\"b\" : 2 , \"a\" : 1 }\n",
        ][..],
        &[
            "{\"o\":{\"a\":[1,2],\"b\":{}}}",
            "{\"o\": {\"b\": { }, \"a\": [ 1, 2 ]}}",
        ],
        &["\"aé€😀/\"", "\"\\u0061\\u00e9\\u20AC\\ud83d\\uDE00\\/\""],
        &["\"\\n\\t\\\"\\\\\"", "\"\\u000a\\u0009\\u0022\\u005c\""],
        &["{\"a\":1}", "{\"\\u0061\":1}"],
        &[
            "1", "1.0", "1.000", "1e0", "1E+0", "1e-0", "10e-1", "0.1e1", "0.01E2",
        ],
        &["100", "1e2", "1E2", "100.0", "0.1e3", "1000e-1"],
        &["0", "-0", "0.0", "-0.0", "0e5", "-0E-5"],
        &["0.1", "0.10", "1e-1", "100e-3"],
        &["-1.5", "-15e-1", "-1.50"],
        &[
            "9007199254740992",
            "9007199254740992.0",
            "9.007199254740992e15",
        ],
        &[
            "333333333.3333333",
            "3.333333333333333e8",
            "333333333.33333330",
        ],
        &["1e21", "1000000000000000000000"],
        &["5e-324", "0.5e-323"],
    ] {
        one(same, by_json);
    }
}

#[test]
fn rule_4_8_every_value_counts() {
    let different = [
        "null",
        "true",
        "false",
        "0",
        "1",
        "-1",
        "0.1",
        "0.2",
        "1e2",
        "1e3",
        "\"\"",
        "\"1\"",
        "\"null\"",
        "\"a\"",
        "\"A\"",
        "\"a \"",
        "\"\\u0000\"",
        "[]",
        "[null]",
        "[0]",
        "[1,2]",
        "[2,1]",
        "[1,2,null]",
        "[[1],2]",
        "[1,[2]]",
        "[[1,2]]",
        "[12]",
        "{}",
        "{\"a\":null}",
        "{\"a\":[]}",
        "{\"a\":{}}",
        "{\"b\":null}",
        "{\"a\":1}",
        "{\"a\":\"1\"}",
        "{\"A\":1}",
        "{\"a\":1,\"b\":null}",
        "{\"a\":{\"b\":null}}",
        "{\"\":1}",
        // One letter, two sequences of code points.
        "\"é\"",
        "\"e\u{301}\"",
        // Syntax inside a string is no syntax.
        "\"[]\"",
        "[\"1,2\"]",
        "[\"1\",\"2\"]",
        "{\"a\":\"1,b\"}",
    ];
    distinct(&different, by_json);
}

#[test]
fn rule_4_8_the_canonical_form_is_that_of_rfc_8785() {
    // §3.2.2, but for 333333333.33333329, which no double gives back (rule 4.9).
    let example = r#"{
        "numbers": [333333333.3333333, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let canonical = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
    assert_eq!(as_text(example.as_bytes()).as_deref(), Some(canonical));
    let theirs = example.replace("333333333.3333333,", "333333333.33333329,");
    assert_eq!(as_text(theirs.as_bytes()), None);

    // §3.2.3: sorted by UTF-16 code units, so that the emoji stands before the Hebrew letter.
    let names = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
        "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let sorted = "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
        \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\
        \"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}";
    assert_eq!(as_text(names.as_bytes()).as_deref(), Some(sorted));
}

fn as_text(text: &[u8]) -> Option<String> {
    json::canonical(text).map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
}

#[test]
fn rule_4_8_canonical_numbers_and_strings() {
    for (text, canonical) in [
        // RFC 8785, appendix B.
        ("-0", "0"),
        ("5e-324", "5e-324"),
        ("-5e-324", "-5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("9007199254740992", "9007199254740992"),
        ("-9007199254740992", "-9007199254740992"),
        ("295147905179352830000", "295147905179352830000"),
        ("9.999999999999997e22", "9.999999999999997e+22"),
        ("1e23", "1e+23"),
        ("1.0000000000000001e23", "1.0000000000000001e+23"),
        ("999999999999999700000", "999999999999999700000"),
        ("1e21", "1e+21"),
        ("1e20", "100000000000000000000"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("333333333.3333332", "333333333.3333332"),
        ("333333333.33333325", "333333333.33333325"),
        ("333333333.3333333", "333333333.3333333"),
        ("333333333.3333334", "333333333.3333334"),
        ("333333333.33333343", "333333333.33333343"),
        ("-0.0000033333333333333333", "-0.0000033333333333333333"),
        ("1424953923781206.2", "1424953923781206.2"),
        ("\"\\u0000\\u001F\\u007f\"", "\"\\u0000\\u001f\u{7f}\""),
        (
            "\"\\u0008\\u0009\\u000a\\u000c\\u000d\"",
            "\"\\b\\t\\n\\f\\r\"",
        ),
        ("\"\\/<>&'\u{2028}\"", "\"/<>&'\u{2028}\""),
        (" [ ] ", "[]"),
        ("{ }", "{}"),
    ] {
        assert_eq!(
            as_text(text.as_bytes()).as_deref(),
            Some(canonical),
            "{text}"
        );
    }
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

#[test]
fn rule_4_9_what_the_canonical_form_would_lose_counts_by_its_bytes() {
    let arrays = nested("[", "", "]", 129);
    let around = nested("[", "1", "]", 129);
    let objects = nested("{\"a\":", "{}", "}", 128);
    let mixed = nested("[{\"a\":", "[]", "}]", 64);
    let far = nested("[", "", "]", 100_000);
    let cases: [&[u8]; 47] = [
        // Duplicate names, however they are spelled, wherever they stand.
        b"{\"a\":1,\"a\":1}",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":1,\"\\u0061\":1}",
        b"{\"a\":1,\"b\":2,\"a\":1}",
        b"[{\"o\":{\"a\":1,\"a\":1}}]",
        // Numbers that no double gives back.
        b"9007199254740993",
        b"-9007199254740993",
        b"[9007199254740993.0]",
        b"333333333.33333329",
        b"0.1000000000000000055511151231257827",
        b"1.00000000000000000001",
        b"12345678901234567890",
        b"1e400",
        b"-1e400",
        b"1e-400",
        b"2e-324",
        b"1e99999999999999999999",
        b"{\"a\":{\"b\":[1e400]}}",
        // Lone surrogates, in values and names.
        b"\"\\ud800\"",
        b"\"\\udc00\"",
        b"\"\\ud800x\"",
        b"\"\\ud800\\ud800\"",
        b"\"\\udc00\\ud800\"",
        b"{\"\\ud800\":1}",
        // Not UTF-8.
        b"\"\xff\"",
        b"\"\xc3\"",
        b"\"\xc0\xaf\"",
        b"\"\xed\xa0\x80\"",
        b"{\"\xff\":1}",
        // Not JSON.
        b"",
        b" ",
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"{}x",
        b"[1,]",
        b"{\"a\":1,}",
        b"{a:1}",
        b"'a'",
        b"NaN",
        b"01",
        b"+1",
        b"\"a\nb\"",
        // Too deep.
        arrays.as_bytes(),
        around.as_bytes(),
        objects.as_bytes(),
        mixed.as_bytes(),
        far.as_bytes(),
    ];
    for text in cases {
        let shown = String::from_utf8_lossy(&text[..text.len().min(80)]);
        assert_eq!(json::canonical(text), None, "{shown}");
        // By its bytes: white space, which means nothing in JSON, counts.
        let spaced = [text, b" "].concat();
        assert_ne!(of_json(text), of_json(&spaced), "{shown}");
    }
    distinct(&cases, |text| of_json(text));
}

#[test]
fn rule_4_9_up_to_a_depth_of_128_a_body_counts_by_meaning() {
    for text in [
        nested("[", "", "]", 128),
        nested("[", "1", "]", 127),
        nested("{\"a\":", "{}", "}", 127),
        nested("[{\"a\":", "1", "}]", 63),
    ] {
        assert_eq!(as_text(text.as_bytes()).as_deref(), Some(text.as_str()));
        let spaced = format!(" {text}");
        assert_eq!(
            of_json(text.as_bytes()),
            of_json(spaced.as_bytes()),
            "{text}"
        );
    }
    // As wide as it likes.
    let wide = format!("[{}1]", "[],".repeat(1000));
    assert_eq!(as_text(wide.as_bytes()), Some(wide));
}

#[test]
fn rule_4_9_neighbours_that_are_one_double_stay_two_numbers() {
    let different = [
        "9007199254740992",
        "9007199254740993",
        "9007199254740994",
        "333333333.3333333",
        "333333333.33333329",
        "333333333.33333331",
        "1e400",
        "1e401",
        "-1e400",
        "1e-400",
        "0",
    ];
    distinct(&different, by_json);
}

#[test]
fn rule_4_9_by_meaning_and_by_bytes_never_meet() {
    let rules = parts("\"body\"");
    for text in ["{\"a\":1}", "[]", "null", "1", "\"a\""] {
        let canonical = json::canonical(text.as_bytes()).expect("canonical");
        assert_eq!(canonical, text.as_bytes());
        assert_ne!(
            of_body(&rules, &[JSON], text.as_bytes()),
            of_body(&rules, &[PLAIN], text.as_bytes()),
            "{text}"
        );
    }
}

#[test]
fn rule_4_10_every_other_body_counts_by_its_bytes() {
    let different = ["a=1&b=2", "b=2&a=1", "a=1&b=2\n", "{\"a\":1}", "{\"a\": 1}"];
    for (part, headers) in [
        (
            "body",
            &[("Content-Type", "application/x-www-form-urlencoded")][..],
        ),
        ("body", &[("Content-Type", "application/xml")]),
        ("body", &[]),
        ("body:exact", &[JSON]),
    ] {
        let rules = parts(&format!("\"{part}\""));
        let print = |body: &&str| of_body(&rules, headers, body.as_bytes());
        distinct(&different, print);
        // Equal bytes are equal whatever they are called.
        if part == "body" {
            assert_eq!(print(&"a"), of_body(&rules, &[PLAIN], b"a"));
        }
    }
}

/// A JSON value, apart from its spelling.
#[derive(Debug, Clone)]
enum Json {
    Null,
    Bool(bool),
    /// `mantissa × 10^exponent`.
    Number(i64, i32),
    Text(String),
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

fn text() -> impl Strategy<Value = String> {
    // Control characters, both ends of every length in UTF-8, and what has an escape.
    "([a-c\"\\\\/\u{0}-\u{20}\u{7f}\u{80}é€\u{d7ff}\u{e000}\u{ffff}\u{10000}😀\u{10ffff}]){0,4}"
}

fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-99_999_999_i64..=99_999_999, -12..=12)
            .prop_map(|(mantissa, exponent)| Json::Number(mantissa, exponent)),
        text().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::Array),
            btree_map(text(), inner, 0..4).prop_map(Json::Object),
        ]
    })
}

/// Takes one choice after the other from a list, from the front again at its end.
struct Choices<'a> {
    list: &'a [u8],
    next: usize,
}

impl Choices<'_> {
    fn below(&mut self, count: usize) -> usize {
        let choice = usize::from(self.list[self.next % self.list.len()]);
        self.next += 1;
        choice % count
    }

    fn space(&mut self) -> &'static str {
        ["", "", " ", "\n", "\r\n", "\t "][self.below(6)]
    }
}

/// One of the texts of `value`.
fn spell(value: &Json, choices: &mut Choices<'_>) -> String {
    let space = choices.space();
    let text = match value {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(mantissa, exponent) => spell_number(*mantissa, *exponent, choices),
        Json::Text(text) => spell_text(text, choices),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| spell(item, choices)).collect();
            format!("[{}{}]", items.join(","), choices.space())
        }
        Json::Object(members) => {
            let mut texts: Vec<String> = Vec::new();
            for (name, value) in members {
                let (before, name) = (choices.space(), spell_text(name, choices));
                let member = format!(
                    "{before}{name}{}:{}",
                    choices.space(),
                    spell(value, choices)
                );
                texts.insert(choices.below(texts.len() + 1), member);
            }
            format!("{{{}{}}}", texts.join(","), choices.space())
        }
    };
    format!("{space}{text}{}", choices.space())
}

fn spell_number(mantissa: i64, exponent: i32, choices: &mut Choices<'_>) -> String {
    let zeros = choices.below(4);
    let fraction = ["", ".0", ".000"][choices.below(3)];
    let e = ["e", "E"][choices.below(2)];
    let exponent = exponent - i32::try_from(zeros).expect("small");
    let sign = if exponent >= 0 {
        ["", "+"][choices.below(2)]
    } else {
        ""
    };
    let zeros = if mantissa == 0 {
        String::new()
    } else {
        "0".repeat(zeros)
    };
    format!("{mantissa}{zeros}{fraction}{e}{sign}{exponent}")
}

fn spell_text(text: &str, choices: &mut Choices<'_>) -> String {
    let mut out = "\"".to_owned();
    for character in text.chars() {
        let must = character < ' ' || character == '"' || character == '\\';
        let short = "\"\\/\u{8}\u{c}\n\r\t".find(character);
        match (choices.below(3), short) {
            (0, _) if !must => out.push(character),
            (1, Some(at)) => {
                // All of them are one byte long.
                out.push('\\');
                out.push(char::from(b"\"\\/bfnrt"[at]));
            }
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&match choices.below(2) {
                        0 => format!("\\u{unit:04x}"),
                        _ => format!("\\u{unit:04X}"),
                    });
                }
            }
        }
    }
    out + "\""
}

/// Changes the leaf at `at` as little as its kind allows, an empty list or object being one; otherwise takes the leaves of
/// `value` from `at`.
fn change_leaf(value: &mut Json, at: &mut Option<usize>) {
    match value {
        Json::Array(items) if !items.is_empty() => {
            items.iter_mut().for_each(|item| change_leaf(item, at));
            return;
        }
        Json::Object(members) if !members.is_empty() => {
            members.values_mut().for_each(|item| change_leaf(item, at));
            return;
        }
        _ => {}
    }
    if *at == Some(0) {
        match value {
            Json::Null => *value = Json::Bool(false),
            Json::Bool(value) => *value = !*value,
            Json::Number(mantissa, _) => *mantissa += 1,
            Json::Text(text) => text.push('a'),
            Json::Array(items) => items.push(Json::Null),
            Json::Object(members) => {
                members.insert("a".to_owned(), Json::Null);
            }
        }
    }
    *at = at.and_then(|at| at.checked_sub(1));
}

fn leaves(value: &Json) -> usize {
    match value {
        Json::Array(items) if !items.is_empty() => items.iter().map(leaves).sum(),
        Json::Object(members) if !members.is_empty() => members.values().map(leaves).sum(),
        _ => 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn rule_4_8_any_spelling_of_a_value_is_the_same_body(
        value in json(),
        a in vec(any::<u8>(), 1..60),
        b in vec(any::<u8>(), 1..60),
    ) {
        let a = spell(&value, &mut Choices { list: &a, next: 0 });
        let b = spell(&value, &mut Choices { list: &b, next: 0 });
        let canonical = json::canonical(a.as_bytes());
        prop_assert!(canonical.is_some(), "{} has no meaning", a);
        prop_assert_eq!(&canonical, &json::canonical(b.as_bytes()));
        prop_assert_eq!(of_json(a.as_bytes()), of_json(b.as_bytes()));
        // The canonical form is one of its own spellings.
        prop_assert_eq!(canonical.as_deref().and_then(json::canonical), canonical);
    }

    #[test]
    fn rule_4_8_any_leaf_that_changes_makes_another_body(
        value in json(),
        at: prop::sample::Index,
        spelling in vec(any::<u8>(), 1..60),
    ) {
        let mut other = value.clone();
        change_leaf(&mut other, &mut Some(at.index(leaves(&value))));
        let a = spell(&value, &mut Choices { list: &spelling, next: 0 });
        let b = spell(&other, &mut Choices { list: &spelling, next: 0 });
        prop_assert_ne!(of_json(a.as_bytes()), of_json(b.as_bytes()), "{} and {}", a, b);
    }

    #[test]
    fn rule_4_8_a_canonical_form_means_what_its_text_means(
        value in json(),
        spelling in vec(any::<u8>(), 1..60),
    ) {
        let text = spell(&value, &mut Choices { list: &spelling, next: 0 });
        let canonical = json::canonical(text.as_bytes()).expect("canonical");
        // Read by another parser. Its doubles are those of the text, -0 apart.
        let read = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).expect("JSON");
        prop_assert_eq!(floats(read(&canonical)), floats(read(text.as_bytes())));
    }

    #[test]
    fn rule_4_10_any_bit_of_an_opaque_body_counts(
        body in vec(any::<u8>(), 1..200),
        at: prop::sample::Index,
    ) {
        let bit = at.index(body.len() * 8);
        let mut other = body.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        for (rules, headers) in [(parts("\"body\""), PLAIN), (parts("\"body:exact\""), JSON)] {
            let print = |body: &[u8]| of_body(&rules, &[headers], body);
            prop_assert_eq!(print(&body), print(&body.clone()));
            prop_assert_ne!(print(&body), print(&other));
        }
    }

    #[test]
    fn rule_4_1_without_comparison_nothing_counts(
        method in "POST|PATCH|PUT",
        path in "/[a-z?=&]{0,9}",
        body in vec(any::<u8>(), 0..40),
    ) {
        let nothing = rules("compare = false");
        let request = request(&method, &format!("http://h{path}"), &[JSON]);
        prop_assert_eq!(
            Fingerprint::of(&nothing, &request, &Body::Bytes(body)),
            of(&nothing, &BASE)
        );
    }
}

/// All numbers as doubles: `1` and `1.0` are two values to `serde_json`.
fn floats(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Number(number) => {
            // `+ 0.0` takes the sign from a zero.
            Value::from(number.as_f64().expect("a double") + 0.0)
        }
        Value::Array(items) => items.into_iter().map(floats).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, floats(value)))
            .collect(),
        other => other,
    }
}

#[test]
fn rule_4_9_a_text_of_too_many_values_counts_by_its_bytes() {
    let zeros = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    // One bracket and `count - 1` commas.
    assert!(json::canonical(zeros(1 << 18).as_bytes()).is_some());
    assert!(json::canonical(zeros((1 << 18) + 1).as_bytes()).is_none());
}
