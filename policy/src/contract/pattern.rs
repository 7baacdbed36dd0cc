//! Patterns in a contract: of keys, as a regular expression, and of names, with a final `*`.

use regex_lite::Regex;

/// What a whole key must match (K2).
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles `text`, which is taken as anchored at both ends.
    ///
    /// # Errors
    /// What is wrong with the expression.
    pub fn parse(text: &str) -> Result<Self, String> {
        let regex = Regex::new(&format!("^(?:{text})$")).map_err(|error| error.to_string())?;
        Ok(Self {
            text: text.to_owned(),
            regex,
        })
    }

    /// The expression as the contract has it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the whole of `key` matches, in time linear in its length.
    pub fn matches(&self, key: &str) -> bool {
        self.regex.is_match(key)
    }
}

/// A name, or the beginning of one and a final `*` for any rest.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamePattern(String);

impl NamePattern {
    /// From its text. Headers are written in lower case.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether `name` is meant.
    pub fn matches(&self, name: &str) -> bool {
        match self.0.as_bytes() {
            [beginning @ .., b'*'] => name.as_bytes().starts_with(beginning),
            whole => name.as_bytes() == whole,
        }
    }
}
