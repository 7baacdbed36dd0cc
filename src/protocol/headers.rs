//! Header fields as a list of lines, names in lower case.

use super::contract::HOP_BY_HOP;
use super::order;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Header lines in their order. A name may stand on several lines (rule 8.8).
///
/// They lie in one text, each line as its name and its value with a line feed behind either: as they cross between JavaScript and
/// Wasm (`src/edge/glue.js`), and in two allocations, however many lines there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    text: String,
    lines: Vec<Line>,
}

/// Where a line stands in the text: its name from `start` to `middle`, its value behind that to `end`.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Line {
    start: usize,
    middle: usize,
    end: usize,
}

impl Line {
    /// Whether its name is so many bytes long.
    fn has_name_of(&self, length: usize) -> bool {
        self.middle - self.start == length
    }
}

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// The lines of a text in which each is its name, in lower case, and its value, with a line feed behind either. What ends without
    /// one is no line.
    pub fn from_text(mut text: String) -> Self {
        let mut lines = Vec::new();
        let mut start = 0;
        let mut ends = memchr::memchr_iter(b'\n', text.as_bytes());
        while let (Some(middle), Some(end)) = (ends.next(), ends.next()) {
            lines.push(Line { start, middle, end });
            start = end + 1;
        }
        text.truncate(start);
        Self { text, lines }
    }

    /// The same text; `None` where no message can carry what stands in it: names are tokens (RFC 9110 §5.6.2), and no value ends its
    /// line (§5.5).
    pub fn as_text(&self) -> Option<&str> {
        self.can_be_sent().then_some(&self.text)
    }

    /// Whether an answer can carry them.
    pub fn can_be_sent(&self) -> bool {
        self.iter()
            .all(|(name, value)| is_token(name) && !ends_line(value))
    }

    /// Adds a line; the name is put into lower case.
    pub fn push(&mut self, name: &str, value: impl AsRef<str>) {
        let start = self.text.len();
        self.add(name, value.as_ref());
        if let Some(name) = self.text.get_mut(start..start + name.len()) {
            name.make_ascii_lowercase();
        }
    }

    fn add(&mut self, name: &str, value: &str) {
        if self.lines.capacity() == 0 {
            // What most answers take, so that it does not grow in many steps.
            self.text.reserve(512);
            self.lines.reserve(12);
        }
        let start = self.text.len();
        for part in [name, "\n", value, "\n"] {
            self.text.push_str(part);
        }
        let middle = start + name.len();
        let end = middle + 1 + value.len();
        self.lines.push(Line { start, middle, end });
    }

    /// Puts one line in the place of all lines of that name.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        // Most lines are new, and their length tells.
        if self.lines.iter().any(|line| line.has_name_of(name.len())) {
            self.retain(|n, _| !n.eq_ignore_ascii_case(name));
        }
        self.push(name, value);
    }

    /// The first line of `name` (lower case), without surrounding white space.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.lines(name).next()
    }

    /// All lines of `name` (lower case), without surrounding white space.
    pub fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        // Their lengths first: a request is asked for dozens of names that it does not have.
        self.lines
            .iter()
            .filter(move |line| line.has_name_of(name.len()) && self.name(line) == name)
            .map(|line| self.value(line).trim_matches([' ', '\t']))
    }

    /// Whether `name` (lower case) is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Keeps the lines for which `keep(name, value)` holds.
    pub fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        if !self.iter().all(|(name, value)| keep(name, value)) {
            *self = self.filtered(keep);
        }
    }

    /// Splits into the lines for which `first(name)` holds, and the others.
    pub fn partition(self, first: impl Fn(&str) -> bool) -> (Self, Self) {
        if !self.iter().any(|(name, _)| first(name)) {
            return (Self::new(), self);
        }
        let others = self.filtered(|name, _| !first(name));
        (self.filtered(|name, _| first(name)), others)
    }

    fn filtered(&self, keep: impl Fn(&str, &str) -> bool) -> Self {
        let mut kept = Self {
            text: String::with_capacity(self.text.len()),
            lines: Vec::with_capacity(self.lines.len()),
        };
        for (name, value) in self.iter().filter(|(name, value)| keep(name, value)) {
            kept.add(name, value);
        }
        kept
    }

    /// Adds the lines of `other` after these.
    pub fn extend(&mut self, other: &Self) {
        for (name, value) in other.iter() {
            self.add(name, value);
        }
    }

    /// The lines.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.lines.iter();
        lines.map(|line| (self.name(line), self.value(line)))
    }

    fn name(&self, line: &Line) -> &str {
        let name = self.text.get(line.start..line.middle);
        name.unwrap_or_default()
    }

    fn value(&self, line: &Line) -> &str {
        let value = self.text.get(line.middle + 1..line.end);
        value.unwrap_or_default()
    }

    /// Removes the headers that belong to one connection (RFC 9110 §7.6.1): the well-known ones and those that `Connection`
    /// names.
    pub fn remove_hop_by_hop(&mut self) {
        let lines: Vec<&str> = self.lines("connection").collect();
        let listed = lines.join(",").to_ascii_lowercase();
        // Sorted: a head has room for thousands of names, and of lines.
        let items = listed.split(',').map(str::trim);
        let items: Vec<&str> = items.filter(|item| !item.is_empty()).collect();
        let named = order::sorted(&items);
        let is_named = |name: &str| named.binary_search_by(|item| order::compare(item, name));
        self.retain(|name, _| !HOP_BY_HOP.contains(&name) && is_named(name).is_err());
    }
}

