//! What happened at the origin, and what follows from it (docs/protocol.md §7).

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use reprise::protocol::compiled;
use reprise::protocol::contract::{NeverThen, Outcome, OutcomeTable};
use reprise::protocol::headers::Headers;
use reprise::protocol::outcome::{Ends, Happened};
use reprise::protocol::policy::Policy;
use reprise::protocol::record::Unkept;

use Outcome::{Hold, Release, Store};

/// The outcomes of a route with these lines.
fn table(more: &str) -> OutcomeTable {
    let text = format!("origin = \"http://h\"\n[[routes]]\nmatch = \"POST /x\"\n{more}\n");
    let mut policy = Policy::parse("test", &text, compiled::CONTRACTS)
        .unwrap_or_else(|problems| panic!("{problems}"));
    policy.routes.remove(0).contract.unwrap().outcome
}

fn headers(server: &str) -> Headers {
    let mut headers = Headers::new();
    headers.push("Server", server);
    headers
}

#[test]
fn rule_7_1_every_status_has_exactly_one_outcome() {
    let table = table("");
    let mut stored = 0;
    for status in 200..=599 {
        let happened = Happened::from_head(status, &Headers::new());
        assert_eq!(happened, Happened::Answer(status));
        let expected = match status {
            401 | 403 | 408 | 425 | 429 | 501 | 503 => Release,
            _ => Store,
        };
        assert_eq!(happened.outcome(&table), expected, "{status}");
        stored += u16::from(expected == Store);
    }
    assert_eq!(stored, 393);
}

#[test]
fn rule_7_1_exact_statuses_win_over_classes() {
    let table = table(
        "[routes.outcome]\nstore = [\"2xx\", 404]\nrelease = [\"4xx\", 502]\nhold = [\"5xx\", \"3xx\", 202, 409]",
    );
    for (status, expected) in [
        (200, Store),
        (201, Store),
        (202, Hold),
        (203, Store),
        (299, Store),
        (300, Hold),
        (399, Hold),
        (400, Release),
        (404, Store),
        (405, Release),
        (409, Hold),
        (499, Release),
        (500, Hold),
        (502, Release),
        (599, Hold),
    ] {
        assert_eq!(
            Happened::Answer(status).outcome(&table),
            expected,
            "{status}"
        );
    }
}

#[test]
fn rule_7_2_what_the_edge_makes_is_no_answer_of_the_origin() {
    let table = table("");
    for status in 500..=599 {
        let (expected, outcome) = match status {
            521 | 523 | 525 | 526 | 530 => (Happened::EdgeMade(status), Release),
            520 | 522 | 524 | 527 => (Happened::EdgeMade(status), Hold),
            501 | 503 => (Happened::Answer(status), Release),
            _ => (Happened::Answer(status), Store),
        };
        for server in ["cloudflare", "Cloudflare", " cloudflare "] {
            let happened = Happened::from_head(status, &headers(server));
            assert_eq!(happened, expected, "{status} by {server:?}");
            assert_eq!(happened.outcome(&table), outcome, "{status}");
        }
        for server in ["nginx", "", "cloudflare-nginx"] {
            let happened = Happened::from_head(status, &headers(server));
            assert_eq!(happened, Happened::Answer(status), "{status} by {server:?}");
        }
    }
    // The origin behind the edge has the same `Server`: below 520, that says nothing.
    let created = Happened::from_head(201, &headers("cloudflare"));
    assert_eq!(created, Happened::Answer(201));
}

#[test]
fn rule_7_3_an_exchange_without_a_whole_answer_has_a_row_of_its_own() {
    let ends = [
        Happened::NotSent,
        Happened::NoAnswer,
        Happened::Deadline,
        Happened::BrokenOff,
    ];
    let outcomes = |more: &str| {
        let table = table(more);
        ends.map(|happened| happened.outcome(&table))
    };
    assert_eq!(outcomes(""), [Release, Hold, Hold, Hold]);
    // One row at a time, so that no two can be mixed up.
    for (row, expected) in [
        ("not_sent = \"hold\"", [Hold, Hold, Hold, Hold]),
        ("no_answer = \"release\"", [Release, Release, Hold, Hold]),
        ("deadline = \"release\"", [Release, Hold, Release, Hold]),
        ("broken_off = \"release\"", [Release, Hold, Hold, Release]),
    ] {
        assert_eq!(
            outcomes(&format!("[routes.outcome]\n{row}")),
            expected,
            "{row}"
        );
    }
}

