//! What a `begin` means for the request that asked: run, replay, or refuse.

use super::claim::{AttemptId, Begin, Begun};
use super::contract::{Contract, LedgerDown, RetentionFrom, RetentionRules};
use super::fingerprint::Contents;
use super::fingerprint::sketch::differences;
use super::record::{Place, Record};
use super::refusal::{Code, Refusal};
use super::request::Inbound;
use super::time::Time;
use serde_json::Value;

/// The consequence of a [`Begun`].
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Call the origin.
    Execute(Permit),
    /// Give the first answer again.
    Replay(Record),
    /// Say that the key belongs to another request, and how that one differs.
    Mismatch(Mismatch),
    /// Read the whole body, without sending any of it, and ask what is known then (rule 5.28).
    BodyNeeded,
    /// Say why not.
    Refuse(Refusal),
}

/// What is known of the request whose key was used for another one (rule 5.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The attempt of that request.
    pub attempt: AttemptId,
    /// When its claim ends.
    pub expires_at: Time,
    /// Its sketch; empty where none was kept.
    pub sketch: Vec<u8>,
    /// Its first answer, where that was asked for, is there and can be read.
    pub record: Option<Record>,
}

impl Mismatch {
    /// What the JSON pointer leads to in the first answer, where that is text or a number (axis F3). Only a body that lies in
    /// the row is looked into.
    pub fn resource_id(&self, pointer: &str) -> Option<Value> {
        let Place::Inline(body) = &self.record.as_ref()?.body else {
            return None;
        };
        let answer: Value = serde_json::from_str(str::from_utf8(body).ok()?).ok()?;
        let id = answer.pointer(pointer)?;
        (id.is_string() || id.is_number()).then(|| id.clone())
    }

    /// The refusal, without an explanation.
    pub fn refusal(&self) -> Refusal {
        Refusal::new(
            Code::KeyReused,
            "This key belongs to a request that differs from this one. If this is a retry, send exactly the first request again; \
             another operation needs a key of its own.",
        )
        .until(self.expires_at)
    }

    /// The refusal of `request`, with what differs and what the first request made, as far as the contract tells (axis F3).
    pub fn explained(
        &self,
        contract: &Contract,
        request: &Inbound,
        contents: &Contents,
    ) -> Refusal {
        let salt = self.attempt.as_bytes();
        let found = differences(&contract.fingerprint, salt, &self.sketch, request, contents);
        let found = found
            .iter()
            .filter_map(|one| serde_json::to_value(one).ok());
        let refusal = self.refusal().explained(found.collect());
        let resource = contract.mismatch.resource.as_ref();
        match resource.and_then(|pointer| self.resource_id(pointer)) {
            Some(id) => refusal.about_resource(id),
            None => refusal,
        }
    }
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
    /// For how long the attempt was known to run when the shard said so, milliseconds.
    pub lease_left_ms: u64,
}

impl Attempt {
    /// How long the one call may take that begins `elapsed_ms` after the ledger was asked: `deadline_ms`, or what is left of the
    /// lease, which runs since the shard gave the permit, later than it was asked for it. `None` where nothing is left, and
    /// nothing is sent (rule 6.4).
    pub fn time_for_call(&self, deadline_ms: u64, elapsed_ms: u64) -> Option<u64> {
        let left_ms = self.lease_left_ms.saturating_sub(elapsed_ms);
        (left_ms > 0).then(|| deadline_ms.min(left_ms))
    }

    /// Until when an answer is kept that was complete at `completed`; `ttl_ms` is what the origin says of that (rules 5.8, 8.13).
    pub fn kept_until(&self, rules: &RetentionRules, completed: Time, ttl_ms: Option<u64>) -> Time {
        match (ttl_ms, rules.from) {
            (Some(ms), _) => completed.plus(ms),
            (None, RetentionFrom::FirstSight) => self.expires_at,
            (None, RetentionFrom::Completion) => completed.plus(rules.ms),
        }
    }
}

