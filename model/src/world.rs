//! A state of the model.

use crate::onlooker::Onlooker;
use crate::rules::Rules;
use crate::setting::Ask;
use reprise::protocol::claim::{AttemptId, Begun, Claim, State, Write};
use reprise::protocol::fingerprint::Print;
use reprise::protocol::time::Time;
use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

/// How many claims there may be.
pub const CLAIMS: usize = 2;

/// Everything at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The time, for everybody.
    pub now: u8,
    /// What the shard holds durably. It keeps nothing else that counts (rule 5.12).
    pub rows: [Option<Row>; CLAIMS],
    /// The requests, each with the Worker that serves it. Its number is the name of the attempt.
    pub requests: Vec<Request>,
    /// All calls that were ever made to the shard. Each may arrive never, once or many times, now or in the next window:
    /// so lost, late, duplicated and reordered messages are all here, and no message is ever taken out.
    pub mail: BTreeSet<Mail>,
    /// What has been seen from outside. It decides nothing.
    pub onlooker: Onlooker,
}

/// A row of the ledger: the real one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(pub Claim);

/// The checker tells states apart by their hashes. Names repeat one byte, and there is no sketch.
impl Hash for Row {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Claim {
            print,
            sketch: _,
            attempt,
            state,
            first_seen,
            lease_until,
            expires_at,
            refuse_ms,
        } = &self.0;
        (print_of(print), attempt.as_bytes()[0], refuse_ms).hash(hasher);
        for time in [first_seen, lease_until, expires_at] {
            time.millis().hash(hasher);
        }
        match state {
            State::Running => 1.hash(hasher),
            State::Unknown => 2.hash(hasher),
            State::Done(record) => record.hash(hasher),
        }
    }
}

impl Row {
    /// The row after `write`, as `edge::ledger` writes it.
    pub fn after(row: Option<Self>, write: Write) -> Option<Self> {
        match (write, row) {
            (Write::Keep, row) => row,
            (Write::Put(claim), _) => Some(Self(claim)),
            (Write::Remove, _) | (_, None) => None,
            (Write::MarkUnknown { fingerprint }, Some(Self(claim))) => Some(Self(Claim {
                print: fingerprint.map_or(claim.print, Print::Whole),
                state: State::Unknown,
                ..claim
            })),
            (
                Write::Complete {
                    record,
                    expires_at,
                    fingerprint,
                },
                Some(Self(claim)),
            ) => Some(Self(Claim {
                print: Print::Whole(fingerprint),
                state: State::Done(record),
                expires_at,
                ..claim
            })),
        }
    }

    /// Whose it is.
    pub fn attempt(&self) -> u8 {
        number(self.0.attempt)
    }
}

/// One request of a client, and the Worker that serves it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    /// Who asks.
    pub scope: u8,
    /// What for.
    pub print: u8,
    /// Whether its body is on its way when it calls `begin`.
    pub upload: bool,
    /// How far the Worker has come.
    pub phase: Phase,
    /// When it sent the `begin` that counts for its deadline.
    pub asked_at: u8,
    /// Until when it waits for another attempt.
    pub patience: u8,
    /// What KV has of this attempt.
    pub kv: Option<Record>,
    /// Only where a mutation takes two turns for `begin`: what the first has read.
    pub read: Option<Option<Row>>,
}

/// How far a Worker has come. An answer on its way to it, and one that has arrived, are one state: either it goes on, or the
/// answer is lost and it calls again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The request has not arrived.
    Absent,
    /// It calls `begin`.
    Begin,
    /// Its `begin` waits in the shard.
    Parked,
    /// It is told to execute, under a claim that ends then.
    Permit {
        /// The end of the claim.
        expires: u8,
    },
    /// It calls the origin.
    Call {
        /// The end of the claim.
        expires: u8,
        /// Since when.
        since: u8,
    },
    /// It is told that there is a claim, and has to read its body to be told more.
    Unread,
    /// It has read its body, and looks at what is known.
    Read,
    /// It is told that the outcome of an attempt is unknown, and may look into KV.
    Unknown {
        /// Which attempt.
        attempt: u8,
    },
    /// It has called `settle`, for all of what that may bring about is in the mail; or it has given up; or it has crashed.
    Over,
}

/// What a Worker is told: a [`Begun`] as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Told {
    /// Execute, under a claim that ends then.
    Execute {
        /// The end of the claim.
        expires: u8,
    },
    /// Here is the record.
    Done(Record),
    /// The outcome of this attempt is unknown.
    Unknown {
        /// Which attempt.
        attempt: u8,
    },
    /// Read the body first.
    BodyNeeded,
    /// Another attempt runs.
    Running,
    /// The key belongs to another request.
    Mismatch,
    /// The key has expired, and is refused.
    Expired,
}

