//! The values of a section by their types: strings, lists, numbers, words.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::DeValue;

use super::problem::{nearest, one_of};
use super::section::{Entry, Layer, Located, Section};
use super::source::Place;

impl<'a> Section<'a> {
    /// A string, where there is one.
    pub fn text(&self, name: &'a str) -> Option<Located<'a, &'a str>> {
        let entry = self.get(name)?;
        self.as_text(name, &entry)
    }

    /// A list of strings, each with its own place; `None` where there is none, or something else in it.
    pub fn texts(&self, name: &'a str) -> Option<Located<'a, Vec<Located<'a, &'a str>>>> {
        let list = self.values(name)?;
        let texts: Vec<_> = list
            .value
            .iter()
            .filter_map(|item| self.as_text(name, item))
            .collect();
        (texts.len() == list.value.len()).then_some(Located {
            value: texts,
            place: list.place,
        })
    }

    /// A list of values of any type, where there is one.
    pub fn values(&self, name: &'a str) -> Option<Located<'a, Vec<Entry<'a>>>> {
        let (entry, Layer { source, rank, .. }) = self.entry(name)?;
        let DeValue::Array(items) = entry.value else {
            self.wrong_type(name, entry.place, entry.value, "a list");
            return None;
        };
        let place = |item: &Spanned<DeValue<'a>>| source.place(item.span().start, rank);
        let items = items
            .iter()
            .map(|item| Located {
                value: item.get_ref(),
                place: place(item),
            })
            .collect();
        Some(Located {
            value: items,
            place: entry.place,
        })
    }

    /// `true` or `false`.
    pub fn flag(&self, name: &'a str, default: bool) -> bool {
        let Some(entry) = self.get(name) else {
            return default;
        };
        entry.value.as_bool().unwrap_or_else(|| {
            self.wrong_type(name, entry.place, entry.value, "true or false");
            default
        })
    }

    /// An integer within `range`; `meant` says what it is ("a whole number of seconds").
    pub fn number(
        &self,
        name: &'a str,
        range: RangeInclusive<i64>,
        meant: &str,
        default: i64,
    ) -> Located<'a, i64> {
        let Some(entry) = self.get(name) else {
            return Located {
                value: default,
                place: self.home().of_default(),
            };
        };
        let value = self.in_range(name, &entry, range, meant).unwrap_or(default);
        Located {
            value,
            place: entry.place,
        }
    }

    /// The integer of `entry`, or `None` after reporting what is wrong with it.
    pub fn in_range(
        &self,
        name: &str,
        entry: &Entry<'_>,
        range: RangeInclusive<i64>,
        meant: &str,
    ) -> Option<i64> {
        let meant = format!("{meant} from {} to {}", range.start(), range.end());
        let Some(written) = entry.value.as_integer() else {
            self.wrong_type(name, entry.place, entry.value, &meant);
            return None;
        };
        let number = i64::from_str_radix(written.as_str(), written.radix())
            .ok()
            .filter(|n| range.contains(n));
        if number.is_none() {
            self.refuse(
                name,
                entry.place,
                format!("{written} is out of range"),
                &format!("{meant} is meant"),
            );
        }
        number
    }

    /// One of the words `now`; the words `later` are known, with what they mean, and refused (rule 10.2).
    pub fn choice<T: Copy>(
        &self,
        name: &'a str,
        default: T,
        now: &[(&str, T)],
        later: &[(&str, &str)],
    ) -> T {
        let words: Vec<&str> = now.iter().map(|(word, _)| *word).collect();
        let Some(entry) = self.get(name) else {
            return default;
        };
        let Some(value) = entry.value.as_str() else {
            self.wrong_type(name, entry.place, entry.value, &one_of(&words));
            return default;
        };
        let text = Located {
            value,
            place: entry.place,
        };
        match words.iter().position(|word| *word == text.value) {
            Some(at) => now.get(at).map_or(default, |(_, value)| *value),
            None => {
                self.refuse_word(name, &text, &words, later);
                default
            }
        }
    }

    /// Refuses a word: as not implemented yet where `later` knows it, else as unknown, with the nearest known one.
    pub fn refuse_word(
        &self,
        name: &str,
        text: &Located<'_, &str>,
        now: &[&str],
        later: &[(&str, &str)],
    ) {
        let kind = text
            .value
            .split_once(':')
            .map_or(text.value, |(kind, _)| kind);
        let known = later
            .iter()
            .find(|(word, _)| *word == text.value || word.strip_suffix(':') == Some(kind));
        if let Some((_, meaning)) = known {
            let wrong = format!(
                "{:?} ({meaning}) is not implemented in this version",
                text.value
            );
            self.refuse(name, text.place, wrong, &format!("use {}", one_of(now)));
        } else {
            let mend = nearest(text.value, now).unwrap_or_else(|| format!("write {}", one_of(now)));
            self.refuse(
                name,
                text.place,
                format!("{:?} is not a value of this field", text.value),
                &mend,
            );
        }
    }

    fn as_text(&self, name: &str, entry: &Entry<'a>) -> Option<Located<'a, &'a str>> {
        let Some(value) = entry.value.as_str() else {
            self.wrong_type(name, entry.place, entry.value, "a string");
            return None;
        };
        Some(Located {
            value,
            place: entry.place,
        })
    }

    /// Reports a value of another type than the one that is `meant`.
    pub fn wrong_type(&self, name: &str, place: Place<'_>, found: &DeValue<'_>, meant: &str) {
        self.refuse(
            name,
            place,
            format!("is of type {}", found.type_str()),
            &format!("{meant} is meant"),
        );
    }
}