/// Whether `value` holds what no value may (RFC 9110 §5.5).
pub fn ends_line(value: &str) -> bool {
    memchr::memchr3(b'\r', b'\n', 0, value.as_bytes()).is_some()
}

/// RFC 9110 §5.6.2.
pub fn is_token(text: &str) -> bool {
    let is_tchar = |byte: u8| matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~');
    !text.is_empty() && text.bytes().all(is_tchar)
}

impl<N: AsRef<str>, V: AsRef<str>> FromIterator<(N, V)> for Headers {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(lines: T) -> Self {
        let mut headers = Self::new();
        for (name, value) in lines {
            headers.push(name.as_ref(), value);
        }
        headers
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

// A list of pairs of strings: so it stands in records.

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Pairs)
    }
}

struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pairs of a name and a value")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Headers, A::Error> {
        let mut headers = Headers::new();
        while let Some((name, value)) = seq.next_element::<(&str, &str)>()? {
            headers.add(name, value);
        }
        Ok(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: [(&str, &str); 4] = [
        ("a", "1"),
        ("set-cookie", "x=1"),
        ("b", ""),
        ("set-cookie", "y=2"),
    ];

    #[test]
    fn rule_8_8_lines_stay_as_they_are_and_in_their_order() {
        let mut headers: Headers = LINES.into_iter().collect();
        assert_eq!(headers.iter().collect::<Vec<_>>(), LINES);
        let text = headers.as_text().unwrap();
        assert_eq!(text, "a\n1\nset-cookie\nx=1\nb\n\nset-cookie\ny=2\n");
        assert_eq!(Headers::from_text(text.to_owned()), headers);
        let (cookies, others) = headers.clone().partition(|name| name == "set-cookie");
        assert_eq!(
            cookies.lines("set-cookie").collect::<Vec<_>>(),
            ["x=1", "y=2"]
        );
        assert_eq!(others.as_text(), Some("a\n1\nb\n\n"));
        headers.set("B", "2");
        headers.retain(|name, value| (name, value) != ("set-cookie", "x=1"));
        assert_eq!(headers.as_text(), Some("a\n1\nset-cookie\ny=2\nb\n2\n"));
    }

    #[test]
    fn rule_8_1_they_are_stored_as_pairs_of_strings() {
        let headers: Headers = LINES.into_iter().collect();
        let pairs: Vec<(String, String)> = LINES.map(|(n, v)| (n.into(), v.into())).into();
        let stored = postcard::to_stdvec(&pairs).unwrap();
        assert_eq!(postcard::to_stdvec(&headers).unwrap(), stored);
        assert_eq!(postcard::from_bytes::<Headers>(&stored).unwrap(), headers);
    }

    #[test]
    fn what_no_message_can_carry_is_no_text() {
        for (name, value) in [
            ("", "1"),
            ("a b", "1"),
            ("a", "1\n2"),
            ("a", "1\r"),
            ("a", "\0"),
            ("a\n", ""),
        ] {
            assert_eq!(
                Headers::from_iter([(name, value)]).as_text(),
                None,
                "{name:?}: {value:?}"
            );
        }
    }

    #[test]
    fn a_token_has_the_characters_of_rfc_9110() {
        for byte in 0..=u8::MAX {
            let may = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            let text = String::from(char::from(byte));
            assert_eq!(is_token(&text), may, "{text:?}");
        }
    }
}
