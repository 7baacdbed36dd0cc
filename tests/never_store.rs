//! What must not be kept, whatever its status says (docs/protocol.md rules 8.9 to 8.13).

// A helper that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{policy, request};
use reprise::protocol::contract::{NeverStore, NeverThen};
use reprise::protocol::control::Control;
use reprise::protocol::headers::Headers;
use reprise::protocol::never_store::{by_answer, by_request, stronger};
use reprise::protocol::request::Body;

type Lines<'a> = &'a [(&'a str, &'a str)];

/// Rules as a contract has them, each one the inside of a TOML table.
fn rules(tables: &[&str]) -> Vec<NeverStore> {
    let mut text = "[[routes]]\nmatch = \"POST /*\"\n".to_owned();
    for table in tables {
        text.push_str(&format!("[[routes.outcome.never_store]]\n{table}\n"));
    }
    let mut routes = policy(&text).routes;
    routes.remove(0).contract.expect("a contract").never_store
}

fn of_request(rule: &str, url: &str, headers: Lines<'_>, body: &[u8]) -> bool {
    let body = Body::Bytes(body.to_vec());
    by_request(&rules(&[rule]), &request("POST", url, headers), &body).is_some()
}

fn of_answer(rule: &str, headers: Lines<'_>, body: Option<&[u8]>) -> bool {
    by_answer(&rules(&[rule]), &lines(headers), body).is_some()
}

fn lines(headers: Lines<'_>) -> Headers {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    headers.iter().map(owned).collect()
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const MULTIPART: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=\"b b\"");

#[test]
fn rule_8_9_without_a_rule_everything_is_kept() {
    assert_eq!(
        by_request(
            &[],
            &request("POST", "http://h/?a=b", &[JSON]),
            &Body::Bytes(b"{".to_vec())
        ),
        None
    );
    assert_eq!(by_answer(&[], &lines(&[]), Some(b"x")), None);
}

#[test]
fn rule_8_9_release_leaves_less_behind_than_spent() {
    const ANY: &str = "request = \"header\"\nname = \"x-a\"\nthen = ";
    let of = |thens: &[&str]| {
        let tables: Vec<String> = thens
            .iter()
            .map(|then| format!("{ANY}\"{then}\""))
            .collect();
        let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
        let request = request("POST", "http://h/", &[("X-A", "")]);
        by_request(&rules(&tables), &request, &Body::Absent)
    };
    use NeverThen::{Release, Spent};
    assert_eq!(of(&["spent"]), Some(Spent));
    assert_eq!(of(&["release"]), Some(Release));
    assert_eq!(of(&["spent", "release"]), Some(Release));
    assert_eq!(of(&["release", "spent"]), Some(Release));
    assert_eq!(of(&["spent", "spent"]), Some(Spent));
    for (one, other, both) in [
        (None, None, None),
        (Some(Spent), None, Some(Spent)),
        (None, Some(Spent), Some(Spent)),
        (Some(Spent), Some(Release), Some(Release)),
        (Some(Release), Some(Spent), Some(Release)),
        (Some(Release), None, Some(Release)),
    ] {
        assert_eq!(stronger(one, other), both, "{one:?} {other:?}");
    }
}

