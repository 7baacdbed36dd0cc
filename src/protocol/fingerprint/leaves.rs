//! The named pieces of a body, as many of them as a sketch may hold.

/// A body with more leaves is sketched as a whole (rule 4.20).
pub const MAX_LEAVES: usize = 64;
/// So is one with a longer name, in bytes,
const MAX_NAME: usize = 256;
/// and one whose leaves have more bytes than this together: they are kept beside the body until they are sketched.
const MAX_CONTENT: usize = 64 * 1024;

/// A named piece of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// A JSON pointer, or the name of a field.
    pub name: String,
    /// What stands there: equal exactly where the meaning is.
    pub content: Vec<u8>,
}

/// Collects leaves, and gives up at the limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leaves {
    found: Vec<Leaf>,
    content: usize,
    gave_up: bool,
}

impl Leaves {
    /// The body is sketched as a whole.
    pub fn give_up(&mut self) {
        self.gave_up = true;
        self.found = Vec::new();
    }

    /// Whether more leaves are wanted.
    pub fn open(&self) -> bool {
        !self.gave_up
    }

    /// Adds a leaf. Two leaves of one name are one leaf with the contents of both, in their order.
    pub fn add(&mut self, name: &str, content: &[u8]) {
        match self.found.iter_mut().find(|leaf| leaf.name == name) {
            Some(leaf) => {
                leaf.content.extend(content);
                self.count(content);
            }
            None => self.add_other(name, content),
        }
    }

    /// Adds a leaf whose name no other one has.
    pub fn add_other(&mut self, name: &str, content: &[u8]) {
        if self.gave_up {
            return;
        }
        if self.found.len() == MAX_LEAVES || name.len() > MAX_NAME {
            return self.give_up();
        }
        self.found.push(Leaf {
            name: name.to_owned(),
            content: content.to_vec(),
        });
        self.count(content);
    }

    fn count(&mut self, content: &[u8]) {
        self.content += content.len();
        if self.content > MAX_CONTENT {
            self.give_up();
        }
    }

    /// All of them; `None` beyond the limits.
    pub fn finish(self) -> Option<Vec<Leaf>> {
        (!self.gave_up).then_some(self.found)
    }
}
