//! The canonical form of a JSON text (RFC 8785), where it loses nothing.

use super::leaves::Leaves;
use super::number;
use crate::protocol::json::{Json, parse, tokens};
use crate::protocol::order;
use hifijson::value::Value;
use std::borrow::Cow;

/// A JSON text that counts by its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// The canonical form.
    pub text: Vec<u8>,
    /// Its scalars and empty containers, by their pointers.
    pub leaves: Leaves,
}

/// The canonical form of `text` without what the pointers `exclude` (RFC 6901) lead to, or `None` where RFC 8785 would lose
/// something (rule 4.9): two texts with one canonical form mean the same to every reader, but for what is excluded.
pub fn canonical(text: &[u8], exclude: &[String]) -> Option<Canonical> {
    let value = parse(text)?;
    let exclude: Vec<Vec<String>> = exclude.iter().filter_map(|text| tokens(text)).collect();
    let exclude: Vec<&[String]> = exclude.iter().map(Vec::as_slice).collect();
    let mut writer = Writer {
        out: Vec::with_capacity(text.len()),
        place: String::new(),
        leaves: Leaves::default(),
    };
    if !exclude.contains(&[].as_slice()) {
        writer.value(&value, &exclude)?;
    }
    Some(Canonical {
        text: writer.out,
        leaves: writer.leaves,
    })
}

/// What remains of those pointers `exclude` that lead into the member `token`.
fn below<'a>(exclude: &[&'a [String]], token: &str) -> Vec<&'a [String]> {
    if exclude.is_empty() {
        return Vec::new();
    }
    let inside = |pointer: &&'a [String]| match pointer.split_first() {
        Some((first, rest)) if first == token => Some(rest),
        _ => None,
    };
    exclude.iter().filter_map(inside).collect()
}

struct Writer {
    out: Vec<u8>,
    /// The pointer to what is written now, while leaves are wanted.
    place: String,
    leaves: Leaves,
}

impl Writer {
    fn value(&mut self, value: &Json, exclude: &[&[String]]) -> Option<()> {
        let start = self.out.len();
        let leaf = match value {
            Value::Array(items) => self.array(items, exclude)?,
            Value::Object(members) => self.object(members, exclude)?,
            Value::Null => self.scalar(b"null"),
            Value::Bool(true) => self.scalar(b"true"),
            Value::Bool(false) => self.scalar(b"false"),
            Value::Number((spelling, _)) if number::is_short(spelling) => {
                self.scalar(spelling.as_bytes())
            }
            Value::Number((spelling, _)) => self.scalar(number::canonical(spelling)?.as_bytes()),
            Value::String(text) => {
                string(text, &mut self.out);
                true
            }
        };
        if leaf && self.leaves.open() {
            let written = self.out.get(start..).unwrap_or_default();
            // Two values at one place are one member twice, which ends it.
            self.leaves.add_other(&self.place, written);
        }
        Some(())
    }

    fn scalar(&mut self, text: &[u8]) -> bool {
        self.out.extend(text);
        true
    }

    /// Writes an array; whether nothing is in it.
    fn array(&mut self, items: &[Json], exclude: &[&[String]]) -> Option<bool> {
        self.out.push(b'[');
        let mut empty = true;
        for (index, item) in items.iter().enumerate() {
            // Only pointers ask for it.
            let token = match exclude {
                [] if !self.leaves.open() => String::new(),
                _ => index.to_string(),
            };
            self.item(&mut empty, &token, exclude, |_| {}, item)?;
        }
        self.out.push(b']');
        Some(empty)
    }

    /// Writes an object; whether nothing is in it.
    fn object(&mut self, members: &[(Cow<'_, str>, Json)], exclude: &[&[String]]) -> Option<bool> {
        self.out.push(b'{');
        let mut empty = true;
        let mut last: Option<&str> = None;
        let sorted = order::by_name(members.iter().map(|(name, _)| name.as_ref()));
        for (name, value) in sorted.into_iter().filter_map(|at| members.get(at)) {
            if last.replace(name) == Some(name) {
                return None;
            }
            let label = |out: &mut Vec<u8>| {
                string(name, out);
                out.push(b':');
            };
            self.item(&mut empty, name, exclude, label, value)?;
        }
        self.out.push(b'}');
        Some(empty)
    }

    /// Writes what stands at `token` of a container, behind its `label`, unless it is excluded.
    fn item(
        &mut self,
        empty: &mut bool,
        token: &str,
        exclude: &[&[String]],
        label: impl Fn(&mut Vec<u8>),
        value: &Json,
    ) -> Option<()> {
        let exclude = below(exclude, token);
        if exclude.contains(&[].as_slice()) {
            return Some(());
        }
        if !std::mem::take(empty) {
            self.out.push(b',');
        }
        label(&mut self.out);
        let outer = self.place.len();
        if self.leaves.open() {
            self.place.push('/');
            push_token(&mut self.place, token);
        }
        self.value(value, &exclude)?;
        self.place.truncate(outer);
        Some(())
    }
}

/// RFC 6901 §3.
fn push_token(pointer: &mut String, token: &str) {
    if !token.bytes().any(|byte| matches!(byte, b'~' | b'/')) {
        return pointer.push_str(token);
    }
    pointer.push_str(&token.replace('~', "~0").replace('/', "~1"));
}

/// RFC 8785 §3.2.2.2.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    let escaped = |byte: &u8| matches!(byte, 0x00..=0x1f | b'"' | b'\\');
    while let Some((plain, [byte, after @ ..])) = rest
        .iter()
        .position(escaped)
        .and_then(|at| rest.split_at_checked(at))
    {
        out.extend(plain);
        match byte {
            b'"' => out.extend(b"\\\""),
            b'\\' => out.extend(b"\\\\"),
            0x08 => out.extend(b"\\b"),
            b'\t' => out.extend(b"\\t"),
            b'\n' => out.extend(b"\\n"),
            0x0c => out.extend(b"\\f"),
            b'\r' => out.extend(b"\\r"),
            byte => out.extend(format!("\\u{byte:04x}").bytes()),
        }
        rest = after;
    }
    out.extend(rest);
    out.push(b'"');
}
