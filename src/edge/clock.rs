//! The clock and the dice of this isolate.

use super::js;
use crate::protocol::time::Time;
use js_sys::{Date, Uint8Array};

/// Now. The runtime holds the clock still between two waits, so a difference measures waiting, never computing.
pub fn now() -> Time {
    // The platform's clock is a whole, positive number of milliseconds, far below 2^53.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Time::from_millis(Date::now() as u64)
}

/// 128 bits from the runtime's cryptographic generator.
pub fn random() -> [u8; 16] {
    let bytes = Uint8Array::new_with_length(16);
    js::get_random_values(&bytes);
    let mut out = [0; 16];
    bytes.copy_to(&mut out);
    out
}
