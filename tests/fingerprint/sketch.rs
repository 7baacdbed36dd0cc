//! What differs between two requests with one key (rule 4.21).

use super::*;
use reprise::protocol::fingerprint::body::Contents;
use reprise::protocol::fingerprint::sketch::{Difference, MAX_SKETCH, differences, sketch};
use reprise::protocol::request::Inbound;
use serde_json::{Value, json};

pub const SALT: [u8; 16] = *b"0123456789abcdef";

/// A request of its own type, so that a test can change one thing of it.
#[derive(Clone)]
pub struct Sent {
    pub method: &'static str,
    pub url: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
}

impl Sent {
    pub fn of(kind: &str, body: impl AsRef<[u8]>) -> Self {
        Self {
            method: "POST",
            url: "http://h/v1?a=1",
            headers: vec![("Content-Type", kind.to_owned())],
            body: Some(body.as_ref().to_vec()),
        }
    }

    pub fn json(text: &str) -> Self {
        Self::of("application/json", text)
    }

    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn read(&self, rules: &FingerprintRules) -> (Inbound, Contents) {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let request = request(self.method, self.url, &headers);
        let body = self.body.clone().map_or(Body::Absent, Body::Bytes);
        let contents = Contents::of(rules, &request, &body);
        (request, contents)
    }

    pub fn sketch(&self, rules: &FingerprintRules) -> Vec<u8> {
        let (request, contents) = self.read(rules);
        sketch(rules, &SALT, &request, &contents)
    }

    pub fn against(&self, rules: &FingerprintRules, stored: &[u8]) -> Vec<Difference> {
        let (request, contents) = self.read(rules);
        differences(rules, &SALT, stored, &request, &contents)
    }
}

/// In what `now` differs from `then`, as an answer would say it.
pub fn differ(rules: &FingerprintRules, then: &Sent, now: &Sent) -> Value {
    let stored = then.sketch(rules);
    assert!(stored.len() <= MAX_SKETCH, "{}", stored.len());
    assert!(
        !then.against(rules, &stored).iter().any(|_| true),
        "nothing differs from itself"
    );
    serde_json::to_value(now.against(rules, &stored)).expect("JSON")
}

pub fn all() -> FingerprintRules {
    rules(
        "parts = [\"method\", \"path\", \"query\", \"media-type\", \"header:x-v\", \"body\"]\nexclude = [\"/at\", \"/o/at\"]",
    )
}

pub fn json_differs(then: &str, now: &str) -> Value {
    differ(&all(), &Sent::json(then), &Sent::json(now))
}

#[test]
fn rule_4_21_each_part_that_differs_is_named() {
    let base = Sent::json("{}").with("X-V", "1");
    let cases = [
        (
            Sent {
                method: "PATCH",
                ..base.clone()
            },
            json!([{"part": "method"}]),
        ),
        (
            base.clone().with("X-HTTP-Method-Override", "PUT"),
            json!([{"part": "method"}]),
        ),
        (
            Sent {
                url: "http://h/v2?a=1",
                ..base.clone()
            },
            json!([{"part": "path"}]),
        ),
        (
            Sent {
                url: "http://h/v1?a=2",
                ..base.clone()
            },
            json!([{"part": "query"}]),
        ),
        (
            Sent {
                url: "http://g/v1?a=1",
                ..base.clone()
            },
            json!([]),
        ),
        (
            Sent::of("text/json", "{}").with("X-V", "1"),
            json!([{"part": "media-type"}]),
        ),
        (
            Sent::json("{}").with("X-V", "2"),
            json!([{"part": "header", "name": "x-v"}]),
        ),
        (Sent::json("{}"), json!([{"part": "header", "name": "x-v"}])),
        (
            Sent {
                body: None,
                ..base.clone()
            },
            json!([{"part": "body"}]),
        ),
        (
            Sent::of("text/plain", "{}").with("X-V", "1"),
            json!([{"part": "media-type"}, {"part": "body"}]),
        ),
        (
            Sent {
                method: "PUT",
                url: "http://h/",
                ..Sent::of("text/plain", "x")
            },
            json!([{"part": "method"}, {"part": "path"}, {"part": "query"}, {"part": "media-type"},
                {"part": "header", "name": "x-v"}, {"part": "body"}]),
        ),
    ];
    for (now, expected) in cases {
        assert_eq!(differ(&all(), &base, &now), expected);
    }
}

