//! The names of claims, attempts and callers.

use crate::protocol::bytes;
use crate::protocol::digest::{Sha256Digest, hex};
use serde::{Deserialize, Serialize};

/// SHA-256 of scope and key: the only name under which a key is stored or logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClaimId(#[serde(deserialize_with = "bytes::deserialize")] Sha256Digest);

impl ClaimId {
    /// From its digest.
    pub fn new(digest: Sha256Digest) -> Self {
        Self(digest)
    }

    /// As stored.
    pub fn as_bytes(&self) -> &Sha256Digest {
        &self.0
    }

    /// In hexadecimal.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// The shard that this claim always maps to, of `shards` (rule 5.13). `shards` is at least 1.
    pub fn shard(&self, shards: u32) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) % u64::from(shards.max(1))
    }

    /// Where the row of this claim lies in its shard, unless another claim lies there (rule 5.29): 53 bits, which JavaScript keeps exactly,
    /// of those that do not choose the shard.
    pub fn slot(&self) -> u64 {
        let [_, _, _, _, _, _, _, _, a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_be_bytes([a, b, c, d, e, f, g, h]) >> 11
    }
}

/// 128 random bits that name one attempt to execute: the owner token of every write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptId(#[serde(deserialize_with = "bytes::deserialize")] [u8; 16]);

impl AttemptId {
    /// From random bytes.
    pub fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// As stored.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// In hexadecimal.
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }
}

/// Who asks: a digest of the scope without the key. No row has it; it only keeps one caller from taking every waiting place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeId(#[serde(deserialize_with = "bytes::deserialize")] [u8; 16]);

impl ScopeId {
    /// Of nobody: of a request that has not been read yet.
    pub const UNREAD: Self = Self([0; 16]);

    /// From its digest.
    pub fn new(digest: [u8; 16]) -> Self {
        Self(digest)
    }
}
