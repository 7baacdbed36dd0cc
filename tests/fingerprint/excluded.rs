//! Members of a JSON body that do not count (rule 4.19).

use super::spelling::canonical;
use super::*;
use reprise::protocol::fingerprint::json;

/// The canonical form of `text` without what `pointers` lead to.
fn without(pointers: &[&str], text: &str) -> Option<String> {
    let pointers: Vec<String> = pointers.iter().map(|text| (*text).to_owned()).collect();
    let canonical = json::canonical(text.as_bytes(), &pointers)?;
    Some(String::from_utf8(canonical.text).expect("UTF-8"))
}

#[test]
fn rule_4_19_edge_064_excluded_members_do_not_count() {
    for (pointers, text, left) in [
        (&["/a"][..], "{\"a\":1,\"b\":2}", "{\"b\":2}"),
        (&["/a"], "{\"a\":{\"c\":[1]},\"b\":2}", "{\"b\":2}"),
        (&["/a"], "{\"a\":1}", "{}"),
        (&["/a", "/b"], "{\"a\":1,\"b\":2}", "{}"),
        (
            &["/a/b"],
            "{\"a\":{\"b\":1,\"c\":2},\"b\":3}",
            "{\"a\":{\"c\":2},\"b\":3}",
        ),
        (&["/a/b", "/a"], "{\"a\":{\"b\":1},\"c\":2}", "{\"c\":2}"),
        (&["/a/b", "/a/c"], "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{}}"),
        (&["/0"], "[1,2,3]", "[2,3]"),
        (&["/0", "/1"], "[1,2,3]", "[3]"),
        (
            &["/2/a"],
            "[1,{\"a\":1},{\"a\":1,\"b\":2}]",
            "[1,{\"a\":1},{\"b\":2}]",
        ),
        (&["/1"], "{\"1\":1,\"2\":2}", "{\"2\":2}"),
        (
            &["/a~1b"],
            "{\"a/b\":1,\"a\":{\"b\":2}}",
            "{\"a\":{\"b\":2}}",
        ),
        (&["/a~0b"], "{\"a~b\":1,\"a\":2}", "{\"a\":2}"),
        (&["/~01"], "{\"~1\":1,\"/\":2}", "{\"/\":2}"),
        (&["/é"], "{\"\\u00e9\":1,\"e\":2}", "{\"e\":2}"),
        (&["/"], "{\"\":1,\"a\":2}", "{\"a\":2}"),
        (&["/a/"], "{\"a\":{\"\":1,\"b\":2}}", "{\"a\":{\"b\":2}}"),
        (&[""], "{\"a\":1}", ""),
        // Nowhere.
        (
            &[
                "/x", "/a/x", "/a/b/c", "/b/0", "/c/01", "/c/-", "/c/-1", "/c/1", "/A", "a",
                "/a~1b",
            ],
            "{\"a\":{\"b\":1},\"b\":\"x\",\"c\":[1]}",
            "{\"a\":{\"b\":1},\"b\":\"x\",\"c\":[1]}",
        ),
        (&["/a"], "[1]", "[1]"),
        (&["/0"], "1", "1"),
    ] {
        assert_eq!(
            without(pointers, text).as_deref(),
            Some(left),
            "{pointers:?} {text}"
        );
    }
}

#[test]
fn rule_4_19_an_excluded_number_need_not_be_a_double() {
    let nanoseconds = "{\"at\":1700000000000000001,\"b\":1}";
    assert_eq!(canonical(nanoseconds.as_bytes()), None);
    assert_eq!(without(&["/at"], nanoseconds).as_deref(), Some("{\"b\":1}"));
}

#[test]
fn rule_4_19_a_body_by_bytes_counts_whole() {
    let rules = rules("parts = [\"body\"]\nexclude = [\"/at\"]");
    let json = |text: &str| of_body(&rules, &[JSON], text.as_bytes());
    assert_eq!(json("{\"at\":1,\"b\":2}"), json("{\"b\":2,\"at\":[]}"));
    assert_eq!(json("{\"at\":1,\"b\":2}"), json("{\"b\":2}"));
    assert_ne!(json("{\"at\":1,\"b\":2}"), json("{\"at\":1,\"b\":3}"));
    for (one, other) in [
        ("{\"at\":1,\"at\":2}", "{\"at\":1,\"at\":3}"),
        ("{\"at\":1,\"b\":1e400}", "{\"at\":2,\"b\":1e400}"),
        ("{\"at\":\"\\ud800\"}", "{\"at\":\"\\ud801\"}"),
        ("{\"at\":1", "{\"at\":2"),
    ] {
        assert_ne!(json(one), json(other), "{one}");
    }
    let as_text = |text: &[u8]| of_body(&rules, &[PLAIN], text);
    assert_ne!(as_text(b"{\"at\":1}"), as_text(b"{\"at\":2}"));
}
