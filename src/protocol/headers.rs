//! Header fields as a list of lines, names in lower case.

use super::contract::HOP_BY_HOP;
use super::order;
use serde::{Deserialize, Serialize};

/// Header lines in their order. A name may stand on several lines (rule 8.8).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line; the name is put into lower case.
    pub fn push(&mut self, name: &str, value: impl Into<String>) {
        self.0.push((name.to_ascii_lowercase(), value.into()));
    }

    /// Puts one line in the place of all lines of that name.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.retain(|n, _| !n.eq_ignore_ascii_case(name));
        self.push(name, value);
    }

    /// The first line of `name` (lower case), without surrounding white space.
    pub fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.lines(name).next()
    }

    /// All lines of `name` (lower case), without surrounding white space.
    pub fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter()
            .filter(move |(n, _)| *n == name)
            .map(|(_, value)| value.trim_matches([' ', '\t']))
    }

    /// Whether `name` (lower case) is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Keeps the lines for which `keep(name, value)` holds.
    pub fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// Splits into the lines for which `first(name)` holds, and the others.
    pub fn partition(self, first: impl Fn(&str) -> bool) -> (Self, Self) {
        let (a, b) = self.0.into_iter().partition(|(name, _)| first(name));
        (Self(a), Self(b))
    }

    /// Adds the lines of `other` after these.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The lines.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Whether an answer can carry them: names are tokens (RFC 9110 §5.6.2), and no value ends its line (§5.5).
    pub fn can_be_sent(&self) -> bool {
        self.iter()
            .all(|(name, value)| is_token(name) && !value.contains(ENDS_LINE))
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

/// What no value may hold (RFC 9110 §5.5).
pub const ENDS_LINE: [char; 3] = ['\r', '\n', '\0'];

/// RFC 9110 §5.6.2.
pub fn is_token(text: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(token)
}

impl FromIterator<(String, String)> for Headers {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(lines: T) -> Self {
        let mut headers = Self::new();
        for (name, value) in lines {
            headers.push(&name, value);
        }
        headers
    }
}
