//! The headers that tell a client whether to retry by itself (axis I2; rules 9.11 and 9.14).

use super::contract::{Contract, Hint};
use super::headers::Headers;

/// Without a contract, what most SDKs understand.
const DEFAULT: &[Hint] = &[Hint::XShouldRetry];

/// The hints that answers under `contract` may carry.
pub fn of(contract: Option<&Contract>) -> &[Hint] {
    contract.map_or(DEFAULT, |contract| contract.errors.hints.as_slice())
}

/// The header of a hint.
pub fn name(hint: Hint) -> &'static str {
    match hint {
        Hint::XShouldRetry => "x-should-retry",
        Hint::StripeShouldRetry => "stripe-should-retry",
        Hint::RetryAfterMs => "retry-after-ms",
        Hint::TransientError => "transient-error",
    }
}

/// On a refusal: whether the same request with the same key may do better, and after how many seconds.
pub fn refused(
    headers: &mut Headers,
    contract: Option<&Contract>,
    retry: bool,
    after_s: Option<u32>,
) {
    for hint in of(contract) {
        let value = match hint {
            Hint::XShouldRetry | Hint::StripeShouldRetry => Some(retry.to_string()),
            Hint::RetryAfterMs => after_s.map(|seconds| (u64::from(seconds) * 1000).to_string()),
            Hint::TransientError => retry.then(|| "true".to_owned()),
        };
        if let Some(value) = value {
            headers.push(name(*hint), value);
        }
    }
}

/// On a stored answer of a kind that clients retry by themselves (409 and every 5xx): the retry would get this very answer
/// again, unless the origin knows better (rule 9.11).
pub fn stored(headers: &mut Headers, contract: &Contract, status: u16) {
    if status != 409 && status < 500 {
        return;
    }
    for hint in of(Some(contract)) {
        let says = matches!(hint, Hint::XShouldRetry | Hint::StripeShouldRetry);
        if says && !headers.has(name(*hint)) {
            headers.push(name(*hint), "false");
        }
    }
}
