//! One way to hash a list of parts, so that no two different lists give the same bytes.

use sha2::digest::Update;
use sha2::{Digest, Sha256};
use siphasher::sip::SipHasher24;

/// A SHA-256 digest.
pub type Sha256Digest = [u8; 32];

/// Parts, each framed as `len(kind) kind 0|1 len(value) value`: injective, because every length comes before what it measures, and
/// because absent (`0`) and empty (`1`, length 0) are written differently.
#[derive(Clone)]
pub struct Parts<H>(H);

/// SHA-256 over parts.
pub type PartsHasher = Parts<Sha256>;

impl PartsHasher {
    /// A hasher whose digests cannot meet those of another `domain`. A domain names its purpose and its version.
    pub fn new(domain: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.framed(domain.as_bytes());
        hasher
    }

    /// The digest of all parts so far.
    pub fn finish(self) -> Sha256Digest {
        self.0.finalize().into()
    }
}

impl<H: Update> Parts<H> {
    /// Adds the part `kind`; `None` is a part that is not there, which is not the same as an empty one.
    pub fn part(&mut self, kind: &str, value: Option<&[u8]>) -> &mut Self {
        self.framed(kind.as_bytes());
        match value {
            None => self.0.update(&[0]),
            Some(bytes) => {
                self.0.update(&[1]);
                self.framed(bytes);
            }
        }
        self
    }

    fn framed(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

/// SipHash-2-4: for short hashes that are told apart under one key, which nobody has to find collisions for. A tenth of the work of
/// SHA-256.
pub struct Keyed {
    key: SipHasher24,
    /// What is to be hashed. The hasher takes it whole in a fraction of the time that it needs for as many small pieces.
    bytes: Vec<u8>,
}

impl Update for Keyed {
    fn update(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

impl Parts<Keyed> {
    /// A hasher under `key`, whose hashes mean nothing beside those of another one.
    pub fn keyed(key: &[u8; 16]) -> Self {
        Self(Keyed {
            key: SipHasher24::new_with_key(key),
            bytes: Vec::with_capacity(128),
        })
    }

    /// The hash of `fixed`, whose length its `tag` says, and `rest`: a tenth of the bytes that parts would take. Parts begin with a zero,
    /// which is no tag.
    pub fn tagged(&mut self, tag: u8, fixed: &[u8], rest: &[u8]) -> [u8; 8] {
        self.0.bytes.push(tag);
        self.0.bytes.extend_from_slice(fixed);
        self.0.bytes.extend_from_slice(rest);
        self.hash()
    }

    /// The hash of all parts since the last one.
    pub fn hash(&mut self) -> [u8; 8] {
        let hash = self.0.key.hash(&self.0.bytes);
        self.0.bytes.clear();
        hash.to_be_bytes()
    }
}

/// From so many bytes on, a native SHA-256 is quicker than this one in Wasm, the way there and back included (`npm run bench -- hashing`):
/// at 1 KiB asking takes three times as long as hashing here, at 4 KiB as long, and from 64 KiB on native is four times as fast.
pub const NATIVE_FROM: usize = 4096;

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Sha256Digest {
    <Sha256 as Digest>::digest(bytes).into()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut digits = Vec::with_capacity(2 * bytes.len());
    for byte in bytes {
        digits.extend([digit(byte >> 4), digit(byte & 0xf)]);
    }
    String::from_utf8(digits).unwrap_or_default()
}
