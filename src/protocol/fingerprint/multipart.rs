//! The parts of a `multipart/form-data` body (RFC 7578, RFC 2046 §5.1.1), hashed while they come.
//!
//! The parser is stricter than any reader that we know of, because bodies that it takes for equal must be equal to every
//! reader: the text `--boundary` may stand nowhere but in a delimiter, lines end in CR LF, and header lines are not folded.
//! What it refuses counts by its bytes (rule 4.16), which is safe, and costs at most a mismatch.

use super::leaves::Leaves;
use super::part::{Head, head};
use crate::protocol::digest::{PartsHasher, Sha256Digest};
use memchr::memmem::Finder;
use sha2::{Digest, Sha256};

/// The header lines of one part, in bytes.
const MAX_HEAD: usize = 16 * 1024;
/// More parts than any form has: readers refuse fewer.
const MAX_PARTS: u32 = 1 << 16;
/// A chunk is read in pieces of this size, so that the memory needed does not depend on it.
const PIECE: usize = 16 * 1024;

/// A form that counts by its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Multipart {
    /// Of all parts.
    pub digest: Sha256Digest,
    /// The digests of the parts of each name.
    pub leaves: Leaves,
}

/// Hashes a body that is handed over in chunks. It holds at most two pieces and the leaves, however long the body is.
pub struct Hasher {
    /// `--boundary`.
    needle: Finder<'static>,
    state: State,
    /// What has come and is not yet read.
    pending: Vec<u8>,
    parts: u32,
    all: PartsHasher,
    leaves: Leaves,
}

/// Where in the body the next byte stands.
enum State {
    Preamble,
    /// Behind the boundary of a delimiter, or behind the padding after it.
    Delimiter {
        padded: bool,
    },
    Head,
    Content(Box<Part>),
    /// Behind the last `--`.
    Closed,
    Epilogue,
    /// It is no form.
    Broken,
}

struct Part {
    head: Head,
    content: Sha256,
}

/// What one step has read.
enum Step {
    /// So many bytes, and there may be more to read.
    Again(usize),
    /// So many bytes: the rest is needed again when more has come.
    Wait(usize),
}

impl Hasher {
    /// For a body with this boundary, which is a legal one.
    pub fn new(boundary: &str) -> Self {
        Self {
            needle: Finder::new(&format!("--{boundary}")).into_owned(),
            state: State::Preamble,
            // The first delimiter has no line before it, but for the one that this ends.
            pending: b"\r\n".to_vec(),
            parts: 0,
            all: PartsHasher::new("reprise/multipart"),
            leaves: Leaves::default(),
        }
    }

    /// Reads the next bytes of the body, in chunks of any size.
    pub fn update(&mut self, chunk: &[u8]) {
        for piece in chunk.chunks(PIECE) {
            let mut bytes = std::mem::take(&mut self.pending);
            bytes.extend(piece);
            let rest = self.read(&bytes);
            bytes.drain(..bytes.len() - rest);
            self.pending = bytes;
        }
    }

    /// The form, if the body was a whole one (rule 4.16).
    pub fn finish(self) -> Option<Multipart> {
        let whole = match self.state {
            State::Epilogue => true,
            State::Closed => self.pending.is_empty(),
            _ => false,
        };
        whole.then(|| Multipart {
            digest: self.all.finish(),
            leaves: self.leaves,
        })
    }

    /// Reads as far as it can; how many bytes are left.
    fn read(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        loop {
            let (used, again) = match self.step(rest) {
                Step::Again(used) => (used, true),
                Step::Wait(used) => (used, false),
            };
            rest = rest.get(used..).unwrap_or_default();
            if !again {
                return rest.len();
            }
        }
    }

    fn step(&mut self, rest: &[u8]) -> Step {
        match &mut self.state {
            State::Preamble | State::Content(_) => self.content(rest),
            State::Delimiter { padded } => {
                let padded = *padded;
                self.delimiter(rest, padded)
            }
            State::Head => self.head(rest),
            State::Closed => self.closed(rest),
            State::Epilogue => match self.needle.find(rest) {
                None => Step::Wait(self.before_tail(rest)),
                Some(_) => self.broken(rest),
            },
            State::Broken => Step::Wait(rest.len()),
        }
    }

    fn enter(&mut self, used: usize, state: State) -> Step {
        self.state = state;
        Step::Again(used)
    }

    fn broken(&mut self, rest: &[u8]) -> Step {
        self.enter(rest.len(), State::Broken)
    }

    /// How much of `rest`, which holds no needle, cannot belong to a delimiter: all but the longest beginning of one.
    fn before_tail(&self, rest: &[u8]) -> usize {
        rest.len().saturating_sub(self.needle.needle().len() + 1)
    }

    /// Reads what stands before a delimiter, and its boundary.
    fn content(&mut self, rest: &[u8]) -> Step {
        let found = self.needle.find(rest);
        let end = match found {
            None => Some(self.before_tail(rest)),
            // The line break before a delimiter belongs to it.
            Some(at) => at
                .checked_sub(2)
                .filter(|end| rest.get(*end..at) == Some(b"\r\n")),
        };
        let Some(content) = end.and_then(|end| rest.get(..end)) else {
            return self.broken(rest);
        };
        if let State::Content(part) = &mut self.state {
            part.content.update(content);
        }
        let Some(at) = found else {
            return Step::Wait(content.len());
        };
        let next = State::Delimiter { padded: false };
        if let State::Content(part) = std::mem::replace(&mut self.state, next) {
            self.add(part);
        }
        Step::Again(at + self.needle.needle().len())
    }

    fn add(&mut self, part: Box<Part>) {
        let Part { mut head, content } = *part;
        let content: Sha256Digest = content.finalize().into();
        head.hasher.part("content", Some(&content));
        let digest = head.hasher.finish();
        self.all.part("part", Some(&digest));
        match head.name {
            Some(name) => self.leaves.add(&name, &digest),
            None => self.leaves.give_up(),
        }
    }

    fn delimiter(&mut self, rest: &[u8], padded: bool) -> Step {
        match rest {
            [b'\r', b'\n', ..] if self.parts < MAX_PARTS => {
                self.parts += 1;
                self.enter(2, State::Head)
            }
            [b'-', b'-', ..] if !padded => self.enter(2, State::Closed),
            [b' ' | b'\t', ..] => self.enter(1, State::Delimiter { padded: true }),
            [] | [b'\r'] => Step::Wait(0),
            [b'-'] if !padded => Step::Wait(0),
            _ => self.broken(rest),
        }
    }

    fn head(&mut self, rest: &[u8]) -> Step {
        const END: &[u8] = b"\r\n\r\n";
        let Some(at) = memchr::memmem::find(rest, END) else {
            return if rest.len() > MAX_HEAD + END.len() {
                self.broken(rest)
            } else {
                Step::Wait(0)
            };
        };
        let block = rest.get(..at).filter(|block| {
            // A boundary with a colon in it may look like a header line.
            block.len() <= MAX_HEAD && self.needle.find(block).is_none()
        });
        match block.and_then(head) {
            Some(head) => {
                let content = Sha256::new();
                self.enter(
                    at + END.len(),
                    State::Content(Box::new(Part { head, content })),
                )
            }
            None => self.broken(rest),
        }
    }

    fn closed(&mut self, rest: &[u8]) -> Step {
        match rest {
            [b'\r', b'\n', ..] => self.enter(2, State::Epilogue),
            [b' ' | b'\t', ..] => self.enter(1, State::Closed),
            [] | [b'\r'] => Step::Wait(0),
            _ => self.broken(rest),
        }
    }
}
