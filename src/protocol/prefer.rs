//! How long a client would rather wait than be refused (RFC 7240 §4.3; docs/protocol.md rule 2.14).

use super::contract::RunningRules;
use super::headers::Headers;
use super::parameters::{parameter, split};

/// The seconds of `Prefer: wait=n`. Of several, the first counts (RFC 7240 §2); what does not parse is no preference.
pub fn wait(headers: &Headers) -> Option<u64> {
    let mut preferences = headers
        .lines("prefer")
        .flat_map(|line| split(line, ','))
        .filter_map(|preference| parameter(split(preference, ';').next()?));
    let (_, value) = preferences.find(|(name, _)| name.eq_ignore_ascii_case("wait"))?;
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // More than 64 bits hold is still a number of seconds.
    digits.then(|| value.parse().unwrap_or(u64::MAX))
}

/// How long this request waits for a running one, milliseconds, and what of its preference was applied, seconds. A contract
/// whose cap is 0 takes no preference.
pub fn wait_ms(rules: &RunningRules, headers: &Headers) -> (u64, Option<u64>) {
    match wait(headers) {
        Some(seconds) if rules.wait_cap_ms > 0 => {
            let wait = seconds.saturating_mul(1000).min(rules.wait_cap_ms);
            (wait, Some(wait / 1000))
        }
        _ => (rules.wait_ms, None),
    }
}
