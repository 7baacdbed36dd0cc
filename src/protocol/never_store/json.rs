//! Looking for words below a JSON pointer, without building the value.

use super::has as has_word;
use serde::Deserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The first of two segments: the second one names members at any depth.
const ANYWHERE: &str = "**";

/// Whether what `pointer` (RFC 6901, or `/**/NAME`) leads to in `text` has one of `words`: a text is split into words, in a list or an object
/// every value counts. `None` where `text` is no JSON, or more than 127 values stand inside each other on the way.
pub fn has(text: &[u8], pointer: &str, words: &[String]) -> Option<bool> {
    let unescape = |token: &str| token.replace("~1", "/").replace("~0", "~");
    let path: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
    // The reader looks past what it is not asked for, and would not see that it is no text.
    let mut json = serde_json::Deserializer::from_str(str::from_utf8(text).ok()?);
    let search = Search { path: &path, words };
    let found = search.deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(found)
}

/// What is looked for below one value. A member that stands there twice is looked into twice: nobody knows which one counts.
#[derive(Clone, Copy)]
struct Search<'s> {
    path: &'s [String],
    words: &'s [String],
}

impl Search<'_> {
    /// What is looked for in the member, or the element, of that name.
    fn below(&self, name: &str) -> Option<Self> {
        match self.path {
            [] => Some(*self),
            [any, member] if any == ANYWHERE && member != name => Some(*self),
            [any, _] if any == ANYWHERE => Some(Self { path: &[], ..*self }),
            [first, path @ ..] => (first == name).then_some(Self { path, ..*self }),
        }
    }

    fn is_here(&self, text: &str) -> bool {
        self.path.is_empty() && has_word(self.words, text)
    }

    /// Whether a value of any kind is enough.
    fn is_there(&self) -> bool {
        self.path.is_empty() && self.words.is_empty()
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<bool, E> {
        Ok(self.is_there())
    }

    fn visit_bool<E>(self, value: bool) -> Result<bool, E> {
        Ok(self.is_here(if value { "true" } else { "false" }))
    }

    fn visit_u64<E>(self, value: u64) -> Result<bool, E> {
        Ok(self.is_here(&value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<bool, E> {
        Ok(self.is_here(&value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<bool, E> {
        // As ECMAScript writes it; the one of `core` is 14 KB of Wasm, and this one is there already.
        Ok(self.is_here(ryu_js::Buffer::new().format(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<bool, E> {
        Ok(self.is_here(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<bool, A::Error> {
        let mut found = self.is_there();
        for index in 0_usize.. {
            let element = match self.below(&index.to_string()) {
                Some(search) => list.next_element_seed(search)?,
                None => list.next_element::<IgnoredAny>()?.map(|_| false),
            };
            match element {
                Some(has) => found |= has,
                None => break,
            }
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<bool, A::Error> {
        let mut found = self.is_there();
        while let Some(name) = object.next_key::<String>()? {
            match self.below(&name) {
                Some(search) => found |= object.next_value_seed(search)?,
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
}
