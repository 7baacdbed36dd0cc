//! Refusals in the words of a contract: its body, its codes, its hints (rules 9.13 and 9.14).

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{EXCHANGE_ID, contract, exchange, headers};
use reprise::protocol::compiled;
use reprise::protocol::contract::Contract;
use reprise::protocol::key::Key;
use reprise::protocol::refusal::{Code, Refusal, Retry};
use reprise::protocol::replay::Head;
use serde_json::{Value, json};

const CLASSIC: &str = r#"[routes.errors]
template = "own"
media_type = "application/vnd.api+json"
body = '{"error":{"code":"{code}","message":"{message}","retry_after":"{retry_after}"},"request_id":"{request_id}","n":[1,null]}'
"#;

fn answer(refusal: &Refusal, contract: &Contract) -> (Head, Value) {
    let (head, body) = refusal.answer(Some(contract), &exchange(&[], ""));
    (head, serde_json::from_str(&body).unwrap())
}

#[test]
fn rule_9_13_a_refusal_is_the_contracts_own_error() {
    let own = contract(CLASSIC);
    for code in Code::ALL {
        let row = code.row();
        let (head, body) = answer(&Refusal::new(*code, "a \"quoted\" {reason}"), &own);
        let media_type = head.headers.get("content-type");
        assert_eq!(media_type, Some("application/vnd.api+json"));
        assert_eq!(head.status, row.status);
        let mut error = json!({ "code": row.code, "message": "a \"quoted\" {reason}" });
        if let Some(seconds) = row.retry_after {
            error["retry_after"] = seconds.into();
        }
        let expected = json!({ "error": error, "request_id": EXCHANGE_ID, "n": [1, null] });
        assert_eq!(body, expected);
        // What is not in the body is in the headers, under any template.
        assert_eq!(head.headers.get("x-request-id"), Some(EXCHANGE_ID));
        assert_eq!(head.headers.get("cache-control"), Some("no-store"));
        let after = row.retry_after.map(|seconds| seconds.to_string());
        assert_eq!(head.headers.get("retry-after"), after.as_deref());
    }
}

#[test]
fn rule_9_13_every_placeholder_has_its_value_and_its_type() {
    let words = [
        "code",
        "message",
        "title",
        "type",
        "status",
        "retry_after",
        "request_id",
        "key",
        "differences",
        "resource_id",
    ];
    let members: Vec<String> = words
        .iter()
        .map(|w| format!("\"{w}\":\"{{{w}}}\""))
        .collect();
    let body = format!(
        "{{{},\"text\":\"{{status}} {{code}} {{key}}!\"}}",
        members.join(",")
    );
    let own = contract(&format!(
        "[routes.errors]\ntemplate = \"own\"\nbody = '{body}'"
    ));
    let key = Key::read(&own.key, &headers(&[("Idempotency-Key", "\"k\\\"1\"")])).unwrap();
    let refusal = Refusal::new(Code::KeyReused, "why")
        .explained(vec![json!({ "part": "path" })])
        .about_resource(json!("run_1"));
    let (head, body) = refusal.answer(Some(&own), &exchange(&[], "").about(key.unwrap()));
    assert_eq!(head.headers.get("content-type"), Some("application/json"));
    let expected = json!({
        "code": "key-reused",
        "message": "why",
        "title": Code::KeyReused.row().title,
        "type": "/.reprise/refusals#key-reused",
        "status": 422,
        "request_id": EXCHANGE_ID,
        "key": "k\"1",
        "differences": [{ "part": "path" }],
        "resource_id": "run_1",
        "text": "422 key-reused k\"1!",
    });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    let (_, body) = answer(&Refusal::new(Code::RequestInProgress, "why"), &own);
    assert_eq!(body["retry_after"], 2);
    for word in ["key", "differences", "resource_id"] {
        assert!(
            body.get(word).is_none(),
            "{word} has no value and no member"
        );
    }
}

#[test]
fn rule_9_13_a_problem_document_says_what_is_known_and_nothing_else() {
    let ietf = contract("");
    let plain = Refusal::new(Code::KeyReused, "why");
    let (_, body) = answer(&plain, &ietf);
    assert_eq!(body["request_id"], EXCHANGE_ID);
    assert!(body.get("differences").is_none() && body.get("resource_id").is_none());
    let (_, body) = answer(&plain.clone().explained(vec![]), &ietf);
    assert!(body.get("differences").is_none());
    let told = plain
        .explained(vec![json!("a"), json!("b")])
        .about_resource(json!(7));
    let (_, body) = answer(&told, &ietf);
    assert_eq!(
        (&body["differences"], &body["resource_id"]),
        (&json!(["a", "b"]), &json!(7))
    );
}

