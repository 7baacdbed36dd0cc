//! What a contract makes of its answers: the key in them, mapped statuses, allow-lists, signals.

use crate::*;
use reprise::protocol::key::Key;
use reprise::protocol::refusal::{Code, Refusal};
use reprise::protocol::replay::{ignored, unguarded};

fn now() -> Time {
    Time::from_millis(DATE_MS + 3_600_000)
}

/// The exchange of a request with this key header line.
fn keyed(contract: &Contract, line: &str) -> Exchange {
    let asked = headers(&[("Idempotency-Key", line)]);
    exchange(&[], "").about(Key::read(&contract.key, &asked).unwrap().unwrap())
}

/// First answer, replay, released and unguarded answer, and refusal.
fn all(contract: &Contract, lines: &[(&str, &str)], exchange: &Exchange) -> [Head; 5] {
    let (record, first_only) = answered(contract, 200, lines);
    let sorted = || Sorted::new(contract, headers(lines));
    let refusal = Refusal::new(Code::RequestInProgress, "").until(now());
    [
        first(&record, first_only, contract, exchange),
        replay(&record, contract, exchange, now()),
        released(503, sorted(), contract, exchange),
        unguarded(200, sorted(), contract, exchange),
        refusal.answer(Some(contract), exchange).0,
    ]
}

fn lines(head: &Head, name: &str) -> Vec<String> {
    head.headers.lines(name).map(str::to_owned).collect()
}

#[test]
fn rule_9_15_every_answer_gives_back_the_key_where_the_contract_does() {
    let echo = contract("[routes.key]\necho = true");
    let forged = [("Idempotency-Key", "another")];
    for sent in ["k-1", "\"k-1\"", "  k-1 "] {
        for head in all(&echo, &forged, &keyed(&echo, sent)) {
            assert_eq!(lines(&head, "idempotency-key"), ["k-1"], "{sent}");
        }
    }
    // A request that was refused before its key was read has none to give back.
    let refusal = Refusal::new(Code::KeyEmpty, "").answer(Some(&echo), &exchange(&[], ""));
    assert!(!refusal.0.headers.has("idempotency-key"));
    let silent = contract("");
    for head in all(&silent, &[], &keyed(&silent, "k-1")) {
        assert!(!head.headers.has("idempotency-key"));
    }
    let own =
        contract("[routes.key]\nheader = \"X-Key\"\naliases = [\"Idempotency-Key\"]\necho = true");
    for head in all(&own, &[], &keyed(&own, "k-1")) {
        assert_eq!(lines(&head, "x-key"), ["k-1"]);
        assert!(!head.headers.has("idempotency-key"));
    }
}

#[test]
fn rule_9_16_a_granted_wait_is_told() {
    let ietf = contract("");
    let waited = Exchange {
        waited_s: Some(7),
        ..Exchange::default()
    };
    for head in all(&ietf, &[], &waited) {
        assert_eq!(lines(&head, "preference-applied"), ["wait=7"]);
    }
    for head in all(&ietf, &[], &Exchange::default()) {
        assert!(!head.headers.has("preference-applied"));
    }
}

#[test]
fn rule_9_17_a_mapped_status_is_the_replays_only() {
    let mapped = contract("[routes.replay]\nstatus = { 201 = 200, 500 = 409 }");
    for (origin, again) in [(201, 200), (500, 409), (200, 200), (202, 202), (422, 422)] {
        assert_eq!(first_answer(&mapped, origin, &LINES).status, origin);
        assert_eq!(replayed(&mapped, origin, &LINES, &[]).status, again);
        let sorted = Sorted::new(&mapped, Headers::new());
        assert_eq!(
            released(origin, sorted, &mapped, &Exchange::default()).status,
            origin
        );
    }
}

