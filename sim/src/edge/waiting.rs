//! As `src/edge/waiting.rs`.

use crate::objects::Object;
use crate::world::World;
use futures_channel::oneshot;
use reprise::protocol::claim::{Begin, ClaimId, ScopeId};
use reprise::protocol::time::Time;
use std::cell::RefCell;

/// As there, but few: so that a run meets the limits.
const PER_SCOPE: usize = 4;
const PER_SHARD: usize = 6;

#[derive(Default)]
pub struct Waiters(RefCell<Vec<Place>>);

struct Place {
    claim: ClaimId,
    scope: ScopeId,
    until: Time,
    wake: oneshot::Sender<()>,
}

pub struct Wait {
    woken: oneshot::Receiver<()>,
    until: Time,
}

impl Waiters {
    pub fn join(&self, event: &Begin, now: Time, until: Time) -> Option<Wait> {
        let mut places = self.0.borrow_mut();
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

    pub fn wake(&self, claim: ClaimId) {
        self.0.borrow_mut().retain(|place| place.claim != claim);
    }
}

impl Wait {
    pub async fn over(self, world: &World, object: &Object) -> Time {
        let left_ms = self.until.since(object.clock(world));
        match world.within(left_ms, self.woken).await {
            Some(_) => object.clock(world),
            None => object.clock(world).max(self.until),
        }
    }
}
