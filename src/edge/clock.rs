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
pub struct Timer(RefCell<Option<(Sleep, Time)>>);

impl Timer {
    /// As [`within`]. The timer of an earlier part goes on, where it ends no later than this one may; if it ends in this one, what is left
    /// is asked of the clock, once: only where that is set meanwhile may a part be given up early, or late by as much as the timer of the
    /// earlier part was long.
    pub async fn within<T>(&self, ms: u64, work: impl Future<Output = T>) -> Option<T> {
        let time = self.over(ms);
        match select(pin!(work), pin!(time)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }

    async fn over(&self, ms: u64) {
        let started = now();
        let end = started.plus(ms);
        let goes_on = matches!(&*self.0.borrow(), Some((_, earlier)) if *earlier <= end);
        if goes_on {
            self.rings().await;
        }
        let left_ms = ms.saturating_sub(now().since(started));
        if left_ms > 0 {
            self.0.replace(Some((Sleep::of(left_ms), end)));
            self.rings().await;
        }
    }

    /// A timer that is not waited for to its end stays where it is.
    async fn rings(&self) {
        poll_fn(|context| {
            let mut timer = self.0.borrow_mut();
            if let Some((sleep, _)) = timer.as_mut() {
                ready!(pin!(sleep).poll(context));
            }
            *timer = None;
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
