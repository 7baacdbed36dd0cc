//! Rules about the answer.

use super::{JSON, Lines, lines, of_answer, rules};
use reprise::protocol::contract::NeverThen;
use reprise::protocol::never_store::by_answer;

#[test]
fn edge_125_rule_8_11_the_media_type_of_an_answer() {
    const PDF: &str = "answer = \"media-type\"\nis = [\"application/PDF\", \"image/*\", \"*+xml\"]";
    const NOT_JSON: &str = "answer = \"media-type\"\nnot = [\"application/json\", \"*+json\"]";
    const ANY: &str = "answer = \"media-type\"\nis = [\"*/*\"]";
    for (media_type, pdf, not_json) in [
        ("application/pdf", true, true),
        ("Application/Pdf; a=b", true, true),
        ("image/png", true, true),
        ("image/svg+xml", true, true),
        ("application/pdfs", false, true),
        ("text/plain", false, true),
        ("application/json", false, false),
        ("application/json; charset=utf-8", false, false),
        ("application/problem+json", false, false),
        ("application/json, application/pdf", true, true),
        ("nonsense", false, true),
    ] {
        let headers: Lines<'_> = &[("Content-Type", media_type)];
        assert_eq!(of_answer(PDF, headers, Some(b"x")), pdf, "{media_type}");
        assert_eq!(
            of_answer(NOT_JSON, headers, Some(b"x")),
            not_json,
            "{media_type}"
        );
        assert!(of_answer(ANY, headers, Some(b"x")), "{media_type}");
        // Too large to be looked into, it still has its type.
        assert_eq!(of_answer(PDF, headers, None), pdf, "{media_type}");
        assert_eq!(of_answer(NOT_JSON, headers, None), not_json, "{media_type}");
        // Without a body there is nothing of that type.
        assert!(!of_answer(PDF, headers, Some(b"")), "{media_type}");
        assert!(!of_answer(NOT_JSON, headers, Some(b"")), "{media_type}");
    }
    // A body that does not say what it is may be anything but is not known to be a PDF.
    assert!(of_answer(NOT_JSON, &[], Some(b"x")));
    assert!(!of_answer(PDF, &[], Some(b"x")));
    assert!(!of_answer(NOT_JSON, &[], Some(b"")));
}

#[test]
fn edge_097_edge_127_edge_128_rule_8_11_what_an_answer_says_in_headers_and_json() {
    const CACHE: &str = "answer = \"header\"\nname = \"cache-control\"\nhas = [\"no-store\"]";
    const STATUS: &str = "answer = \"json\"\npointer = \"/status\"\nhas = [\"failed\"]";
    const SECRET: &str = "answer = \"json\"\npointer = \"/secret\"\nthen = \"spent\"";
    const EXTRACT: &str = "answer = \"json\"\npointer = \"/suggestions/0/text\"";
    const TEXT: (&str, &str) = ("Content-Type", "text/plain");
    for (rule, headers, body, matches) in [
        (
            CACHE,
            &[("Cache-Control", "private, No-Store")][..],
            &b"x"[..],
            true,
        ),
        (CACHE, &[("Cache-Control", "private, No-Store")], b"", true),
        (CACHE, &[("Cache-Control", "private")], b"x", false),
        (STATUS, &[JSON], br#"{"status":"failed"}"#, true),
        (STATUS, &[JSON], br#"{"status":"done"}"#, false),
        (STATUS, &[JSON], b"", false),
        (STATUS, &[JSON], b"<html>", true),
        (STATUS, &[TEXT], b"<html>", false),
        (STATUS, &[], b"<html>", true),
        (SECRET, &[JSON], br#"{"id":1,"secret":"s"}"#, true),
        (SECRET, &[JSON], br#"{"id":1}"#, false),
        (EXTRACT, &[JSON], br#"{"suggestions":[{"text":"t"}]}"#, true),
        (EXTRACT, &[JSON], br#"{"suggestions":[{"id":1}]}"#, false),
    ] {
        assert_eq!(
            of_answer(rule, headers, Some(body)),
            matches,
            "{rule} {headers:?}"
        );
    }
    // Too large to be looked into: what may be JSON may have it.
    for (headers, matches) in [(&[JSON][..], true), (&[], true), (&[TEXT], false)] {
        assert_eq!(of_answer(SECRET, headers, None), matches, "{headers:?}");
    }
    let then = by_answer(&rules(&[SECRET]), &lines(&[JSON]), Some(br#"{"secret":1}"#));
    assert_eq!(then, Some(NeverThen::Spent));
}
