//! What the gateway itself answers (docs/protocol.md rules 9.10 and 9.13, docs/reference/refusals.md): problem details by RFC 9457,
//! or the contract's own error.

pub use super::code::{Code, NewKey, Retry, Row};
use super::contract::{Contract, ErrorTemplate, MismatchRetry, Placeholder};
use super::exchange::Exchange;
use super::headers::Headers;
use super::outcome::Happened;
use super::record::{Record, Unkept};
use super::replay::{Head, signal};
use super::time::Time;
use super::{cors, hints};
use serde::Serialize;
use serde_json::Value;

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
    /// The origin's own status, where the refusal only passes it on.
    status: Option<u16>,
    /// Seconds, in the place of the row's.
    retry_after: Option<u32>,
    challenge: Option<String>,
    differences: Vec<Value>,
    /// Boxed: a refusal is also the error of many a function.
    resource: Option<Box<Value>>,
}

/// The body of a refusal (RFC 9457 §3.1, then our members).
#[derive(Serialize)]
struct Problem<'a> {
    r#type: &'a str,
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
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_id: Option<&'a Value>,
    request_id: &'a str,
}

/// What a body says, whatever its form.
struct Said<'a> {
    r#type: String,
    row: Row,
    status: u16,
    code: &'a str,
    message: &'a str,
    retry_after: Option<u32>,
}

/// Where this gateway explains `row`.
fn paragraph(row: Row) -> String {
    format!("{TYPE_PATH}#{}", row.code)
}

