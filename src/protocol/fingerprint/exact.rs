//! A request told again byte by byte, so that it need not be read by its meaning once more.

use super::HeadFingerprint;
use crate::protocol::request::{Body, Inbound};

/// All that decides what a request counts as: its head as far as it is compared, what it says of its body, and the body. Under the
/// same rules, two requests with the same of these have the same fingerprint, and differ from a third in the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exact {
    head: HeadFingerprint,
    said: String,
    body: Body,
}

impl Exact {
    /// Of a request whose `body` is whole; `None` where that is longer than `most` bytes.
    pub fn within(
        most: usize,
        head: HeadFingerprint,
        request: &Inbound,
        body: &Body,
    ) -> Option<Self> {
        (length(body) <= most).then(|| Self {
            head,
            said: said(request).collect(),
            body: body.clone(),
        })
    }

    /// Whether it is that request.
    pub fn is(&self, head: HeadFingerprint, request: &Inbound, body: &Body) -> bool {
        let mut left = self.said.as_str();
        let goes_on = |part| match left.strip_prefix(part) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        self.head == head
            && is_equal(&self.body, body)
            && said(request).all(goes_on)
            && left.is_empty()
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.said.len() + length(&self.body)
    }
}

fn is_equal(one: &Body, other: &Body) -> bool {
    match (one, other) {
        // In words: Wasm's own comparison goes byte by byte.
        (Body::Bytes(one), Body::Bytes(other)) => memchr::arch::all::is_equal(one, other),
        (one, other) => one == other,
    }
}

fn length(body: &Body) -> usize {
    match body {
        Body::Absent => 0,
        Body::Bytes(bytes) => bytes.len(),
    }
}

/// What says how the body is to be read, each line ended as no header line can end.
fn said(request: &Inbound) -> impl Iterator<Item = &str> {
    let lines = |name| request.headers.lines(name);
    let types = lines("content-type").flat_map(|line| [line, "\n"]);
    let codings = lines("content-encoding").flat_map(|line| [line, "\r"]);
    types.chain(codings)
}
