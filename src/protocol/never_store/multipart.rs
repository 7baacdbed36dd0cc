//! The text fields of a `multipart/form-data` body that is in memory (RFC 7578).
//!
//! Stricter than most readers: what they may take for a field, and this does not understand, is not looked past.

use super::has as has_word;
use crate::protocol::contract::NamePattern;
use crate::protocol::parameters::{parameter, split};

/// Whether a part of that name has one of `words`; `None` where the body does not read as parts with names.
pub fn has(bytes: &[u8], boundary: &str, name: &NamePattern, words: &[String]) -> Option<bool> {
    let delimiter = format!("--{boundary}");
    let mut rest = bytes.strip_prefix(delimiter.as_bytes())?;
    let mut found = false;
    // Behind a delimiter stands the next part, or `--`.
    while !rest.starts_with(b"--") {
        let (head, body) = cut(rest.strip_prefix(b"\r\n")?, b"\r\n\r\n")?;
        let (content, next) = cut(body, format!("\r\n{delimiter}").as_bytes())?;
        if name.matches(&field_name(head)?) {
            found |= has_word(words, &String::from_utf8_lossy(content));
        }
        rest = next;
    }
    Some(found)
}

/// What stands before the first `separator`, and behind it.
fn cut<'b>(bytes: &'b [u8], separator: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let at = memchr::memmem::find(bytes, separator)?;
    Some((bytes.get(..at)?, bytes.get(at + separator.len()..)?))
}

/// The `name` of the one `Content-Disposition` in the head of a part whose content stands there as it is.
fn field_name(head: &[u8]) -> Option<String> {
    let head = std::str::from_utf8(head).ok()?;
    let mut disposition = None;
    for line in head.split("\r\n") {
        let (name, value) = line.split_once(':')?;
        match name.to_ascii_lowercase().as_str() {
            "content-disposition" if disposition.is_none() => disposition = Some(value),
            // Twice, or in an encoding of its own (RFC 7578 §4.7).
            "content-disposition" | "content-transfer-encoding" => return None,
            _ => {}
        }
    }
    let parameters = split(disposition?, ';').skip(1).map(parameter);
    let mut names = parameters.filter(|parameter| {
        let name = parameter.as_ref().map_or("name", |(name, _)| *name);
        name.to_ascii_lowercase().starts_with("name")
    });
    match (names.next(), names.next()) {
        // Neither two names, nor `name*` in another encoding.
        (Some(Some((name, value))), None) if name.eq_ignore_ascii_case("name") => Some(value),
        _ => None,
    }
}
