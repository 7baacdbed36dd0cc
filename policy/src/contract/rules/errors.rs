//! What a contract says about the gateway's own errors: their form, their words, their hints.

use crate::code::Code;
use crate::contract::ErrorBody;

/// The form of the gateway's own errors: `[errors]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorRules {
    /// Media type and body (E1).
    pub template: ErrorTemplate,
    /// The headers that tell clients whether to retry (I2).
    pub hints: Vec<Hint>,
    /// The contract's own words, where it has any; each code at most once.
    pub words: Vec<(Code, Words)>,
}

impl ErrorRules {
    /// The contract's words for `code`; `None` where it has none.
    pub fn words(&self, code: Code) -> Option<&Words> {
        let named = self.words.iter().find(|(named, _)| *named == code);
        named.map(|(_, words)| words)
    }
}

/// The body of the gateway's own errors (E1).
#[derive(Debug, Clone, PartialEq)]
pub enum ErrorTemplate {
    /// `application/problem+json` (RFC 9457).
    ProblemJson,
    /// The contract's own.
    Own {
        /// Its media type.
        media_type: String,
        /// Its form.
        body: ErrorBody,
    },
}

/// How a contract calls one refusal, instead of the gateway's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// The code.
    pub code: Option<String>,
    /// The message.
    pub message: Option<String>,
    /// The type, instead of the URI reference of the code's paragraph.
    pub kind: Option<String>,
}

/// A header that tells a client whether to retry by itself (I2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// `x-should-retry: true|false`, which SDKs made by Stainless obey.
    XShouldRetry,
    /// `stripe-should-retry: true|false`, which Stripe's own SDKs obey.
    StripeShouldRetry,
    /// `retry-after-ms`, `Retry-After` in milliseconds.
    RetryAfterMs,
    /// `transient-error: true` on what a retry may mend (Adyen).
    TransientError,
}