#[test]
fn rule_4_21_members_of_json_are_named_by_their_pointers() {
    let pointers = |list: &[&str]| -> Value {
        list.iter()
            .map(|pointer| json!({"part": "body", "pointer": pointer}))
            .collect()
    };
    for (then, now, expected) in [
        ("{\"a\":1,\"b\":2}", "{\"b\":2.0, \"a\":1}", pointers(&[])),
        ("{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", pointers(&["/b"])),
        (
            "{\"a\":1,\"b\":2}",
            "{\"a\":2,\"b\":1}",
            pointers(&["/a", "/b"]),
        ),
        ("{\"a\":1}", "{\"a\":1,\"b\":null}", pointers(&["/b"])),
        (
            "{\"a\":{\"b\":[1,{\"c\":2}]}}",
            "{\"a\":{\"b\":[1,{\"c\":3}]}}",
            pointers(&["/a/b/1/c"]),
        ),
        (
            "{\"a/b\":1,\"~\":1}",
            "{\"a/b\":2,\"~\":2}",
            pointers(&["/a~1b", "/~0"]),
        ),
        ("[1,2]", "[2,1]", pointers(&["/0", "/1"])),
        ("1", "2", pointers(&[""])),
        ("{}", "[]", pointers(&[""])),
        // A container that was empty is still there.
        ("{\"a\":{}}", "{\"a\":{\"b\":1}}", pointers(&["/a/b"])),
        ("[]", "[[]]", pointers(&["/0"])),
        (
            "{\"a\":{\"b\":1}}",
            "{\"a\":2}",
            json!([{"part": "body", "pointer": "/a"}, {"part": "body", "missing": 1}]),
        ),
        (
            "{\"a\":1,\"b\":2,\"c\":3}",
            "{\"a\":1}",
            json!([{"part": "body", "missing": 2}]),
        ),
        // Excluded members are nobody's business.
        (
            "{\"at\":1,\"o\":{\"at\":1,\"x\":1}}",
            "{\"at\":2,\"o\":{\"at\":2,\"x\":1}}",
            pointers(&[]),
        ),
        (
            "{\"at\":1,\"a\":1}",
            "{\"at\":2,\"a\":2}",
            pointers(&["/a"]),
        ),
        ("{\"a\":1}", "{\"at\":2,\"a\":1}", pointers(&[])),
        ("{\"at\":2,\"a\":1}", "{\"a\":2}", pointers(&["/a"])),
        // By its bytes.
        ("{\"a\":1,\"a\":1}", "{\"a\":1}", json!([{"part": "body"}])),
        ("{\"a\":1}", "{\"a\":1", json!([{"part": "body"}])),
    ] {
        assert_eq!(json_differs(then, now), expected, "{then} and {now}");
    }
}

