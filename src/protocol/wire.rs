//! What Worker and shard say to each other, in bytes. Both may run different versions during a roll-out, so every message
//! begins with its version.

use super::bytes;
use super::claim::{Begin, Begun, Settle, Settled};
use super::time::Time;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of the messages. A message of another version is refused, never guessed at.
pub const VERSION: u8 = 3;

/// From the Worker to the shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Call {
    /// May this attempt execute?
    Begin(Begin),
    /// This attempt has ended.
    Settle(Settle),
    /// What is known of a claim that this attempt does not begin here: it has begun it in another generation of shards, or its
    /// body is read and gone.
    Peek(Begin),
}

/// From the shard to the Worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To [`Call::Begin`] and [`Call::Peek`].
    Begun {
        /// The answer.
        begun: Begun,
        /// Whether it was waited for.
        waited: bool,
        /// When the call came in, by the clock of the shard: the times of a claim are of this one (rule 5.8).
        at: Time,
    },
    /// To [`Call::Settle`].
    Settled(Settled),
    /// There is nothing to tell: the claim is free, or has changed hands. A [`Call::Begin`] is answered so where it has waited, and
    /// asks again, to wait for what is left.
    Again,
}

/// `message` in bytes: the version, then postcard.
///
/// # Errors
/// Never for the messages of this module; the type says so because the encoder does.
pub fn encode(message: &impl Serialize) -> Result<Vec<u8>, Unreadable> {
    bytes::encode(&(VERSION, message)).map_err(|_| Unreadable)
}

/// The message that `bytes` hold.
///
/// # Errors
/// [`Unreadable`] for another version, a truncated message, and bytes left over.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unreadable> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => match postcard::take_from_bytes(rest) {
            Ok((message, [])) => Ok(message),
            _ => Err(Unreadable),
        },
        _ => Err(Unreadable),
    }
}

/// Bytes that this version cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl std::fmt::Display for Unreadable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("written by another version, or damaged")
    }
}

impl std::error::Error for Unreadable {}