#[test]
fn rule_9_13_code_message_and_type_are_the_contracts_where_it_has_any() {
    let words = r#"[routes.mismatch]
code = "idempotency_conflict"
message = "Used with a different request."
type = "conflict"
[routes.key]
code = "bad_key"
[routes.errors.codes]
ledger-unavailable = "SERVICE_UNAVAILABLE"
key-empty = "empty_key"
[routes.errors.messages]
request-in-progress = "Wait."
"#;
    // In TOML, the members of a table come before its own tables.
    let own = format!("{CLASSIC}{words}");
    let (problem, own) = (contract(words), contract(&own));
    for (code, word, message) in [
        (
            Code::KeyReused,
            "idempotency_conflict",
            "Used with a different request.",
        ),
        (Code::KeyMalformed, "bad_key", "why"),
        (Code::KeyEmpty, "empty_key", "why"),
        (Code::LedgerUnavailable, "SERVICE_UNAVAILABLE", "why"),
        (Code::RequestInProgress, "request-in-progress", "Wait."),
        (Code::OutcomeUnknown, "outcome-unknown", "why"),
    ] {
        let refusal = Refusal::new(code, "why");
        let (_, body) = answer(&refusal, &problem);
        assert_eq!(
            (&body["code"], &body["detail"]),
            (&word.into(), &message.into())
        );
        let kind = match code {
            Code::KeyReused => "conflict".to_owned(),
            _ => format!("/.reprise/refusals#{}", code.row().code),
        };
        assert_eq!(body["type"], kind);
        let (_, body) = answer(&refusal, &own);
        assert_eq!(body["error"]["code"], word);
        assert_eq!(body["error"]["message"], message);
    }
}

#[test]
fn rule_9_13_every_exchange_has_an_id_of_its_own() {
    use reprise::protocol::exchange::Exchange;
    let refusal = Refusal::new(Code::PolicyInvalid, "");
    for (random, id) in [([0; 16], "0".repeat(32)), ([0xfe; 16], "fe".repeat(16))] {
        let (head, body) = refusal.answer(None, &Exchange::unread(random));
        assert_eq!(head.headers.get("x-request-id"), Some(id.as_str()));
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["request_id"], id);
    }
}

#[test]
fn rule_9_14_edge_069_the_hints_are_the_contracts() {
    let names = [
        "x-should-retry",
        "stripe-should-retry",
        "retry-after-ms",
        "transient-error",
    ];
    for (hints, present) in [
        ("", vec![]),
        ("\"x-should-retry\"", vec![0]),
        ("\"stripe-should-retry\"", vec![1]),
        ("\"transient-error\", \"retry-after-ms\"", vec![2, 3]),
        (
            "\"x-should-retry\", \"stripe-should-retry\", \"retry-after-ms\", \"transient-error\"",
            vec![0, 1, 2, 3],
        ),
    ] {
        let contract = contract(&format!("[routes.errors]\nhints = [{hints}]"));
        for code in Code::ALL {
            let row = code.row();
            let retry = row.retry == Retry::SameKey;
            let values = [
                Some(retry.to_string()),
                Some(retry.to_string()),
                row.retry_after.map(|seconds| format!("{seconds}000")),
                retry.then(|| "true".to_owned()),
            ];
            let (head, _) = answer(&Refusal::new(*code, ""), &contract);
            for (at, (name, value)) in names.iter().zip(values).enumerate() {
                let expected = value.filter(|_| present.contains(&at));
                let found: Vec<&str> = head.headers.lines(name).collect();
                assert_eq!(
                    found,
                    expected.as_deref().into_iter().collect::<Vec<_>>(),
                    "{name}"
                );
            }
        }
    }
}

/// SDKs retry 409 by themselves, in vain after a mismatch.
#[test]
fn rule_9_14_edge_069_every_contract_that_answers_a_mismatch_with_409_says_not_to_retry() {
    let mut named = Vec::new();
    for (name, text) in compiled::CONTRACTS {
        let contract = Contract::parse(name, text).unwrap_or_else(|problems| panic!("{problems}"));
        let (head, _) =
            Refusal::new(Code::KeyReused, "").answer(Some(&contract), &exchange(&[], ""));
        if head.status == 409 {
            let hints: Vec<&str> = head.headers.lines("x-should-retry").collect();
            assert_eq!(hints, ["false"], "{name}");
            named.push(*name);
        }
    }
    assert_eq!(named, ["increase", "resend", "semarize", "speechify"]);
}

#[test]
fn rule_9_14_edge_075_milliseconds_follow_the_contracts_retry_after() {
    let own =
        contract("running = { retry_after = 7 }\n[routes.errors]\nhints = [\"retry-after-ms\"]");
    let (head, _) = answer(&Refusal::new(Code::RequestInProgress, ""), &own);
    assert_eq!(head.headers.get("retry-after"), Some("7"));
    assert_eq!(head.headers.get("retry-after-ms"), Some("7000"));
}

#[test]
fn rule_9_10_edge_044_a_refusal_of_the_origins_has_its_status_and_challenge() {
    let ietf = contract("");
    for status in [401, 403] {
        let refusal = Refusal::new(Code::AuthorityRefused, "").with_status(status);
        let (head, body) = answer(&refusal, &ietf);
        assert_eq!((head.status, &body["status"]), (status, &status.into()));
        assert!(!head.headers.has("www-authenticate"));
        let (head, _) = answer(&refusal.challenge("Bearer realm=\"a, b\""), &ietf);
        let challenge = head.headers.get("www-authenticate");
        assert_eq!(challenge, Some("Bearer realm=\"a, b\""));
        for name in ["idempotency-status", "idempotency-expires"] {
            assert!(!head.headers.has(name), "nothing of the claim is told");
        }
    }
}
