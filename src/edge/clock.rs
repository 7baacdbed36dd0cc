//! The clock and the dice of this isolate.

use super::js;
use crate::protocol::time::Time;
use futures_util::future::{Either, select};
use js_sys::Date;
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::time::Duration;
use worker::Delay;

/// Now. The runtime holds the clock still between two waits, so a difference measures waiting, never computing.
pub fn now() -> Time {
    // The platform's clock is a whole, positive number of milliseconds, far below 2^53.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Time::from_millis(Date::now() as u64)
}

/// What `work` comes to; `None` once `ms` milliseconds have passed, by a timer that no change of the clock touches.
pub async fn within<T>(ms: u64, work: impl Future<Output = T>) -> Option<T> {
    let timer = Delay::from(Duration::from_millis(ms));
    match select(pin!(work), pin!(timer)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// The timer that the parts of one piece of work share, one after another: setting one and clearing it costs as much as a short call.
/// It belongs to one request, as all timers of the runtime do.
#[derive(Default)]
pub struct Timer(Cell<Option<Delay>>);

impl Timer {
    /// As [`within`], with the same `ms` for all parts. The timer of an earlier part goes on; if it ends in this one, what is left is asked
    /// of the clock, once: only where that is set meanwhile may a part be given up some seconds early or late.
    pub async fn within<T>(&self, ms: u64, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        let started = now();
        let earlier = self.0.take();
        let mut left_ms = if earlier.is_some() { ms } else { 0 };
        let mut timer = earlier.unwrap_or_else(|| Delay::from(Duration::from_millis(ms)));
        loop {
            if let Either::Left((done, _)) = select(work.as_mut(), &mut timer).await {
                self.0.set(Some(timer));
                return Some(done);
            }
            left_ms = left_ms.saturating_sub(now().since(started));
            if left_ms == 0 {
                return None;
            }
            timer = Delay::from(Duration::from_millis(std::mem::take(&mut left_ms)));
        }
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
