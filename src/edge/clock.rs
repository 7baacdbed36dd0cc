//! The clock and the dice of this isolate.

use super::js;
use super::task::Sleep;
use crate::protocol::time::Time;
use futures_util::future::{Either, select};
use js_sys::Date;
use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Poll, ready};

/// Now. The runtime holds the clock still between two waits, so a difference measures waiting, never computing.
pub fn now() -> Time {
    // The platform's clock is a whole, positive number of milliseconds, far below 2^53.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Time::from_millis(Date::now() as u64)
}

/// What `work` comes to; `None` once `ms` milliseconds have passed, by a timer that no change of the clock touches.
pub async fn within<T>(ms: u64, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), Sleep::of(ms)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// The timer that the parts of one piece of work share, one after another: setting one and clearing it costs as much as a short call.
/// It belongs to one request, as all timers of the runtime do.
#[derive(Default)]
pub struct Timer(RefCell<Option<Set>>);

struct Set {
    sleep: Sleep,
    ms: u64,
    at: Time,
}

impl Timer {
    /// As [`within`]. The timer of an earlier part goes on, unless it was set for longer than `ms`; if it ends in this part, the rest of
    /// `ms` comes behind it. How much of it was over when this part began is asked of the clock: where that is set meanwhile, however far,
    /// a part is given up early or late by no more than the earlier one had.
    pub async fn within<T>(&self, ms: u64, work: impl Future<Output = T>) -> Option<T> {
        let time = self.over(ms);
        match select(pin!(work), pin!(time)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    async fn over(&self, ms: u64) {
        let mut left_ms = ms;
        if let Some(going_on_ms) = self.going_on(ms) {
            self.rings().await;
            left_ms -= going_on_ms;
        }
        if left_ms > 0 {
            self.0.replace(Some(Set {
                sleep: Sleep::of(left_ms),
                ms: left_ms,
                at: now(),
            }));
            self.rings().await;
        }
    }

    /// How long a timer still takes that is set for `most_ms` or less.
    fn going_on(&self, most_ms: u64) -> Option<u64> {
        let set = self.0.borrow();
        let set = set.as_ref().filter(|set| set.ms <= most_ms)?;
        Some(set.ms.saturating_sub(now().since(set.at)))
    }

    /// A timer that is not waited for to its end stays where it is.
    async fn rings(&self) {
        poll_fn(|context| {
            let mut set = self.0.borrow_mut();
            if let Some(set) = set.as_mut() {
                ready!(pin!(&mut set.sleep).poll(context));
            }
            *set = None;
            Poll::Ready(())
        })
        .await;
    }
}

/// How many are asked for at once: it is the call that costs.
const POOL: usize = 64;

/// 128 bits from the runtime's cryptographic generator.
pub fn random() -> [u8; 16] {
    thread_local! {
        static POOLED: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
    }
    POOLED.with_borrow_mut(|pooled| {
        pooled.pop().unwrap_or_else(|| {
            let mut bytes = [0; 16 * POOL];
            js::get_random_values(&mut bytes);
            let (first, more) = bytes.as_chunks().0.split_at(1);
            pooled.extend_from_slice(more);
            first.first().copied().unwrap_or_default()
        })
    })
}
