//! A request told again byte by byte, so that it need not be read by its meaning once more.

use super::{METHOD_OVERRIDES, listed, rank};
use crate::protocol::contract::FingerprintRules;
use crate::protocol::request::{Body, Inbound};

/// A request whose body is there, and what its contract compares of it.
#[derive(Debug, Clone, Copy)]
pub struct Whole<'r> {
    /// What is compared.
    pub rules: &'r FingerprintRules,
    /// Its head.
    pub request: &'r Inbound,
    /// Its body.
    pub body: &'r Body,
}

/// All that decides what a request counts as, as it came: its head as far as it may be compared, and the body. Two requests with the
/// same of these have the same fingerprint, and differ from a third in the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exact {
    head: String,
    body: Body,
}

impl Exact {
    /// Of a request; `None` where its body is longer than `most` bytes.
    pub fn within(most: usize, whole: Whole<'_>) -> Option<Self> {
        (length(whole.body) <= most).then(|| {
            let mut head = String::new();
            whole.each_said(|said| head.push_str(said));
            Self {
                head,
                body: whole.body.clone(),
            }
        })
    }

    /// Whether it is that request.
    pub fn is(&self, whole: Whole<'_>) -> bool {
        let mut left = Some(self.head.as_str());
        whole.each_said(|said| left = left.and_then(|left| left.strip_prefix(said)));
        left == Some("") && is_equal(&self.body, whole.body)
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        self.head.len() + length(&self.body)
    }
}

impl Whole<'_> {
    /// What the head says, piece by piece. Each ends as none can go on, so that no other pieces make the same text; and which they are
    /// says what is compared.
    fn each_said(&self, mut see: impl FnMut(&str)) {
        let Self { rules, request, .. } = self;
        let mut say = |text: &str, end: &str| {
            see(text);
            see(end);
        };
        say(&request.method, "\n");
        say(&request.path, "\n");
        say(request.query.as_deref().unwrap_or_default(), "\n");
        let mut named = |number: u8, name: &str| {
            say(char::from(b'0' + number).encode_utf8(&mut [0; 4]), "\n");
            say(name, "\n");
            request.headers.lines(name).for_each(|line| say(line, "\r"));
        };
        for part in listed(rules) {
            let (number, header) = rank(part);
            named(number, header);
        }
        for name in METHOD_OVERRIDES
            .iter()
            .chain(&["content-type", "content-encoding"])
        {
            named(9, name);
        }
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
