//! A key that stands in a JSON body (axis K1; rule 2.15).

use super::{Key, KeyFault, agreed, unless_absent};
use crate::protocol::contract::KeyRules;
use crate::protocol::fingerprint::{Syntax, content_coding, syntax};
use crate::protocol::json::{self, Found};
use crate::protocol::request::{Body, Inbound};
use hifijson::value::Value;

impl Key {
    /// The key of a request whose headers carry `in_headers`, once its body is there: the one carrier's, or that of both.
    ///
    /// # Errors
    /// A [`KeyFault`] of the key in the body, and [`KeyFault::Conflict`] where it is another one.
    pub fn read_whole(
        rules: &KeyRules,
        in_headers: Option<Self>,
        request: &Inbound,
        body: &Body,
    ) -> Result<Option<Self>, KeyFault> {
        let Some(pointer) = &rules.body else {
            return Ok(in_headers);
        };
        let in_body = match in_body(pointer, request, body)? {
            Some(text) => unless_absent(rules, Self::checked(rules, text))?,
            None => None,
        };
        agreed(in_headers, in_body)
    }
}

/// The text that `pointer` leads to; `None` where the body has no such member, or is no JSON at all.
fn in_body(pointer: &str, request: &Inbound, body: &Body) -> Result<Option<String>, KeyFault> {
    let bytes = match body {
        Body::Bytes(bytes) if !bytes.is_empty() && syntax(request) == Syntax::Json => bytes,
        _ => return Ok(None),
    };
    // An origin that is less strict, or decodes the body first, might find a key in it.
    let unread = KeyFault::Malformed("the body, where it may stand, cannot be read as JSON");
    let value = match content_coding(request) {
        None => json::parse(bytes).ok_or(unread)?,
        Some(_) => return Err(unread),
    };
    match json::find(&value, pointer) {
        Found::Nothing | Found::One(Value::Null) => Ok(None),
        Found::One(Value::String(text)) => Ok(Some(text.to_string())),
        Found::One(_) => Err(KeyFault::Malformed("in the body, it must be a string")),
        Found::Several => Err(KeyFault::Repeated),
    }
}
