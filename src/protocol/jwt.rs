//! One claim of a JSON Web Token (RFC 7519), for the scope (docs/protocol.md rule 3.7).
//!
//! The signature is not verified here. The origin verifies it, and the contract must ask the origin before it tells anything of
//! a claim.

use super::json::{self, Json};
use base64ct::{Base64UrlUnpadded, Encoding};
use hifijson::value::Value;

/// The longest credential that is looked into, bytes. Real tokens are far below; the runtime takes headers of 128 KiB.
const MAX_LENGTH: usize = 16 * 1024;

/// The value of a claim that can name a caller. A text and a number never are the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimValue {
    /// Not empty.
    Text(String),
    /// A whole number that 64 bits hold, in decimal: a greater one, or a fraction, would be rounded, and two callers could meet.
    Number(String),
}

/// The claim `name` of the bearer token in `credential`; `None` where it is no such token, or lacks such a claim.
pub fn claim(credential: &str, name: &str) -> Option<ClaimValue> {
    if credential.len() > MAX_LENGTH {
        return None;
    }
    let (scheme, token) = credential.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    // Two lines of the header arrive joined by a comma: neither of them is the token then.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !scheme.eq_ignore_ascii_case("bearer") || !token.bytes().all(plain) {
        return None;
    }
    let mut segments = token.split('.');
    let (Some(_), Some(payload), Some(_), None) = (
        segments.next(),
        segments.next(),
        segments.next(),
        segments.next(),
    ) else {
        return None;
    };
    let payload = Base64UrlUnpadded::decode_vec(payload).ok()?;
    let Value::Object(claims) = json::parse(&payload)? else {
        return None;
    };
    let mut named = claims.iter().filter(|(other, _)| other == name);
    // Twice in it, the origin may read another one than this gateway.
    match (named.next(), named.next()) {
        (Some((_, claim)), None) => value(claim),
        _ => None,
    }
}

fn value(claim: &Json) -> Option<ClaimValue> {
    match claim {
        Value::String(text) if !text.is_empty() => Some(ClaimValue::Text(text.to_string())),
        Value::Number((spelling, _)) => {
            let digits = match spelling.parse::<i64>() {
                Ok(number) => number.to_string(),
                Err(_) => spelling.parse::<u64>().ok()?.to_string(),
            };
            (digits == *spelling).then_some(ClaimValue::Number(digits))
        }
        _ => None,
    }
}
