//! The life of one claim (docs/protocol.md §5): two events, both pure functions of the row, the event and the time.
//!
//! ```text
//! absent ──begin──► running ──settle(store)──► done
//!    ▲                 │ ├──settle(hold), lease over──► unknown ──settle(store), settle(release)──►
//!    └─settle(release)─┘
//! ```
//!
//! Whatever its state, a claim is absent from its expiry on; a contract may have its key refused for some time after that.

mod id;

pub use id::{AttemptId, ClaimId, ScopeId};

use super::fingerprint::{Fingerprint, HeadFingerprint, Print};
use super::time::Time;
use serde::{Deserialize, Serialize};

/// One row of a shard. A claim that is absent has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// What the first request asked for.
    pub print: Print,
    /// Beside the fingerprint, from the same attempt: bytes that tell what differs in a mismatch. Opaque here.
    pub sketch: Vec<u8>,
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
    /// For how long its key is refused from then on, milliseconds.
    pub refuse_ms: u64,
}

impl Claim {
    /// Until when the row is kept.
    pub fn keep_until(&self) -> Time {
        self.expires_at.plus(self.refuse_ms)
    }
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
    /// What for, but for the body.
    pub head: HeadFingerprint,
    /// What for; `None` while the body is on its way (rule 4.22).
    pub fingerprint: Option<Fingerprint>,
    /// How long the attempt may take, milliseconds.
    pub lease_ms: u64,
    /// How long the claim lasts from now, milliseconds; longer than the lease.
    pub retention_ms: u64,
    /// Who asks.
    pub scope: ScopeId,
    /// How long to wait for a running attempt to end, milliseconds; 0 is an answer at once.
    pub wait_ms: u64,
    /// Whether this attempt may take over a running claim whose lease is over (axis I3).
    pub run_again: bool,
    /// Whether a request that differs learns first that the other one runs (axis F4).
    pub running_first: bool,
    /// For how long the key is refused once the claim has expired, milliseconds (axis T3).
    pub refuse_expired_ms: u64,
    /// What the row keeps beside the fingerprint; may be empty.
    #[serde(with = "serde_bytes")]
    pub sketch: Vec<u8>,
    /// Whether a mismatch shall carry the stored record.
    pub tell_record: bool,
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
        /// For how long the attempt is still known to run, milliseconds: no call to the origin outlives this (rule 6.4).
        lease_left_ms: u64,
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
        /// Until when it may be presumed alive.
        lease_until: Time,
        /// When the claim ends.
        expires_at: Time,
    },
    /// The key belongs to another request.
    Mismatch {
        /// Whose.
        attempt: AttemptId,
        /// When the claim ends.
        expires_at: Time,
        /// That request's sketch.
        #[serde(with = "serde_bytes")]
        sketch: Vec<u8>,
        /// The encoded record, where there is one and it was asked for.
        #[serde(with = "serde_bytes")]
        record: Option<Vec<u8>>,
    },
    /// An attempt has ended without an outcome.
    Unknown {
        /// Whose outcome is unknown.
        attempt: AttemptId,
        /// When the claim ends.
        expires_at: Time,
        /// For how long that attempt may still be alive, milliseconds; 0 once its lease is over.
        lease_left_ms: u64,
        /// Whether that attempt's request is known to be this one: its body may never have been read.
        same: bool,
    },
    /// There is a claim of a whole request, and of this one only the head is known: its body has to be read before anything can
    /// be said (rule 5.28).
    BodyNeeded,
    /// The claim has expired, and its key is refused for some time.
    Expired {
        /// Since when.
        expired_at: Time,
        /// From when on the key is new.
        until: Time,
    },
    /// The key is new, and its caller has claimed too many new ones lately. The shard says so, not [`begin`].
    TooManyKeys {
        /// Until the caller may claim the next one, milliseconds.
        wait_ms: u64,
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
        /// What the attempt asked for, its whole body read.
        fingerprint: Fingerprint,
    },
    /// The operation did not happen, or the contract lets it happen again: forget the claim.
    Release,
    /// The operation may have happened: keep the claim without an outcome.
    Hold {
        /// What the attempt asked for, if its body has come.
        fingerprint: Option<Fingerprint>,
    },
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
    MarkUnknown {
        /// In the place of a fingerprint that is pending.
        fingerprint: Option<Fingerprint>,
    },
    /// The state becomes done, until this time; for how long the key is refused after it does not change.
    Complete {
        /// The encoded record.
        record: Vec<u8>,
        /// When the claim ends.
        expires_at: Time,
        /// In the place of a fingerprint that is pending.
        fingerprint: Fingerprint,
    },
    /// The row goes.
    Remove,
}