#[test]
fn rule_4_21_fields_are_named_as_the_form_has_them() {
    const FORM: &str = "application/x-www-form-urlencoded";
    let fields = |list: &[&str]| -> Value {
        list.iter()
            .map(|name| json!({"part": "body", "name": name}))
            .collect()
    };
    let form = |text: &str| Sent::of(FORM, text);
    for (then, now, expected) in [
        ("a=1&b=2", "b=2&a=1", fields(&[])),
        ("a=1&b=2", "a=1&b=3", fields(&["b"])),
        ("a=1", "a=1&a=1", fields(&["a"])),
        ("a=1&a=2", "a=2&a=1", fields(&["a"])),
        ("a=&a=b", "a=%00b", fields(&["a"])),
        ("a", "a=", fields(&["a"])),
        ("a=1", "a=1&b%5Bc%5D=é", fields(&["b[c]"])),
        ("a=1&b=2", "a=1", json!([{"part": "body", "missing": 1}])),
        // The same fields in another order that counts.
        ("a[x]=1&a[y]=2", "a[y]=2&a[x]=1", json!([{"part": "body"}])),
        ("a=1", "a=%", json!([{"part": "body"}])),
    ] {
        assert_eq!(
            differ(&all(), &form(then), &form(now)),
            expected,
            "{then} and {now}"
        );
    }
    // The names of two syntaxes have nothing in common.
    let [json, form] = [Sent::json("{\"a\":1}"), form("a=1")];
    assert_eq!(
        differ(&rules("parts = [\"body\"]"), &json, &form),
        json!([{"part": "body"}])
    );
    let multipart = |boundary: &str, parts: &[(&str, &str)]| {
        let part = |(name, content): &(&str, &str)| {
            format!("--{boundary}\r\nContent-Disposition: form-data; {name}\r\n\r\n{content}\r\n")
        };
        let parts: String = parts.iter().map(part).collect();
        Sent::of(
            &format!("multipart/form-data; boundary={boundary}"),
            format!("{parts}--{boundary}--"),
        )
    };
    let (a, file) = (("name=\"a\"", "1"), ("name=\"é f\"; filename=\"x\"", "2"));
    let then = multipart("b", &[a, file]);
    for (now, expected) in [
        (multipart("c", &[a, file]), fields(&[])),
        (multipart("c", &[a, (file.0, "3")]), fields(&["é f"])),
        (
            multipart("c", &[a, ("name=\"é f\"; filename=\"y\"", "2")]),
            fields(&["é f"]),
        ),
        (multipart("c", &[a, file, a]), fields(&["a"])),
        (multipart("c", &[file, a]), json!([{"part": "body"}])),
        (
            multipart("c", &[file]),
            json!([{"part": "body", "missing": 1}]),
        ),
        // A part whose name nobody can read.
        (
            multipart("c", &[a, ("name=\"\\\"\"", "2")]),
            json!([{"part": "body"}]),
        ),
        (
            Sent {
                body: then.body.clone(),
                ..multipart("c", &[])
            },
            json!([{"part": "media-type"}, {"part": "body"}]),
        ),
    ] {
        assert_eq!(differ(&all(), &then, &now), expected);
    }
}

#[test]
fn rule_4_21_at_most_ten_differences_and_what_is_missing_is_among_them() {
    let object = |names: std::ops::Range<u32>, value: u32| {
        let members: Vec<String> = names.map(|name| format!("\"{name:02}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    };
    let found = json_differs(&object(0..20, 1), &object(0..20, 2));
    assert_eq!(found.as_array().map(Vec::len), Some(10));
    assert_eq!(found[9], json!({"part": "body", "pointer": "/09"}));
    let found = json_differs(&object(0..20, 1), &object(3..23, 2));
    assert_eq!(found.as_array().map(Vec::len), Some(10));
    assert_eq!(found[9], json!({"part": "body", "missing": 3}));
    let then = Sent::json(&object(0..20, 1));
    let now = Sent {
        method: "PUT",
        url: "http://h/",
        ..Sent::json(&object(3..23, 2))
    };
    let found = differ(&all(), &then, &now);
    assert_eq!(found.as_array().map(Vec::len), Some(10));
    assert_eq!(
        (&found[2]["part"], &found[9]),
        (&json!("query"), &json!({"part": "body", "missing": 3}))
    );
}

#[test]
fn rule_4_21_a_part_that_the_contract_has_since_gained_is_not_named() {
    let then = rules("parts = [\"method\", \"body\"]");
    let now = rules("parts = [\"method\", \"path\", \"header:x-v\", \"body\"]");
    let stored = Sent::json("{\"a\":1}").sketch(&then);
    let found = Sent::json("{\"a\":2}")
        .with("X-V", "1")
        .against(&now, &stored);
    assert_eq!(
        found,
        [Difference::Pointer {
            pointer: "/a".to_owned()
        }]
    );
}
