//! What is kept of an answer (docs/protocol.md §8): which headers, and in which bytes.

// A test that cannot go on says so by panicking.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "protocol/fixture.rs"]
mod fixture;

use fixture::{contract, headers};
use proptest::prelude::*;
use reprise::protocol::claim::{AttemptId, ClaimId};
use reprise::protocol::contract::{HOP_BY_HOP, RESERVED};
use reprise::protocol::fingerprint::Fingerprint;
use reprise::protocol::headers::Headers;
use reprise::protocol::record::{Place, Provenance, Record, Sorted, Unkept};
use reprise::protocol::time::Time;
use reprise::protocol::wire::Unreadable;

fn sorted(lines: &[(&str, &str)]) -> Sorted {
    Sorted::new(&contract(""), headers(lines))
}

/// The names among `lines` that are recorded, and those that the first caller gets.
fn names(lines: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let sorted = sorted(lines);
    let list = |headers: &Headers| headers.iter().map(|(name, _)| name.to_owned()).collect();
    (list(&sorted.recorded), list(&sorted.first_only))
}

#[test]
fn rule_8_6_headers_of_one_connection_reach_nobody() {
    for name in HOP_BY_HOP {
        let expected = (vec!["x-kept".to_owned()], vec![]);
        assert_eq!(names(&[(name, "v"), ("x-kept", "v")]), expected, "{name}");
    }
    let (recorded, first_only) = names(&[
        ("X-One", "1"),
        ("Connection", "close, X-One ,set-cookie"),
        ("connection", "x-two"),
        ("x-two", "2"),
        ("Set-Cookie", "a=b"),
        ("x-three", "3"),
    ]);
    assert_eq!(recorded, ["x-three"]);
    assert!(first_only.is_empty());
}

#[test]
fn rule_9_7_reserved_headers_of_the_origin_reach_nobody() {
    for name in RESERVED.into_iter().chain(["Idempotent-Replayed"]) {
        let expected = (vec!["x-kept".to_owned()], vec![]);
        let upper = name.to_ascii_uppercase();
        assert_eq!(names(&[(&upper, "v"), ("x-kept", "v")]), expected, "{name}");
    }
    // The marker is the one of the contract; another contract's is a header like any other.
    let own = contract("[routes.replay]\nmarker = { header = \"X-Again\", value = \"1\" }");
    let lines = headers(&[("x-again", "1"), ("idempotent-replayed", "true")]);
    let expected = headers(&[("idempotent-replayed", "true")]);
    assert_eq!(Sorted::new(&own, lines).recorded, expected);
}

#[test]
fn rule_8_7_the_deny_list_goes_to_the_first_caller_only() {
    let denied = [
        "set-cookie",
        "www-authenticate",
        "date",
        "age",
        "ratelimit",
        "ratelimit-policy",
        "ratelimit-remaining",
        "x-ratelimit-limit",
        "x-rate-limit-reset",
        "cf-ray",
        "server-timing",
        "traceparent",
    ];
    for name in denied {
        let expected = (vec![], vec![name.to_owned()]);
        assert_eq!(names(&[(&name.to_ascii_uppercase(), "v")]), expected);
    }
    let kept = [
        "retry-after",
        "location",
        "etag",
        "content-type",
        "cache-control",
        "vary",
        "x-request-id",
        "x-ratelimit",
        "dated",
        "x-date",
    ];
    for name in kept {
        let expected = (vec![name.to_owned()], vec![]);
        assert_eq!(names(&[(&name.to_ascii_uppercase(), "v")]), expected);
    }
    // What a route adds does not replace what its contract says.
    let more = contract("[routes.replay]\ndeny_also = [\"X-Cost-*\"]");
    let lines = headers(&[("x-cost-eur", "1"), ("x-cost", "2"), ("date", "3")]);
    let sorted = Sorted::new(&more, lines);
    assert_eq!(sorted.recorded, headers(&[("x-cost", "2")]));
    let first_only = headers(&[("x-cost-eur", "1"), ("date", "3")]);
    assert_eq!(sorted.first_only, first_only);
}

