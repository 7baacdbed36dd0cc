//! Two generations of shards side by side, while their number changes (docs/protocol.md rule 5.23).
//!
//! A claim is begun in the own shards first and looked for in the others then, and Workers for which these are the own ones do the
//! same the other way round: whichever of two comes second sees the first, and gives way. So a claim that is not done may be one
//! that is about to give way, in either generation, or one that gave way and whose release was lost. Only an outcome is certain.

use super::claim::Begun;

/// What two generations come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Both {
    /// What the own generation has answered.
    Own,
    /// This, which the other one knows.
    Other(Begun),
    /// Nothing: what the own generation has answered may be wrong, and the other one does not tell.
    NoAnswer,
}

/// Whether the other generation has a say after `own`.
pub fn other_counts(own: &Begun) -> bool {
    // Nothing runs anywhere while a key is refused; and where a body is needed, both are asked once it has come.
    !matches!(
        own,
        Begun::Done { .. } | Begun::Expired { .. } | Begun::BodyNeeded
    )
}

/// What counts of `own` and of what the other generation tells: `None` where it gave no answer, `Some(None)` where nothing there
/// stands in the way. A permit that does not count is to be given back.
pub fn both(own: &Begun, other: Option<Option<Begun>>) -> Both {
    match other {
        Some(Some(begun)) if weight(&begun) > weight(own) => Both::Other(begun),
        Some(_) => Both::Own,
        None => Both::NoAnswer,
    }
}

/// Of two answers, the one counts that keeps a client from more: from running what has run, from giving up what may still be
/// answered, from taking a new key for what may have happened.
fn weight(begun: &Begun) -> u8 {
    match begun {
        Begun::Execute { .. } | Begun::TooManyKeys { .. } => 0,
        Begun::Mismatch { .. } => 1,
        Begun::Expired { .. } => 2,
        Begun::BodyNeeded => 3,
        Begun::Unknown { .. } => 4,
        Begun::Running { .. } => 5,
        Begun::Done { .. } => 6,
    }
}
