//! What the gateway itself answers (docs/protocol.md rule 9.10, docs/reference/refusals.md): problem details by RFC 9457.

pub use super::code::{Code, NewKey, Retry, Row};
use super::contract::{Contract, MismatchRetry};
use super::headers::Headers;
use super::replay::Head;
use super::time::Time;
use serde::Serialize;

/// Where the `type` of every refusal points: this gateway serves `docs/reference/refusals.md` there. The fragment is the code.
pub const TYPE_PATH: &str = "/.reprise/refusals";

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
    retry: &'static str,
    new_key: &'static str,
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
            retry: row.retry.as_str(),
            new_key: row.new_key.as_str(),
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
