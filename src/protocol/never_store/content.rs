//! A body, as far as a rule can look into it.

use super::{in_pairs, json, multipart};
use crate::protocol::contract::NamePattern;
use crate::protocol::headers::Headers;
use mediatype::{MediaType, Name, ReadParams};

/// What `Content-Type` says of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Json,
    Form,
    Multipart(String),
    /// Something else: not what the rules look for, unless it reads as that all the same.
    Other,
    /// It is not there: a reader may take the body for anything.
    Unknown,
    /// It does not parse, is there twice, or misses the boundary of its parts: nobody knows what a reader makes of it.
    Illegible,
}

/// A body and what it is.
pub struct Content<'b> {
    kind: Kind,
    /// `None`: it is there, and cannot be looked into.
    bytes: Option<&'b [u8]>,
}

impl<'b> Content<'b> {
    /// Of a request; `None` is too large to be looked into. One in a content coding is not decoded.
    pub fn of_request(headers: &Headers, bytes: Option<&'b [u8]>) -> Self {
        let mut codings = headers.lines("content-encoding");
        let plain = codings.all(|line| line.is_empty() || line.eq_ignore_ascii_case("identity"));
        Self {
            kind: kind(headers),
            bytes: bytes.filter(|bytes| plain || bytes.is_empty()),
        }
    }

    /// Of an answer. The runtime has decoded gzip and br; what is in another coding does not parse.
    pub fn of_answer(headers: &Headers, bytes: Option<&'b [u8]>) -> Self {
        Self {
            kind: kind(headers),
            bytes,
        }
    }

    /// Whether there is no body, or nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_some_and(<[u8]>::is_empty)
    }

    /// Whether a field of this form has one of `words`.
    pub fn form_has(&self, name: &NamePattern, words: &[String]) -> bool {
        match (&self.kind, self.bytes) {
            (_, Some([])) | (Kind::Json, _) | (Kind::Other, None) => false,
            (Kind::Illegible, _) | (_, None) => true,
            (Kind::Multipart(boundary), Some(bytes)) => {
                multipart::has(bytes, boundary, name, words).unwrap_or(true)
            }
            // Whatever has such a pair is read as a form by some origin.
            (Kind::Form | Kind::Other | Kind::Unknown, Some(bytes)) => in_pairs(bytes, name, words),
        }
    }

    /// Whether what `pointer` leads to has one of `words`.
    pub fn json_has(&self, pointer: &str, words: &[String]) -> bool {
        let unreadable = !matches!(self.kind, Kind::Form | Kind::Multipart(_) | Kind::Other);
        match self.bytes {
            Some([]) => false,
            None => unreadable,
            Some(bytes) => json::has(bytes, pointer, words).unwrap_or(unreadable),
        }
    }
}

/// Type and subtype of `value` in lower case.
pub fn essence(value: &str) -> String {
    let essence = value.split(';').next().unwrap_or(value);
    essence.trim().to_ascii_lowercase()
}

fn kind(headers: &Headers) -> Kind {
    let mut lines = headers.lines("content-type");
    let line = match (lines.next(), lines.next()) {
        (None, _) => return Kind::Unknown,
        (Some(line), None) => line,
        (Some(_), Some(_)) => return Kind::Illegible,
    };
    let Ok(parsed) = MediaType::parse(line) else {
        return Kind::Illegible;
    };
    let parameter = |name| parsed.get_param(Name::new_unchecked(name));
    match essence(line).as_str() {
        "application/json" | "text/json" => Kind::Json,
        json if json.ends_with("+json") => Kind::Json,
        "application/x-www-form-urlencoded" => Kind::Form,
        "multipart/form-data" => parameter("boundary").map_or(Kind::Illegible, |boundary| {
            Kind::Multipart(boundary.unquoted_str().into_owned())
        }),
        _ => Kind::Other,
    }
}
