//! Two generations of shards side by side, while their number changes (docs/protocol.md rule 5.23).
//!
//! A claim is begun in the own shards first and looked for in the others then, and Workers for which these are the own ones do the
//! same the other way round: whichever of two comes second sees the first, and gives way.

use super::claim::Begun;

/// What two generations come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Both {
    /// What the own generation has answered.
    Own,
    /// This, which the other one knows.
    Other(Begun),
    /// Nothing: what could stand in the way of a permit is not known.
    NoAnswer,
}

/// Whether the other generation has a say after `own`: a claim that is new here, or unknown, may be known there.
pub fn other_counts(own: &Begun) -> bool {
    seems_new(own) || matches!(own, Begun::Unknown { .. })
}

/// What counts of `own` and of what the other generation tells: `None` where it gave no answer, `Some(None)` where nothing there
/// stands in the way. A permit that does not count is to be given back.
pub fn both(own: &Begun, other: Option<Option<Begun>>) -> Both {
    match other {
        Some(Some(begun)) if seems_new(own) || matches!(begun, Begun::Done { .. }) => {
            Both::Other(begun)
        }
        None if matches!(own, Begun::Execute { .. }) => Both::NoAnswer,
        _ => Both::Own,
    }
}

/// A key that is new only here is not one too many, either (rule 5.25).
fn seems_new(own: &Begun) -> bool {
    matches!(own, Begun::Execute { .. } | Begun::TooManyKeys { .. })
}
