//! `multipart/form-data`: whatever its chunks, its boundary and its spelling (rules 4.14 to 4.16).

use crate::memory;
use memchr::memmem;
use reprise::protocol::fingerprint::multipart::{Hasher, Multipart};

/// What a reader may hold of a form of any length: two pieces, the lines of one head, the leaves.
pub const MOST: u64 = 1024 * 1024;

/// A byte that says how the body is cut into chunks; the boundary, up to a line feed; the body.
pub fn target(input: &[u8]) -> bool {
    let Some((seed, rest)) = input.split_first() else {
        return false;
    };
    let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
    let (line, body) = rest.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    let boundary: String = line
        .iter()
        .filter(|byte| legal(byte))
        .take(70)
        .map(|byte| char::from(*byte))
        .collect();
    let boundary = match boundary.trim_end_matches(' ') {
        "" => "b",
        boundary => boundary,
    };
    let (whole, most) = memory::peak(|| read(boundary, [body].into_iter()));
    assert!(most <= MOST, "{most} bytes for a form of {}", body.len());
    assert_eq!(
        read(boundary, chunks(body, *seed)),
        whole,
        "rule 4.15: chunks count"
    );
    let Some(whole) = whole else { return false };
    if memmem::find(body, FRESH.as_bytes()).is_some() {
        return true;
    }
    let parts = parts(boundary, body);
    let respelled = respelled(&parts);
    assert_eq!(
        read(FRESH, [&respelled[..]].into_iter()),
        Some(whole.clone()),
        "rule 4.15: the spelling counts"
    );
    changed(&whole, &parts);
    true
}

fn read<'a>(boundary: &str, chunks: impl Iterator<Item = &'a [u8]>) -> Option<Multipart> {
    let mut hasher = Hasher::new(boundary);
    chunks.for_each(|chunk| hasher.update(chunk));
    hasher.finish()
}

/// `body` in pieces of lengths that `seed` decides: of one byte each, of few, or of many.
fn chunks(body: &[u8], seed: u8) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut state) = (body, u32::from(seed));
    std::iter::from_fn(move || {
        state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
        let most = 1 << (seed % 8);
        let length = (1 + (state >> 16) as usize % most).min(rest.len());
        let (chunk, after) = rest.split_at(length);
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

/// The head and the content of each part.
type Part<'a> = (&'a str, &'a [u8]);

/// Reads as a naive reader does what the strict one has taken.
fn parts<'a>(boundary: &str, body: &'a [u8]) -> Vec<Part<'a>> {
    let delimiter = format!("--{boundary}");
    let found: Vec<usize> = memmem::find_iter(body, &delimiter).collect();
    let between = found
        .windows(2)
        .map(|pair| &body[pair[0] + delimiter.len()..pair[1] - 2]);
    let part = |text: &'a [u8]| {
        let line = memmem::find(text, b"\r\n")
            .unwrap_or_else(|| panic!("rule 4.16: a delimiter ends its line"));
        let text = &text[line + 2..];
        let end =
            memmem::find(text, b"\r\n\r\n").unwrap_or_else(|| panic!("rule 4.16: a head ends"));
        let head = std::str::from_utf8(&text[..end])
            .unwrap_or_else(|_| panic!("rule 4.16: a head is UTF-8"));
        (head, &text[end + 4..])
    };
    between.map(part).collect()
}

/// A boundary that the body at hand does not hold: nothing is respelled where the fuzzer has found these very letters.
const FRESH: &str = "=_?another boundary that no body holds?_=";

/// The same form behind another boundary, its header lines in another order and other letters.
fn respelled(parts: &[Part<'_>]) -> Vec<u8> {
    let mut out = b"preamble\r\n".to_vec();
    for (head, content) in parts {
        let mut lines: Vec<(String, &str)> = head
            .split("\r\n")
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_uppercase(), value))
            .collect();
        lines.sort_by(|(a, _), (b, _)| b.cmp(a));
        out.extend(format!("--{FRESH} \t\r\n").bytes());
        for (name, value) in lines {
            out.extend(format!("{name}: {value}\t\r\n").bytes());
        }
        out.extend(b"\r\n");
        out.extend(*content);
        out.extend(b"\r\n");
    }
    out.extend(format!("--{FRESH}--\r\nepilogue").bytes());
    out
}

/// A part less, and a byte more, make another form.
fn changed(whole: &Multipart, parts: &[Part<'_>]) {
    let Some(((head, content), others)) = parts.split_last() else {
        return;
    };
    let digest = |parts: &[Part<'_>]| {
        let form = respelled(parts);
        read(FRESH, [&form[..]].into_iter()).map(|form| form.digest)
    };
    assert_ne!(
        digest(others),
        Some(whole.digest),
        "rule 4.14: a part is gone"
    );
    let more = [content, &b"x"[..]].concat();
    let longer = [others, &[(*head, &more[..])]].concat();
    assert_ne!(
        digest(&longer),
        Some(whole.digest),
        "rule 4.14: a byte is new"
    );
}