#[test]
fn rule_9_18_without_signals_only_the_marker_tells_a_replay() {
    let quiet = contract("[routes.gateway]\nsignals = \"off\"");
    let origin = [("Date", DATE), ("X-Request-ID", "r1")];
    let heads = all(&quiet, &origin, &exchange(&[], ""));
    for head in &heads {
        let told = head
            .headers
            .iter()
            .find(|(name, _)| name.starts_with("idempotency-") && *name != "idempotency-key");
        assert_eq!(told, None, "{}", head.status);
    }
    let [first, replay, ..] = heads;
    assert!(!first.headers.has("idempotent-replayed"));
    assert_eq!(lines(&replay, "idempotent-replayed"), ["true"]);
    assert_eq!(lines(&replay, "date"), [now().http_date()]);
    assert_eq!(lines(&replay, "x-request-id"), [FRESH_ID]);
    let mut passed = Headers::new();
    ignored(&mut passed, &quiet);
    assert_eq!(passed, Headers::new());
}

#[test]
fn rule_9_4_an_answer_without_a_claim_says_so() {
    let ietf = contract("");
    let [_, _, _, unguarded, _] = all(&ietf, &[], &Exchange::default());
    assert_eq!(lines(&unguarded, "idempotency-status"), ["unguarded"]);
    assert!(!unguarded.headers.has("idempotency-expires"));
    let mut passed = Headers::new();
    ignored(&mut passed, &ietf);
    assert_eq!(passed, headers(&[("idempotency-status", "ignored")]));
}

#[test]
fn rule_8_7_an_allow_list_keeps_what_it_names_and_what_describes_the_body() {
    let allow = contract("[routes.replay]\nallow = [\"location\", \"x-job-*\"]");
    let origin = [
        ("Content-Type", "text/plain"),
        ("Content-Language", "en"),
        ("Vary", "Accept"),
        ("Location", "/1"),
        ("X-Job-Id", "7"),
        ("ETag", "1"),
        ("X-Should-Retry", "true"),
        ("Set-Cookie", "a=1"),
        ("X-Request-ID", "r1"),
    ];
    let first = first_answer(&allow, 500, &origin);
    for (name, value) in origin {
        let name = name.to_ascii_lowercase();
        assert_eq!(lines(&first, &name), [value], "the first caller gets all");
    }
    let again = replayed(&allow, 500, &origin, &[]);
    let kept = [
        "content-type",
        "content-language",
        "vary",
        "location",
        "x-job-id",
    ];
    for (name, value) in origin {
        let name = name.to_ascii_lowercase();
        if kept.contains(&name.as_str()) {
            assert_eq!(lines(&again, &name), [value]);
        } else if name != "x-should-retry" && name != "x-request-id" {
            assert!(!again.headers.has(&name), "{name}");
        }
    }
    // What the origin said of its first answer is not recorded, so the gateway speaks for the replay.
    assert_eq!(lines(&again, "x-should-retry"), ["false"]);
    assert_eq!(lines(&again, "x-request-id"), [FRESH_ID]);
}

#[test]
fn rule_9_11_the_hints_of_a_stored_answer_are_the_contracts() {
    let hinted = |hints: &str| contract(&format!("[routes.errors]\nhints = [{hints}]"));
    let both = hinted("\"stripe-should-retry\", \"x-should-retry\"");
    let other = hinted("\"retry-after-ms\", \"transient-error\"");
    let names = [
        "x-should-retry",
        "stripe-should-retry",
        "retry-after-ms",
        "transient-error",
    ];
    let said = [("Stripe-Should-Retry", "true"), ("Retry-After", "7")];
    for status in [409, 500, 599] {
        for head in [
            first_answer(&both, status, &said),
            replayed(&both, status, &said, &[]),
        ] {
            let found = names.map(|name| lines(&head, name).concat());
            assert_eq!(found, ["false", "true", "", ""], "{status}");
        }
        let quiet = replayed(&other, status, &LINES, &[]);
        assert!(names.iter().all(|name| !quiet.headers.has(name)));
    }
    assert!(
        names
            .iter()
            .all(|name| !replayed(&both, 408, &[], &[]).headers.has(name))
    );
}
