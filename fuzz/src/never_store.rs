//! What must not be kept, told from any request and any answer: nothing that another reader finds is missed (rules 8.9 to 8.12).

use crate::{head, memory, policies};
use form_urlencoded::parse;
use reprise::protocol::contract::{NeverStore, NeverThen, Test};
use reprise::protocol::headers::Headers;
use reprise::protocol::never_store::{by_answer, by_request, stronger};
use reprise::protocol::request::{Body, Inbound};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::sync::LazyLock;

/// Rules of every kind, beside those of the contracts.
const RULES: [&str; 10] = [
    "request = \"query\"\nname = \"fields\"",
    "request = \"query\"\nname = \"fields*\"\nhas = [\"text\"]\nthen = \"spent\"",
    "request = \"form\"\nname = \"card\"",
    "request = \"form\"\nname = \"f*\"\nhas = [\"text\", \"a\"]",
    "request = \"json\"\npointer = \"/fields\"",
    "request = \"json\"\npointer = \"/**/text\"\nthen = \"spent\"",
    "request = \"header\"\nname = \"prefer\"\nhas = [\"minimal\"]",
    "answer = \"media-type\"\nis = [\"text/*\", \"application/pdf\"]",
    "answer = \"json\"\npointer = \"/a/0\"\nhas = [\"1\", \"true\"]",
    "answer = \"header\"\nname = \"x-secret\"",
];

static ALL: LazyLock<Vec<NeverStore>> = LazyLock::new(|| {
    let tables = RULES.map(|rule| format!("[[routes.outcome.never_store]]\n{rule}\n"));
    let own = policies::one(&tables.concat());
    let own = own.routes.into_iter().filter_map(|route| route.contract);
    let all = own.chain(policies::contracts().cloned());
    all.flat_map(|contract| contract.never_store).collect()
});

/// A head, an empty line, a body. It is read as a request, and as an answer.
pub fn target(input: &[u8]) -> bool {
    let (text, body) = head::split(input);
    let request = head::request(&text);
    let (all, length) = (&*ALL, input.len());
    let held = Body::Bytes(body.to_vec());
    let whole = Some(&held);
    let of_request = memory::bounded(length, 32, || by_request(all, &request, whole));
    let of_answer = memory::bounded(length, 32, || by_answer(all, &request.headers, Some(body)));
    let (mut one_by_one, mut answers) = (None, None);
    for rule in all {
        let alone = std::slice::from_ref(rule);
        let says = by_request(alone, &request, whole);
        let answer = by_answer(alone, &request.headers, Some(body));
        assert!(
            says.is_none_or(|says| says == rule.then)
                && answer.is_none_or(|says| says == rule.then)
        );
        assert!(
            says.is_some() || !found_in_request(&rule.test, &request, body),
            "rule 8.10: {rule:?}"
        );
        assert!(
            answer.is_some() || !found_in_answer(&rule.test, &request.headers, body),
            "rule 8.11: {rule:?}"
        );
        one_by_one = stronger(one_by_one, says);
        answers = stronger(answers, answer);
    }
    assert_eq!((of_request, of_answer), (one_by_one, answers), "rule 8.9");
    unseen(&request.headers, &answers);
    of_request.is_some()
}

/// A body that cannot be looked into is taken for what is looked for, or for nothing more than the one that can (rule 8.12).
fn unseen(headers: &Headers, seen: &Option<NeverThen>) {
    let unseen = by_answer(&ALL, headers, None);
    let declared = headers
        .get("content-type")
        .is_none_or(|kind| kind == "application/json");
    assert!(!declared || unseen.is_some() || seen.is_none(), "rule 8.12");
}

fn found_in_request(test: &Test, request: &Inbound, body: &[u8]) -> bool {
    let mut codings = request.headers.lines("content-encoding");
    let plain = |line: &str| line.is_empty() || line.eq_ignore_ascii_case("identity");
    let encoded = !codings.all(plain);
    match test {
        Test::Query(name, words) if words.is_empty() => {
            let query = request.query.as_deref().unwrap_or_default();
            parse(query.as_bytes()).any(|(found, _)| name.matches(&found))
        }
        Test::Form(name, words)
            if words.is_empty() && is(&request.headers, "application/x-www-form-urlencoded") =>
        {
            !body.is_empty() && (encoded || parse(body).any(|(found, _)| name.matches(&found)))
        }
        Test::Json(pointer, words)
            if words.is_empty() && is(&request.headers, "application/json") =>
        {
            !body.is_empty() && (encoded || found_in_json(pointer, body))
        }
        _ => false,
    }
}

fn found_in_answer(test: &Test, headers: &Headers, body: &[u8]) -> bool {
    match test {
        Test::MediaTypeIs(list) if list.contains(&"application/pdf".to_owned()) => {
            !body.is_empty() && (is(headers, "application/pdf") || is(headers, "text/plain"))
        }
        Test::AnswerJson(pointer, words) if words.is_empty() && is(headers, "application/json") => {
            !body.is_empty() && found_in_json(pointer, body)
        }
        _ => false,
    }
}

fn is(headers: &Headers, kind: &str) -> bool {
    let mut lines = headers.lines("content-type");
    lines.next() == Some(kind) && lines.next().is_none()
}

/// What is no JSON may hold anything. A text that is JSON by its grammar, and yet has no value (`"\\ud800"`), says nothing here.
fn found_in_json(pointer: &str, body: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(body) else {
        return true;
    };
    let Ok(value) = serde_json::from_str::<Value>(text) else {
        return serde_json::from_str::<IgnoredAny>(text).is_err();
    };
    match pointer.strip_prefix("/**/") {
        Some(name) => anywhere(&value, name),
        None => value.pointer(pointer).is_some(),
    }
}

fn anywhere(value: &Value, name: &str) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| anywhere(item, name)),
        Value::Object(members) => members
            .iter()
            .any(|(member, value)| member == name || anywhere(value, name)),
        _ => false,
    }
}