impl Told {
    /// In short.
    pub fn of(begun: &Begun) -> Self {
        match begun {
            Begun::Execute { expires_at, .. } => Self::Execute {
                expires: tick(*expires_at),
            },
            Begun::Done { record, .. } => Self::Done(Record::decode(record)),
            Begun::Unknown { attempt, .. } => Self::Unknown {
                attempt: number(*attempt),
            },
            Begun::BodyNeeded => Self::BodyNeeded,
            Begun::Running { .. } => Self::Running,
            Begun::Mismatch { .. } => Self::Mismatch,
            Begun::Expired { .. } => Self::Expired,
            Begun::TooManyKeys { .. } => unreachable!("no claim counts keys"),
        }
    }
}

/// What the origin answered to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Record {
    /// The attempt that executed. Every execution has another answer, so this is the answer, too.
    pub attempt: u8,
    /// For whom.
    pub scope: u8,
    /// For which request.
    pub print: u8,
    /// When the claim is to end.
    pub expires: u8,
    /// Whether the body was kept.
    pub body: bool,
}

impl Record {
    /// As the row holds it.
    pub fn encode(self) -> Vec<u8> {
        vec![
            self.attempt,
            self.scope,
            self.print,
            self.expires,
            self.body.into(),
        ]
    }

    /// Back again. An empty record, which only a mutation writes, is of nobody.
    pub fn decode(bytes: &[u8]) -> Self {
        match *bytes {
            [attempt, scope, print, expires, body] => Self {
                attempt,
                scope,
                print,
                expires,
                body: body != 0,
            },
            _ => Self {
                attempt: u8::MAX,
                scope: u8::MAX,
                print: u8::MAX,
                expires: 0,
                body: false,
            },
        }
    }
}

/// A call to the shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mail {
    /// `begin`, of this attempt.
    Begin(u8),
    /// `settle`.
    Settle {
        /// Who calls.
        by: By,
        /// In whose name.
        attempt: u8,
        /// How it ended.
        ending: Ends,
    },
}

/// Who calls `settle`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum By {
    /// The Worker of this request: the owner itself, or one that adopts.
    Worker(u8),
    /// An operator, who has looked at the claim before.
    Operator,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ends {
    /// Keep this.
    Store(Record),
    /// Forget the claim.
    Release,
    /// Nobody knows.
    Hold,
    /// Nobody knows, and the body never ended.
    HoldUnread,
}

impl World {
    /// The beginning: nothing has arrived.
    pub fn new(asks: &[Ask]) -> Self {
        let request = |ask: &Ask| Request {
            scope: ask.scope,
            print: ask.print,
            upload: ask.upload,
            phase: Phase::Absent,
            asked_at: 0,
            patience: 0,
            kv: None,
            read: None,
        };
        Self {
            now: 0,
            rows: Default::default(),
            requests: asks.iter().map(request).collect(),
            mail: BTreeSet::new(),
            onlooker: Onlooker::default(),
        }
    }

    /// A request, by its number.
    pub fn request(&self, number: u8) -> &Request {
        &self.requests[usize::from(number)]
    }

    /// A request, by its number.
    pub fn request_mut(&mut self, number: u8) -> &mut Request {
        &mut self.requests[usize::from(number)]
    }

    /// Which row is about the request of `attempt`.
    pub fn claim_of(&self, rules: &Rules, attempt: u8) -> usize {
        (rules.claim_of)(self.request(attempt).scope)
    }
}

/// What a row holds of its request, in one byte each: 255 while its body is on its way.
pub fn print_of(print: &Print) -> u8 {
    match print {
        Print::Whole(fingerprint) => fingerprint.as_bytes()[0],
        Print::Pending(_) => u8::MAX,
    }
}

/// An attempt's name, from its number.
pub fn name(number: u8) -> AttemptId {
    AttemptId::new([number; 16])
}

/// The number of the attempt with this name.
pub fn number(attempt: AttemptId) -> u8 {
    attempt.as_bytes()[0]
}

/// A tick, from its number: the real functions count milliseconds, and never ask what they are.
pub fn time(tick: u8) -> Time {
    Time::from_millis(tick.into())
}

/// The number of a tick. Far away is far away.
pub fn tick(time: Time) -> u8 {
    u8::try_from(time.millis()).unwrap_or(u8::MAX)
}