#[test]
fn rule_9_7_edge_102_what_the_origin_says_to_the_gateway_reaches_nobody() {
    let told = contract("[routes.outcome]\ncontrol_header = \"X-Idempotency-Store\"");
    let lines = [("X-Idempotency-Store", "no-store"), ("etag", "1")];
    let sorted = Sorted::new(&told, headers(&lines));
    assert_eq!(sorted.recorded, headers(&[("etag", "1")]));
    assert_eq!(sorted.first_only, Headers::new());
    // Under another contract it is a header like any other.
    let sorted = Sorted::new(&contract(""), headers(&lines));
    assert_eq!(sorted.recorded, headers(&lines));
}

#[test]
fn rule_9_6_date_and_request_id_are_kept_under_other_names() {
    let sorted = sorted(&[
        ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("X-Request-ID", " r1 "),
    ]);
    let origin = Provenance {
        date: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
        request_id: Some("r1".to_owned()),
    };
    assert_eq!(sorted.origin, origin);
    assert_eq!(self::sorted(&[("etag", "1")]).origin, Provenance::default());
}

#[test]
fn rule_8_6_a_coding_that_the_runtime_removes_takes_its_digests_along() {
    let encoded = [
        "content-md5",
        "content-digest",
        "digest",
        "repr-digest",
        "etag",
    ];
    let digests = encoded.map(|name| (name, "v"));
    for (coding, kept) in [
        (None, encoded.as_slice()),
        (Some("gzip"), &["etag"]),
        (Some("br"), &["etag"]),
        (Some("zstd"), &encoded),
        (Some("deflate"), &encoded),
        (Some("identity"), &encoded),
        (Some("gzip, br"), &encoded),
    ] {
        let mut lines = vec![("Content-Length", "5")];
        lines.extend(coding.map(|coding| ("Content-Encoding", coding)));
        lines.extend(digests);
        let (recorded, first_only) = names(&lines);
        // A coding that stays is as true of the recorded body as of the first one.
        let stays = coding.is_some_and(|coding| coding != "gzip" && coding != "br");
        let expected: Vec<&str> = stays
            .then_some("content-encoding")
            .into_iter()
            .chain(kept.iter().copied())
            .collect();
        assert_eq!(recorded, expected, "{coding:?}");
        assert!(first_only.is_empty());
    }
}