#[test]
fn edge_125_rule_8_10_a_parameter_of_the_query_by_name_and_word() {
    const WORDS: &str =
        "request = \"query\"\nname = \"fields*\"\nhas = [\"text\", \"explanation\"]";
    const THERE: &str = "request = \"query\"\nname = \"reveal\"";
    for (rule, query, matches) in [
        (WORDS, "fields=text", true),
        (WORDS, "fields=id,text", true),
        (WORDS, "fields=id%2Ctext", true),
        (WORDS, "fields=id%20text", true),
        (WORDS, "fields=id+text", true),
        (WORDS, "fields=,,text,", true),
        (WORDS, "fields=%74ext", true),
        (WORDS, "a=b&fields=id&fields=explanation", true),
        (WORDS, "fields[suggestions]=text", true),
        (WORDS, "fields%5Bsuggestions%5D=text", true),
        (WORDS, "%66ields=text", true),
        (WORDS, "fields=id", false),
        (WORDS, "fields=", false),
        (WORDS, "fields", false),
        (WORDS, "fields=texts", false),
        (WORDS, "fields=Text", false),
        (WORDS, "Fields=text", false),
        (WORDS, "field=text", false),
        (WORDS, "a=fields=text", false),
        // Decoded once.
        (WORDS, "fields=%2574ext", false),
        (WORDS, "", false),
        (THERE, "reveal", true),
        (THERE, "reveal=", true),
        (THERE, "reveal=no", true),
        (THERE, "reveals=1", false),
        (THERE, "a=reveal", false),
    ] {
        let url = format!("http://h/v1?{query}");
        assert_eq!(of_request(rule, &url, &[], b""), matches, "{rule} {query}");
    }
}

#[test]
fn rule_8_10_a_header_of_the_request_whatever_its_case() {
    const RULE: &str = "request = \"header\"\nname = \"Cache-Control\"\nhas = [\"no-store\"]";
    const ANY: &str = "request = \"header\"\nname = \"x-secret*\"";
    for (rule, headers, matches) in [
        (RULE, &[("Cache-Control", "no-store")][..], true),
        (RULE, &[("cache-control", "No-Store")], true),
        (RULE, &[("Cache-Control", "max-age=0, no-store")], true),
        (
            RULE,
            &[
                ("Cache-Control", "max-age=0"),
                ("Cache-Control", "no-store"),
            ],
            true,
        ),
        (RULE, &[("Cache-Control", "no-cache")], false),
        (RULE, &[("Cache-Control", "no-store-x")], false),
        (RULE, &[("X-Cache-Control", "no-store")], false),
        (RULE, &[], false),
        (ANY, &[("X-Secret", "")], true),
        (ANY, &[("X-Secret-Too", "1")], true),
        (ANY, &[("X-Secre", "1")], false),
    ] {
        assert_eq!(
            of_request(rule, "http://h/", headers, b""),
            matches,
            "{headers:?}"
        );
    }
}

#[test]
fn edge_125_rule_8_10_a_field_of_an_urlencoded_form() {
    const RULE: &str = "request = \"form\"\nname = \"fields*\"\nhas = [\"text\"]";
    for (headers, body, matches) in [
        (&[FORM][..], "fields=id,text", true),
        (&[FORM], "a=b&fields%5Bx%5D=id+text", true),
        (&[FORM], "fields=id", false),
        (&[FORM], "", false),
        (
            &[(
                "Content-Type",
                "Application/X-WWW-Form-Urlencoded; charset=utf-8",
            )],
            "fields=text",
            true,
        ),
        // Not declared, or declared as something else: some origin reads it all the same.
        (&[], "fields=text", true),
        (&[("Content-Type", "text/plain")], "fields=text", true),
        (
            &[("Content-Type", "text/plain")],
            "a text about fields",
            false,
        ),
        (&[JSON], "fields=text", false),
        // In a content coding nobody can look into it.
        (&[FORM, ("Content-Encoding", "gzip")], "fields=id", true),
        (
            &[FORM, ("Content-Encoding", "identity")],
            "fields=id",
            false,
        ),
        (
            &[
                FORM,
                ("Content-Encoding", "identity"),
                ("Content-Encoding", "br"),
            ],
            "x",
            true,
        ),
        (&[FORM, ("Content-Encoding", "gzip")], "", false),
        (&[("Content-Encoding", "gzip")], "x", true),
        (&[JSON, ("Content-Encoding", "gzip")], "x", false),
        (
            &[("Content-Type", "image/png"), ("Content-Encoding", "gzip")],
            "x",
            false,
        ),
    ] {
        assert_eq!(
            of_request(RULE, "http://h/", headers, body.as_bytes()),
            matches,
            "{headers:?} {body}"
        );
    }
}