/// Rules 5.1 to 5.7, 5.15 to 5.18 and 5.28.
pub fn begin(row: Option<&Claim>, event: &Begin, now: Time) -> (Write, Begun) {
    match row {
        None => start(event, now),
        Some(claim) if now >= claim.keep_until() => start(event, now),
        Some(claim) if now >= claim.expires_at => (
            Write::Keep,
            Begun::Expired {
                expired_at: claim.expires_at,
                until: claim.keep_until(),
            },
        ),
        Some(claim) => match compare(claim.print, event) {
            Comparison::Same => repeat(claim, event, now),
            Comparison::Other => (Write::Keep, differs(claim, event, now)),
            Comparison::BodyNeeded => (Write::Keep, Begun::BodyNeeded),
        },
    }
}

enum Comparison {
    /// The same request, as far as can be told.
    Same,
    Other,
    /// It cannot be told.
    BodyNeeded,
}

/// While a body is on its way, a request is compared by its head; a whole one is needed only beside a whole one.
fn compare(kept: Print, event: &Begin) -> Comparison {
    let same = match (kept, event.fingerprint) {
        (Print::Whole(_), None) => return Comparison::BodyNeeded,
        (Print::Whole(kept), Some(asked)) => kept == asked,
        (Print::Pending(kept), _) => kept == event.head,
    };
    if same {
        Comparison::Same
    } else {
        Comparison::Other
    }
}

/// What a row holds of the request of `event`.
pub fn print(event: &Begin) -> Print {
    event
        .fingerprint
        .map_or(Print::Pending(event.head), Print::Whole)
}

/// What a `begin` that has waited is answered (rule 5.20): what [`begin`] says without a write and without a permit. `None`
/// where there is no such answer, and the caller has to ask anew.
pub fn look(row: Option<&Claim>, event: &Begin, now: Time) -> Option<Begun> {
    match begin(row, event, now) {
        (Write::Keep, Begun::Execute { .. }) => None,
        (Write::Keep, answer) => Some(answer),
        _ => None,
    }
}

/// What is known here of the claim of `event`, which is begun elsewhere (rule 5.23). `None` where it could be begun here, too:
/// it is absent, or its contract runs it again. Nothing is written.
pub fn peek(row: Option<&Claim>, event: &Begin, now: Time) -> Option<Begun> {
    match begin(row, event, now) {
        (Write::Put(_), _) | (_, Begun::Execute { .. }) => None,
        (_, answer) => Some(answer),
    }
}

fn start(event: &Begin, now: Time) -> (Write, Begun) {
    let lease_until = now.plus(event.lease_ms);
    let claim = Claim {
        print: print(event),
        sketch: event.sketch.clone(),
        attempt: event.attempt,
        state: State::Running,
        first_seen: now,
        lease_until,
        expires_at: now.plus(event.retention_ms).max(lease_until),
        refuse_ms: event.refuse_expired_ms,
    };
    let answer = permit(&claim, now);
    (Write::Put(claim), answer)
}

/// Another request under the key of `claim`.
fn differs(claim: &Claim, event: &Begin, now: Time) -> Begun {
    if event.running_first && claim.state == State::Running && now < claim.lease_until {
        return running(claim, now);
    }
    let record = match &claim.state {
        State::Done(record) if event.tell_record => Some(record.clone()),
        _ => None,
    };
    Begun::Mismatch {
        attempt: claim.attempt,
        expires_at: claim.expires_at,
        sketch: claim.sketch.clone(),
        record,
    }
}