#[test]
fn rule_8_8_lines_of_one_name_stay_lines_in_their_order() {
    let sorted = sorted(&[
        ("Set-Cookie", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"),
        ("Link", "<b>"),
        ("Via", "1.1 x"),
        ("Set-Cookie", "a=1"),
        ("Link", "<a>"),
        ("Set-Cookie", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"),
    ]);
    let recorded = headers(&[("link", "<b>"), ("via", "1.1 x"), ("link", "<a>")]);
    assert_eq!(sorted.recorded, recorded);
    let lines: Vec<&str> = sorted.first_only.lines("set-cookie").collect();
    assert_eq!(
        lines,
        [
            "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
            "a=1",
            "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT"
        ]
    );
}

fn record(place: Place) -> Record {
    Record {
        claim: ClaimId::new([1; 32]),
        attempt: AttemptId::new([2; 16]),
        fingerprint: Fingerprint::from_bytes([3; 32]),
        status: 201,
        headers: headers(&[
            ("content-type", "text/plain"),
            ("link", "<a>"),
            ("link", "<b>"),
        ]),
        origin: Provenance {
            date: Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned()),
            request_id: None,
        },
        first_seen: Time::from_millis(1_700_000_000_000),
        completed: Time::from_millis(1_700_000_000_250),
        expires_at: Time::from_millis(1_700_086_400_000),
        body: place,
    }
}

fn places() -> [Place; 7] {
    [
        Place::Inline(b"body".to_vec()),
        Place::Inline(Vec::new()),
        Place::Kv(300_000),
        Place::R2(30_000_000),
        Place::NotKept(Unkept::TooLarge),
        Place::NotKept(Unkept::NotWritten),
        Place::NotKept(Unkept::Withheld),
    ]
}

#[test]
fn rule_8_1_a_version_that_is_not_known_is_unreadable() {
    for place in places() {
        let bytes = record(place).encode().unwrap();
        let known: Vec<u8> = (0..=u8::MAX)
            .filter(|version| {
                let mut bytes = bytes.clone();
                *bytes.first_mut().unwrap() = *version;
                Record::decode(&bytes).is_ok()
            })
            .collect();
        assert_eq!(
            known,
            [0],
            "the versions are numbered from 0, and there is one"
        );
    }
}

/// A damaged record must not become an answer at which the runtime throws.
#[test]
fn rule_8_1_a_record_that_no_answer_can_carry_is_unreadable() {
    let sound = record(Place::Inline(b"body".to_vec()));
    let with = |change: &dyn Fn(&mut Record)| {
        let mut record = sound.clone();
        change(&mut record);
        Record::decode(&record.encode().unwrap()).is_ok()
    };
    assert!(with(&|_| {}));
    for status in [0, 101, 199, 600, u16::MAX] {
        assert!(!with(&|record| record.status = status), "{status}");
    }
    for name in ["", "a b", "a:", "a\r\nb", "\0", "\u{e9}"] {
        assert!(!with(&|record| record.headers.push(name, "v")), "{name:?}");
    }
    for value in ["a\r\nset-cookie: b", "a\nb", "a\rb", "a\0b"] {
        assert!(
            !with(&|record| record.headers.push("a", value)),
            "{value:?}"
        );
        assert!(!with(&|record| record.origin.date = Some(value.to_owned())));
        assert!(!with(
            &|record| record.origin.request_id = Some(value.to_owned())
        ));
    }
    for value in ["", "\t", "a, b", "\u{e9}", "\u{fffd}"] {
        assert!(
            with(&|record| record.headers.push("!#$%&'*+-.^_`|~1", value)),
            "{value:?}"
        );
    }
}

#[test]
fn rule_8_1_a_record_that_is_cut_off_is_unreadable() {
    for place in places() {
        let bytes = record(place).encode().unwrap();
        for length in 0..bytes.len() {
            let cut = bytes.get(..length).unwrap();
            assert_eq!(Record::decode(cut), Err(Unreadable), "{length}");
        }
    }
}

#[test]
fn rule_8_4_what_follows_the_record_is_the_body_in_kv() {
    for place in places() {
        let record = record(place);
        for body in [b"".as_slice(), b"\0", b"the body"] {
            let mut bytes = record.encode().unwrap();
            bytes.extend(body);
            assert_eq!(Record::decode(&bytes), Ok((record.clone(), body)));
        }
    }
}

fn any_headers() -> impl Strategy<Value = Headers> {
    let line = ("[a-zA-Z-]{1,12}", "[^\r\n\0]{0,20}");
    proptest::collection::vec(line, 0..6).prop_map(|lines| lines.into_iter().collect())
}

fn any_place() -> impl Strategy<Value = Place> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..400).prop_map(Place::Inline),
        any::<u64>().prop_map(Place::Kv),
        any::<u64>().prop_map(Place::R2),
        Just(Place::NotKept(Unkept::TooLarge)),
        Just(Place::NotKept(Unkept::NotWritten)),
        Just(Place::NotKept(Unkept::Withheld)),
    ]
}

fn any_record() -> impl Strategy<Value = Record> {
    let text = || proptest::option::of("[^\r\n\0]{0,30}");
    let ids = (any::<[u8; 32]>(), any::<[u8; 16]>(), any::<[u8; 32]>());
    let head = (200_u16..=599, any_headers(), text(), text());
    let times = any::<[u64; 3]>();
    (ids, head, times, any_place()).prop_map(|(ids, head, times, body)| {
        let (claim, attempt, fingerprint) = ids;
        let (status, headers, date, request_id) = head;
        let [first_seen, completed, expires_at] = times.map(Time::from_millis);
        Record {
            claim: ClaimId::new(claim),
            attempt: AttemptId::new(attempt),
            fingerprint: Fingerprint::from_bytes(fingerprint),
            status,
            headers,
            origin: Provenance { date, request_id },
            first_seen,
            completed,
            expires_at,
            body,
        }
    })
}

