//! The lists that say who is asking (`scope.parts`) and what is compared (`fingerprint.parts`).

use super::headers::header_name;
use super::section::{Located, Section};

/// One part of the scope (S1; rule 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScopePart {
    /// `header:NAME`: the value of that header; the name in lower case.
    Header(String),
    /// `claim:NAME`: that claim of the JWT in `Authorization` (RFC 7519 §4); the credential itself where it is no such token.
    Claim(String),
    /// `query:NAME`: the value of that parameter.
    Query(String),
    /// `host`: the request's host (rule 3.4).
    Host,
    /// `method`: the request's method.
    Method,
    /// `path`: the path template of the route.
    Path,
    /// `path:exact`: the normalised path of the request (rule 1.3).
    PathExact,
    /// `target`: the normalised path, and the query.
    Target,
    /// `literal:TEXT`: a constant, such as the name of an environment.
    Literal(String),
}

/// One part of the fingerprint (F2; rules 4.2 to 4.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FingerprintPart {
    /// `method` (rule 4.2).
    Method,
    /// `path`, normalised (rule 4.3).
    Path,
    /// `query`, its pairs sorted by name (rule 4.4).
    Query,
    /// `query:raw`, as it came (rule 4.4).
    QueryRaw,
    /// `media-type` (rule 4.5).
    MediaType,
    /// `header:NAME` (rule 4.6); the name in lower case.
    Header(String),
    /// `body`: JSON by meaning, everything else by its bytes (rules 4.8 to 4.10).
    Body,
    /// `body:exact`: by its bytes (rule 4.10).
    BodyExact,
}

impl ScopePart {
    /// Whether the part tells who is asking, and not what for.
    pub fn is_credential(&self) -> bool {
        matches!(self, Self::Header(_) | Self::Claim(_) | Self::Query(_))
    }
}

const SCOPE: [&str; 9] = [
    "header:authorization",
    "claim:NAME",
    "query:NAME",
    "host",
    "method",
    "path",
    "path:exact",
    "target",
    "literal:TEXT",
];

const FINGERPRINT_NOW: [&str; 8] = [
    "method",
    "path",
    "query",
    "query:raw",
    "media-type",
    "header:NAME",
    "body",
    "body:exact",
];
/// The parts of the scope.
pub fn scope_parts(section: &Section<'_>) -> Vec<ScopePart> {
    let mut parts = Vec::new();
    let Some(list) = section.texts("parts") else {
        section.missing(
            "parts",
            "say what tells callers apart, such as parts = [\"header:authorization\", \"host\"]",
        );
        return parts;
    };
    for word in &list.value {
        if let Some(part) = scope_part(section, word) {
            push_once(section, word, part, &mut parts);
        }
    }
    if list.value.is_empty() {
        let mend =
            "name what tells callers apart; \"literal:all\" lets all of them share their keys";
        section.refuse(
            "parts",
            list.place,
            "is empty: every caller would share every key".to_owned(),
            mend,
        );
    }
    parts
}

fn scope_part(section: &Section<'_>, word: &Located<'_, &str>) -> Option<ScopePart> {
    match (word.value, word.value.split_once(':')) {
        ("host", _) => Some(ScopePart::Host),
        ("method", _) => Some(ScopePart::Method),
        ("path", _) => Some(ScopePart::Path),
        ("path:exact", _) => Some(ScopePart::PathExact),
        ("target", _) => Some(ScopePart::Target),
        (_, Some(("header", name))) => header(section, word, name).map(ScopePart::Header),
        (_, Some(("literal", text))) if !text.is_empty() => {
            Some(ScopePart::Literal(text.to_owned()))
        }
        (_, Some(("claim", name))) if !name.is_empty() => Some(ScopePart::Claim(name.to_owned())),
        (_, Some(("query", name))) if !name.is_empty() => Some(ScopePart::Query(name.to_owned())),
        _ => {
            section.refuse_word("parts", word, &SCOPE, &[]);
            None
        }
    }
}

/// The parts of the fingerprint.
pub fn fingerprint_parts(section: &Section<'_>) -> Vec<FingerprintPart> {
    let mut parts = Vec::new();
    let Some(list) = section.texts("parts") else {
        section.missing("parts", "say what is compared, such as parts = [\"method\", \"path\", \"body\"], or compare = false");
        return parts;
    };
    for word in &list.value {
        if let Some(part) = fingerprint_part(section, word) {
            push_once(section, word, part, &mut parts);
        }
    }
    for (one, other, names) in [
        (
            FingerprintPart::Query,
            FingerprintPart::QueryRaw,
            "\"query\" and \"query:raw\"",
        ),
        (
            FingerprintPart::Body,
            FingerprintPart::BodyExact,
            "\"body\" and \"body:exact\"",
        ),
    ] {
        if parts.contains(&one) && parts.contains(&other) {
            section.refuse(
                "parts",
                list.place,
                format!("{names} say the same twice"),
                "keep one of them",
            );
        }
    }
    if list.value.is_empty() {
        section.refuse(
            "parts",
            list.place,
            "compares nothing".to_owned(),
            "write compare = false",
        );
    }
    parts
}

fn fingerprint_part(section: &Section<'_>, word: &Located<'_, &str>) -> Option<FingerprintPart> {
    Some(match (word.value, word.value.split_once(':')) {
        ("method", _) => FingerprintPart::Method,
        ("path", _) => FingerprintPart::Path,
        ("query", _) => FingerprintPart::Query,
        ("query:raw", _) => FingerprintPart::QueryRaw,
        ("media-type", _) => FingerprintPart::MediaType,
        ("body", _) => FingerprintPart::Body,
        ("body:exact", _) => FingerprintPart::BodyExact,
        (_, Some(("header", name))) => FingerprintPart::Header(header(section, word, name)?),
        _ => {
            section.refuse_word("parts", word, &FINGERPRINT_NOW, &[]);
            return None;
        }
    })
}

/// A JSON pointer (RFC 6901 §3), or `None` after reporting that it is none.
pub fn pointer(
    section: &Section<'_>,
    field: &'static str,
    text: &Located<'_, &str>,
) -> Option<String> {
    let escaped = |rest: &str| rest.starts_with('0') || rest.starts_with('1');
    let valid = text.value.starts_with('/') && text.value.split('~').skip(1).all(escaped);
    if !valid {
        let mend = "a JSON pointer (RFC 6901) is meant, such as \"/metadata/sent_at\"; ~ is written ~0 and / in a name ~1";
        let wrong = format!("{:?} is no JSON pointer to a member", text.value);
        section.refuse(field, text.place, wrong, mend);
    }
    valid.then(|| text.value.to_owned())
}

fn header(section: &Section<'_>, word: &Located<'_, &str>, name: &str) -> Option<String> {
    header_name(
        section,
        "parts",
        &Located {
            value: name,
            place: word.place,
        },
    )
}

fn push_once<T: PartialEq>(
    section: &Section<'_>,
    word: &Located<'_, &str>,
    part: T,
    parts: &mut Vec<T>,
) {
    if parts.contains(&part) {
        section.refuse(
            "parts",
            word.place,
            format!("{:?} is named twice", word.value),
            "name it once",
        );
    } else {
        parts.push(part);
    }
}
