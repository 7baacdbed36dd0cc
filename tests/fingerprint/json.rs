//! The canonical form of JSON (rules 4.8 and 4.9).

use super::spelling::canonical;
use super::*;
use proptest::prelude::*;
use reprise::protocol::order;

#[test]
fn rule_4_8_edge_052_edge_053_spelling_does_not_count() {
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
fn rule_4_8_edge_054_edge_055_every_value_counts() {
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
    canonical(text).map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
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
fn rule_4_9_edge_056_what_the_canonical_form_would_lose_counts_by_its_bytes() {
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
        assert_eq!(canonical(text), None, "{shown}");
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
        let canonical = canonical(text.as_bytes()).expect("canonical");
        assert_eq!(canonical, text.as_bytes());
        assert_ne!(
            of_body(&rules, &[JSON], text.as_bytes()),
            of_body(&rules, &[PLAIN], text.as_bytes()),
            "{text}"
        );
    }
}

#[test]
fn rule_4_9_a_text_of_too_many_values_counts_by_its_bytes() {
    let zeros = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
    // One bracket and `count - 1` commas.
    assert!(canonical(zeros(1 << 18).as_bytes()).is_some());
    assert!(canonical(zeros((1 << 18) + 1).as_bytes()).is_none());
}

proptest! {
    /// As ECMAScript writes the double: `ryu_js` is what does so where the number is not short enough to stay as it is.
    #[test]
    fn rule_4_8_a_number_of_15_digits_is_written_as_its_double(
        minus in any::<bool>(),
        digits in "0|[1-9][0-9]{0,17}",
        zeros in 0..8_usize,
        fraction in proptest::option::of("[0-9]{1,16}"),
    ) {
        let sign = if minus { "-" } else { "" };
        let fraction = fraction.map(|digits| format!(".{}{digits}", "0".repeat(zeros)));
        let text = format!("{sign}{digits}{}", fraction.as_deref().unwrap_or_default());
        let double: f64 = text.parse().unwrap();
        let mut buffer = ryu_js::Buffer::new();
        let written = buffer.format(double);
        match as_text(text.as_bytes()) {
            Some(canonical) => prop_assert_eq!(canonical, written),
            None => prop_assert!(text.bytes().filter(u8::is_ascii_digit).count() > 15, "{}", text),
        }
    }

    #[test]
    fn rule_4_8_names_come_in_the_order_of_their_utf_16_code_units(a in NAME, b in NAME) {
        prop_assert_eq!(order::compare(&a, &b), a.encode_utf16().cmp(b.encode_utf16()));
    }
}

/// Of characters around every border between two lengths in UTF-8, and between one code unit and two.
const NAME: &str = "[az\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fb33}\u{ffff}\u{10000}\u{1f600}\u{10ffff}]{0,4}";
