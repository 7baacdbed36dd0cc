//! Reading one table that may stand in two files: in a contract, and in a route that overrides some of its values.
//!
//! The layers are looked through in order, value by value, so there is no merge step, and whatever is wrong is reported
//! in the file where it stands. Every name that is asked for is thereby a known one; `end` reports the others.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Report, nearest, one_of};
use super::source::{Place, Source};

/// The same table of each file that has it; the first layer wins.
pub struct Section<'a> {
    path: String,
    layers: Vec<Layer<'a>>,
    home: Place<'a>,
    known: RefCell<Vec<&'a str>>,
    report: &'a Report,
}

/// One file's part of a section.
#[derive(Clone, Copy)]
pub struct Layer<'a> {
    /// The file.
    pub source: &'a Source<'a>,
    /// The table in it.
    pub table: &'a DeTable<'a>,
    /// Where the table begins, in bytes.
    pub offset: usize,
    /// 0 wins over 1.
    pub rank: usize,
}

/// A value and where it came from.
#[derive(Clone)]
pub struct Located<'a, T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub place: Place<'a>,
}

type Entry<'a> = Located<'a, &'a DeValue<'a>>;

impl<'a> Section<'a> {
    /// The top of a file, or of a route over the top of its contract.
    pub fn top(layers: Vec<Layer<'a>>, home: Place<'a>, report: &'a Report) -> Self {
        Self {
            path: String::new(),
            layers,
            home,
            known: RefCell::default(),
            report,
        }
    }

    /// The table `name` within this one; an empty one where no layer has it.
    pub fn table(&self, name: &'a str) -> Section<'a> {
        self.know(name);
        let mut layers = Vec::new();
        for layer in &self.layers {
            let Some(value) = layer.table.get(name) else {
                continue;
            };
            let offset = value.span().start;
            match value.get_ref() {
                DeValue::Table(table) => layers.push(Layer {
                    table,
                    offset,
                    ..*layer
                }),
                other => self.wrong_type(
                    name,
                    layer.source.place(offset, layer.rank),
                    other,
                    "a table",
                ),
            }
        }
        let home = layers.first().map_or(self.home, |layer| {
            layer.source.place(layer.offset, layer.rank)
        });
        Section {
            path: self.field(name),
            layers,
            home,
            known: RefCell::default(),
            report: self.report,
        }
    }

    /// The tables of the array `name` (`[[name]]`), each as a layer of its own.
    pub fn tables(&self, name: &'a str) -> Vec<Layer<'a>> {
        let Some((entry, Layer { source, rank, .. })) = self.entry(name) else {
            return Vec::new();
        };
        let DeValue::Array(items) = entry.value else {
            self.wrong_type(name, entry.place, entry.value, "an array of tables ([[…]])");
            return Vec::new();
        };
        let mut layers = Vec::new();
        for item in items.iter() {
            let offset = item.span().start;
            match item.get_ref() {
                DeValue::Table(table) => layers.push(Layer {
                    source,
                    table,
                    offset,
                    rank,
                }),
                other => self.wrong_type(name, source.place(offset, rank), other, "a table"),
            }
        }
        layers
    }

    /// One table of the array `name`, as a section of its own.
    pub fn item(&self, name: &str, layer: Layer<'a>) -> Section<'a> {
        Section {
            path: self.field(name),
            home: layer.source.place(layer.offset, layer.rank),
            layers: vec![layer],
            known: RefCell::default(),
            report: self.report,
        }
    }

    /// The names of all fields that are there, each where it wins; for a table whose names are data.
    pub fn names(&self) -> Vec<Located<'a, &'a str>> {
        let mut names: Vec<Located<'a, &'a str>> = Vec::new();
        for layer in &self.layers {
            for key in layer.table.keys() {
                let value: &str = key.get_ref();
                if names.iter().all(|name| name.value != value) {
                    let place = layer.source.place(key.span().start, layer.rank);
                    names.push(Located { value, place });
                }
            }
        }
        names
    }

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
                place: self.home.of_default(),
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
        let Some(text) = self.text(name) else {
            return default;
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

    /// Reports a field that must be there, unless it is: what is wrong with it then is reported already.
    pub fn missing(&self, name: &'a str, mend: &str) {
        if self.get(name).is_none() {
            self.refuse(name, self.home, "is missing".to_owned(), mend);
        }
    }

    /// Takes names as known that another reader of the same table asks for.
    pub fn allow(&self, names: &[&'a str]) {
        names.iter().for_each(|name| self.know(name));
    }

    /// Reports every field that nobody asked for. Called once, after the last read.
    pub fn end(&self) {
        let known = self.known.borrow();
        for layer in &self.layers {
            for key in layer
                .table
                .keys()
                .filter(|key| !known.contains(&key.get_ref().as_ref()))
            {
                let name: &str = key.get_ref();
                let place = layer.source.place(key.span().start, layer.rank);
                let mend = nearest(name, &known)
                    .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
                self.refuse(name, place, "unknown field".to_owned(), &mend);
            }
        }
    }

    /// Reports a problem with the field `name`.
    pub fn refuse(&self, name: &str, place: Place<'_>, wrong: String, mend: &str) {
        place.report(self.report, &self.field(name), wrong, mend);
    }

    /// Where this table begins, or the one around it.
    pub fn home(&self) -> Place<'a> {
        self.home
    }

    /// Where the dotted path `field` is written; where it is not, this table, which then takes no blame from a value.
    pub fn find(&self, field: &str) -> Place<'a> {
        let place = |layer: &Layer<'a>| {
            let mut names = field.split('.');
            let mut value = layer.table.get(names.next()?)?;
            for name in names {
                value = value.get_ref().get(name)?;
            }
            Some(layer.source.place(value.span().start, layer.rank))
        };
        self.layers
            .iter()
            .find_map(place)
            .unwrap_or(self.home.of_default())
    }

    /// The value of the winning layer.
    pub fn get(&self, name: &'a str) -> Option<Entry<'a>> {
        self.entry(name).map(|(entry, _)| entry)
    }

    fn entry(&self, name: &'a str) -> Option<(Entry<'a>, Layer<'a>)> {
        self.know(name);
        let mut layers = self.layers.iter();
        let (layer, value) = layers.find_map(|layer| Some((*layer, layer.table.get(name)?)))?;
        let place = layer.source.place(value.span().start, layer.rank);
        let value = value.get_ref();
        Some((Located { value, place }, layer))
    }

    fn know(&self, name: &'a str) {
        let mut known = self.known.borrow_mut();
        if !known.contains(&name) {
            known.push(name);
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

    fn wrong_type(&self, name: &str, place: Place<'_>, found: &DeValue<'_>, meant: &str) {
        self.refuse(
            name,
            place,
            format!("is of type {}", found.type_str()),
            &format!("{meant} is meant"),
        );
    }

    fn field(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}
