//! The stable names of the refusals, and what each means to a client (rule 9.10, `docs/reference/refusals.md`).
//!
//! `build.rs` compiles this table too: a contract may have words of its own for any of them.

/// The value of `Idempotency-Status` (rule 9.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// This request was executed.
    Fresh,
    /// This request was answered from a record.
    Replayed,
    /// Another attempt is at work.
    Running,
    /// The key belongs to another request.
    Mismatch,
    /// Nobody can tell whether the operation happened.
    Unknown,
    /// The operation happened; its answer was not kept.
    Spent,
    /// The contract does not take this key, and the request passed through.
    Ignored,
    /// The ledger was out of reach, and the contract lets the request run without it.
    Unguarded,
}

impl Status {
    /// As sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Replayed => "replayed",
            Self::Running => "running",
            Self::Mismatch => "mismatch",
            Self::Unknown => "unknown",
            Self::Spent => "spent",
            Self::Ignored => "ignored",
            Self::Unguarded => "unguarded",
        }
    }
}

/// Whether the same request with the same key may do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Yes, after a while.
    SameKey,
    /// Yes, once the request is mended.
    AfterMending,
    /// No: it would be refused again.
    No,
}

impl Retry {
    /// As written in a refusal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SameKey => "same-key",
            Self::AfterMending => "after-mending",
            Self::No => "no",
        }
    }
}

/// Whether sending the operation under a new key may run it twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewKey {
    /// Nothing of this operation has run, or can run, under this key.
    Safe,
    /// The operation has run, is running, or may have run.
    Unsafe,
}

impl NewKey {
    /// As written in a refusal.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
        }
    }
}

/// One row of the table: everything about a refusal that does not depend on the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The stable name.
    pub code: &'static str,
    /// The status, unless the contract names another.
    pub status: u16,
    /// A short sentence, the same for every occurrence.
    pub title: &'static str,
    /// Whether to retry.
    pub retry: Retry,
    /// Whether a new key is safe.
    pub new_key: NewKey,
    /// Seconds for `Retry-After`, unless the contract names others.
    pub retry_after: Option<u32>,
    /// The value of `Idempotency-Status`, where a claim stands behind the refusal.
    pub idempotency: Option<Status>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $status:literal, $retry:ident, $new_key:ident, $after:expr, $idempotency:expr, $title:literal;)*) => {
        /// The refusals. Their rows stand in `docs/reference/refusals.md`, in this order.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code with that stable name.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.row().code == name)
            }

            /// The row of this code.
            pub const fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        code: $code, status: $status, title: $title,
                        retry: Retry::$retry, new_key: NewKey::$new_key,
                        retry_after: $after, idempotency: $idempotency,
                    },)*
                }
            }
        }
    };
}

