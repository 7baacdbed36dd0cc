//! Which bodies count by meaning, and which by their bytes (rules 4.7 to 4.10, 4.18).

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

#[test]
fn rule_4_7_edge_063_no_body_an_empty_body_and_an_empty_object_are_three() {
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
fn rule_4_10_every_other_body_counts_by_its_bytes() {
    let different = ["a=1&b=2", "b=2&a=1", "a=1&b=2\n", "{\"a\":1}", "{\"a\": 1}"];
    for (part, headers) in [
        ("body", &[("Content-Type", "application/xml")][..]),
        ("body", &[("Content-Type", "multipart/mixed; boundary=b")]),
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

/// A body that is not in the coding that it is said to be in counts like any other: nobody decodes it.
#[test]
fn rule_4_18_edge_062_the_coding_counts_with_the_body_whether_or_not_the_media_type_does() {
    const GZIP: Line = ("Content-Encoding", "gzip");
    const FORM: Line = ("Content-Type", "application/x-www-form-urlencoded");
    for part in ["body", "body:exact"] {
        let rules = parts(&format!("\"{part}\""));
        for kind in [PLAIN, JSON, FORM] {
            let cases: [&[Line]; 5] = [
                &[kind],
                &[kind, GZIP],
                &[kind, ("Content-Encoding", "br")],
                &[kind, ("Content-Encoding", "gzip, br")],
                &[kind, ("Content-Encoding", "br, gzip")],
            ];
            distinct(&cases, |headers| of_body(&rules, headers, b"{}"));
            // By its bytes, whatever they would mean if they were not encoded.
            let coded = |body: &[u8]| of_body(&rules, &[kind, GZIP], body);
            assert_ne!(coded(b"{}"), coded(b"{ }"), "{kind:?}");
            assert_ne!(coded(b"a=1&b=2"), coded(b"b=2&a=1"), "{kind:?}");
        }
        let two_lines = [PLAIN, GZIP, ("Content-Encoding", "br")];
        let one_line = [PLAIN, ("Content-Encoding", "GZIP, br")];
        assert_eq!(
            of_body(&rules, &two_lines, b"x"),
            of_body(&rules, &one_line, b"x")
        );
        let none = |headers: &'static [Line]| {
            of(
                &rules,
                &Asked {
                    headers,
                    body: None,
                    ..BASE
                },
            )
        };
        assert_eq!(
            none(&[PLAIN, GZIP]),
            none(&[PLAIN]),
            "nothing is not encoded"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

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
    fn rule_4_1_edge_067_without_comparison_nothing_counts(
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
