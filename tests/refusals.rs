//! `docs/reference/refusals.md` and [`Code`] say the same, and so does every answer (rule 9.10).

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{EXCHANGE_ID, contract, exchange};
use reprise::protocol::refusal::{Code, NewKey, Refusal, Retry, Row};
use reprise::protocol::replay::Status;
use reprise::protocol::time::Time;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../docs/reference/refusals.md");

fn retry(retry: Retry) -> &'static str {
    match retry {
        Retry::SameKey => "same-key",
        Retry::AfterMending => "after-mending",
        Retry::No => "no",
    }
}

fn new_key(new_key: NewKey) -> &'static str {
    match new_key {
        NewKey::Safe => "safe",
        NewKey::Unsafe => "unsafe",
    }
}

/// The row as the page writes it.
fn written(row: Row) -> String {
    let code = row.code;
    let after = row.retry_after.map_or("–".to_owned(), |s| s.to_string());
    format!(
        "| [`{code}`](#{code}) | {} | {} | {} | {} | {after} | {} |",
        row.status,
        row.title,
        retry(row.retry),
        new_key(row.new_key),
        row.idempotency.map_or("–", Status::as_str),
    )
}

#[test]
fn rule_9_10_the_table_of_the_page_is_the_table_of_the_code() {
    let table: Vec<&str> = PAGE
        .lines()
        .filter(|line| line.starts_with("| [`"))
        .collect();
    let codes: Vec<String> = Code::ALL.iter().map(|code| written(code.row())).collect();
    assert_eq!(table, codes);
}

#[test]
fn rule_9_10_every_code_has_a_paragraph_in_the_order_of_the_table() {
    let mut sections = PAGE.split("\n### ").skip(1);
    for code in Code::ALL {
        let (heading, paragraph) = sections.next().unwrap().split_once('\n').unwrap();
        assert_eq!(heading, code.row().code);
        assert!(paragraph.trim().len() > 60, "{heading} is not explained");
    }
    assert_eq!(sections.next(), None);
}

#[test]
fn rule_9_10_codes_are_stable_names_and_no_two_are_the_same() {
    let names: BTreeSet<&str> = Code::ALL.iter().map(|code| code.row().code).collect();
    assert_eq!(names.len(), Code::ALL.len());
    assert!(
        names
            .iter()
            .all(|name| name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
    );
}

#[test]
fn rule_9_10_rule_7_4_every_answer_says_what_its_row_says() {
    for code in Code::ALL {
        let row = code.row();
        let (head, body) = Refusal::new(*code, "because").answer(None, &exchange(&[], ""));
        assert_eq!(head.status, row.status);
        let headers = &head.headers;
        assert_eq!(
            headers.get("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(headers.get("cache-control"), Some("no-store"));
        assert_eq!(
            headers.get("idempotency-status"),
            row.idempotency.map(Status::as_str)
        );
        let should_retry = (row.retry == Retry::SameKey).to_string();
        assert_eq!(headers.get("x-should-retry"), Some(should_retry.as_str()));
        let after = row.retry_after.map(|s| s.to_string());
        assert_eq!(headers.get("retry-after"), after.as_deref());
        let mut expected = serde_json::json!({
            "type": format!("/.reprise/refusals#{}", row.code),
            "title": row.title,
            "status": row.status,
            "detail": "because",
            "code": row.code,
            "retry": retry(row.retry),
            "new_key": new_key(row.new_key),
            "request_id": EXCHANGE_ID,
        });
        if let Some(seconds) = row.retry_after {
            expected["retry_after"] = seconds.into();
        }
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&body).unwrap(),
            expected
        );
    }
}

#[test]
fn rule_9_10_waiting_is_advised_exactly_where_it_helps() {
    for row in Code::ALL.iter().map(|code| code.row()) {
        let waits = row.retry_after.is_some();
        // A truncated upload may be sent again at once.
        assert_eq!(
            waits,
            row.retry == Retry::SameKey && row.code != "body-truncated",
            "{}",
            row.code
        );
        assert!(
            row.retry_after.is_none_or(|s| (1..=60).contains(&s)),
            "SDKs drop longer hints"
        );
    }
}

#[test]
fn rule_9_10_the_contract_moves_the_statuses_that_contracts_disagree_about() {
    let contract = contract(
        "mismatch = { status = 409, retry = \"never\" }\nrunning = { status = 425, retry_after = 7 }\nunknown = { status = 503 }",
    );
    for (code, status, after, key) in [
        (Code::KeyReused, 409, None, "unsafe"),
        (Code::RequestInProgress, 425, Some("7"), "unsafe"),
        (Code::OutcomeUnknown, 503, None, "unsafe"),
        (Code::KeyEmpty, 400, None, "safe"),
    ] {
        let (head, body) = Refusal::new(code, "").answer(Some(&contract), &exchange(&[], ""));
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (head.status, head.headers.get("retry-after")),
            (status, after)
        );
        assert_eq!(
            (&body["status"], &body["new_key"]),
            (&status.into(), &key.into())
        );
    }
}

#[test]
fn rule_7_3_a_released_failure_may_be_retried_and_has_no_claim_behind_it() {
    let held = Refusal::new(Code::OriginNoAnswer, "");
    let (head, _) = held.clone().answer(None, &exchange(&[], ""));
    assert_eq!(head.headers.get("x-should-retry"), Some("false"));
    assert_eq!(head.headers.get("idempotency-status"), Some("unknown"));
    let (head, body) = held.retriable().answer(None, &exchange(&[], ""));
    assert_eq!(head.headers.get("x-should-retry"), Some("true"));
    assert!(!head.headers.has("idempotency-status"));
    assert!(body.contains(r#""retry":"same-key""#));
}

#[test]
fn rule_9_4_a_refusal_says_until_when_its_claim_lasts_and_what_the_origin_said() {
    let refusal = Refusal::new(Code::ResponseNotKept, "")
        .originally(201)
        .until(Time::from_millis(784_111_777_000));
    let (head, body) = refusal.answer(None, &exchange(&[], ""));
    assert_eq!(
        head.headers.get("idempotency-expires"),
        Some("Sun, 06 Nov 1994 08:49:37 GMT")
    );
    assert!(body.contains(r#""original_status":201"#));
}
