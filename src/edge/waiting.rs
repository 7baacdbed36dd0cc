//! Who waits in a shard, and for which claim (rules 5.20 to 5.22). This lives in memory only and knows nothing of the claims:
//! losing it ends the waits early, and each caller asks again.

use super::clock;
use crate::protocol::claim::{Begin, ClaimId, ScopeId};
use crate::protocol::time::Time;
use futures_channel::oneshot;
use std::cell::RefCell;

/// How many calls of one caller may wait in one shard: somebody who guesses keys in use takes no place of anybody else.
pub const PER_SCOPE: usize = 64;
/// How many calls may wait in one shard. Each is an open request and a timer.
pub const PER_SHARD: usize = 1024;

/// The waiting places of a shard. Whoever looks for some walks over all of them, which is nothing for so few.
#[derive(Default)]
pub struct Waiters(RefCell<Vec<Place>>);

struct Place {
    claim: ClaimId,
    scope: ScopeId,
    until: Time,
    /// Dropping it wakes the waiter.
    wake: oneshot::Sender<()>,
}

/// A wait that has not begun.
pub struct Wait {
    woken: oneshot::Receiver<()>,
    until: Time,
}

impl Waiters {
    /// A place for `event`, from `now` to `until`; `None` where the shard, or the share of this caller, is full.
    pub fn join(&self, event: &Begin, now: Time, until: Time) -> Option<Wait> {
        let mut places = self.0.borrow_mut();
        // Nobody gives a place back: it is free when its wait has ended, and when its time is over, even if the runtime has dropped
        // the call without a word.
        places.retain(|place| now < place.until && !place.wake.is_canceled());
        let same_scope = places.iter().filter(|place| place.scope == event.scope);
        if places.len() >= PER_SHARD || same_scope.count() >= PER_SCOPE {
            return None;
        }
        let (wake, woken) = oneshot::channel();
        places.push(Place {
            claim: event.claim,
            scope: event.scope,
            until,
            wake,
        });
        Some(Wait { woken, until })
    }

    /// Something about `claim` has changed: everybody who waits for it looks again.
    pub fn wake(&self, claim: ClaimId) {
        self.0.borrow_mut().retain(|place| place.claim != claim);
    }
}

impl Wait {
    /// Until the claim has changed, or the time is over; what time it is then. What was waited for has passed, also where the
    /// clock was set back meanwhile.
    pub async fn over(self) -> Time {
        let left_ms = self.until.since(clock::now());
        match clock::within(left_ms, self.woken).await {
            Some(_) => clock::now(),
            None => clock::now().max(self.until),
        }
    }
}
