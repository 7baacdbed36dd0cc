//! The settings that are run: several small ones, each about one thing, instead of one that nobody could exhaust.

use crate::rules::REAL;
use crate::setting::{Ask, Deadline, LeaseOver, RetentionFrom, Setting};

const fn ask(scope: u8, print: u8) -> Ask {
    Ask {
        scope,
        print,
        upload: false,
    }
}

const fn upload(print: u8) -> Ask {
    Ask {
        upload: true,
        ..ask(0, print)
    }
}

const THREE: &[&[Ask]] = &[&[ask(0, 0); 3]];
const FOUR: &[&[Ask]] = &[&[ask(0, 0); 4]];
/// One of three requests differs from the others, wherever it comes.
const TWO_PRINTS: &[&[Ask]] = &[
    &[ask(0, 0), ask(0, 0), ask(0, 1)],
    &[ask(0, 0), ask(0, 1), ask(0, 0)],
    &[ask(0, 0), ask(0, 1), ask(0, 1)],
];
/// One of three uploads differs from the others in its body; or one of the three is no upload.
const UPLOADS: &[&[Ask]] = &[
    &[upload(0), upload(0), upload(1)],
    &[upload(0), upload(1), ask(0, 0)],
    &[ask(0, 0), upload(0), upload(1)],
];
/// One of three requests is of another caller.
const TWO_CALLERS: &[&[Ask]] = &[
    &[ask(0, 0), ask(0, 0), ask(1, 0)],
    &[ask(0, 0), ask(1, 0), ask(0, 0)],
    &[ask(0, 0), ask(1, 0), ask(1, 0)],
];

/// A request and its retries: the plain contract.
pub const HOLD: Setting = Setting {
    name: "hold",
    asks: THREE,
    lease_over: LeaseOver::Hold,
    running_first: false,
    refuse: 0,
    retention_from: RetentionFrom::FirstSight,
    wait: 0,
    kv: false,
    operator: false,
    sweep: false,
    deadline: Deadline::FromBegin,
    strict: false,
    horizon: 6,
    rules: REAL,
};

/// One more retry.
pub const HOLD_OF_FOUR: Setting = Setting {
    name: "hold, four requests",
    asks: FOUR,
    ..HOLD
};

/// The next request takes over when the lease is over.
pub const RUN_AGAIN: Setting = Setting {
    name: "run-again",
    lease_over: LeaseOver::RunAgain,
    ..HOLD
};

/// One more retry.
pub const RUN_AGAIN_OF_FOUR: Setting = Setting {
    name: "run-again, four requests",
    asks: FOUR,
    horizon: 5,
    ..RUN_AGAIN
};

/// Records are put into KV, and adopted from there.
pub const ADOPTION: Setting = Setting {
    name: "adoption",
    kv: true,
    ..HOLD
};

/// An operator releases a claim whose outcome is unknown.
pub const OPERATOR: Setting = Setting {
    name: "operator",
    operator: true,
    ..HOLD
};

/// Both: which of them is first?
pub const ADOPTION_AND_OPERATOR: Setting = Setting {
    name: "adoption and operator",
    kv: true,
    operator: true,
    horizon: 5,
    ..HOLD
};

/// Both, of claims that are passed on: a record in KV may be of an attempt that is fenced.
pub const ADOPTION_AND_RUN_AGAIN: Setting = Setting {
    name: "adoption and operator, run-again",
    lease_over: LeaseOver::RunAgain,
    ..ADOPTION_AND_OPERATOR
};

/// Retries wait for the request that runs.
pub const WAIT: Setting = Setting {
    name: "wait",
    wait: 2,
    ..HOLD
};

/// Waiting, and taking over.
pub const WAIT_AND_RUN_AGAIN: Setting = Setting {
    name: "wait, run-again",
    lease_over: LeaseOver::RunAgain,
    ..WAIT
};

/// Another request under the same key.
pub const MISMATCH: Setting = Setting {
    name: "mismatch",
    asks: TWO_PRINTS,
    ..HOLD
};

/// Another request under the same key, which is told first that the other one runs.
pub const RUNNING_FIRST: Setting = Setting {
    name: "running first",
    running_first: true,
    lease_over: LeaseOver::RunAgain,
    ..MISMATCH
};

/// Two callers use the same key.
pub const CALLERS: Setting = Setting {
    name: "two callers",
    asks: TWO_CALLERS,
    horizon: 4,
    ..HOLD
};

/// An expired key is refused.
pub const REFUSE: Setting = Setting {
    name: "refuse expired",
    refuse: 1,
    sweep: true,
    ..HOLD
};

/// The retention begins with the origin's answer.
pub const COMPLETION: Setting = Setting {
    name: "from completion, refuse expired",
    retention_from: RetentionFrom::Completion,
    ..REFUSE
};

/// Owners stall wherever they are, for as long as they like.
pub const STALLED: Setting = Setting {
    name: "stalled owners",
    deadline: Deadline::Never,
    ..HOLD
};

/// Owners stall, and are passed over.
pub const STALLED_AND_RUN_AGAIN: Setting = Setting {
    name: "stalled owners, run-again",
    lease_over: LeaseOver::RunAgain,
    ..STALLED
};

/// Bodies that are on their way when their claims are made, and bodies that may never end.
pub const UPLOAD: Setting = Setting {
    name: "uploads",
    asks: UPLOADS,
    ..HOLD
};

/// Uploads whose answer may lie in KV.
pub const UPLOAD_AND_ADOPTION: Setting = Setting {
    name: "uploads and adoption",
    kv: true,
    ..UPLOAD
};

/// Uploads that are passed on.
pub const UPLOAD_AND_RUN_AGAIN: Setting = Setting {
    name: "uploads, run-again",
    lease_over: LeaseOver::RunAgain,
    ..UPLOAD
};
