//! What is wrong with a policy or a contract, said so that it can be mended without reading this code.

use crate::order;
use std::cell::RefCell;
use std::fmt;

/// One error in one file: `FILE:LINE: FIELD: what is wrong; the mend`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as the reader knows it: `reprise.toml`, `contracts/ietf.toml`, `POLICY`.
    pub file: String,
    /// The line in that file, from 1.
    pub line: usize,
    /// The dotted path of the field; empty where the text is not TOML at all.
    pub field: String,
    /// What is wrong.
    pub wrong: String,
    /// What was meant, or what to write instead; empty where the error speaks for itself.
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.field.is_empty() {
            // Of an unknown field it is what the file says: TOML lets a line break stand in a quoted name.
            write!(f, "{}: ", self.field.escape_debug())?;
        }
        f.write_str(&self.wrong)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}

/// Every error that one reading found, ordered by file and line. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// Collects problems while reading goes on: a typo on line 3 must not hide the one on line 30.
///
/// A reader that finds a value wrong reports it here and carries on with a stand-in, which nobody ever sees: `finish`
/// gives a value out only when there was nothing to report.
#[derive(Default)]
pub struct Report(RefCell<Vec<Problem>>);

impl Report {
    /// Adds one problem.
    pub fn add(&self, problem: Problem) {
        self.0.borrow_mut().push(problem);
    }

    /// How many problems there are so far.
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// The value, if nothing was wrong with it.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, Problems> {
        let mut found = Vec::new();
        for problem in self.0.into_inner() {
            // Two routes may trip over the same line of one contract.
            if !found.contains(&problem) {
                order::insert(&mut found, problem, |a, b| a < b);
            }
        }
        match value {
            Some(value) if found.is_empty() => Ok(value),
            _ => Err(Problems(found)),
        }
    }
}

/// `"a", "b" or "c"`.
pub fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// The question that a typo deserves, where one known name is near enough.
pub fn nearest(name: &str, known: &[&str]) -> Option<String> {
    let distance = |word: &str| strsim::damerau_levenshtein(name, word);
    let best = known.iter().min_by_key(|word| distance(word))?;
    (distance(best) <= 1 + best.len() / 5).then(|| format!("did you mean {best:?}?"))
}