/// The `Link` to that paragraph (RFC 8288), which draft-ietf-httpapi-idempotency-key-header-07 §2.7 asks for. It stays ours where the
/// contract has a `type` of its own: that one need not lead anywhere.
fn described_by(row: Row) -> String {
    format!("<{}>; rel=\"describedby\"", paragraph(row))
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
            status: None,
            retry_after: None,
            challenge: None,
            differences: Vec::new(),
            resource: None,
        }
    }

    /// What a client gets where no answer of the origin is given to it (rule 7.3).
    pub fn no_answer(happened: Happened) -> Self {
        let may_have_run = "The operation may have happened: find out at the origin before you send it under a new key.";
        match happened.without_edge() {
            Happened::NotSent => Self::new(
                Code::OriginNotReached,
                "The request did not reach the origin, so nothing ran. Retry with the same key.",
            ),
            Happened::Deadline => Self::new(Code::OriginDeadline, may_have_run),
            Happened::BrokenOff => Self::new(Code::OriginBrokeOff, may_have_run),
            // The part of the request that it has got may be enough for this origin: the contract says so.
            Happened::UploadCut => Self::new(Code::OutcomeUnknown, may_have_run),
            Happened::NoAnswer | Happened::EdgeMade(_) => {
                Self::new(Code::OriginNoAnswer, may_have_run)
            }
            Happened::Answer(status) => {
                Self::new(Code::OutcomeUnknown, may_have_run).originally(status)
            }
        }
    }

    /// What a client gets where the answer of `record` was not kept (rules 8.2, 8.5 and 8.9).
    pub fn not_kept(record: &Record, why: Unkept) -> Self {
        let why = match why {
            Unkept::TooLarge => "it was too large to keep",
            Unkept::NotWritten => "it could not be stored",
            Unkept::Withheld => "the contract does not let it be kept",
        };
        let status = record.status;
        Self::new(
            Code::ResponseNotKept,
            format!("The operation ran and the origin answered it with status {status}; {why}."),
        )
        .originally(status)
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

    /// With the origin's own status, 400 to 599, in the place of the row's.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// With the time after which a retry may do better, in the place of the row's.
    #[must_use]
    pub fn after(mut self, wait_ms: u64) -> Self {
        self.retry_after = u32::try_from(wait_ms.div_ceil(1000).max(1)).ok();
        self
    }

    /// With the origin's `WWW-Authenticate`, without which a 401 says nothing (RFC 9110 §15.5.2).
    #[must_use]
    pub fn challenge(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// With what differs from the first request. Of a [`Code::KeyReused`] only.
    #[must_use]
    pub fn explained(mut self, differences: Vec<Value>) -> Self {
        self.differences = differences;
        self
    }

    /// With the name of what the first request made. Of a [`Code::KeyReused`] only.
    #[must_use]
    pub fn about_resource(mut self, id: Value) -> Self {
        self.resource = Some(Box::new(id));
        self
    }

    /// Which refusal.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Head and body of the answer to `exchange`, under `contract` where one is known.
    pub fn answer(&self, contract: Option<&Contract>, exchange: &Exchange) -> (Head, String) {
        let said = self.said(contract);
        let mut headers = Headers::new();
        let body = match contract.map(|contract| &contract.errors.template) {
            Some(ErrorTemplate::Own { media_type, body }) => {
                headers.push("content-type", media_type);
                let body = body.fill(&|word| self.word(word, &said, exchange));
                body.to_string()
            }
            Some(ErrorTemplate::ProblemJson) | None => {
                headers.push("content-type", "application/problem+json");
                headers.push("link", described_by(said.row));
                self.problem(&said, exchange)
            }
        };
        self.add_headers(&mut headers, &said, contract, exchange);
        let head = Head {
            status: said.status,
            headers,
        };
        (head, body)
    }

    fn said<'a>(&'a self, contract: Option<&'a Contract>) -> Said<'a> {
        let row = self.row(contract);
        let words = contract.and_then(|contract| contract.errors.words(self.code));
        let retry_after = match (self.code, contract) {
            (Code::RequestInProgress, Some(contract)) => Some(contract.running.retry_after_s),
            _ => self.retry_after.or(row.retry_after),
        };
        Said {
            r#type: words
                .and_then(|words| words.kind.clone())
                .unwrap_or_else(|| paragraph(row)),
            row,
            status: self.status(contract).unwrap_or(row.status),
            code: words
                .and_then(|words| words.code.as_deref())
                .unwrap_or(row.code),
            message: words
                .and_then(|words| words.message.as_deref())
                .unwrap_or(&self.detail),
            retry_after,
        }
    }

    fn problem(&self, said: &Said<'_>, exchange: &Exchange) -> String {
        let problem = Problem {
            r#type: &said.r#type,
            title: said.row.title,
            status: said.status,
            detail: said.message,
            code: said.code,
            retry: said.row.retry.as_str(),
            new_key: said.row.new_key.as_str(),
            retry_after: said.retry_after,
            original_status: self.original_status,
            differences: &self.differences,
            resource_id: self.resource.as_deref(),
            request_id: &exchange.id,
        };
        // Serialising strings and integers cannot fail; an empty body with the right head would still be an answer.
        serde_json::to_string(&problem).unwrap_or_default()
    }

    /// What stands in the place of `word` (E1).
    fn word(&self, word: Placeholder, said: &Said<'_>, exchange: &Exchange) -> Option<Value> {
        match word {
            Placeholder::Code => Some(said.code.into()),
            Placeholder::Message => Some(said.message.into()),
            Placeholder::Title => Some(said.row.title.into()),
            Placeholder::Type => Some(said.r#type.as_str().into()),
            Placeholder::Status => Some(said.status.into()),
            Placeholder::RetryAfter => said.retry_after.map(Value::from),
            Placeholder::RequestId => Some(exchange.id.as_str().into()),
            Placeholder::Key => exchange.key.as_ref().map(|key| key.as_str().into()),
            Placeholder::Differences if self.differences.is_empty() => None,
            Placeholder::Differences => Some(self.differences.clone().into()),
            Placeholder::ResourceId => self.resource.as_deref().cloned(),
        }
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

    fn add_headers(
        &self,
        headers: &mut Headers,
        said: &Said<'_>,
        contract: Option<&Contract>,
        exchange: &Exchange,
    ) {
        headers.push("cache-control", "no-store");
        if let Some(seconds) = said.retry_after {
            headers.push("retry-after", seconds.to_string());
        }
        if let Some(challenge) = &self.challenge {
            headers.push("www-authenticate", challenge);
        }
        let retry = said.row.retry == Retry::SameKey;
        hints::refused(headers, contract, retry, said.retry_after);
        signal(headers, said.row.idempotency, self.expires_at, contract);
        exchange.name(headers);
        if let Some(contract) = contract {
            exchange.echo(headers, contract);
        }
        exchange.site.admit(headers);
        cors::expose(headers, contract);
    }

    /// The origin's status, or the ones that contracts disagree about (axes F3, I1 and I3).
    fn status(&self, contract: Option<&Contract>) -> Option<u16> {
        let of_contract = |contract: &Contract| match self.code {
            Code::KeyReused => Some(contract.mismatch.status),
            Code::RequestInProgress => Some(contract.running.status),
            Code::OutcomeUnknown => Some(contract.unknown.status),
            _ => None,
        };
        self.status.or_else(|| contract.and_then(of_contract))
    }
}