#[test]
fn rule_7_7_a_request_without_its_end_may_be_sent_again_unless_the_contract_says_otherwise() {
    let outcome = |more: &str| Happened::UploadCut.outcome(&table(more));
    assert_eq!(outcome(""), Release);
    assert_eq!(outcome("[routes.outcome]\nupload_cut = \"hold\""), Hold);
    // It is neither what never began nor what was sent whole.
    let others = "[routes.outcome]\nnot_sent = \"hold\"\nno_answer = \"hold\"";
    assert_eq!(outcome(others), Release);
}

#[test]
fn edge_206_rule_7_1_a_status_that_no_client_can_be_given_is_no_answer() {
    for status in [0, 99, 100, 101, 103, 199, 600, 999, u16::MAX] {
        for server in ["cloudflare", "nginx"] {
            let happened = Happened::from_head(status, &headers(server));
            assert_eq!(happened, Happened::NoAnswer, "{status}");
            assert_eq!(happened.outcome(&table("")), Hold, "{status}");
        }
    }
}

#[test]
fn rule_7_2_each_page_of_the_edge_may_have_a_row_of_its_own() {
    let outcome = |rows: &str, status| {
        let happened = Happened::from_head(status, &headers("cloudflare"));
        happened.outcome(&table(&format!("[routes.outcome]\n{rows}")))
    };
    let own = "edge = { 521 = \"hold\", 524 = \"release\" }";
    assert_eq!(
        [520, 521, 523, 524].map(|s| outcome(own, s)),
        [Hold, Hold, Release, Release]
    );
    // What the table leaves out goes by the group that it belongs to.
    let group = "not_sent = \"hold\"\nno_answer = \"release\"\nedge = { 525 = \"release\" }";
    assert_eq!(
        [520, 521, 525].map(|s| outcome(group, s)),
        [Release, Hold, Release]
    );
}

#[test]
fn rule_8_2_rule_8_9_how_an_attempt_ends_by_its_outcome_and_by_what_may_be_kept() {
    let table = table("[routes.outcome]\nstore = [\"2xx\", \"3xx\", \"4xx\"]\nhold = [\"5xx\"]");
    let (released, spent) = (Some(NeverThen::Release), Some(NeverThen::Spent));
    let (withheld, too_large) = (
        Ends::StoreHead(Unkept::Withheld),
        Ends::StoreHead(Unkept::TooLarge),
    );
    for (happened, not_kept, is_too_large, expected) in [
        (Happened::Answer(201), None, false, Ends::Store),
        (Happened::Answer(201), None, true, too_large),
        (Happened::Answer(201), spent, false, withheld),
        (Happened::Answer(201), spent, true, withheld),
        (Happened::Answer(201), released, false, Ends::Release),
        (Happened::Answer(201), released, true, Ends::Release),
        // Only what would be stored is withheld: an unknown outcome stays one, a released claim is gone already.
        (Happened::Answer(500), released, false, Ends::Hold),
        (Happened::Answer(500), spent, true, Ends::Hold),
        (Happened::Answer(429), None, true, Ends::Release),
        (Happened::Answer(429), spent, false, Ends::Release),
        (Happened::NotSent, None, false, Ends::Release),
        (Happened::NoAnswer, None, false, Ends::Hold),
        (Happened::Deadline, None, false, Ends::Hold),
        (Happened::BrokenOff, None, false, Ends::Hold),
        (Happened::EdgeMade(521), None, false, Ends::Release),
        (Happened::EdgeMade(522), None, false, Ends::Hold),
    ] {
        let ends = happened.ends(&table, not_kept, is_too_large);
        assert_eq!(ends, expected, "{happened:?} {not_kept:?} {is_too_large}");
    }
}
