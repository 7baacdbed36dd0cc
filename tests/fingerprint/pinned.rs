//! The derivations of forms and the bytes of sketches: they outlive a deployment (see `tests/formats.rs`).
//!
//! The expected bytes come from the written rules (frames of `digest.rs`, postcard), computed with another program.

use super::*;
use reprise::protocol::digest::hex;
use reprise::protocol::fingerprint::body::Contents;
use reprise::protocol::fingerprint::sketch::sketch;

fn pinned(kind: &str, body: &str) -> String {
    let draft = parts("\"method\", \"path\", \"query\", \"media-type\", \"body\"");
    let request = request("POST", "http://h/v1/orders", &[("Content-Type", kind)]);
    hex(Fingerprint::of(&draft, &request, &Body::Bytes(body.into())).as_bytes())
}

#[test]
fn rule_4_13_the_fingerprint_of_a_form_is_pinned() {
    assert_eq!(
        pinned("application/x-www-form-urlencoded", "b=&a=1+2&a[x]"),
        "405567046df6ffb3b206c9ae7ead51bb11cc0f6a98d57c29d6ce18abdc7f440a"
    );
}

#[test]
fn rule_4_14_the_fingerprint_of_a_multipart_form_is_pinned() {
    let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\nX-A: b\r\nContent-Type: text/plain\r\n\
        Content-Disposition: form-data; name=\"f\"; filename=\"x.txt\"\r\n\r\n2\r\n\r\n--b--\r\n";
    assert_eq!(
        pinned("multipart/form-data; boundary=b", body),
        "30c9bebe1cb935a9c3c4cc90fe02c1e18eb90b78e4a1cba4ae5ff672c7c2f55c"
    );
}

#[test]
fn rule_4_20_a_sketch_is_pinned() {
    let rules = parts("\"method\", \"body\"");
    let request = request("POST", "http://h/", &[JSON]);
    let body = Body::Bytes(b"{\"a\":1}".to_vec());
    let contents = Contents::of(&rules, &request, &body);
    assert_eq!(
        hex(&sketch(&rules, &[4; 16], &request, &contents)),
        "0102254532e6e4f2a5cb61da361d1fbd776901000173b8a25b27f6b16875ca79ab"
    );
}
