//! Any JSON value, and any of its texts.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use reprise::protocol::fingerprint::json;
use std::collections::BTreeMap;

/// The canonical form of `text`, nothing excluded.
pub fn canonical(text: &[u8]) -> Option<Vec<u8>> {
    json::canonical(text, &[]).map(|canonical| canonical.text)
}

/// A JSON value, apart from its spelling.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    /// `mantissa × 10^exponent`.
    Number(i64, i32),
    Text(String),
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

pub fn text() -> impl Strategy<Value = String> {
    // Control characters, both ends of every length in UTF-8, and what has an escape.
    "([a-c\"\\\\/\u{0}-\u{20}\u{7f}\u{80}é€\u{d7ff}\u{e000}\u{ffff}\u{10000}😀\u{10ffff}]){0,4}"
}

pub fn json() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-99_999_999_i64..=99_999_999, -12..=12)
            .prop_map(|(mantissa, exponent)| Json::Number(mantissa, exponent)),
        text().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::Array),
            btree_map(text(), inner, 0..4).prop_map(Json::Object),
        ]
    })
}

/// Takes one choice after the other from a list, from the front again at its end.
pub struct Choices<'a> {
    pub list: &'a [u8],
    pub next: usize,
}

impl Choices<'_> {
    pub fn below(&mut self, count: usize) -> usize {
        let choice = usize::from(self.list[self.next % self.list.len()]);
        self.next += 1;
        choice % count
    }

    pub fn space(&mut self) -> &'static str {
        ["", "", " ", "\n", "\r\n", "\t "][self.below(6)]
    }
}

/// One of the texts of `value`.
pub fn spell(value: &Json, choices: &mut Choices<'_>) -> String {
    let space = choices.space();
    let text = match value {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(mantissa, exponent) => spell_number(*mantissa, *exponent, choices),
        Json::Text(text) => spell_text(text, choices),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| spell(item, choices)).collect();
            format!("[{}{}]", items.join(","), choices.space())
        }
        Json::Object(members) => {
            let mut texts: Vec<String> = Vec::new();
            for (name, value) in members {
                let (before, name) = (choices.space(), spell_text(name, choices));
                let member = format!(
                    "{before}{name}{}:{}",
                    choices.space(),
                    spell(value, choices)
                );
                texts.insert(choices.below(texts.len() + 1), member);
            }
            format!("{{{}{}}}", texts.join(","), choices.space())
        }
    };
    format!("{space}{text}{}", choices.space())
}

pub fn spell_number(mantissa: i64, exponent: i32, choices: &mut Choices<'_>) -> String {
    let zeros = choices.below(4);
    let fraction = ["", ".0", ".000"][choices.below(3)];
    let e = ["e", "E"][choices.below(2)];
    let exponent = exponent - i32::try_from(zeros).expect("small");
    let sign = if exponent >= 0 {
        ["", "+"][choices.below(2)]
    } else {
        ""
    };
    let zeros = if mantissa == 0 {
        String::new()
    } else {
        "0".repeat(zeros)
    };
    format!("{mantissa}{zeros}{fraction}{e}{sign}{exponent}")
}

pub fn spell_text(text: &str, choices: &mut Choices<'_>) -> String {
    let mut out = "\"".to_owned();
    for character in text.chars() {
        let must = character < ' ' || character == '"' || character == '\\';
        let short = "\"\\/\u{8}\u{c}\n\r\t".find(character);
        match (choices.below(3), short) {
            (0, _) if !must => out.push(character),
            (1, Some(at)) => {
                // All of them are one byte long.
                out.push('\\');
                out.push(char::from(b"\"\\/bfnrt"[at]));
            }
            _ => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&match choices.below(2) {
                        0 => format!("\\u{unit:04x}"),
                        _ => format!("\\u{unit:04X}"),
                    });
                }
            }
        }
    }
    out + "\""
}

/// Changes the leaf at `at` as little as its kind allows, an empty list or object being one; otherwise takes the leaves of
/// `value` from `at`.
pub fn change_leaf(value: &mut Json, at: &mut Option<usize>) {
    match value {
        Json::Array(items) if !items.is_empty() => {
            items.iter_mut().for_each(|item| change_leaf(item, at));
            return;
        }
        Json::Object(members) if !members.is_empty() => {
            members.values_mut().for_each(|item| change_leaf(item, at));
            return;
        }
        _ => {}
    }
    if *at == Some(0) {
        match value {
            Json::Null => *value = Json::Bool(false),
            Json::Bool(value) => *value = !*value,
            Json::Number(mantissa, _) => *mantissa += 1,
            Json::Text(text) => text.push('a'),
            Json::Array(items) => items.push(Json::Null),
            Json::Object(members) => {
                members.insert("a".to_owned(), Json::Null);
            }
        }
    }
    *at = at.and_then(|at| at.checked_sub(1));
}

pub fn leaves(value: &Json) -> usize {
    match value {
        Json::Array(items) if !items.is_empty() => items.iter().map(leaves).sum(),
        Json::Object(members) if !members.is_empty() => members.values().map(leaves).sum(),
        _ => 1,
    }
}
