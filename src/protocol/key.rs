//! The idempotency key of a request (docs/protocol.md §2).

mod body;

use super::contract::{KeyRules, KeySyntax, LengthUnit, Malformed};
use super::headers::Headers;

/// A key that has passed every rule: visible ASCII, within its length, unquoted. It is never printed: keys are secrets of the
/// caller (rule 3.5).
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

/// Why a key is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFault {
    /// There is nothing between the quotes, or nothing at all.
    Empty,
    /// Several header lines, or a list on one line.
    Repeated,
    /// A character that is not visible ASCII, a broken quoted string, or a form that the contract does not take.
    Malformed(&'static str),
    /// Shorter than the contract's minimum.
    TooShort,
    /// Longer than the contract's maximum.
    TooLong,
    /// Not of the contract's pattern (rule 2.10).
    Unmatched,
    /// Two carriers of the key carry different ones.
    Conflict,
}

impl KeyFault {
    /// Whether the value is no key at all (rule 2.11). Several keys, or one of the wrong length, are keys: who sends them asks
    /// for protection, and must not lose it unnoticed.
    fn is_no_key(self) -> bool {
        matches!(self, Self::Empty | Self::Malformed(_) | Self::Unmatched)
    }
}

impl Key {
    /// The key that `headers` carry under the contract's name or an alias; `None` if they carry none. One in the body is
    /// [`Self::read_whole`]'s to find.
    ///
    /// # Errors
    /// A [`KeyFault`] for any value that is there but is not a key. It is treated as missing only where the contract says so
    /// (rule 2.11).
    pub fn read(rules: &KeyRules, headers: &Headers) -> Result<Option<Self>, KeyFault> {
        let mut found: Option<Self> = None;
        for name in names(rules) {
            let mut lines = headers.lines(name);
            let Some(line) = lines.next() else { continue };
            if lines.next().is_some() {
                return Err(KeyFault::Repeated);
            }
            let key = unless_absent(rules, Self::parse(rules, line))?;
            found = agreed(found, key)?;
        }
        Ok(found)
    }

    /// Whether `headers` carry the contract's name or an alias, whatever its value.
    pub fn is_sent(rules: &KeyRules, headers: &Headers) -> bool {
        names(rules).any(|name| headers.has(name))
    }

    /// The key's characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value of a header that the contract reads as this key: bare where it can be, else as a structured-field string.
    pub fn field_value(&self, rules: &KeyRules) -> String {
        let ambiguous = self.0.starts_with('"') || self.0.contains(',');
        match rules.syntax {
            KeySyntax::Either if ambiguous => self.quoted(),
            KeySyntax::Quoted => self.quoted(),
            KeySyntax::Raw | KeySyntax::Either => self.0.clone(),
        }
    }

    fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('\\', "\\\\").replace('"', "\\\""))
    }

    fn parse(rules: &KeyRules, line: &str) -> Result<Self, KeyFault> {
        let value = match (line.strip_prefix('"'), rules.syntax) {
            (Some(rest), KeySyntax::Quoted | KeySyntax::Either) => unquote(rest)?,
            (None, KeySyntax::Quoted) if !line.is_empty() => {
                return Err(KeyFault::Malformed("the key must be in double quotes"));
            }
            // A contract that takes raw keys only takes the quotes as part of the key.
            (Some(_), KeySyntax::Raw) | (None, _) => {
                if line.contains(',') {
                    return Err(KeyFault::Repeated);
                }
                // `""` would be the key of everybody who quotes nothing (rule 2.2).
                if line == r#""""# {
                    return Err(KeyFault::Empty);
                }
                line.to_owned()
            }
        };
        Self::checked(rules, value)
    }

    /// `value` as a key, once nothing is left of the form in which it came.
    fn checked(rules: &KeyRules, value: String) -> Result<Self, KeyFault> {
        if value.is_empty() {
            return Err(KeyFault::Empty);
        }
        let length = match rules.unit {
            LengthUnit::Bytes => value.len(),
            LengthUnit::Characters => value.chars().count(),
        };
        let visible = value.bytes().all(|b| b.is_ascii_graphic());
        // Where such a value is none (rule 2.11), it is none at any length.
        if length > rules.max && (visible || rules.malformed == Malformed::Refuse) {
            return Err(KeyFault::TooLong);
        }
        if !visible {
            return Err(KeyFault::Malformed(
                "a key consists of visible ASCII characters (0x21 to 0x7E)",
            ));
        }
        if length < rules.min {
            return Err(KeyFault::TooShort);
        }
        // Last, so that what is matched is short and plain.
        if rules.pattern.as_ref().is_some_and(|p| !p.matches(&value)) {
            return Err(KeyFault::Unmatched);
        }
        Ok(Self(value))
    }
}

/// What was read, or nothing where the contract takes what is no key for none (rule 2.11).
fn unless_absent(rules: &KeyRules, read: Result<Key, KeyFault>) -> Result<Option<Key>, KeyFault> {
    match read {
        Err(fault) if rules.malformed == Malformed::Absent && fault.is_no_key() => Ok(None),
        read => read.map(Some),
    }
}

/// The one key of two carriers (rule 2.7).
fn agreed(one: Option<Key>, other: Option<Key>) -> Result<Option<Key>, KeyFault> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err(KeyFault::Conflict),
        (one, other) => Ok(one.or(other)),
    }
}

/// The header, then its aliases.
fn names(rules: &KeyRules) -> impl Iterator<Item = &String> {
    std::iter::once(&rules.header).chain(&rules.aliases)
}

/// The content of a structured-field string (RFC 9651 §4.2.5), given what follows its opening quote.
fn unquote(rest: &str) -> Result<String, KeyFault> {
    let mut value = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next() {
            None => return Err(KeyFault::Malformed("the closing quote is missing")),
            Some('"') => break,
            Some('\\') => match characters.next() {
                Some(escaped @ ('"' | '\\')) => value.push(escaped),
                _ => {
                    return Err(KeyFault::Malformed(
                        "a backslash stands only before a quote or a backslash",
                    ));
                }
            },
            Some(character) => value.push(character),
        }
    }
    let after = characters.as_str().trim_start_matches([' ', '\t']);
    match after.chars().next() {
        None => Ok(value),
        Some(',') => Err(KeyFault::Repeated),
        Some(_) => Err(KeyFault::Malformed(
            "nothing may follow the closing quote, parameters neither",
        )),
    }
}
