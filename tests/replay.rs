//! The answers that a client sees (docs/protocol.md §9).

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "replay/axes.rs"]
mod axes;
#[path = "replay/cors.rs"]
mod cors;
#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{contract, exchange, headers};
use reprise::protocol::claim::{AttemptId, ClaimId};
use reprise::protocol::contract::Contract;
use reprise::protocol::exchange::Exchange;
use reprise::protocol::fingerprint::Fingerprint;
use reprise::protocol::headers::Headers;
use reprise::protocol::record::{Place, Record, Sorted};
use reprise::protocol::replay::{Head, first, may_have_body, released, replay};
use reprise::protocol::time::Time;

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
const DATE_MS: u64 = 784_111_777_000;
const EXPIRES: &str = "Mon, 07 Nov 1994 08:49:37 GMT";
const NOW: &str = "Sun, 06 Nov 1994 09:49:37 GMT";
const FRESH_ID: &str = fixture::EXCHANGE_ID;

/// What is kept of an answer of the origin, and what the first caller gets beside it.
fn answered(contract: &Contract, status: u16, lines: &[(&str, &str)]) -> (Record, Headers) {
    let sorted = Sorted::new(contract, headers(lines));
    let record = Record {
        claim: ClaimId::new([1; 32]),
        attempt: AttemptId::new([2; 16]),
        fingerprint: Fingerprint::from_bytes([3; 32]),
        status,
        headers: sorted.recorded,
        origin: sorted.origin,
        first_seen: Time::from_millis(DATE_MS),
        completed: Time::from_millis(DATE_MS + 500),
        expires_at: Time::from_millis(DATE_MS + 86_400_000),
        body: Place::Inline(b"body".to_vec()),
    };
    (record, sorted.first_only)
}

fn first_answer(contract: &Contract, status: u16, lines: &[(&str, &str)]) -> Head {
    let (record, first_only) = answered(contract, status, lines);
    first(&record, first_only, contract, &exchange(&[], ""))
}

/// The replay, an hour later, to a request with these headers.
fn replayed(
    contract: &Contract,
    status: u16,
    lines: &[(&str, &str)],
    asked: &[(&str, &str)],
) -> Head {
    let (record, _) = answered(contract, status, lines);
    let now = Time::from_millis(DATE_MS + 3_600_000);
    replay(&record, contract, &exchange(asked, ""), now)
}

const LINES: [(&str, &str); 6] = [
    ("Content-Type", "application/json"),
    ("Date", DATE),
    ("Link", "<b>"),
    ("Set-Cookie", "a=1"),
    ("Link", "<a>"),
    ("Retry-After", "7"),
];

/// In the order of their names; lines of one name stay in theirs.
fn by_name(head: &Head) -> Vec<(&str, &str)> {
    let mut lines: Vec<_> = head.headers.iter().collect();
    lines.sort_by_key(|(name, _)| *name);
    lines
}

#[test]
fn rule_9_2_first_answer_and_replay_share_status_and_recorded_headers() {
    let ietf = contract("");
    let first = first_answer(&ietf, 201, &LINES);
    let replay = replayed(&ietf, 201, &LINES, &[]);
    assert_eq!((first.status, replay.status), (201, 201));
    assert_eq!(
        by_name(&first),
        [
            ("content-type", "application/json"),
            ("date", DATE),
            ("idempotency-expires", EXPIRES),
            ("idempotency-status", "fresh"),
            ("link", "<b>"),
            ("link", "<a>"),
            ("retry-after", "7"),
            ("set-cookie", "a=1"),
        ]
    );
    assert_eq!(
        by_name(&replay),
        [
            ("content-type", "application/json"),
            ("date", NOW),
            ("idempotency-expires", EXPIRES),
            ("idempotency-original-date", DATE),
            ("idempotency-status", "replayed"),
            ("idempotent-replayed", "true"),
            ("link", "<b>"),
            ("link", "<a>"),
            ("retry-after", "7"),
        ]
    );
}

#[test]
fn rule_9_2_every_status_is_replayed_as_it_was() {
    let ietf = contract("");
    for status in 200..=599 {
        assert_eq!(first_answer(&ietf, status, &LINES).status, status);
        assert_eq!(replayed(&ietf, status, &LINES, &[]).status, status);
    }
}

#[test]
fn edge_111_rule_9_3_the_marker_is_the_contracts_and_on_replays_only() {
    let marker = |more: &str, name: &str| {
        let contract = contract(more);
        let lines =
            |head: Head| -> Vec<String> { head.headers.lines(name).map(str::to_owned).collect() };
        // A forged marker of the origin counts for nothing.
        let origin = [(name, "forged"), ("etag", "1")];
        (
            lines(first_answer(&contract, 200, &origin)),
            lines(replayed(&contract, 200, &origin, &[])),
        )
    };
    let none: Vec<String> = Vec::new();
    assert_eq!(
        marker("", "idempotent-replayed"),
        (none.clone(), vec!["true".to_owned()])
    );
    let own = "[routes.replay]\nmarker = { header = \"X-Again\", value = \"yes\" }";
    assert_eq!(marker(own, "x-again"), (none, vec!["yes".to_owned()]));
    let both =
        "[routes.replay]\nmarker = { header = \"X-Again\", value = \"yes\", first = \"no\" }";
    assert_eq!(
        marker(both, "x-again"),
        (vec!["no".to_owned()], vec!["yes".to_owned()])
    );
}

