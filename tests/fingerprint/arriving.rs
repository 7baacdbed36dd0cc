//! Bodies that are read as they arrive (docs/protocol.md rule 4.22).

use crate::*;
use proptest::prelude::*;
use reprise::protocol::digest::sha256;
use reprise::protocol::fingerprint::{Arriving, Contents, HeadFingerprint};
use reprise::protocol::request::Inbound;

/// As the edge does it: chunk by chunk, and the digest of all bytes at the end.
fn arrived(rules: &FingerprintRules, request: &Inbound, body: &[u8], cuts: &[usize]) -> Contents {
    let mut arriving = Arriving::new(rules, request).expect("the body is compared");
    let mut rest = body;
    for cut in cuts {
        let (chunk, after) = rest.split_at((*cut).min(rest.len()));
        arriving.update(chunk);
        rest = after;
    }
    arriving.update(rest);
    arriving.finish(sha256(body))
}

fn with_type(content_type: &str, more: &[(&str, &str)]) -> Inbound {
    let lines = [&[("Content-Type", content_type)], more].concat();
    request("POST", "http://h/", &lines)
}

const FORM: &str = "multipart/form-data; boundary=b";
const PARTS: &[u8] = b"--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--b--\r\n";

#[test]
fn rule_4_22_what_is_read_as_it_arrives_counts_like_what_is_held_but_for_json_and_forms() {
    let rules = parts("\"media-type\", \"body\"");
    for (content_type, more, body, alike) in [
        ("text/plain", &[][..], &b"{\"a\":1}"[..], true),
        (FORM, &[], PARTS, true),
        // By its bytes, and so with its boundary.
        (FORM, &[], b"--c--", true),
        ("text/plain", &[("Content-Encoding", "gzip")], b"x", true),
        (FORM, &[("Content-Encoding", "gzip")], PARTS, true),
        ("application/json", &[], b"{\"a\":1}", false),
        ("application/x-www-form-urlencoded", &[], b"a=1", false),
    ] {
        let request = with_type(content_type, more);
        let held = Contents::of(&rules, &request, &Body::Bytes(body.to_vec()));
        let arrived = arrived(&rules, &request, body, &[1, 3]);
        assert_eq!(held == arrived, alike, "{content_type} {more:?}");
        if !alike {
            assert!(matches!(arrived, Contents::Bytes { .. }), "{content_type}");
        }
    }
    let exact = parts("\"body:exact\"");
    let request = with_type(FORM, &[]);
    assert!(matches!(
        arrived(&exact, &request, PARTS, &[]),
        Contents::Bytes { .. }
    ));
}

#[test]
fn rule_4_22_a_body_that_the_contract_does_not_compare_is_not_waited_for() {
    let request = with_type("text/plain", &[]);
    let head_only = parts("\"path\"");
    assert!(Arriving::new(&head_only, &request).is_none());
    assert_eq!(Contents::unread(&head_only), Contents::NotCompared);
    let print = Fingerprint::with(&head_only, &request, &Contents::NotCompared);
    let held = Fingerprint::of(&head_only, &request, &Body::Bytes(b"x".to_vec()));
    assert_eq!(print, Some(held));
    for rules in [parts("\"body\""), parts("\"body:exact\"")] {
        assert_eq!(Contents::unread(&rules), Contents::Pending);
        let pending = Fingerprint::with(&rules, &request, &Contents::Pending);
        assert_eq!(pending, None);
    }
}

#[test]
fn rule_4_22_a_head_counts_in_everything_but_the_body() {
    let rules =
        parts("\"method\", \"path\", \"query\", \"media-type\", \"header:x-version\", \"body\"");
    let head = |method, url, lines: &[(&str, &str)]| {
        HeadFingerprint::of(&rules, &request(method, url, lines))
    };
    let base = head("POST", "http://h/a?x=1", &[PLAIN, ("X-Version", "1")]);
    assert_eq!(
        base,
        head(
            "POST",
            "http://h/a?x=1",
            &[PLAIN, ("X-Version", "1"), ("X-Other", "2")]
        )
    );
    for other in [
        head("PUT", "http://h/a?x=1", &[PLAIN, ("X-Version", "1")]),
        head("POST", "http://h/b?x=1", &[PLAIN, ("X-Version", "1")]),
        head("POST", "http://h/a?x=2", &[PLAIN, ("X-Version", "1")]),
        head("POST", "http://h/a?x=1", &[JSON, ("X-Version", "1")]),
        head("POST", "http://h/a?x=1", &[PLAIN, ("X-Version", "2")]),
        head("POST", "http://h/a?x=1", &[PLAIN]),
    ] {
        assert_ne!(base, other);
    }
    // Every attempt draws a boundary of its own, and what it means shows only in the body.
    let form = |boundary: &str| {
        let line = format!("multipart/form-data; boundary={boundary}");
        HeadFingerprint::of(&rules, &with_type(&line, &[]))
    };
    assert_eq!(form("one"), form("another"));
}

proptest! {
    #[test]
    fn rule_4_22_chunks_do_not_count(body in proptest::collection::vec(any::<u8>(), 0..600), cuts in proptest::collection::vec(0usize..80, 0..8)) {
        let rules = parts("\"body\"");
        for content_type in ["text/plain", FORM] {
            let request = with_type(content_type, &[]);
            let whole = arrived(&rules, &request, &body, &[]);
            prop_assert_eq!(&whole, &arrived(&rules, &request, &body, &cuts));
            prop_assert_eq!(&whole, &Contents::of(&rules, &request, &Body::Bytes(body.clone())));
        }
    }
}
