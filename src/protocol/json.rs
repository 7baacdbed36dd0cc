//! JSON texts (RFC 8259) as they stand: numbers as they were spelled, members as they came, duplicates included.

use hifijson::SliceLexer;
use hifijson::token::Lex;
use hifijson::value::{Value, parse_bounded};
use std::borrow::Cow;

/// A value that borrows from its text.
pub type Json<'a> = Value<&'a str, Cow<'a, str>>;

/// Deeper texts are not read: the parser recurses, and the stack of a Worker is small.
const MAX_DEPTH: usize = 128;

/// Texts with more of `,`, `[` and `{` are not read: each may stand for a value, and a value in memory is many times its text.
/// Counting them is cheap, and bounds what an attacker can make the isolate hold.
const MAX_SEPARATORS: usize = 1 << 18;

/// The value of `text`; `None` where it is not JSON, not UTF-8, or beyond the limits above.
pub fn parse(text: &[u8]) -> Option<Json<'_>> {
    let separators = text
        .iter()
        .filter(|byte| matches!(byte, b',' | b'[' | b'{'));
    if separators.count() > MAX_SEPARATORS {
        return None;
    }
    SliceLexer::new(text)
        .exactly_one(Lex::ws_peek, |next, lexer| {
            parse_bounded(MAX_DEPTH, next, lexer)
        })
        .ok()
}

/// The tokens of a pointer (RFC 6901 §3 and §4); `None` for a text that is none, which leads nowhere.
pub fn tokens(pointer: &str) -> Option<Vec<String>> {
    let mut tokens = pointer.split('/');
    if tokens.next() != Some("") {
        return None;
    }
    let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
    Some(tokens.map(unescape).collect())
}

/// Where a pointer leads.
pub enum Found<'v, 't> {
    /// Nowhere.
    Nothing,
    /// To this value.
    One(&'v Json<'t>),
    /// A member on the way stands there more than once: readers differ on which one counts.
    Several,
}

/// What `pointer` leads to in `value`.
pub fn find<'v, 't>(value: &'v Json<'t>, pointer: &str) -> Found<'v, 't> {
    let Some(tokens) = tokens(pointer) else {
        return Found::Nothing;
    };
    let mut here = value;
    for token in &tokens {
        let inside = match here {
            Value::Array(items) => index(token).and_then(|at| items.get(at)),
            Value::Object(members) => {
                let mut named = members.iter().filter(|(name, _)| name == token);
                let first = named.next();
                if named.next().is_some() {
                    return Found::Several;
                }
                first.map(|(_, value)| value)
            }
            _ => None,
        };
        match inside {
            Some(value) => here = value,
            None => return Found::Nothing,
        }
    }
    Found::One(here)
}

/// RFC 6901 §4: digits without a leading zero.
fn index(token: &str) -> Option<usize> {
    let canonical = token == "0" || !token.starts_with(['0', '+']);
    token.parse().ok().filter(|_| canonical)
}
