//! What the origin itself says of its answer, where the contract lets it (O2; docs/protocol.md rule 8.13).

use super::headers::Headers;

/// A record is kept for a minute at least, as that is the least of any retention,
const MIN_TTL_S: u64 = 60;
/// and for 30 days at most.
const MAX_TTL_S: u64 = 30 * 24 * 60 * 60;

/// The origin's word about one answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Control {
    /// `no-store`: the claim is released, and nothing is kept.
    pub no_store: bool,
    /// `ttl=SECONDS`: how long the record is kept from completion, milliseconds, a minute to 30 days.
    pub ttl_ms: Option<u64>,
}

impl Control {
    /// Reads the contract's control header, if it names one and the origin sent it. Words that are not known say nothing; of two
    /// times the shorter counts.
    pub fn read(header: Option<&str>, headers: &Headers) -> Self {
        let mut control = Self::default();
        let Some(header) = header else { return control };
        let words = headers
            .lines(header)
            .flat_map(|line| line.split([',', ';', ' ', '\t']));
        for word in words {
            if word.eq_ignore_ascii_case("no-store") {
                control.no_store = true;
            } else if let Some(ttl) = ttl_ms(word) {
                control.ttl_ms = Some(control.ttl_ms.map_or(ttl, |other| other.min(ttl)));
            }
        }
        control
    }
}

fn ttl_ms(word: &str) -> Option<u64> {
    let (name, seconds) = word.split_once('=')?;
    let digits = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !name.eq_ignore_ascii_case("ttl") {
        return None;
    }
    let seconds: u64 = seconds.parse().unwrap_or(MAX_TTL_S);
    Some(seconds.clamp(MIN_TTL_S, MAX_TTL_S) * 1000)
}
