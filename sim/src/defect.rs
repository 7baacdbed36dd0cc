//! Defects that other implementations had, put into this one on demand: a simulation that finds nothing proves nothing
//! (`tests/mutations.rs`). Each stands where the code that it breaks is re-enacted.

macro_rules! defects {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// One of them. Without any, the gateway is as it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Defect { $($(#[$doc])* $name,)* }

        impl Defect {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

defects! {
    /// A waiter that gives up removes the claim (edge case 201).
    WaiterDeletesClaim;
    /// An attempt does not recognise itself (edge case 212).
    ForgetsItself;
    /// `settle` acts in the name of whoever owns the claim (edge case 214).
    SettleWithoutOwner;
    /// The lease has no end (edge case 239).
    NoLease;
    /// A claim is passed on within its lease.
    PassedOnWithinLease;
    /// What is unknown is begun anew.
    UnknownRuns;
    /// A claim is done only while its lease lasts.
    DoneEndsWithLease;
    /// A claim that is done never expires.
    DoneForever;
    /// A key that has expired is not refused.
    NotRefused;
    /// Requests are not compared.
    NoFingerprint;
    /// The caller is no part of what a key belongs to.
    ScopeWithoutCaller;
    /// The client gets its answer before the ledger has it.
    ReplyBeforeSettle;
    /// What got no answer is released.
    LostIsReleased;
    /// A call to the API has the whole deadline, however late its permit came.
    CallOutlivesLease;
    /// The API is called in another attempt's name.
    CallInAnotherName;
    /// What must not be kept is kept.
    PrivateIsKept;
    /// All attempts put their bodies under one name, and any record of the key is adopted.
    AdoptAnyRecord;
    /// A body that KV does not give is taken for a new key.
    MissIsNew;
    /// A body from KV counts, whatever the ledger's row says of it.
    KvDecides;
    /// No body from KV counts.
    KvIsForgotten;
    /// Without the ledger, everything runs.
    RunsWithoutLedger;
    /// An answer that is kept does not say so.
    ExpiryIsNotTold;
    /// A replay is given as if it were a first answer.
    ReplayIsFresh;
    /// One refusal is told as another one.
    WrongRefusal;
    /// The other generation of shards is not looked into.
    NoPeek;

    /// What the own generation says of another request counts, although that one may be about to give way.
    OwnMismatchCounts;
    /// Whatever record an attempt stores is confirmed once there is one.
    AnyRecordIsConfirmed;
    /// Without the ledger, a copy in KV answers that may never have been settled, also where something else may be.
    CopyAlwaysStands;
    /// An isolate remembers an answer that no shard has confirmed.
    RemembersUnconfirmed;
    /// The API is asked whether it happened while two generations may know two requests.
    ProbesBetweenGenerations;
}
