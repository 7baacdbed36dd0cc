//! The tables of a contract as the rest of the protocol reads them: resolved, every value there.

mod answer;
mod errors;
mod request;

pub use answer::{
    AfterExpiry, AuthorityRules, GatewayRules, KeyToOrigin, LeaseOver, LedgerDown, Marker,
    MismatchRetry, MismatchRules, NeverStore, NeverThen, Question, Recorded, ReplayRules,
    ReplayStatus, RequestId, RetentionFrom, RetentionRules, RunningRules, Signals, Test,
    UnknownRules, WhileRunning,
};
pub use errors::{ErrorRules, ErrorTemplate, Hint, Words};
pub use request::{
    Anonymous, FingerprintRules, KeyRules, KeySyntax, LengthUnit, Malformed, Missing, ScopeRules,
};
