//! The canonical form of a JSON text, against another reader (rules 4.8, 4.9 and 4.19).

use crate::memory;
use reprise::protocol::fingerprint::json::{Canonical, canonical};
use serde_json::Value;

/// A value in memory is many times its text: a `[` alone is one, in a list that holds four at least.
pub const PER_BYTE: u64 = 512;

/// A JSON text. A first line that begins with `/` is a pointer to what does not count in it.
pub fn target(input: &[u8]) -> bool {
    let (pointer, text) = match input.split(|byte| *byte == b'\n').next() {
        Some(line @ [b'/', ..]) if line.len() < input.len() => (
            String::from_utf8_lossy(line).into_owned(),
            &input[line.len() + 1..],
        ),
        _ => (String::new(), input),
    };
    let Some(form) = memory::bounded(text.len(), PER_BYTE, || canonical(text, &[])) else {
        return false;
    };
    assert_eq!(
        canonical(&form.text, &[]).as_ref(),
        Some(&form),
        "rule 4.8: the form is one of its own spellings"
    );
    // `1e20` is written out.
    assert!(form.text.len() <= 6 * text.len(), "rule 4.9");
    // It goes as deep as the other does, less one.
    let Ok(value) = serde_json::from_slice::<Value>(text) else {
        assert!(deep(text), "rule 4.9: this is not JSON");
        return true;
    };
    assert_eq!(
        read(&form.text),
        doubles(value.clone()),
        "rule 4.8: the form says something else"
    );
    let respelled = serde_json::to_vec_pretty(&value).unwrap_or_default();
    assert_eq!(
        canonical(&respelled, &[]).map(|form| form.text),
        Some(form.text.clone()),
        "rule 4.8"
    );
    if !pointer.is_empty() {
        without(text, &form, value, pointer);
    }
    true
}

fn deep(text: &[u8]) -> bool {
    text.iter().filter(|byte| b"[{".contains(byte)).count() >= 127
}

fn read(text: &[u8]) -> Value {
    doubles(serde_json::from_slice(text).unwrap_or_else(|error| panic!("rule 4.8: {error}")))
}

/// All numbers as doubles: `1` and `1.0` are two values to the other reader.
fn doubles(value: Value) -> Value {
    match value {
        // `+ 0.0` takes the sign from a zero.
        Value::Number(number) => Value::from(number.as_f64().unwrap_or_default() + 0.0),
        Value::Array(items) => items.into_iter().map(doubles).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name, doubles(value)))
            .collect(),
        other => other,
    }
}

/// Rule 4.19: what is excluded might as well not be there.
fn without(text: &[u8], whole: &Canonical, mut value: Value, pointer: String) {
    let exclude = [pointer];
    let length = text.len() + exclude[0].len();
    let form = memory::bounded(length, PER_BYTE, || canonical(text, &exclude));
    let form = form.map(|form| form.text);
    let pointer = &exclude[0];
    if value.pointer(pointer).is_none() {
        assert_eq!(
            form.as_ref(),
            Some(&whole.text),
            "rule 4.19: {pointer} leads nowhere"
        );
        return;
    }
    let (outer, token) = pointer.rsplit_once('/').unwrap_or_default();
    match value.pointer_mut(outer) {
        Some(Value::Object(members)) => {
            members.remove(&token.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(items)) => {
            items.remove(token.parse().unwrap_or_default());
        }
        _ => unreachable!("it has been found"),
    }
    let rest = serde_json::to_vec(&value).unwrap_or_default();
    assert_eq!(
        form,
        canonical(&rest, &[]).map(|form| form.text),
        "rule 4.19: {pointer}"
    );
}