/// The request of `claim` once more.
fn repeat(claim: &Claim, event: &Begin, now: Time) -> (Write, Begun) {
    let (attempt, expires_at) = (claim.attempt, claim.expires_at);
    let unknown = Begun::Unknown {
        attempt,
        expires_at,
        lease_left_ms: claim.lease_until.since(now),
        same: matches!(claim.print, Print::Whole(_)),
    };
    match &claim.state {
        State::Done(record) => {
            let record = record.clone();
            let done = Begun::Done {
                attempt,
                expires_at,
                record,
            };
            (Write::Keep, done)
        }
        State::Unknown => (Write::Keep, unknown),
        State::Running if now >= claim.lease_until && event.run_again => {
            take_over(claim, event, now)
        }
        State::Running if now >= claim.lease_until => {
            (Write::MarkUnknown { fingerprint: None }, unknown)
        }
        // The reply to this very attempt was lost: nobody else can have the permit.
        State::Running if attempt == event.attempt => (Write::Keep, permit(claim, now)),
        State::Running => (Write::Keep, running(claim, now)),
    }
}

/// The claim stays what it was for its callers; only the owner is another. It must not expire before the new lease, or two
/// attempts would be at work with nobody late.
fn take_over(claim: &Claim, event: &Begin, now: Time) -> (Write, Begun) {
    let lease_until = now.plus(event.lease_ms);
    let claim = Claim {
        // The two requests are one, but each sketch is bound to its attempt, and each body comes by itself.
        print: print(event),
        sketch: event.sketch.clone(),
        attempt: event.attempt,
        lease_until,
        expires_at: claim.expires_at.max(lease_until),
        ..claim.clone()
    };
    let answer = permit(&claim, now);
    (Write::Put(claim), answer)
}

fn permit(claim: &Claim, now: Time) -> Begun {
    Begun::Execute {
        first_seen: claim.first_seen,
        expires_at: claim.expires_at,
        lease_left_ms: claim.lease_until.since(now),
    }
}

fn running(claim: &Claim, now: Time) -> Begun {
    Begun::Running {
        age_ms: now.since(claim.first_seen),
        lease_until: claim.lease_until,
        expires_at: claim.expires_at,
    }
}

/// Rules 5.7 and 5.9 to 5.11. `event` is taken by value: a record is large.
pub fn settle(row: Option<&Claim>, event: Settle, now: Time) -> (Write, Settled) {
    let Some(claim) = row.filter(|claim| now < claim.expires_at) else {
        // A release that was done before left nothing behind, and is asked for once more.
        let settled = match event.ending {
            Ending::Release => Settled::Recorded,
            Ending::Store { .. } | Ending::Hold { .. } => Settled::Fenced,
        };
        return (Write::Keep, settled);
    };
    if claim.attempt != event.attempt {
        return (Write::Keep, Settled::Fenced);
    }
    match (&claim.state, event.ending) {
        // Somebody else has settled it in this attempt's name, by adoption or because the origin was asked: what the ledger holds
        // is not what this one would show.
        (State::Done(held), Ending::Store { record, .. }) if *held != record => {
            (Write::Keep, Settled::Fenced)
        }
        // Done is final; the same attempt says nothing new.
        (State::Done(_), _) => (Write::Keep, Settled::Recorded),
        (
            _,
            Ending::Store {
                record,
                expires_at,
                fingerprint,
            },
        ) => (
            Write::Complete {
                record,
                expires_at,
                fingerprint,
            },
            Settled::Recorded,
        ),
        (_, Ending::Release) => (Write::Remove, Settled::Recorded),
        (State::Unknown, Ending::Hold { .. }) => (Write::Keep, Settled::Recorded),
        (State::Running, Ending::Hold { fingerprint }) => {
            (Write::MarkUnknown { fingerprint }, Settled::Recorded)
        }
    }
}
