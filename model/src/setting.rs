//! The bounds of a run: who asks, what the contract says, and for how long time goes on.

use crate::rules::Rules;

/// For how long an attempt may be presumed alive, in ticks. Two, so that an attempt may have spent a part of it.
pub const LEASE: u8 = 2;
/// How long a claim lasts, in ticks: longer than the lease (rule 5.8).
pub const RETENTION: u8 = 3;

/// One configuration. Everything that it does not bound happens in every way in which it can happen.
#[derive(Clone, Copy)]
pub struct Setting {
    /// For the report.
    pub name: &'static str,
    /// Who asks, in the order of arrival. Every list is a beginning of its own. Requests with the same scope and fingerprint are
    /// a request, its retries and its duplicates: nothing tells these apart.
    pub asks: &'static [&'static [Ask]],
    /// What becomes of a claim whose lease is over (axis I3).
    pub lease_over: LeaseOver,
    /// Whether a request that differs learns first that the other one runs (axis F4).
    pub running_first: bool,
    /// For how long the key of an expired claim is refused, in ticks (axis T3); 0 is not at all.
    pub refuse: u8,
    /// From when on the retention counts (axis T1).
    pub retention_from: RetentionFrom,
    /// How long a request waits for another one that runs, in ticks; 0 is not at all.
    pub wait: u8,
    /// Whether records are put into KV before `settle`, and adopted from there.
    pub kv: bool,
    /// Whether an operator may release, once, a claim whose lease is over.
    pub operator: bool,
    /// Whether expired rows are swept, at any time.
    pub sweep: bool,
    /// When the call to the origin has to end.
    pub deadline: Deadline,
    /// Whether also to ask for what the functions do not promise (`tests/limits.rs`).
    pub strict: bool,
    /// The last tick.
    pub horizon: u8,
    /// What is under test.
    pub rules: Rules,
}

/// A request, as the ledger sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ask {
    /// Who asks. All use the same key, so a scope is a claim.
    pub scope: u8,
    /// What for: the fingerprint. All heads are alike: what differs is in the body.
    pub print: u8,
    /// Whether the body is so large that it is on its way when `begin` is called (rule 4.22).
    pub upload: bool,
}

/// Axis I3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeaseOver {
    /// The outcome is unknown, and stays so until it is settled, released or expired.
    Hold,
    /// The next request takes over.
    RunAgain,
}

/// Axis T1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionFrom {
    /// The first `begin`.
    FirstSight,
    /// The origin's answer.
    Completion,
}

/// When the call to the origin has to end (rule 6.4). The model has one clock, as the data centres of the platform nearly have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deadline {
    /// One lease after the Worker sent its `begin`: no later than the lease, which starts when that arrives.
    FromBegin,
    /// So many ticks after the call was made, whenever that was.
    FromDispatch(u8),
    /// None: an owner may stall wherever it is, for as long as it likes.
    Never,
}