/// Bytes that decode are a record that can be written and read again, and what is left over is their end.
fn check_honest(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok((record, rest)) = Record::decode(bytes) {
        prop_assert!(bytes.ends_with(rest));
        for time in [record.first_seen, record.completed, record.expires_at] {
            prop_assert!(time.http_date().ends_with(" GMT"));
        }
        let again = record.encode().unwrap();
        let (same, left) = Record::decode(&again).unwrap();
        prop_assert_eq!(same, record);
        prop_assert!(left.is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rule_8_1_a_record_is_read_as_it_was_written(record in any_record(), rest: [u8; 3]) {
        let mut bytes = record.encode().unwrap();
        prop_assert_eq!(Record::decode(&bytes), Ok((record.clone(), [].as_slice())));
        bytes.extend(rest);
        prop_assert_eq!(Record::decode(&bytes), Ok((record, rest.as_slice())));
    }

    #[test]
    fn rule_8_1_no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        check_honest(&bytes)?;
        // Most random bytes have an unknown version; these have the known one.
        check_honest(&[&[0], bytes.as_slice()].concat())?;
    }

    #[test]
    fn rule_8_1_a_damaged_record_is_unreadable_or_still_a_record(record in any_record(), at: prop::sample::Index, flip in 1..=u8::MAX) {
        let mut bytes = record.encode().unwrap();
        let at = at.index(bytes.len());
        *bytes.get_mut(at).unwrap() ^= flip;
        check_honest(&bytes)?;
    }
}

/// A damaged length must not make the reader reserve what the bytes cannot hold.
#[test]
fn rule_8_1_a_length_beyond_the_bytes_is_unreadable() {
    let bytes = record(Place::Inline(b"body".to_vec())).encode().unwrap();
    let end = bytes.len() - b"\x04body".len();
    let head = bytes.get(..end).unwrap();
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(
        Record::decode(&[head, &huge, b"body"].concat()),
        Err(Unreadable)
    );
}

#[test]
fn rule_8_14_without_the_ledger_a_body_counts_only_where_nothing_else_can_become_of_its_claim() {
    let hold = contract("retention = { seconds = 100 }");
    let from_completion = contract("retention = { seconds = 100, from = \"completion\" }");
    let run_again =
        contract("retention = { seconds = 100 }\nunknown = { lease_over = \"run-again\" }");
    let probe = contract(
        "retention = { seconds = 100 }\nunknown = { lease_over = \"probe\", probe = \"GET /x?key={key}\" }",
    );
    let end = 100_000;
    for (name, contract, body, age, expected) in [
        // Copied after the ledger had it.
        ("hold", &hold, Place::Inline(vec![1]), end - 1, true),
        (
            "run-again",
            &run_again,
            Place::Inline(vec![1]),
            end - 1,
            true,
        ),
        ("probe", &probe, Place::Inline(vec![1]), end - 1, true),
        (
            "completion",
            &from_completion,
            Place::Inline(vec![1]),
            end + 5,
            true,
        ),
        // Put there before, and perhaps never settled.
        ("hold", &hold, Place::Kv(1), end - 1, true),
        ("run-again", &run_again, Place::Kv(1), 1, false),
        ("hold", &hold, Place::R2(1), end - 1, true),
        ("run-again", &run_again, Place::R2(1), 1, false),
        ("probe", &probe, Place::Kv(1), 1, false),
        ("completion", &from_completion, Place::Kv(1), end - 1, true),
        // The record would live on, but the claim of an attempt that did not settle has ended.
        ("completion", &from_completion, Place::Kv(1), end, false),
    ] {
        let record = record(body.clone());
        let now = record.first_seen.plus(age);
        assert_eq!(
            record.without_ledger(contract, now).is_some(),
            expected,
            "{name}, {body:?}, {age} ms after first sight"
        );
    }
}

#[test]
fn rule_8_14_without_the_ledger_no_later_end_is_told_than_that_of_a_claim_that_was_never_settled() {
    let contract = contract("retention = { seconds = 100, from = \"completion\" }");
    for (body, told) in [
        (Place::Inline(vec![1]), 103_000),
        (Place::Kv(1), 100_000),
        (Place::R2(1), 100_000),
    ] {
        let mut record = record(body.clone());
        let first_seen = record.first_seen;
        record.expires_at = first_seen.plus(103_000);
        let found = record.without_ledger(&contract, first_seen.plus(1));
        let expires_at = found.map(|record| record.expires_at);
        assert_eq!(expires_at, Some(first_seen.plus(told)), "{body:?}");
    }
}
