//! The canonical form of a JSON text (RFC 8785), where it loses nothing.

use hifijson::SliceLexer;
use hifijson::token::Lex;
use hifijson::value::{Value, parse_bounded};
use std::borrow::Cow;

type Json<'a> = Value<&'a str, Cow<'a, str>>;

/// Deeper texts count by their bytes: the parser recurses, and the stack of a Worker is small.
const MAX_DEPTH: usize = 128;

/// Texts with more of `,`, `[` and `{` count by their bytes: each may stand for a value, and a value in memory is many times its
/// text. Counting them is cheap, and bounds what an attacker can make the isolate hold.
const MAX_SEPARATORS: usize = 1 << 18;

/// The canonical form of `text`, or `None` where RFC 8785 would lose something (rule 4.9): two texts with one canonical form
/// mean the same to every reader.
pub fn canonical(text: &[u8]) -> Option<Vec<u8>> {
    let separators = text.iter().filter(|byte| b",[{".contains(byte));
    if separators.count() > MAX_SEPARATORS {
        return None;
    }
    let mut lexer = SliceLexer::new(text);
    let value: Json = lexer
        .exactly_one(Lex::ws_peek, |next, lexer| {
            parse_bounded(MAX_DEPTH, next, lexer)
        })
        .ok()?;
    let mut out = Vec::with_capacity(text.len());
    write(value, &mut out)?;
    Some(out)
}

fn write(value: Json, out: &mut Vec<u8>) -> Option<()> {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(true) => out.extend(b"true"),
        Value::Bool(false) => out.extend(b"false"),
        Value::Number((spelling, _)) => out.extend(number(spelling)?.as_bytes()),
        Value::String(text) => string(&text, out),
        Value::Array(items) => {
            list(b'[', b']', items, out, write)?;
        }
        Value::Object(mut members) => {
            // RFC 8785 §3.2.3: by UTF-16 code units, which differs from the order of UTF-8 beyond the basic plane.
            members.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            if members
                .windows(2)
                .any(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
            {
                return None;
            }
            list(b'{', b'}', members, out, |(name, value), out| {
                string(&name, out);
                out.push(b':');
                write(value, out)
            })?;
        }
    }
    Some(())
}

fn list<T>(
    open: u8,
    close: u8,
    items: Vec<T>,
    out: &mut Vec<u8>,
    mut item: impl FnMut(T, &mut Vec<u8>) -> Option<()>,
) -> Option<()> {
    out.push(open);
    for (i, value) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        item(value, out)?;
    }
    out.push(close);
    Some(())
}

/// RFC 8785 §3.2.2.2.
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => out.extend(b"\\\""),
            b'\\' => out.extend(b"\\\\"),
            0x08 => out.extend(b"\\b"),
            b'\t' => out.extend(b"\\t"),
            b'\n' => out.extend(b"\\n"),
            0x0c => out.extend(b"\\f"),
            b'\r' => out.extend(b"\\r"),
            0x00..=0x1f => out.extend(format!("\\u{byte:04x}").bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// RFC 8785 §3.2.2.3: as ECMAScript writes the double. `None` if the double is not exactly the number that was spelled:
/// 9007199254740993 and 9007199254740992 are one double and two numbers.
fn number(spelling: &str) -> Option<String> {
    let double: f64 = spelling.parse().ok()?;
    if !double.is_finite() {
        return None;
    }
    let canonical = ryu_js::Buffer::new().format_finite(double).to_owned();
    (canonical == spelling || Decimal::read(spelling)? == Decimal::read(&canonical)?)
        .then_some(canonical)
}

/// An exact decimal number: `digits × 10^exponent`, without zeros at either end of the digits.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn read(spelling: &str) -> Option<Self> {
        let (mantissa, exponent) = match spelling.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (spelling, 0_i64),
        };
        let unsigned = mantissa.strip_prefix('-');
        let (integer, fraction) = {
            let text = unsigned.unwrap_or(mantissa);
            text.split_once('.').unwrap_or((text, ""))
        };
        let all = format!("{integer}{fraction}");
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            // Zero has no sign: `-0` and `0` are one number, and RFC 8785 writes both as `0`.
            return Some(Self {
                negative: false,
                digits: String::new(),
                exponent: 0,
            });
        }
        let dropped = i64::try_from(significant.len() - digits.len()).ok()?;
        let places = i64::try_from(fraction.len()).ok()?;
        Some(Self {
            negative: unsigned.is_some(),
            digits: digits.to_owned(),
            exponent: exponent.checked_sub(places)?.checked_add(dropped)?,
        })
    }
}
