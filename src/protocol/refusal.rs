//! What the gateway itself answers (docs/protocol.md rule 9.10, docs/reference/refusals.md): problem details by RFC 9457.

use super::contract::{Contract, MismatchRetry};
use super::headers::Headers;
use super::replay::{Head, Status};
use super::time::Time;
use serde::Serialize;

/// Where the `type` of every refusal points: this gateway serves `docs/reference/refusals.md` there. The fragment is the code.
pub const TYPE_PATH: &str = "/.reprise/refusals";

/// Whether the same request with the same key may do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retry {
    /// Yes, after a while.
    SameKey,
    /// Yes, once the request is mended.
    AfterMending,
    /// No: it would be refused again.
    No,
}

/// Whether sending the operation under a new key may run it twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewKey {
    /// Nothing of this operation has run, or can run, under this key.
    Safe,
    /// The operation has run, is running, or may have run.
    Unsafe,
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
    KeyConflict = "key-conflict", 400, AfterMending, Safe, None, None, "Two headers carry different idempotency keys";
    /// Rule 3.2.
    CredentialMissing = "credential-missing", 400, AfterMending, Safe, None, None, "An idempotency key needs a credential";
    /// Rule 4.12.
    BodyTooLarge = "body-too-large", 413, No, Safe, None, None, "The request body is too large";
    /// Rule 4.11.
    BodyTruncated = "body-truncated", 400, SameKey, Unsafe, None, None, "The request body broke off";
    /// Rule 5.2.
    KeyReused = "key-reused", 422, No, Safe, None, Some(Status::Mismatch), "The idempotency key was used for another request";
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
    /// `begin` got no answer; nothing was sent.
    LedgerUnavailable = "ledger-unavailable", 503, SameKey, Unsafe, Some(2), None, "The ledger cannot be reached";
    /// Rule 7.3, not sent.
    OriginNotReached = "origin-not-reached", 502, SameKey, Safe, Some(2), None, "The origin was not reached, and nothing ran";
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

/// A refusal of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    code: Code,
    detail: String,
    expires_at: Option<Time>,
    original_status: Option<u16>,
    retriable: bool,
}

/// The body of a refusal (RFC 9457 §3.1, then our members).
#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    retry: Retry,
    new_key: NewKey,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_status: Option<u16>,
}

impl Refusal {
    /// The refusal `code`; `detail` says what it means for this request and what to do.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            expires_at: None,
            original_status: None,
            retriable: false,
        }
    }

    /// With the end of the claim behind it (rule 9.4).
    #[must_use]
    pub fn until(mut self, expires_at: Time) -> Self {
        self.expires_at = Some(expires_at);
        self
    }

    /// With the status that the origin answered.
    #[must_use]
    pub fn originally(mut self, status: u16) -> Self {
        self.original_status = Some(status);
        self
    }

    /// With the advice to retry, because the contract has released the claim.
    #[must_use]
    pub fn retriable(mut self) -> Self {
        self.retriable = true;
        self
    }

    /// Which refusal.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Head and body, under `contract` where one is known.
    pub fn answer(&self, contract: Option<&Contract>) -> (Head, String) {
        let row = self.row(contract);
        let status = contract
            .and_then(|c| self.contract_status(c))
            .unwrap_or(row.status);
        let retry_after = match (self.code, contract) {
            (Code::RequestInProgress, Some(contract)) => Some(contract.running.retry_after_s),
            _ => row.retry_after,
        };
        let problem = Problem {
            r#type: format!("{TYPE_PATH}#{}", row.code),
            title: row.title,
            status,
            detail: &self.detail,
            code: row.code,
            retry: row.retry,
            new_key: row.new_key,
            retry_after,
            original_status: self.original_status,
        };
        // Serialising strings and integers cannot fail; an empty body with the right head would still be an answer.
        let body = serde_json::to_string(&problem).unwrap_or_default();
        (
            Head {
                status,
                headers: self.headers(row, retry_after),
            },
            body,
        )
    }

    fn row(&self, contract: Option<&Contract>) -> Row {
        let row = self.code.row();
        let never = |contract: &Contract| contract.mismatch.retry == MismatchRetry::Never;
        if self.code == Code::KeyReused && contract.is_some_and(never) {
            Row {
                new_key: NewKey::Unsafe,
                ..row
            }
        } else if self.retriable {
            // No claim stands behind it any more.
            Row {
                retry: Retry::SameKey,
                idempotency: None,
                ..row
            }
        } else {
            row
        }
    }

    fn headers(&self, row: Row, retry_after: Option<u32>) -> Headers {
        let mut headers = Headers::new();
        headers.push("content-type", "application/problem+json");
        headers.push("cache-control", "no-store");
        headers.push("x-should-retry", (row.retry == Retry::SameKey).to_string());
        if let Some(seconds) = retry_after {
            headers.push("retry-after", seconds.to_string());
        }
        if let Some(status) = row.idempotency {
            headers.push("idempotency-status", status.as_str());
        }
        if let Some(time) = self.expires_at {
            headers.push("idempotency-expires", time.http_date());
        }
        headers
    }

    /// The statuses that contracts disagree about (axes F3, I1 and I3).
    fn contract_status(&self, contract: &Contract) -> Option<u16> {
        match self.code {
            Code::KeyReused => Some(contract.mismatch.status),
            Code::RequestInProgress => Some(contract.running.status),
            Code::OutcomeUnknown => Some(contract.unknown.status),
            _ => None,
        }
    }
}