#[test]
fn edge_125_rule_8_10_a_field_of_a_multipart_form() {
    const RULE: &str = "request = \"form\"\nname = \"fields*\"\nhas = [\"text\"]";
    let part = |head: &str, content: &str| format!("--b b\r\n{head}\r\n\r\n{content}\r\n");
    let named = |name: &str, content: &str| {
        part(
            &format!("Content-Disposition: form-data; name=\"{name}\""),
            content,
        )
    };
    let end = "--b b--\r\n";
    let file = part(
        "Content-Disposition: form-data; name=\"file\"; filename=\"fields; name=x\"\r\nContent-Type: text/plain",
        "fields=text --b b",
    );
    for (body, matches) in [
        (format!("{}{end}", named("fields", "text")), true),
        (
            format!("{}{}{end}", named("a", "b"), named("fields[x]", "id, text")),
            true,
        ),
        (format!("{file}{}{end}", named("fields", "text")), true),
        (format!("{file}{}{end}", named("fields", "id")), false),
        (format!("{}{end}", named("field", "text")), false),
        (
            format!(
                "{}{end}",
                part("content-disposition:form-data;NAME=fields", "text")
            ),
            true,
        ),
        (end.to_owned(), false),
        (String::new(), false),
        // What does not read as parts with names counts as a match.
        (format!("{}--b b", named("a", "b")), true),
        (named("a", "b"), true),
        (format!("preamble\r\n{}{end}", named("a", "b")), true),
        ("--b b".to_owned(), true),
        (
            format!("{}{end}", part("Content-Type: text/plain", "b")),
            true,
        ),
        (
            format!("{}{end}", part("Content-Disposition: form-data", "b")),
            true,
        ),
        (
            format!(
                "{}{end}",
                part("Content-Disposition: form-data; name=\"a", "b")
            ),
            true,
        ),
        (
            format!(
                "{}{end}",
                part("Content-Disposition: form-data; name*=utf-8''a", "b")
            ),
            true,
        ),
        (
            format!(
                "{}{end}",
                part("Content-Disposition: form-data; name=a; name=b", "b")
            ),
            true,
        ),
        (
            format!(
                "{}{end}",
                part("Content-Disposition: form-data;\r\n name=a", "b")
            ),
            true,
        ),
        (
            format!(
                "{}{end}",
                part(
                    "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
                    "dGV4dA=="
                )
            ),
            true,
        ),
    ] {
        assert_eq!(
            of_request(RULE, "http://h/", &[MULTIPART], body.as_bytes()),
            matches,
            "{body}"
        );
    }
    let body = format!("{}{end}", named("a", "b"));
    let without_boundary = [("Content-Type", "multipart/form-data")];
    for (headers, matches) in [
        (&[MULTIPART][..], false),
        (&[MULTIPART, MULTIPART], true),
        (&without_boundary, true),
    ] {
        // Nobody knows what a reader makes of a type that is there twice, or has no boundary.
        assert_eq!(
            of_request(RULE, "http://h/", headers, body.as_bytes()),
            matches
        );
    }
}

