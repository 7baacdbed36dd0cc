//! One way to hash a list of parts, so that no two different lists give the same bytes.

use sha2::{Digest, Sha256};

/// A SHA-256 digest.
pub type Sha256Digest = [u8; 32];

/// SHA-256 over parts, each framed as `len(kind) kind 0|1 len(value) value`: injective, because every length comes before what
/// it measures, and because absent (`0`) and empty (`1`, length 0) are written differently.
#[derive(Clone)]
pub struct PartsHasher(Sha256);

impl PartsHasher {
    /// A hasher whose digests cannot meet those of another `domain`. A domain names its purpose and its version.
    pub fn new(domain: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.framed(domain.as_bytes());
        hasher
    }

    /// Adds the part `kind`; `None` is a part that is not there, which is not the same as an empty one.
    pub fn part(&mut self, kind: &str, value: Option<&[u8]>) -> &mut Self {
        self.framed(kind.as_bytes());
        match value {
            None => self.0.update([0]),
            Some(bytes) => {
                self.0.update([1]);
                self.framed(bytes);
            }
        }
        self
    }

    /// The digest of all parts so far.
    pub fn finish(self) -> Sha256Digest {
        self.0.finalize().into()
    }

    fn framed(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256::digest(bytes).into()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(nibble + if nibble < 10 { b'0' } else { b'a' - 10 });
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)])
        .collect()
}