codes! {
    /// The contract requires a key.
    KeyMissing = "key-missing", 400, AfterMending, Safe, None, None, "This operation requires an idempotency key";
    /// Rule 2.2.
    KeyEmpty = "key-empty", 400, AfterMending, Safe, None, None, "The idempotency key is empty";
    /// Rules 2.3 and 2.4.
    KeyMalformed = "key-malformed", 400, AfterMending, Safe, None, None, "The idempotency key is malformed";
    /// Rule 2.5.
    KeyRepeated = "key-repeated", 400, AfterMending, Safe, None, None, "There is more than one idempotency key";
    /// Rule 2.6.
    KeyTooShort = "key-too-short", 400, AfterMending, Safe, None, None, "The idempotency key is too short";
    /// Rule 2.6.
    KeyTooLong = "key-too-long", 400, AfterMending, Safe, None, None, "The idempotency key is too long";
    /// Rule 2.7.
    KeyConflict = "key-conflict", 400, AfterMending, Safe, None, None, "Two different idempotency keys were sent";
    /// The time of the first attempt is no date.
    FirstSentMalformed = "first-sent-malformed", 400, AfterMending, Safe, None, None, "The time of the first attempt is not a date";
    /// The time of the first attempt lies before the retention.
    FirstSentTooOld = "first-sent-too-old", 412, No, Unsafe, None, None, "The first attempt was too long ago";
    /// Rule 3.2.
    CredentialMissing = "credential-missing", 400, AfterMending, Safe, None, None, "An idempotency key needs a credential";
    /// Rule 4.23.
    HeadTooLarge = "head-too-large", 431, AfterMending, Safe, None, None, "The head of the request is too large";
    /// Rule 4.12.
    BodyTooLarge = "body-too-large", 413, No, Safe, None, None, "The request body is too large";
    /// Rule 4.11.
    BodyTruncated = "body-truncated", 400, SameKey, Unsafe, None, None, "The request body broke off";
    /// Rule 5.2.
    KeyReused = "key-reused", 422, No, Safe, None, Some(Status::Mismatch), "The idempotency key was used for another request";
    /// Rule 5.18.
    KeyExpired = "key-expired", 410, No, Unsafe, None, None, "The idempotency key has expired";
    /// Rule 5.3.
    RequestInProgress = "request-in-progress", 409, SameKey, Unsafe, Some(2), Some(Status::Running), "The first request with this key is still running";
    /// Rule 5.6.
    OutcomeUnknown = "outcome-unknown", 409, No, Unsafe, None, Some(Status::Unknown), "Nobody can tell whether the operation ran";
    /// Rule 8.2.
    ResponseNotKept = "response-not-kept", 409, No, Unsafe, None, Some(Status::Spent), "The operation ran, but its answer was not kept";
    /// Rule 8.4.
    ReplayUnavailable = "replay-unavailable", 503, SameKey, Unsafe, Some(5), Some(Status::Replayed), "The operation ran, but its answer cannot be read right now";
    /// Rule 8.1.
    RecordUnreadable = "record-unreadable", 409, No, Unsafe, None, Some(Status::Spent), "The operation ran, but its record cannot be read";
    /// Rule 5.25.
    TooManyKeys = "too-many-keys", 429, SameKey, Unsafe, Some(1), None, "This caller uses too many new keys";
    /// The contract asks who is asking, and the origin said no (A1).
    AuthorityRefused = "authority-refused", 403, No, Unsafe, None, None, "The origin does not know this caller";
    /// The contract asks who is asking, and the origin did not say (A1).
    AuthorityUnavailable = "authority-unavailable", 503, SameKey, Unsafe, Some(2), None, "The origin could not be asked who is asking";
    /// `begin` got no answer; nothing was sent.
    LedgerUnavailable = "ledger-unavailable", 503, SameKey, Unsafe, Some(2), None, "The ledger cannot be reached";
    /// Rule 7.3, not sent.
    OriginNotReached = "origin-not-reached", 502, SameKey, Safe, Some(2), None, "The origin was not reached, and nothing ran";
    /// Rule 7.7, where it is not the client's body that broke off.
    UploadCut = "upload-cut", 502, SameKey, Unsafe, Some(2), None, "The request did not reach the origin whole";
    /// Rule 5.28, where the claim has gone meanwhile.
    SendAgain = "send-again", 503, SameKey, Unsafe, Some(1), None, "The request has to be sent again";
    /// Rule 7.3, sent without answer.
    OriginNoAnswer = "origin-no-answer", 502, No, Unsafe, None, Some(Status::Unknown), "The origin did not answer";
    /// Rule 7.3, deadline.
    OriginDeadline = "origin-deadline", 504, No, Unsafe, None, Some(Status::Unknown), "The origin did not answer in time";
    /// Rule 7.3, broken off.
    OriginBrokeOff = "origin-broke-off", 502, No, Unsafe, None, Some(Status::Unknown), "The origin's answer broke off";
    /// Rule 9.1.
    OutcomeUnrecorded = "outcome-unrecorded", 503, SameKey, Unsafe, Some(5), Some(Status::Unknown), "The operation ran, but its answer could not be recorded";
    /// Rule 6.5.
    LoopDetected = "loop-detected", 508, No, Safe, None, None, "The request has passed this gateway before";
    /// Rule 10.3.
    PolicyInvalid = "policy-invalid", 500, No, Safe, None, None, "The gateway's policy is invalid";
    /// Rule 1.6: a request that is not guarded, and whose origin cannot be reached.
    PassFailed = "pass-failed", 502, No, Unsafe, None, None, "The origin did not answer a request that is not guarded";
    /// A fault of the gateway; the ledger knows how far the request came.
    Internal = "internal", 500, SameKey, Unsafe, Some(2), None, "The gateway failed";
}
