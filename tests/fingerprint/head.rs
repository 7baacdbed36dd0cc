//! Method, path, query, media type and headers (rules 4.2 to 4.6).

use super::*;

#[test]
fn rule_4_2_edge_027_the_method_comes_with_its_override() {
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
fn rule_4_3_edge_034_paths_are_normalised() {
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
        "/a/b", "/a/b/", "/A/b", "//a/b", "/a//b", "/a%2Fb", "/a", "/", "/%A1", "/%%411", "/%25",
        "/%2%35",
    ];
    distinct(&different, by_path(&rules));
}

#[test]
fn rule_4_4_edge_035_edge_036_the_pairs_of_a_query_are_sorted_by_name() {
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
        "/?a=%A1",
        "/?a=%%411",
    ];
    distinct(&different, by_path(&rules));
}

#[test]
fn rule_4_4_edge_035_a_raw_query_is_the_text_as_it_came() {
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
fn rule_4_5_edge_057_media_types_are_normalised() {
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
fn rule_4_6_edge_065_edge_066_a_named_header_counts_and_no_other() {
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

/// HTTP/2 writes names in lower case, and has no headers of one connection (RFC 9113 §8.2).
#[test]
fn edge_041_rule_4_6_a_request_is_the_same_over_http_1_1_and_http_2() {
    let one_one = [
        ("Host", "h"),
        ("Connection", "keep-alive, X-Hop"),
        ("Keep-Alive", "timeout=5"),
        ("Transfer-Encoding", "chunked"),
        ("TE", "gzip, trailers"),
        ("X-Hop", "1"),
        ("Content-Type", "application/json"),
        ("X-Version", "1"),
    ];
    let two = [
        ("te", "trailers"),
        ("content-length", "13"),
        ("content-type", "application/json"),
        ("x-version", "1"),
    ];
    let rules =
        parts("\"method\", \"path\", \"query\", \"media-type\", \"header:x-version\", \"body\"");
    let of = |headers: &[(&str, &str)]| {
        let body = Body::Bytes(b"{\"a\":1,\"b\":2}".to_vec());
        Fingerprint::of(&rules, &request("POST", BASE.url, headers), &body)
    };
    assert_eq!(of(&one_one), of(&two));
    assert_ne!(of(&one_one), of(&two[..3]));
}
