//! Time, as an argument: whoever has a clock says what time it is.

use serde::{Deserialize, Serialize};
use std::time::{Duration, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u64", into = "u64")]
pub struct Time(u64);

/// Stored bytes may be damaged; a time read from them is one that can be written.
impl From<u64> for Time {
    fn from(ms: u64) -> Self {
        Self::from_millis(ms)
    }
}

impl From<Time> for u64 {
    fn from(time: Time) -> Self {
        time.0
    }
}

impl Time {
    /// The last millisecond of the year 9999, after which an HTTP date cannot be written.
    const MAX: u64 = 253_402_300_799_999;

    /// The time `ms` milliseconds after the epoch; later than the year 9999 is that year's end.
    pub const fn from_millis(ms: u64) -> Self {
        Self(if ms < Self::MAX { ms } else { Self::MAX })
    }

    /// Milliseconds since the epoch.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// `ms` milliseconds later.
    #[must_use]
    pub fn plus(self, ms: u64) -> Self {
        Self::from_millis(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this time; zero if the clock went backwards in between.
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads an HTTP date (RFC 9110 §5.6.7), in any of its three forms; `None` if it is none, or before the epoch.
    pub fn from_http_date(text: &str) -> Option<Self> {
        let date = httpdate::parse_http_date(text).ok()?;
        let since = date.duration_since(UNIX_EPOCH).ok()?;
        Some(Self::from_millis(since.as_secs().saturating_mul(1000)))
    }

    /// As an HTTP date (RFC 9110 §5.6.7), whole seconds.
    pub fn http_date(self) -> String {
        httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_http_date_is_written_for_any_input() {
        assert_eq!(
            Time::from_millis(784_111_777_000).http_date(),
            "Sun, 06 Nov 1994 08:49:37 GMT"
        );
        assert_eq!(
            Time::from_millis(u64::MAX).http_date(),
            "Fri, 31 Dec 9999 23:59:59 GMT"
        );
    }

    #[test]
    fn a_clock_that_goes_backwards_gives_an_age_of_zero() {
        assert_eq!(Time::from_millis(5).since(Time::from_millis(9)), 0);
    }
}
