//! One claim of a JSON Web Token (RFC 7519), for the scope (docs/protocol.md rule 3.7).
//!
//! The signature is not verified here. The origin verifies it, and the contract must ask the origin before it tells anything of
//! a claim.

use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Deserializer;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use std::fmt;

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
    let mut json = serde_json::Deserializer::from_slice(&payload);
    let found = json.deserialize_map(OneClaim { name }).ok()?;
    json.end().ok()?;
    found
}

/// Takes one member of an object. Twice in it, the origin may read another one than this gateway.
struct OneClaim<'n> {
    name: &'n str,
}

impl<'de> Visitor<'de> for OneClaim<'_> {
    type Value = Option<ClaimValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut claims: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = claims.next_key::<String>()? {
            if name != self.name {
                claims.next_value::<IgnoredAny>()?;
            } else if found.is_some() {
                return Err(A::Error::custom("a claim is there twice"));
            } else {
                found = Some(claims.next_value::<serde_json::Value>()?);
            }
        }
        Ok(found.and_then(value))
    }
}

fn value(value: serde_json::Value) -> Option<ClaimValue> {
    match value {
        serde_json::Value::String(text) if !text.is_empty() => Some(ClaimValue::Text(text)),
        serde_json::Value::Number(number) if !number.is_f64() => {
            Some(ClaimValue::Number(number.to_string()))
        }
        _ => None,
    }
}
