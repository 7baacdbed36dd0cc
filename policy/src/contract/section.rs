//! Reading one table that may stand in two files: in a contract, and in a route that overrides some of its values.
//!
//! The layers are looked through in order, value by value, so there is no merge step, and whatever is wrong is reported
//! in the file where it stands. Every name that is asked for is thereby a known one; `end` reports the others.

use std::cell::RefCell;

use toml::de::{DeTable, DeValue};

use super::problem::{Report, nearest};
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

/// A value as it stands in its file.
pub type Entry<'a> = Located<'a, &'a DeValue<'a>>;

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

    /// The table `name` of the winning layer alone, for one that is replaced as a whole; `None` where it is no table.
    pub fn whole(&self, name: &'a str) -> Option<Section<'a>> {
        let (entry, layer) = self.entry(name)?;
        let DeValue::Table(table) = entry.value else {
            return None;
        };
        Some(Section {
            path: self.field(name),
            layers: vec![Layer { table, ..layer }],
            home: entry.place,
            known: RefCell::default(),
            report: self.report,
        })
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

    /// Reports a field that must be there, unless it is: what is wrong with it then is reported already.
    pub fn missing(&self, name: &'a str, mend: &str) {
        if self.get(name).is_none() {
            self.refuse(name, self.home, "is missing".to_owned(), mend);
        }
    }

    /// Refuses the field `name`, which has no effect because of what `cause` says; unless a route says that, over a
    /// contract whose `name` it thereby switches off.
    pub fn idle(&self, name: &'a str, cause: &str, wrong: &str, mend: &str) {
        if let Some(entry) = self.get(name)
            && !self.find(cause).wins_over(entry.place)
        {
            self.refuse(name, entry.place, wrong.to_owned(), mend);
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

    /// The value of the winning layer, and that layer.
    pub fn entry(&self, name: &'a str) -> Option<(Entry<'a>, Layer<'a>)> {
        self.know(name);
        let mut layers = self.layers.iter();
        let (layer, value) = layers.find_map(|layer| Some((*layer, layer.table.get(name)?)))?;
        let place = layer.source.place(value.span().start, layer.rank);
        let value = value.get_ref();
        Some((Located { value, place }, layer))
    }

    pub fn know(&self, name: &'a str) {
        let mut known = self.known.borrow_mut();
        if !known.contains(&name) {
            known.push(name);
        }
    }

    fn field(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}