impl Permit {
    /// Spends the permission: whoever calls this calls the origin next.
    pub fn spend(self) -> Attempt {
        self.0
    }

    /// The permission that a contract gives by itself where the ledger gives no answer (axis D1), and no other one gives.
    pub fn unguarded(asked: &Begin, rule: LedgerDown, now: Time) -> Option<Self> {
        match rule {
            LedgerDown::Refuse => None,
            LedgerDown::RunUnguarded => Some(Self(Attempt {
                id: asked.attempt,
                first_seen: now,
                expires_at: now.plus(asked.retention_ms),
                lease_left_ms: asked.lease_ms,
            })),
        }
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
            Begun::Execute { first_seen, expires_at, lease_left_ms } => Self::Execute(Permit(Attempt {
                id: asked.attempt,
                first_seen,
                expires_at,
                lease_left_ms,
            })),
            Begun::Done { attempt, expires_at, record } => {
                Self::done(asked, attempt, &record).unwrap_or_else(|refusal| Self::Refuse(refusal.until(expires_at)))
            }
            Begun::Running { age_ms, expires_at, .. } => Self::Refuse(
                Refusal::new(
                    Code::RequestInProgress,
                    format!("The first request with this key has been running for {} s. Retry with the same key.", age_ms / 1000),
                )
                .until(expires_at),
            ),
            Begun::Mismatch { attempt, expires_at, sketch, record } => Self::Mismatch(Mismatch {
                attempt,
                expires_at,
                sketch,
                record: record.and_then(|bytes| other_record(asked, attempt, &bytes)),
            }),
            Begun::Unknown { expires_at, .. } => Self::Refuse(
                Refusal::new(
                    Code::OutcomeUnknown,
                    "The first request with this key was sent, and its outcome was never learned. The operation may have happened: \
                     find out at the origin before you send it under a new key.",
                )
                .until(expires_at),
            ),
            Begun::BodyNeeded => Self::BodyNeeded,
            Begun::Expired { expired_at, until } => Self::Refuse(
                Refusal::new(
                    Code::KeyExpired,
                    format!(
                        "This key was used before, and what was kept under it ended on {}. If this is a retry, the operation may have \
                         happened: find out at the origin before you send it under a new key.",
                        expired_at.http_date()
                    ),
                )
                .until(until),
            ),
            Begun::TooManyKeys { wait_ms } => Self::Refuse(
                Refusal::new(
                    Code::TooManyKeys,
                    "This caller has sent too many new keys within a minute. Nothing was sent to the origin by this request, and nothing \
                     is kept under its key. Retry with the same key.",
                )
                .after(wait_ms),
            ),
        }
    }

    /// Whether it can be told as it stands. A body that is kept elsewhere comes while its reader reads, and only in work that was handed
    /// over that is not broken off. A permission tells nothing.
    pub fn is_at_hand(&self) -> bool {
        match self {
            Self::Replay(record) => matches!(record.body, Place::Inline(_)),
            Self::Mismatch(_) | Self::Refuse(_) => true,
            Self::Execute(_) | Self::BodyNeeded => false,
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
            || Some(record.fingerprint) != asked.fingerprint
        {
            return Err(Refusal::new(
                Code::RecordUnreadable,
                "The operation ran, but its record does not belong to this key.",
            ));
        }
        match record.body {
            Place::NotKept(why) => Err(Refusal::not_kept(&record, why)),
            Place::Inline(_) | Place::Kv(_) | Place::R2(_) => Ok(Self::Replay(record)),
        }
    }
}

/// The record behind a mismatch: of this claim and of its owner, but of another request. It only explains, so one that cannot
/// be read is none.
fn other_record(asked: &Begin, attempt: AttemptId, bytes: &[u8]) -> Option<Record> {
    let (record, _) = Record::decode(bytes).ok()?;
    (record.claim == asked.claim && record.attempt == attempt).then_some(record)
}
