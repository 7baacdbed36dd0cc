//! The life of one claim (docs/protocol.md §5): two events, both pure functions of the row, the event and the time.
//!
//! ```text
//! absent ──begin──► running ──settle(store)──► done
//!    ▲                 │ ├──settle(hold), lease over──► unknown ──settle(store), settle(release)──►
//!    └─settle(release)─┘
//! ```
//!
//! Whatever its state, a claim is absent from its expiry on.

use super::digest::{Sha256Digest, hex};
use super::fingerprint::Fingerprint;
use super::time::Time;
use serde::{Deserialize, Serialize};

/// SHA-256 of scope and key: the only name under which a key is stored or logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimId(Sha256Digest);

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
}

/// 128 random bits that name one attempt to execute: the owner token of every write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptId([u8; 16]);

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

/// One row of a shard. A claim that is absent has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What the first request asked for.
    pub fingerprint: Fingerprint,
    /// The owner.
    pub attempt: AttemptId,
    /// How far it has come.
    pub state: State,
    /// When the first `begin` was seen.
    pub first_seen: Time,
    /// Until when the owner may be presumed alive.
    pub lease_until: Time,
    /// From when on the claim is absent.
    pub expires_at: Time,
}

/// How far a claim has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// The owner is at work, or was.
    Running,
    /// The outcome is kept: an encoded [`Record`](super::record::Record), opaque here.
    Done(Vec<u8>),
    /// The origin may have executed, and nobody can tell.
    Unknown,
}

/// A Worker asks to execute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// Which claim.
    pub claim: ClaimId,
    /// Who asks.
    pub attempt: AttemptId,
    /// What for.
    pub fingerprint: Fingerprint,
    /// How long the attempt may take, milliseconds.
    pub lease_ms: u64,
    /// How long the claim lasts from now, milliseconds; longer than the lease.
    pub retention_ms: u64,
}

/// What the shard answers to `begin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Begun {
    /// This attempt, and no other, calls the origin.
    Execute {
        /// When the shard first saw the claim.
        first_seen: Time,
        /// When the claim ends.
        expires_at: Time,
    },
    /// The outcome is kept.
    Done {
        /// Who executed.
        attempt: AttemptId,
        /// When the claim ends.
        expires_at: Time,
        /// The encoded record.
        #[serde(with = "serde_bytes")]
        record: Vec<u8>,
    },
    /// Another attempt is at work.
    Running {
        /// For how long already, milliseconds.
        age_ms: u64,
        /// When the claim ends.
        expires_at: Time,
    },
    /// The key belongs to another request.
    Mismatch {
        /// When the claim ends.
        expires_at: Time,
    },
    /// An attempt has ended without an outcome.
    Unknown {
        /// Whose outcome is unknown.
        attempt: AttemptId,
        /// When the claim ends.
        expires_at: Time,
    },
}

/// The owner says how its attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settle {
    /// Which claim.
    pub claim: ClaimId,
    /// The owner.
    pub attempt: AttemptId,
    /// The end.
    pub ending: Ending,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ending {
    /// Keep this outcome.
    Store {
        /// The encoded record.
        #[serde(with = "serde_bytes")]
        record: Vec<u8>,
        /// When the claim ends from now on.
        expires_at: Time,
    },
    /// The operation did not happen, or the contract lets it happen again: forget the claim.
    Release,
    /// The operation may have happened: keep the claim without an outcome.
    Hold,
}

/// What the shard answers to `settle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settled {
    /// It is durable, now or since an earlier call of the same attempt.
    Recorded,
    /// The claim is no longer this attempt's.
    Fenced,
}

/// The one change that an event makes to the row, if any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// The row stays as it is.
    Keep,
    /// There is this row now, whatever was there.
    Put(Claim),
    /// The state becomes unknown.
    MarkUnknown,
    /// The state becomes done, until this time.
    Complete {
        /// The encoded record.
        record: Vec<u8>,
        /// When the claim ends.
        expires_at: Time,
    },
    /// The row goes.
    Remove,
}

/// Rules 5.1 to 5.7.
pub fn begin(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    let Some(claim) = row.filter(|claim| now < claim.expires_at) else {
        let claim = Claim {
            fingerprint: event.fingerprint,
            attempt: event.attempt,
            state: State::Running,
            first_seen: now,
            lease_until: now.plus(event.lease_ms),
            expires_at: now.plus(event.retention_ms),
        };
        let answer = permit(&claim);
        return (Write::Put(claim), answer);
    };
    let (attempt, expires_at) = (claim.attempt, claim.expires_at);
    if claim.fingerprint != event.fingerprint {
        return (Write::Keep, Begun::Mismatch { expires_at });
    }
    match &claim.state {
        State::Done(record) => {
            let record = record.clone();
            (
                Write::Keep,
                Begun::Done {
                    attempt,
                    expires_at,
                    record,
                },
            )
        }
        State::Unknown => (
            Write::Keep,
            Begun::Unknown {
                attempt,
                expires_at,
            },
        ),
        State::Running if now >= claim.lease_until => (
            Write::MarkUnknown,
            Begun::Unknown {
                attempt,
                expires_at,
            },
        ),
        // The reply to this very attempt was lost: nobody else can have the permit.
        State::Running if attempt == event.attempt => (Write::Keep, permit(claim)),
        State::Running => {
            let age_ms = now.since(claim.first_seen);
            (Write::Keep, Begun::Running { age_ms, expires_at })
        }
    }
}

fn permit(claim: &Claim) -> Begun {
    Begun::Execute {
        first_seen: claim.first_seen,
        expires_at: claim.expires_at,
    }
}

/// Rules 5.7 and 5.9 to 5.11. `event` is taken by value: a record is large.
pub fn settle(row: Option<&Claim>, event: Settle, now: Time) -> (Write, Settled) {
    let Some(claim) = row.filter(|claim| now < claim.expires_at) else {
        // A release that was done before left nothing behind, and is asked for once more.
        let settled = match event.ending {
            Ending::Release => Settled::Recorded,
            Ending::Store { .. } | Ending::Hold => Settled::Fenced,
        };
        return (Write::Keep, settled);
    };
    if claim.attempt != event.attempt {
        return (Write::Keep, Settled::Fenced);
    }
    match (&claim.state, event.ending) {
        // Done is final; the same attempt says nothing new.
        (State::Done(_), _) => (Write::Keep, Settled::Recorded),
        (_, Ending::Store { record, expires_at }) => {
            (Write::Complete { record, expires_at }, Settled::Recorded)
        }
        (_, Ending::Release) => (Write::Remove, Settled::Recorded),
        (State::Unknown, Ending::Hold) => (Write::Keep, Settled::Recorded),
        (State::Running, Ending::Hold) => (Write::MarkUnknown, Settled::Recorded),
    }
}
