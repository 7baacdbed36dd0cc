//! Memory that an attacker cannot make grow out of proportion to what was sent.

/// What anything may take, however short its input: tables that are made once, and the smallest buffers.
const FIXED: u64 = 64 * 1024;

/// Runs `work`, which must at no time hold more than a fixed amount and `per_byte` bytes for each of the `length` bytes of its input.
/// Memory that is copied into a larger piece counts twice meanwhile.
///
/// # Panics
/// Where it holds more.
pub fn bounded<T>(length: usize, per_byte: u64, work: impl FnOnce() -> T) -> T {
    bounded_beside(FIXED, length, per_byte, work)
}

/// The same, where another amount is fixed.
///
/// # Panics
/// Where it holds more.
pub fn bounded_beside<T>(fixed: u64, length: usize, per_byte: u64, work: impl FnOnce() -> T) -> T {
    let (value, most) = peak(work);
    let allowed = fixed + per_byte * length as u64;
    assert!(
        most <= allowed,
        "{most} bytes of memory for {length} bytes of input: at most {allowed} are allowed"
    );
    value
}

/// What `work` gives, and the most bytes that it held at any one time.
///
/// # Panics
/// Never: `work` is always run.
pub fn peak<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let mut value = None;
    let counted = allocation_counter::measure(|| value = Some(work()));
    let value = value.unwrap_or_else(|| unreachable!("the work was run"));
    (value, counted.bytes_max)
}