#[test]
fn rule_9_4_status_and_expiry_are_on_first_answer_and_replay() {
    let ietf = contract("");
    // The origin's own are the gateway's to say, and not there twice.
    let lines = [
        ("Idempotency-Status", "replayed"),
        ("Idempotency-Expires", "never"),
    ];
    for (head, status) in [
        (first_answer(&ietf, 200, &lines), "fresh"),
        (replayed(&ietf, 200, &lines, &[]), "replayed"),
    ] {
        let all = |name: &str| {
            head.headers
                .lines(name)
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(all("idempotency-status"), [status]);
        assert_eq!(all("idempotency-expires"), [EXPIRES]);
    }
}

#[test]
fn rule_9_4_a_released_answer_is_fresh_and_has_no_expiry() {
    let own = contract(
        "[routes.replay]\nmarker = { header = \"X-Again\", value = \"yes\", first = \"no\" }",
    );
    for contract in [contract(""), own] {
        let sorted = Sorted::new(&contract, headers(&LINES));
        let head = released(503, sorted, &contract, &Exchange::default());
        assert_eq!(head.status, 503);
        assert_eq!(
            by_name(&head),
            [
                ("content-type", "application/json"),
                ("date", DATE),
                ("idempotency-status", "fresh"),
                ("link", "<b>"),
                ("link", "<a>"),
                ("retry-after", "7"),
                ("set-cookie", "a=1"),
            ]
        );
    }
}

#[test]
fn rule_9_5_three_final_statuses_have_no_body() {
    let without: Vec<u16> = (200..=599)
        .filter(|status| !may_have_body(*status))
        .collect();
    assert_eq!(without, [204, 205, 304]);
    let ietf = contract("");
    for status in without {
        for head in [
            first_answer(&ietf, status, &[]),
            replayed(&ietf, status, &[], &[]),
        ] {
            assert!(!head.headers.has("content-length"), "{status}");
            assert!(!head.headers.has("content-type"), "{status}");
        }
    }
}

#[test]
fn rule_9_6_a_replay_has_its_own_date_and_tells_the_first_one() {
    let ietf = contract("");
    let replay = replayed(&ietf, 200, &[("Date", DATE)], &[]);
    let dates: Vec<&str> = replay.headers.lines("date").collect();
    assert_eq!(dates, [NOW]);
    assert_eq!(replay.headers.get("idempotency-original-date"), Some(DATE));
    // Also where the contract replays the first one's as recorded header.
    let all = contract("[routes.replay]\ndeny = []");
    let replay = replayed(&all, 200, &[("Date", DATE)], &[]);
    let dates: Vec<&str> = replay.headers.lines("date").collect();
    assert_eq!(dates, [NOW]);
    let undated = replayed(&ietf, 200, &[], &[]);
    assert_eq!(undated.headers.get("date"), Some(NOW));
    assert!(!undated.headers.has("idempotency-original-date"));
    assert!(!first_answer(&ietf, 200, &[]).headers.has("date"));
}

#[test]
fn rule_9_6_a_request_id_is_fresh_or_verbatim_and_never_invented() {
    let verbatim = "[routes.replay]\nrequest_id = \"verbatim\"";
    for (more, expected) in [("", FRESH_ID), (verbatim, "r1")] {
        let contract = contract(more);
        let lines = [("X-Request-ID", "r1")];
        let first = first_answer(&contract, 200, &lines);
        assert_eq!(first.headers.get("x-request-id"), Some("r1"));
        assert!(!first.headers.has("idempotency-original-request-id"));
        let replay = replayed(&contract, 200, &lines, &[]);
        let ids: Vec<&str> = replay.headers.lines("x-request-id").collect();
        assert_eq!(ids, [expected]);
        let original = replay.headers.get("idempotency-original-request-id");
        assert_eq!(original, Some("r1"));
        let without = replayed(&contract, 200, &[], &[]);
        assert!(!without.headers.has("x-request-id"));
        assert!(!without.headers.has("idempotency-original-request-id"));
    }
}

#[test]
fn rule_9_11_what_clients_retry_by_themselves_says_that_it_helps_nothing() {
    let ietf = contract("");
    let hint = |head: Head| -> Vec<String> {
        head.headers
            .lines("x-should-retry")
            .map(str::to_owned)
            .collect()
    };
    for status in 200..=599 {
        let expected: &[&str] = if status == 409 || status >= 500 {
            &["false"]
        } else {
            &[]
        };
        assert_eq!(hint(first_answer(&ietf, status, &[])), expected, "{status}");
        assert_eq!(
            hint(replayed(&ietf, status, &[], &[])),
            expected,
            "{status}"
        );
        let said = [("X-Should-Retry", "true")];
        assert_eq!(
            hint(first_answer(&ietf, status, &said)),
            ["true"],
            "{status}"
        );
        assert_eq!(
            hint(replayed(&ietf, status, &said, &[])),
            ["true"],
            "{status}"
        );
        // A released answer is not stored: the retry runs.
        let sorted = Sorted::new(&ietf, Headers::new());
        assert!(
            hint(released(status, sorted, &ietf, &Exchange::default())).is_empty(),
            "{status}"
        );
    }
}
