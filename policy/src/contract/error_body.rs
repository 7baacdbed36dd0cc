//! The body of a contract's own errors (E1): JSON with placeholders.

use serde_json::{Map, Value};

/// What to write as a body.
pub const EXAMPLE: &str = "write the JSON of an error, such as body = '{\"error\":{\"code\":\"{code}\",\"message\":\"{message}\"}}'";

/// What a placeholder stands for, written `{code}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// The code: the contract's own where it has one.
    Code,
    /// The message: likewise.
    Message,
    /// The short sentence that goes with the code.
    Title,
    /// The type: the contract's own where it has one, else the URI reference of the code's paragraph.
    Type,
    /// The status, a number.
    Status,
    /// The seconds of `Retry-After`, a number; none where waiting does not help.
    RetryAfter,
    /// The id of this HTTP request, as in `X-Request-ID`.
    RequestId,
    /// The key; none before one is read.
    Key,
    /// What differs, a list; none but in an explained mismatch.
    Differences,
    /// What `mismatch.resource` points to in the first answer; none where there is no such thing.
    ResourceId,
}

impl Placeholder {
    const NAMES: [(&'static str, Self); 10] = [
        ("code", Self::Code),
        ("message", Self::Message),
        ("title", Self::Title),
        ("type", Self::Type),
        ("status", Self::Status),
        ("retry_after", Self::RetryAfter),
        ("request_id", Self::RequestId),
        ("key", Self::Key),
        ("differences", Self::Differences),
        ("resource_id", Self::ResourceId),
    ];

    fn named(name: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, placeholder)| *placeholder)
    }
}

/// A JSON value with placeholders in its strings. Its members are written in the order of their names.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorBody(Value);

impl ErrorBody {
    /// Reads the JSON text `text`.
    ///
    /// # Errors
    /// That it is no JSON, or which word in braces is no placeholder; and what to write instead.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let body: Value = serde_json::from_str(text)
            .map_err(|error| (format!("is not JSON: {error}"), EXAMPLE.to_owned()))?;
        match unknown(&body) {
            Some(word) => {
                let known: Vec<String> = Placeholder::NAMES
                    .iter()
                    .map(|(name, _)| format!("{{{name}}}"))
                    .collect();
                let wrong = format!("{word} is no placeholder");
                Err((wrong, format!("there is {}", known.join(", "))))
            }
            None => Ok(Self(body)),
        }
    }

    /// Whether `placeholder` stands anywhere in it.
    pub fn has(&self, placeholder: Placeholder) -> bool {
        let mut found = false;
        strings(&self.0, &mut |text| {
            found |= pieces(text)
                .any(|piece| piece.placeholder.and_then(Placeholder::named) == Some(placeholder));
        });
        found
    }

    /// The body with its placeholders filled. A string that is one placeholder and nothing else takes the value's own
    /// type, and its member is left out where there is no value; within other text, no value is no text.
    pub fn fill(&self, value: &impl Fn(Placeholder) -> Option<Value>) -> Value {
        filled(&self.0, value).unwrap_or(Value::Null)
    }
}

fn filled(template: &Value, value: &impl Fn(Placeholder) -> Option<Value>) -> Option<Value> {
    Some(match template {
        Value::String(text) => return text_filled(text, value),
        Value::Array(items) => Value::Array(
            items
                .iter()
                .filter_map(|item| filled(item, value))
                .collect(),
        ),
        Value::Object(members) => {
            // Not collected: that would sort them, which they are.
            let mut all = Map::new();
            for (name, member) in members {
                if let Some(member) = filled(member, value) {
                    all.insert(name.clone(), member);
                }
            }
            Value::Object(all)
        }
        plain => plain.clone(),
    })
}

fn text_filled(text: &str, value: &impl Fn(Placeholder) -> Option<Value>) -> Option<Value> {
    let mut out = String::new();
    for piece in pieces(text) {
        out.push_str(piece.before);
        let Some(name) = piece.placeholder else {
            continue;
        };
        let filling = Placeholder::named(name).and_then(value);
        if piece.whole {
            return filling;
        }
        match filling {
            Some(Value::String(filling)) => out.push_str(&filling),
            Some(other) => out.push_str(&other.to_string()),
            None => {}
        }
    }
    Some(Value::String(out))
}

/// Text, and the word in braces after it.
struct Piece<'t> {
    before: &'t str,
    placeholder: Option<&'t str>,
    /// Whether the word in braces is the whole string.
    whole: bool,
}

/// Cuts a string at its placeholders; a brace that begins none is text.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let here = rest?;
        let word = here.find('{').and_then(|open| {
            let (before, after) = (here.get(..open)?, here.get(open + 1..)?);
            let (name, after) = after.split_once('}')?;
            Some((before, name, after))
        });
        let Some((before, name, after)) = word else {
            rest = None;
            return Some(Piece {
                before: here,
                placeholder: None,
                whole: false,
            });
        };
        rest = Some(after).filter(|after| !after.is_empty());
        Some(Piece {
            before,
            placeholder: Some(name),
            whole: name.len() + 2 == text.len(),
        })
    })
}

fn unknown(body: &Value) -> Option<String> {
    let mut found = None;
    strings(body, &mut |text| {
        for name in pieces(text).filter_map(|piece| piece.placeholder) {
            if Placeholder::named(name).is_none() {
                found.get_or_insert_with(|| format!("{{{name}}}"));
            }
        }
    });
    found
}

fn strings(value: &Value, see: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => see(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, see)),
        Value::Object(members) => members.values().for_each(|member| strings(member, see)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str) -> String {
        let value = |placeholder| match placeholder {
            Placeholder::Code => Some(Value::from("c\"1")),
            Placeholder::Status => Some(Value::from(409)),
            _ => None,
        };
        ErrorBody::parse(template).map_or_else(
            |(wrong, mend)| format!("{wrong}; {mend}"),
            |body| body.fill(&value).to_string(),
        )
    }

    #[test]
    fn a_placeholder_alone_keeps_its_type_and_goes_without_a_value() {
        assert_eq!(
            fill(r#"{"s":"{status}","c":"{code}","k":"{key}"}"#),
            r#"{"c":"c\"1","s":409}"#
        );
    }

    #[test]
    fn a_placeholder_within_text_is_text() {
        assert_eq!(
            fill(r#"["a {status} {key}{code} b","{","}{"]"#),
            r#"["a 409 c\"1 b","{","}{"]"#
        );
    }

    #[test]
    fn a_word_that_is_no_placeholder_is_named() {
        assert!(fill(r#"{"a":["{cod}"]}"#).starts_with("{cod} is no placeholder; there is {code}"));
        assert!(fill("{").starts_with("is not JSON: "));
    }
}
