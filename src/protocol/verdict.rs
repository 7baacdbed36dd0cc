//! What a `begin` means for the request that asked: run, replay, or refuse.

use super::claim::{AttemptId, Begin, Begun};
use super::record::{Place, Record};
use super::refusal::{Code, Refusal};
use super::time::Time;

/// The consequence of a [`Begun`].
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Call the origin.
    Execute(Permit),
    /// Give the first answer again.
    Replay(Record),
    /// Say why not.
    Refuse(Refusal),
}

/// The permission to call the origin once (rule 6.1). It comes out of a `begin` and nowhere else, and cannot be copied:
///
/// ```
/// # use reprise::protocol::verdict::{Attempt, Permit};
/// fn rule_6_1_a_permit_is_spent_once(permit: Permit) -> Attempt {
///     permit.spend()
/// }
/// ```
/// ```compile_fail,E0382
/// # use reprise::protocol::verdict::{Attempt, Permit};
/// fn rule_6_1_a_permit_is_spent_once(permit: Permit) -> (Attempt, Attempt) {
///     (permit.spend(), permit.spend())
/// }
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Permit(Attempt);

/// An attempt that has spent its permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The owner token.
    pub id: AttemptId,
    /// When the claim was first seen.
    pub first_seen: Time,
    /// When the claim ends.
    pub expires_at: Time,
}

impl Permit {
    /// Spends the permission: whoever calls this calls the origin next.
    pub fn spend(self) -> Attempt {
        self.0
    }

    /// The attempt that is permitted.
    pub fn attempt(&self) -> AttemptId {
        self.0.id
    }
}

impl Verdict {
    /// The verdict on `asked`, given the shard's answer.
    pub fn of(asked: &Begin, begun: Begun) -> Self {
        match begun {
            Begun::Execute { first_seen, expires_at } => Self::Execute(Permit(Attempt {
                id: asked.attempt,
                first_seen,
                expires_at,
            })),
            Begun::Done { attempt, expires_at, record } => {
                Self::done(asked, attempt, &record).unwrap_or_else(|refusal| Self::Refuse(refusal.until(expires_at)))
            }
            Begun::Running { age_ms, expires_at } => Self::Refuse(
                Refusal::new(
                    Code::RequestInProgress,
                    format!("The first request with this key has been running for {} s. Retry with the same key.", age_ms / 1000),
                )
                .until(expires_at),
            ),
            Begun::Mismatch { expires_at } => Self::Refuse(
                Refusal::new(
                    Code::KeyReused,
                    "This key belongs to a request that differs from this one. If this is a retry, send exactly the first request again; \
                     another operation needs a key of its own.",
                )
                .until(expires_at),
            ),
            Begun::Unknown { attempt: _, expires_at } => Self::Refuse(
                Refusal::new(
                    Code::OutcomeUnknown,
                    "The first request with this key was sent, and its outcome was never learned. The operation may have happened: \
                     find out at the origin before you send it under a new key.",
                )
                .until(expires_at),
            ),
        }
    }

    fn done(asked: &Begin, attempt: AttemptId, bytes: &[u8]) -> Result<Self, Refusal> {
        let (record, _) = Record::decode(bytes).map_err(|_| {
            Refusal::new(
                Code::RecordUnreadable,
                "The operation ran, but its record was written by another version of this gateway, or is damaged.",
            )
        })?;
        // The row said so already; a record that disagrees with its row must not answer anybody.
        if record.claim != asked.claim
            || record.attempt != attempt
            || record.fingerprint != asked.fingerprint
        {
            return Err(Refusal::new(
                Code::RecordUnreadable,
                "The operation ran, but its record does not belong to this key.",
            ));
        }
        match record.body {
            Place::NotKept => Err(not_kept(&record)),
            Place::Inline(_) | Place::Kv(_) => Ok(Self::Replay(record)),
        }
    }
}

fn not_kept(record: &Record) -> Refusal {
    Refusal::new(
        Code::ResponseNotKept,
        format!(
            "The operation ran and the first caller received its answer, status {}; the body was too large to keep, or could not be stored.",
            record.status
        ),
    )
    .originally(record.status)
}