#[test]
fn edge_125_rule_8_10_what_a_pointer_leads_to_in_a_json_body() {
    const RULE: &str =
        "request = \"json\"\npointer = \"/fields\"\nhas = [\"text\", \"7\", \"true\"]";
    for (body, matches) in [
        (r#"{"fields":"text"}"#, true),
        (r#"{"fields":"id,text"}"#, true),
        (r#"{"fields":"id text"}"#, true),
        (r#"{"fields":["id","text"]}"#, true),
        (r#"{"fields":["id","a,text"]}"#, true),
        (r#"{"fields":{"suggestion":["text"]}}"#, true),
        (r#"{"fields":[[{"a":{"b":"text"}}]]}"#, true),
        (r#"{"fields":7}"#, true),
        (r#"{"fields":true}"#, true),
        (r#"{"\u0066ields":"te\u0078t"}"#, true),
        // Twice: nobody knows which one counts.
        (r#"{"fields":"text","fields":"id"}"#, true),
        (r#"{"fields":"id","fields":"text"}"#, true),
        (r#"{"fields":"id"}"#, false),
        (r#"{"fields":"Text"}"#, false),
        (r#"{"fields":8}"#, false),
        (r#"{"fields":false}"#, false),
        (r#"{"fields":null}"#, false),
        (r#"{"fields":{"text":"id"}}"#, false),
        (r#"{"fields":[]}"#, false),
        (r#"{"Fields":"text"}"#, false),
        (r#"{"a":{"fields":"text"}}"#, false),
        (r#"["text"]"#, false),
        (r#""text""#, false),
        ("{}", false),
        ("", false),
        // No JSON at all.
        ("{", true),
        ("{} {}", true),
        ("fields=id", true),
        ("\u{feff}{}", true),
    ] {
        assert_eq!(
            of_request(RULE, "http://h/", &[JSON], body.as_bytes()),
            matches,
            "{body}"
        );
    }
    let deep = format!("{{\"fields\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert!(of_request(RULE, "http://h/", &[JSON], deep.as_bytes()));
    let deep_elsewhere = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
    assert!(!of_request(
        RULE,
        "http://h/",
        &[JSON],
        deep_elsewhere.as_bytes()
    ));
}

#[test]
fn rule_8_10_a_pointer_is_read_by_rfc_6901() {
    for (pointer, body, matches) in [
        ("/a/b", r#"{"a":{"b":"x"}}"#, true),
        ("/a/b", r#"{"a":{"c":"x"}}"#, false),
        ("/a/1", r#"{"a":["y","x"]}"#, true),
        ("/a/0", r#"{"a":["y","x"]}"#, false),
        ("/a/01", r#"{"a":["y","x"]}"#, false),
        ("/a/1", r#"{"a":{"1":"x"}}"#, true),
        ("/a~1b", r#"{"a/b":"x"}"#, true),
        ("/a~0b", r#"{"a~b":"x"}"#, true),
        ("/a~01", r#"{"a~1":"x"}"#, true),
        ("/", r#"{"":"x"}"#, true),
    ] {
        let rule = format!("request = \"json\"\npointer = \"{pointer}\"\nhas = [\"x\"]");
        assert_eq!(
            of_request(&rule, "http://h/", &[JSON], body.as_bytes()),
            matches,
            "{pointer} {body}"
        );
    }
    const THERE: &str = "request = \"json\"\npointer = \"/a\"";
    for (body, matches) in [
        (r#"{"a":null}"#, true),
        (r#"{"a":{}}"#, true),
        (r#"{"a":[]}"#, true),
        (r#"{"a":""}"#, true),
        (r#"{"a":0.5}"#, true),
        (r#"{"b":1}"#, false),
    ] {
        assert_eq!(
            of_request(THERE, "http://h/", &[JSON], body.as_bytes()),
            matches,
            "{body}"
        );
    }
}

#[test]
fn rule_8_12_json_of_another_type_is_looked_into_as_far_as_it_is_json() {
    const RULE: &str = "request = \"json\"\npointer = \"/fields\"\nhas = [\"text\"]";
    const TEXT: (&str, &str) = ("Content-Type", "text/plain");
    const HIT: &str = r#"{"fields":"text"}"#;
    for (headers, body, matches) in [
        (
            &[("Content-Type", "application/vnd.a+json; charset=utf-8")][..],
            HIT,
            true,
        ),
        (&[("Content-Type", "text/json")], HIT, true),
        (&[TEXT], HIT, true),
        (&[TEXT], "no JSON", false),
        (&[FORM], "fields=text", false),
        // Nothing says what it is.
        (&[], HIT, true),
        (&[], "{}", false),
        (&[], "no JSON", true),
        (&[("Content-Type", "json")], "no JSON", true),
        (&[JSON, TEXT], "no JSON", true),
        (&[JSON, ("Content-Encoding", "gzip")], "{}", true),
        (&[TEXT, ("Content-Encoding", "gzip")], HIT, false),
    ] {
        assert_eq!(
            of_request(RULE, "http://h/", headers, body.as_bytes()),
            matches,
            "{headers:?} {body}"
        );
    }
    let absent = by_request(
        &rules(&[RULE]),
        &request("POST", "http://h/", &[JSON]),
        &Body::Absent,
    );
    assert_eq!(absent, None);
}

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

#[test]
fn rule_8_11_rules_of_one_side_say_nothing_of_the_other() {
    const REQUEST: [&str; 4] = [
        "request = \"query\"\nname = \"*\"",
        "request = \"form\"\nname = \"*\"",
        "request = \"json\"\npointer = \"/a\"",
        "request = \"header\"\nname = \"*\"",
    ];
    const ANSWER: [&str; 4] = [
        "answer = \"media-type\"\nis = [\"*/*\"]",
        "answer = \"media-type\"\nnot = [\"a/b\"]",
        "answer = \"header\"\nname = \"content-type\"",
        "answer = \"json\"\npointer = \"/a\"",
    ];
    for rule in REQUEST.iter().filter(|rule| !rule.contains("header")) {
        assert!(!of_answer(rule, &[JSON], Some(br#"{"a":1}"#)), "{rule}");
    }
    for rule in ANSWER {
        assert!(
            !of_request(rule, "http://h/?a=b", &[JSON], br#"{"a":1}"#),
            "{rule}"
        );
        assert!(of_answer(rule, &[JSON], Some(br#"{"a":1}"#)), "{rule}");
    }
}

#[test]
fn edge_102_rule_8_13_the_origin_may_say_no_store_and_for_how_long() {
    const DAY: u64 = 24 * 60 * 60 * 1000;
    let of = |values: &[&str]| {
        let headers: Headers = values
            .iter()
            .map(|value| ("X-Idempotency-Store".to_owned(), (*value).to_owned()))
            .collect();
        let control = Control::read(Some("x-idempotency-store"), &headers);
        (control.no_store, control.ttl_ms)
    };
    for (values, control) in [
        (&[][..], (false, None)),
        (&[""], (false, None)),
        (&["no-store"], (true, None)),
        (&["No-Store"], (true, None)),
        (&["ttl=3600"], (false, Some(3_600_000))),
        (&["TTL=3600"], (false, Some(3_600_000))),
        (&["ttl=3600, no-store"], (true, Some(3_600_000))),
        (&["ttl=3600;no-store"], (true, Some(3_600_000))),
        (&["ttl=3600", "no-store"], (true, Some(3_600_000))),
        (&["ttl=0"], (false, Some(60_000))),
        (&["ttl=59"], (false, Some(60_000))),
        (&["ttl=61"], (false, Some(61_000))),
        (&["ttl=2592000"], (false, Some(30 * DAY))),
        (&["ttl=2592001"], (false, Some(30 * DAY))),
        (&["ttl=99999999999999999999"], (false, Some(30 * DAY))),
        (&["ttl=7200, ttl=3600"], (false, Some(3_600_000))),
        (&["ttl=3600", "ttl=7200"], (false, Some(3_600_000))),
        (&["store"], (false, None)),
        (&["no-store=1"], (false, None)),
        (&["ttl"], (false, None)),
        (&["ttl="], (false, None)),
        (&["ttl=-1"], (false, None)),
        (&["ttl=+60"], (false, None)),
        (&["ttl=1h"], (false, None)),
        (&["max-age=3600"], (false, None)),
    ] {
        assert_eq!(of(values), control, "{values:?}");
    }
    // A header that the contract does not name has no say.
    let headers = lines(&[("X-Other", "no-store")]);
    assert_eq!(
        Control::read(Some("x-idempotency-store"), &headers),
        Control::default()
    );
    assert_eq!(Control::read(None, &headers), Control::default());
}
