//! One TOML file: its text, what it parses to, and the line of every value in it.

use std::ops::Range;

use toml::de::DeTable;

use super::problem::{Problem, Report};

/// A parsed file that remembers where everything stands.
pub struct Source<'a> {
    label: String,
    text: &'a str,
    document: DeTable<'a>,
}

impl<'a> Source<'a> {
    /// Parses `text`; syntax errors and duplicate keys go to the report, all of them.
    pub fn parse(label: &str, text: &'a str, report: &Report) -> Option<Self> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let source = Self {
            label: label.to_owned(),
            text,
            document: document.into_inner(),
        };
        for error in &errors {
            let at = error.span().unwrap_or(Range { start: 0, end: 0 });
            source.place(at.start, 0).report(
                report,
                "",
                format!("not TOML: {}", error.message()),
                "",
            );
        }
        errors.is_empty().then_some(source)
    }

    /// The file's top table.
    pub fn document(&self) -> &DeTable<'a> {
        &self.document
    }

    /// The place of the byte at `offset`, for the file in that layer (0 wins over 1).
    pub fn place(&self, offset: usize, layer: usize) -> Place<'_> {
        Place {
            label: &self.label,
            text: self.text,
            offset,
            layer,
        }
    }
}

/// Where a value was read. Lines are counted only when there is something to report.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    label: &'a str,
    text: &'a str,
    offset: usize,
    layer: usize,
}

impl<'a> Place<'a> {
    /// Reports a problem with what stands here.
    pub fn report(&self, report: &Report, field: &str, wrong: String, mend: &str) {
        report.add(Problem {
            file: self.label.to_owned(),
            line: self.line(),
            field: field.to_owned(),
            wrong,
            mend: mend.to_owned(),
        });
    }

    fn line(&self) -> usize {
        1 + self
            .text
            .bytes()
            .take(self.offset)
            .filter(|byte| *byte == b'\n')
            .count()
    }

    /// Where to blame two values that do not go together: the one of the outer layer, because a route that overrides
    /// half of a pair is what broke it.
    pub fn or_outer(self, other: Place<'a>) -> Place<'a> {
        if other.layer < self.layer {
            other
        } else {
            self
        }
    }

    /// Whether this value stands in an outer layer, so that it holds whatever the other one says.
    pub fn wins_over(self, other: Place<'_>) -> bool {
        self.layer < other.layer
    }

    /// Whether no file holds the value.
    pub fn is_of_default(self) -> bool {
        self.layer == usize::MAX
    }

    /// The same place, for a value that no file holds: it never takes the blame from one that does.
    pub fn of_default(self) -> Place<'a> {
        Place {
            layer: usize::MAX,
            ..self
        }
    }
}
