//! How many new keys one caller may claim (rule 5.25): a bucket of a minute's keys for each caller, which fills evenly.
//!
//! A bucket is one time, when it will be full again: it is later by a key's share of a minute for every key that is taken. So a
//! full bucket is no entry at all. (The generic cell rate algorithm of ATM, ITU-T I.371, with all of the minute as tolerance.)

use super::claim::ScopeId;
use super::time::Time;

/// How many callers are counted at once. Each has claimed a key within the last minute.
pub const CALLERS: usize = 1024;

/// A bucket is full again after this, microseconds: a key's share of it may be less than a millisecond.
const MINUTE_US: u64 = 60_000_000;

/// The callers whose buckets are not full. In memory only: whoever loses it gives every caller a full bucket.
#[derive(Debug, Clone)]
pub struct NewKeys {
    /// What a key takes, microseconds; 0 where nothing is limited.
    share_us: u64,
    /// With the time when the bucket is full again. Whoever looks for one walks over all of them, which is nothing for so few.
    callers: Vec<(ScopeId, u64)>,
}

impl NewKeys {
    /// `per_minute` keys for every caller; 0 is no limit.
    pub fn new(per_minute: u32) -> Self {
        Self {
            share_us: MINUTE_US.checked_div(per_minute.into()).unwrap_or(0),
            callers: Vec::new(),
        }
    }

    /// How long `caller` has to wait for its next new key, milliseconds; 0 if there is one now, at most a minute.
    pub fn wait_ms(&self, caller: ScopeId, now: Time) -> u64 {
        let now = micros(now);
        let filled = self.full_at(caller, now) + self.share_us;
        filled.saturating_sub(now + MINUTE_US).div_ceil(1000)
    }

    /// `caller` has claimed a new key.
    ///
    /// Where more callers than [`CALLERS`] would have to be counted, the one that has taken least is forgotten. So it is the
    /// busiest that stay, whatever number of others comes.
    pub fn take(&mut self, caller: ScopeId, now: Time) {
        if self.share_us == 0 {
            return;
        }
        let now = micros(now);
        let full_at = self.full_at(caller, now) + self.share_us;
        self.callers
            .retain(|(other, at)| *other != caller && is_filling(*at, now));
        if self.callers.len() >= CALLERS {
            let least = self
                .callers
                .iter()
                .enumerate()
                .min_by_key(|(_, (_, at))| *at);
            if let Some((place, _)) = least {
                self.callers.swap_remove(place);
            }
        }
        self.callers.push((caller, full_at));
    }

    /// When the bucket of `caller` is full again.
    fn full_at(&self, caller: ScopeId, now: u64) -> u64 {
        let found = self.callers.iter().find(|(other, _)| *other == caller);
        found
            .filter(|(_, at)| is_filling(*at, now))
            .map_or(now, |(_, at)| *at)
    }
}

/// Whether a bucket that is full at `at` has yet to fill. One that takes longer than it can was counted before the clock was set
/// back, and says nothing.
fn is_filling(at: u64, now: u64) -> bool {
    now < at && at <= now + MINUTE_US
}

fn micros(time: Time) -> u64 {
    time.millis().saturating_mul(1000)
}
