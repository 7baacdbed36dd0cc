//! Rules about the request.

use super::fixture::request;
use super::{FORM, JSON, MULTIPART, of_request, rules};
use reprise::protocol::never_store::by_request;
use reprise::protocol::request::Body;

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
                part(
                    "Content-Disposition: form-data; name=a; name*=utf-8''fields",
                    "b"
                )
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
    const DEEP: &str = "request = \"json\"\npointer = \"/**/a\"\nhas = [\"x\"]";
    for (body, matches) in [
        (r#"{"a":"x"}"#, true),
        (r#"[{"b":{"c":[{"a":["y","x"]}]}}]"#, true),
        (r#"{"a":{"a":"y"},"b":{"a":"x"}}"#, true),
        (r#"{"a":{"b":"x"}}"#, true),
        (r#"{"b":"x","c":["x"],"a":"y"}"#, false),
    ] {
        assert_eq!(
            of_request(DEEP, "http://h/", &[JSON], body.as_bytes()),
            matches,
            "{body}"
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
        Some(&Body::Absent),
    );
    assert_eq!(absent, None);
}

#[test]
fn rule_8_12_what_is_not_utf_8_is_no_json_wherever_it_stands() {
    const RULE: &str = "request = \"json\"\npointer = \"/fields\"";
    for (body, matches) in [
        (&b"{\"a\":{\"b\":\"\xff\"}}"[..], true),
        (b"{\"a\":{\"\xff\":1}}", true),
        (b"{\"\xff\":1}", true),
        (b"{\"a\":{\"b\":\"\xc3\xbf\"}}", false),
    ] {
        assert_eq!(
            of_request(RULE, "http://h/", &[JSON], body),
            matches,
            "{body:?}"
        );
    }
}
