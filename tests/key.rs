//! The key of a request (docs/protocol.md §2).

// A helper that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{policy, request};
use reprise::protocol::key::{Key, KeyFault};

type Lines<'a> = &'a [(&'a str, &'a str)];

/// What a request with these headers yields under the draft's contract with `overrides` in its `[key]`.
fn read(overrides: &str, headers: Lines<'_>) -> Result<Option<String>, KeyFault> {
    let policy = policy(&format!(
        "[[routes]]\nmatch = \"POST /*\"\n[routes.key]\n{overrides}"
    ));
    let contract = policy.routes[0].contract.as_ref().expect("a contract");
    let request = request("POST", "http://h/", headers);
    Key::read(&contract.key, &request.headers).map(|key| key.map(|key| key.as_str().to_owned()))
}

/// What the draft's contract makes of one value.
fn value(value: &str) -> Result<String, KeyFault> {
    one("", value)
}

fn one(overrides: &str, value: &str) -> Result<String, KeyFault> {
    read(overrides, &[("Idempotency-Key", value)]).map(|key| key.expect("a key was sent"))
}

fn is_malformed(result: &Result<String, KeyFault>) -> bool {
    matches!(result, Err(KeyFault::Malformed(_)))
}

#[test]
fn rule_2_1_the_key_is_the_value_of_the_header_or_of_an_alias() {
    const ALIAS: &str = "aliases = [\"X-Key\"]";
    const OTHER: &str = "header = \"X-Key\"";
    let cases: [(&str, Lines<'_>, Option<&str>); 8] = [
        ("", &[("Idempotency-Key", "k")], Some("k")),
        ("", &[("IDEMPOTENCY-KEY", "k")], Some("k")),
        ("", &[], None),
        ("", &[("X-Key", "k")], None),
        (ALIAS, &[("x-key", "k")], Some("k")),
        (ALIAS, &[("idempotency-key", "k")], Some("k")),
        (OTHER, &[("x-key", "k")], Some("k")),
        (OTHER, &[("idempotency-key", "k")], None),
    ];
    for (overrides, headers, key) in cases {
        assert_eq!(
            read(overrides, headers),
            Ok(key.map(str::to_owned)),
            "{overrides} {headers:?}"
        );
    }
}

#[test]
fn rule_2_2_surrounding_white_space_is_not_part_of_the_value() {
    for sent in [" k", "k ", "\tk\t", " \t k \t ", " \"k\" ", "\t\"k\"\t"] {
        assert_eq!(value(sent), Ok("k".to_owned()), "{sent:?}");
    }
}

#[test]
fn edge_008_rule_2_2_an_empty_value_is_refused_under_every_syntax() {
    for syntax in ["either", "raw", "quoted"] {
        let overrides = format!("syntax = \"{syntax}\"");
        for sent in ["", " ", "\t \t", "\"\"", " \"\" "] {
            assert_eq!(
                one(&overrides, sent),
                Err(KeyFault::Empty),
                "{syntax} {sent:?}"
            );
        }
    }
}

#[test]
fn rule_2_2_an_empty_alias_is_not_a_missing_one() {
    assert_eq!(
        read(
            "aliases = [\"X-Key\"]",
            &[("Idempotency-Key", "k"), ("X-Key", "")]
        ),
        Err(KeyFault::Empty)
    );
}

#[test]
fn rule_2_3_quoted_and_bare_are_one_key_and_escapes_are_decoded_once() {
    for (sent, key) in [
        ("k", "k"),
        ("\"k\"", "k"),
        // A quote begins a string only at the front.
        ("k\"", "k\""),
        ("a\"b", "a\"b"),
        ("\\", "\\"),
        (r#"a\"b"#, r#"a\"b"#),
        (r#""a\"b""#, r#"a"b"#),
        (r#""a\\b""#, r"a\b"),
        // Twice decoded, this would be `\`, and then broken.
        (r#""\\\\""#, r"\\"),
        (r#""\\\"""#, r#"\""#),
        (r#""\"k\"""#, r#""k""#),
        // Parameters are syntax only behind a string; single quotes never are.
        ("k;a=1", "k;a=1"),
        ("'k'", "'k'"),
        ("\"k;a=1\"", "k;a=1"),
    ] {
        assert_eq!(value(sent), Ok(key.to_owned()), "{sent}");
    }
}

#[test]
fn rule_2_3_a_broken_string_and_anything_after_it_are_refused() {
    for sent in [
        "\"",
        "\"k",
        r#""k\"#,
        r#""k\""#,
        r#""\k""#,
        r#""\n""#,
        r#""\u0041""#,
        "\"k\"k",
        "\"k\" k",
        "\"k\"\"k\"",
        "\"\"k",
        "\"k\";",
        "\"k\";a",
        "\"k\";a=1",
        "\"k\" ;a=1",
    ] {
        assert!(is_malformed(&value(sent)), "{sent} {:?}", value(sent));
    }
}

#[test]
fn rule_2_3_a_contract_may_take_one_form_only() {
    const RAW: &str = "syntax = \"raw\"";
    const QUOTED: &str = "syntax = \"quoted\"";
    for (overrides, sent, key) in [
        (RAW, "k", "k"),
        (RAW, "\"k\"", "\"k\""),
        (RAW, "\"k", "\"k"),
        (RAW, r#""a\\b""#, r#""a\\b""#),
        (RAW, "\"k\";a=1", "\"k\";a=1"),
        (QUOTED, "\"k\"", "k"),
        (QUOTED, r#""a\\b""#, r"a\b"),
    ] {
        assert_eq!(
            one(overrides, sent),
            Ok(key.to_owned()),
            "{overrides} {sent}"
        );
    }
    for sent in ["k", "k\"", "'k'"] {
        let result = one(QUOTED, sent);
        assert!(is_malformed(&result), "{sent} {result:?}");
    }
    assert_eq!(one(QUOTED, "\"\""), Err(KeyFault::Empty));
}

#[test]
fn rule_2_4_a_key_is_visible_ascii_bare_and_quoted() {
    for code in 0..=0x1ff_u32 {
        let character = char::from_u32(code).expect("below the surrogates");
        // These mean something; rules 2.3 and 2.5 have their own tables.
        if matches!(character, ',' | '"' | '\\') {
            continue;
        }
        let visible = ('!'..='~').contains(&character);
        for sent in [format!("a{character}b"), format!("\"a{character}b\"")] {
            let result = value(&sent);
            if visible {
                assert_eq!(result, Ok(format!("a{character}b")), "{sent:?}");
            } else {
                assert!(is_malformed(&result), "{sent:?} {result:?}");
            }
        }
    }
    for sent in ["\" k\"", "\"k \"", "\" \"", "🦀", "\u{feff}k"] {
        assert!(is_malformed(&value(sent)), "{sent:?}");
    }
}

#[test]
fn rule_2_5_a_comma_stands_only_inside_a_string() {
    for sent in [
        "a,b",
        "a, b",
        ",a",
        "a,",
        ",",
        "k, k",
        "a,\"b\"",
        "\"a\",\"b\"",
        "\"a\", \"b\"",
        "\"a\" , b",
        "\"a\",",
    ] {
        assert_eq!(value(sent), Err(KeyFault::Repeated), "{sent}");
    }
    assert_eq!(value("\"a,b\""), Ok("a,b".to_owned()));
    // Without strings, there is no inside.
    for sent in ["a,b", "\"a,b\""] {
        assert_eq!(
            one("syntax = \"raw\"", sent),
            Err(KeyFault::Repeated),
            "{sent}"
        );
    }
}

#[test]
fn rule_2_5_several_lines_are_several_keys_even_if_equal() {
    const ALIAS: &str = "aliases = [\"X-Key\"]";
    let cases: [(&str, Lines<'_>); 4] = [
        ("", &[("Idempotency-Key", "k"), ("Idempotency-Key", "k")]),
        ("", &[("Idempotency-Key", "k"), ("idempotency-key", "l")]),
        ("", &[("Idempotency-Key", "\"k\""), ("idempotency-key", "")]),
        (ALIAS, &[("X-Key", "k"), ("X-Key", "k")]),
    ];
    for (overrides, headers) in cases {
        assert_eq!(
            read(overrides, headers),
            Err(KeyFault::Repeated),
            "{headers:?}"
        );
    }
}

#[test]
fn rule_2_6_the_length_lies_within_min_and_max() {
    const NARROW: &str = "min = 4\nmax = 6";
    for (overrides, length, fault) in [
        ("", 1, None),
        ("", 255, None),
        ("", 256, Some(KeyFault::TooLong)),
        ("", 5000, Some(KeyFault::TooLong)),
        ("max = 1024", 1024, None),
        ("max = 1024", 1025, Some(KeyFault::TooLong)),
        (NARROW, 1, Some(KeyFault::TooShort)),
        (NARROW, 3, Some(KeyFault::TooShort)),
        (NARROW, 4, None),
        (NARROW, 6, None),
        (NARROW, 7, Some(KeyFault::TooLong)),
    ] {
        for unit in ["characters", "bytes"] {
            let key = "k".repeat(length);
            let expected = fault.map_or(Ok(key.clone()), Err);
            let overrides = format!("{overrides}\nunit = \"{unit}\"");
            // After unquoting: the quotes do not count.
            for sent in [key.clone(), format!("\"{key}\"")] {
                assert_eq!(one(&overrides, &sent), expected, "{overrides} {sent}");
            }
        }
    }
}

#[test]
fn rule_2_6_an_escape_counts_as_what_it_stands_for() {
    let sent = |quotes: usize| format!("\"{}\"", "\\\"".repeat(quotes));
    assert_eq!(value(&sent(255)), Ok("\"".repeat(255)));
    assert_eq!(value(&sent(256)), Err(KeyFault::TooLong));
    assert_eq!(one("min = 2", &sent(1)), Err(KeyFault::TooShort));
    assert_eq!(one("min = 2", &sent(2)), Ok("\"\"".to_owned()));
}

#[test]
fn rule_2_6_the_unit_counts_characters_or_bytes() {
    // No key has a character of two bytes, so the unit shows only in what such a value is refused for.
    let sent = "é".repeat(128);
    assert!(is_malformed(&one("unit = \"characters\"", &sent)));
    assert_eq!(one("unit = \"bytes\"", &sent), Err(KeyFault::TooLong));
}

#[test]
fn rule_2_7_header_and_aliases_carry_one_key() {
    const TWO: &str = "aliases = [\"X-Key\", \"Request-Key\"]";
    let same: [Lines<'_>; 5] = [
        &[("Idempotency-Key", "k"), ("X-Key", "k")],
        &[("X-Key", "k"), ("Idempotency-Key", "k")],
        &[("Idempotency-Key", "k"), ("X-Key", "\"k\"")],
        &[("Idempotency-Key", " k"), ("Request-Key", "k ")],
        &[
            ("Idempotency-Key", "k"),
            ("X-Key", "k"),
            ("Request-Key", "k"),
        ],
    ];
    for headers in same {
        assert_eq!(read(TWO, headers), Ok(Some("k".to_owned())), "{headers:?}");
    }
    let different: [Lines<'_>; 5] = [
        &[("Idempotency-Key", "k"), ("X-Key", "l")],
        &[("Idempotency-Key", "k"), ("X-Key", "K")],
        &[("X-Key", "k"), ("Request-Key", "l")],
        &[
            ("Idempotency-Key", "k"),
            ("X-Key", "k"),
            ("Request-Key", "l"),
        ],
        &[
            ("Idempotency-Key", "k"),
            ("X-Key", "l"),
            ("Request-Key", "k"),
        ],
    ];
    for headers in different {
        assert_eq!(read(TWO, headers), Err(KeyFault::Conflict), "{headers:?}");
    }
    // A header that the contract does not name has no say.
    assert_eq!(
        read("", &[("Idempotency-Key", "k"), ("X-Key", "l")]),
        Ok(Some("k".to_owned()))
    );
}

#[test]
fn rule_2_7_each_of_them_must_be_a_key() {
    let result = read(
        "aliases = [\"X-Key\"]",
        &[("Idempotency-Key", "k"), ("X-Key", "\"k")],
    );
    assert!(matches!(result, Err(KeyFault::Malformed(_))), "{result:?}");
}

#[test]
fn rule_2_8_keys_are_compared_byte_by_byte() {
    let distinct = [
        "k", "K", "k/", "k%2F", "k%2f", "%6B", "k+", "k%20", "0", "00", "k.", "./k",
    ];
    for (i, one) in distinct.iter().enumerate() {
        assert_eq!(value(one), Ok((*one).to_owned()));
        for other in &distinct[i + 1..] {
            assert_eq!(
                read(
                    "aliases = [\"X-Key\"]",
                    &[("Idempotency-Key", one), ("X-Key", other)]
                ),
                Err(KeyFault::Conflict),
                "{one} {other}"
            );
        }
    }
}

#[test]
fn rule_3_5_debug_does_not_show_a_key() {
    let policy = policy("[[routes]]\nmatch = \"POST /*\"");
    let contract = policy.routes[0].contract.as_ref().expect("a contract");
    let request = request("POST", "http://h/", &[("Idempotency-Key", "zq7-secret")]);
    let key = Key::read(&contract.key, &request.headers).expect("a key");
    assert_eq!(key.as_ref().map(Key::as_str), Some("zq7-secret"));
    for shown in [format!("{key:?}"), format!("{key:#?}")] {
        assert!(shown.contains("Key("), "{shown}");
        for part in ["zq7", "secret"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }
}
