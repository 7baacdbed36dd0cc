//! The clock and the dice of this isolate.

use super::js;
use crate::protocol::time::Time;
use futures_util::future::{Either, select};
use js_sys::Date;
use std::cell::RefCell;
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
