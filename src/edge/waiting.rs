//! Who waits in a shard, and for which claim. It lives in memory only and knows nothing of the claims: losing it ends the waits
//! early, and each caller asks again.

use super::clock;
use crate::protocol::claim::{Begin, ClaimId, ScopeId};
use crate::protocol::time::Time;
use futures_channel::oneshot;
use futures_util::future::select;
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;
use worker::Delay;

/// How many calls of one caller may wait in one shard: somebody who guesses keys in use takes no place of anybody else.
pub const PER_SCOPE: usize = 64;
/// How many calls may wait in one shard. Each is an open request and a timer.
pub const PER_SHARD: usize = 1024;

/// The waiting places of a shard. A settle walks over all of them, which is nothing for so few.
#[derive(Default)]
pub struct Waiters {
    places: RefCell<Vec<Entry>>,
    last_number: Cell<u64>,
}

struct Entry {
    number: u64,
    claim: ClaimId,
    scope: ScopeId,
    until: Time,
    /// Dropping it wakes the waiter.
    _wake: oneshot::Sender<()>,
}

impl Waiters {
    /// A place for `event`, from `now` to `until`; `None` where the shard, or the share of this caller, is full.
    pub fn join(&self, event: &Begin, now: Time, until: Time) -> Option<Place<'_>> {
        let mut places = self.places.borrow_mut();
        // A waiter gives its place back itself, unless the runtime has dropped its call without a word.
        places.retain(|entry| now < entry.until);
        let of_scope = places.iter().filter(|entry| entry.scope == event.scope);
        if places.len() >= PER_SHARD || of_scope.count() >= PER_SCOPE {
            return None;
        }
        let number = self.last_number.get().wrapping_add(1);
        self.last_number.set(number);
        let (wake, woken) = oneshot::channel();
        places.push(Entry {
            number,
            claim: event.claim,
            scope: event.scope,
            until,
            _wake: wake,
        });
        Some(Place {
            waiters: self,
            number,
            woken,
            until,
        })
    }

    /// Something about `claim` has changed: everybody who waits for it looks again.
    pub fn wake(&self, claim: ClaimId) {
        self.places.borrow_mut().retain(|e| e.claim != claim);
    }
}

/// One waiting place, given back when it is dropped.
pub struct Place<'a> {
    waiters: &'a Waiters,
    number: u64,
    woken: oneshot::Receiver<()>,
    until: Time,
}

impl Place<'_> {
    /// Until the claim has changed, or the time is over.
    pub async fn left(mut self) {
        let over = pin!(Delay::from(Duration::from_millis(
            self.until.since(clock::now())
        )));
        select(&mut self.woken, over).await;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.waiters.places.borrow_mut();
        places.retain(|entry| entry.number != self.number);
    }
}
