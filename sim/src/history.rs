//! What has happened, for people. It is written only where somebody wants to read it: a run is made again for that.

use std::cell::RefCell;
use std::fmt::Write;

/// The lines of a run.
pub struct History {
    wanted: bool,
    lines: RefCell<Vec<Line>>,
}

struct Line {
    at: u64,
    /// The key that it is about, by its number; a line about none is about all.
    key: Option<usize>,
    who: String,
    what: String,
}

impl History {
    /// An empty one; where it is not `wanted`, it stays so.
    pub fn new(wanted: bool) -> Self {
        Self {
            wanted,
            lines: RefCell::default(),
        }
    }

    /// Adds what `line` says of who and what.
    pub fn note(&self, at: u64, key: Option<usize>, line: impl FnOnce() -> (String, String)) {
        if self.wanted {
            let (who, what) = line();
            self.lines.borrow_mut().push(Line { at, key, who, what });
        }
    }

    /// All of it, or what concerns that key.
    pub fn text(&self, key: Option<usize>) -> String {
        let mut text = String::new();
        for line in self.lines.borrow().iter() {
            let concerns = key.is_none() || line.key.is_none() || line.key == key;
            if concerns {
                let (seconds, ms) = (line.at / 1000, line.at % 1000);
                let _ = writeln!(text, "{seconds:>6}.{ms:03}  {:<12} {}", line.who, line.what);
            }
        }
        text
    }
}
