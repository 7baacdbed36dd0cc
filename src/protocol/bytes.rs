//! Bytes as they are stored and sent: by postcard, whose format changes with no version of it.

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::fmt;

/// As much as most of what is encoded takes, so that it does not grow in many steps.
const ROOM: usize = 512;

/// `value` in bytes.
///
/// # Errors
/// Never for what this crate encodes; the type says so because the encoder does.
pub fn encode(value: &impl Serialize) -> postcard::Result<Vec<u8>> {
    postcard::serialize_with_flavor(value, Growing(Vec::with_capacity(ROOM)))
}

/// As postcard's own, which begins with no room at all.
struct Growing(Vec<u8>);

impl Flavor for Growing {
    type Output = Vec<u8>;

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Vec<u8>> {
        Ok(self.0)
    }
}

/// An array as serde writes it, read in a loop: its own reader of 32 bytes is 2 KB of Wasm.
pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    deserializer.deserialize_tuple(N, Array)
}

struct Array<const N: usize>;

impl<'de, const N: usize> Visitor<'de> for Array<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<[u8; N], A::Error> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            *byte = sequence
                .next_element()?
                .ok_or_else(|| A::Error::custom("it ends too early"))?;
        }
        Ok(bytes)
    }
}
