//! The named pieces of a body, as many of them as a sketch may hold.

use std::ops::Range;

/// A body with more leaves is sketched as a whole (rule 4.20).
pub const MAX_LEAVES: usize = 64;
/// So is one with a longer name, in bytes,
const MAX_NAME: usize = 256;
/// and one whose leaves have more bytes than this together: they are kept beside the body until they are sketched.
const MAX_CONTENT: usize = 64 * 1024;

/// A named piece of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leaf<'l> {
    /// A JSON pointer, or the name of a field.
    pub name: &'l str,
    /// What stands there: equal exactly where the meaning is.
    pub content: &'l [u8],
}

/// Leaves, and that there were too many of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaves {
    found: Found,
    content: usize,
    gave_up: bool,
}

/// All leaves of a body, their names and their contents one behind another: one with dozens of them takes no more allocations than one
/// with a few.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    names: String,
    contents: Vec<u8>,
    leaves: Vec<Place>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    name: Range<usize>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    /// There, among the contents.
    At(Range<usize>),
    /// Of several leaves of one name.
    Joined(Vec<u8>),
}

impl Found {
    /// The leaves, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Leaf<'_>> {
        self.leaves.iter().map(|place| Leaf {
            name: self.name(place),
            content: match &place.content {
                Content::At(at) => self.contents.get(at.clone()).unwrap_or_default(),
                Content::Joined(bytes) => bytes,
            },
        })
    }

    fn name(&self, place: &Place) -> &str {
        self.names.get(place.name.clone()).unwrap_or_default()
    }

    fn push(&mut self, name: &str, content: &[u8]) {
        if self.leaves.capacity() == 0 {
            // What most bodies take, so that they do not grow in many steps.
            self.names.reserve(512);
            self.contents.reserve(512);
            self.leaves.reserve(MAX_LEAVES / 2);
        }
        let (name_at, content_at) = (self.names.len(), self.contents.len());
        self.names.push_str(name);
        self.contents.extend_from_slice(content);
        self.leaves.push(Place {
            name: name_at..self.names.len(),
            content: Content::At(content_at..self.contents.len()),
        });
    }

    /// Whether there is a leaf of this `name`, to which `content` belongs now, too.
    fn join(&mut self, name: &str, content: &[u8]) -> bool {
        let Some(at) = self.leaves.iter().position(|it| self.name(it) == name) else {
            return false;
        };
        if let Some(place) = self.leaves.get_mut(at) {
            if let Content::At(at) = &place.content {
                let bytes = self.contents.get(at.clone()).unwrap_or_default();
                place.content = Content::Joined(bytes.to_vec());
            }
            if let Content::Joined(bytes) = &mut place.content {
                bytes.extend_from_slice(content);
            }
        }
        true
    }
}

impl Leaves {
    /// The body is sketched as a whole.
    pub fn give_up(&mut self) {
        self.gave_up = true;
        self.found = Found::default();
    }

    /// Whether more leaves are wanted.
    pub fn open(&self) -> bool {
        !self.gave_up
    }

    /// Adds a leaf. Two leaves of one name are one leaf with the contents of both, in their order.
    pub fn add(&mut self, name: &str, content: &[u8]) {
        if self.has_room(content) && !self.found.join(name, content) {
            self.push(name, content);
        }
    }

    /// Adds a leaf whose name no other one has.
    pub fn add_other(&mut self, name: &str, content: &[u8]) {
        if self.has_room(content) {
            self.push(name, content);
        }
    }

    fn has_room(&mut self, content: &[u8]) -> bool {
        self.content += content.len();
        if self.content > MAX_CONTENT {
            self.give_up();
        }
        self.open()
    }

    fn push(&mut self, name: &str, content: &[u8]) {
        if self.found.leaves.len() == MAX_LEAVES || name.len() > MAX_NAME {
            return self.give_up();
        }
        self.found.push(name, content);
    }

    /// All of them; `None` beyond the limits.
    pub fn finish(self) -> Option<Found> {
        (!self.gave_up).then_some(self.found)
    }
}
