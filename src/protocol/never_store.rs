//! What must not be kept, whatever the outcome of its status (O2; docs/protocol.md rules 8.9 to 8.12).
//!
//! In doubt it is not kept: what a rule would have to read and cannot read counts as a match. A retry then runs again, and
//! nothing that was meant to be forgotten lies in a store.

mod content;
mod json;
mod multipart;

use super::contract::{NamePattern, NeverStore, NeverThen, Test};
use super::headers::Headers;
use super::request::{Body, Inbound};
use content::Content;

/// What the rules that look at the request say of it. A `body` that is too large to be held is `None`.
pub fn by_request(
    rules: &[NeverStore],
    request: &Inbound,
    body: Option<&Body>,
) -> Option<NeverThen> {
    let bytes = body.map(|body| match body {
        Body::Absent => &[],
        Body::Bytes(bytes) => bytes.as_slice(),
    });
    let content = Content::of_request(&request.headers, bytes);
    strongest(rules, |test| match test {
        Test::Query(name, words) => {
            let query = request.query.as_deref().unwrap_or_default();
            in_pairs(query.as_bytes(), name, words)
        }
        Test::Form(name, words) => content.form_has(name, words),
        Test::Json(pointer, words) => content.json_has(pointer, words),
        Test::Header(name, words) => in_headers(&request.headers, name, words),
        Test::MediaTypeIs(_)
        | Test::MediaTypeIsNot(_)
        | Test::AnswerHeader(..)
        | Test::AnswerJson(..) => false,
    })
}

/// What the rules that look at the answer say of it. `headers` are those of the origin; `body` is whole and decoded, as the
/// runtime hands it over, or `None` where it is too large to look into.
pub fn by_answer(
    rules: &[NeverStore],
    headers: &Headers,
    body: Option<&[u8]>,
) -> Option<NeverThen> {
    let content = Content::of_answer(headers, body);
    strongest(rules, |test| match test {
        // Where there is no body, nothing is there that a media type could describe: a 204 is not "something else than JSON".
        Test::MediaTypeIs(list) => !content.is_empty() && is_one_of(headers, list),
        Test::MediaTypeIsNot(list) => !content.is_empty() && is_another(headers, list),
        Test::AnswerHeader(name, words) => in_headers(headers, name, words),
        Test::AnswerJson(pointer, words) => content.json_has(pointer, words),
        Test::Query(..) | Test::Form(..) | Test::Json(..) | Test::Header(..) => false,
    })
}

/// The stronger of two: what is released leaves less behind than what is spent.
pub fn stronger(one: Option<NeverThen>, other: Option<NeverThen>) -> Option<NeverThen> {
    match (one, other) {
        (Some(NeverThen::Release), _) | (_, Some(NeverThen::Release)) => Some(NeverThen::Release),
        (one, other) => one.or(other),
    }
}

/// What the rules that match say.
fn strongest(rules: &[NeverStore], matches: impl Fn(&Test) -> bool) -> Option<NeverThen> {
    let matching = rules.iter().filter(|rule| matches(&rule.test));
    matching.fold(None, |found, rule| stronger(found, Some(rule.then)))
}

/// In `application/x-www-form-urlencoded` text, which queries are too: names and values are compared decoded.
fn in_pairs(text: &[u8], name: &NamePattern, words: &[String]) -> bool {
    form_urlencoded::parse(text).any(|(n, value)| name.matches(&n) && has(words, &value))
}

/// The words of headers are compared without regard to case: `No-Store` is `no-store`.
fn in_headers(headers: &Headers, name: &NamePattern, words: &[String]) -> bool {
    let meant = headers.iter().filter(|(n, _)| name.matches(n));
    let has = |value: &str| {
        let mut found = split(value);
        found.any(|word| words.iter().any(|w| w.eq_ignore_ascii_case(word)))
    };
    meant
        .map(|(_, value)| value)
        .any(|value| words.is_empty() || has(value))
}

/// Whether `value` has one of `words`; with none named, being there is enough.
fn has(words: &[String], value: &str) -> bool {
    words.is_empty() || split(value).any(|word| words.iter().any(|w| w == word))
}

fn split(value: &str) -> impl Iterator<Item = &str> {
    value.split(|c: char| c == ',' || c.is_whitespace())
}

fn is_one_of(headers: &Headers, list: &[String]) -> bool {
    types(headers).any(|essence| list.iter().any(|pattern| is(&essence, pattern)))
}

/// An answer that does not say what it is may be anything.
fn is_another(headers: &Headers, list: &[String]) -> bool {
    let mut types = types(headers).peekable();
    types.peek().is_none() || types.any(|essence| !list.iter().any(|pattern| is(&essence, pattern)))
}

/// The media types of an answer, in lower case, without parameters. Joined lines are several.
fn types(headers: &Headers) -> impl Iterator<Item = String> {
    let pieces = headers
        .lines("content-type")
        .flat_map(|line| super::parameters::split(line, ','));
    pieces.map(content::essence)
}

/// `*/*`, `text/*`, `*+json`, or a type.
fn is(essence: &str, pattern: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(_), Some(_)) => true,
        (Some(suffix), None) => essence.ends_with(suffix),
        (None, Some(kind)) => essence.starts_with(kind),
        (None, None) => essence == pattern,
    }
}
