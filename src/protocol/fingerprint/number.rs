//! The canonical form of a JSON number (RFC 8785 §3.2.2.3).

/// Whether this is a number as ECMAScript would write it, of so few digits that no other number of as few has its double (15: IEEE 754,
/// `DBL_DIG`). Most numbers are.
pub fn is_short(spelling: &str) -> bool {
    let unsigned = spelling.strip_prefix('-').unwrap_or(spelling);
    let (whole, fraction) = match unsigned.split_once('.') {
        None => (unsigned, None),
        Some((whole, fraction)) => (whole, Some(fraction)),
    };
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    // Below 10^-6 there is an exponent.
    let in_full = |fraction: &str| whole != "0" || !fraction.starts_with("000000");
    whole.len() + fraction.map_or(0, str::len) <= 15
        && plain(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && match fraction {
            // `-0` is written `0`.
            None => spelling != "-0",
            Some(fraction) => plain(fraction) && !fraction.ends_with('0') && in_full(fraction),
        }
}

/// The double that is spelled, as ECMAScript writes it. `None` if it is not exactly the number that was spelled: 9007199254740993 and
/// 9007199254740992 are one double and two numbers.
///
/// What ECMAScript writes of a double has that double for its nearest one. So the double that is meant is that whose spelling is this
/// number, if there is one, and to find it, it need not be computed exactly: what `core` does that with is 11 KiB of Wasm, tables
/// that do not shrink.
pub fn canonical(spelling: &str) -> Option<String> {
    let exact = Decimal::read(spelling)?;
    let about = exact.about()?.to_bits();
    let mut buffer = ryu_js::Buffer::new();
    for distance in 0..=REACH {
        for bits in [about.wrapping_add(distance), about.wrapping_sub(distance)] {
            let double = f64::from_bits(bits);
            if !double.is_finite() {
                continue;
            }
            let canonical = buffer.format_finite(double);
            if canonical == spelling || Decimal::read(canonical).as_ref() == Some(&exact) {
                return Some(canonical.to_owned());
            }
        }
    }
    None
}

/// How many doubles [`Decimal::about`] may be away from the nearest one: half of one for each of its 19 roundings at the most, or one where
/// a rounding crosses a power of two.
const REACH: u64 = 20;

/// ECMAScript writes at most so many digits of a double (ECMA-262, `Number::toString`).
const DIGITS: usize = 17;

/// No double but zero is beyond 10 to this power, or below 10 to its negative, when it is spelled with [`DIGITS`] digits and an exponent.
const EXPONENT: u64 = 345;

/// An exact decimal number: `digits × 10^exponent`, without zeros at either end of the digits.
#[derive(PartialEq)]
struct Decimal {
    negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    fn read(spelling: &str) -> Option<Self> {
        let (mantissa, exponent) = match spelling.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse().ok()?),
            None => (spelling, 0_i64),
        };
        let unsigned = mantissa.strip_prefix('-');
        let (integer, fraction) = {
            let text = unsigned.unwrap_or(mantissa);
            text.split_once('.').unwrap_or((text, ""))
        };
        let all = format!("{integer}{fraction}");
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0');
        if digits.is_empty() {
            // Zero has no sign: `-0` and `0` are one number, and RFC 8785 writes both as `0`.
            return Some(Self {
                negative: false,
                digits: String::new(),
                exponent: 0,
            });
        }
        let dropped = i64::try_from(significant.len() - digits.len()).ok()?;
        let places = i64::try_from(fraction.len()).ok()?;
        Some(Self {
            negative: unsigned.is_some(),
            digits: digits.to_owned(),
            exponent: exponent.checked_sub(places)?.checked_add(dropped)?,
        })
    }

    /// A double near by; `None` where no double is spelled like this.
    fn about(&self) -> Option<f64> {
        let mut left = self.exponent.unsigned_abs();
        if self.digits.len() > DIGITS || left > EXPONENT {
            return None;
        }
        let digit = |byte: u8| u64::from(byte - b'0');
        let digits = self.digits.bytes().fold(0, |all, it| all * 10 + digit(it));
        let mut about = double(digits);
        while left > 0 {
            // 10^19 is the last power that 64 bits hold, and is a double exactly.
            let step = left.min(19);
            let power = double((0..step).fold(1, |power, _| power * 10));
            about = match self.exponent < 0 {
                true => about / power,
                false => about * power,
            };
            left -= step;
        }
        Some(if self.negative { -about } else { about })
    }
}

/// The nearest double.
#[allow(clippy::cast_precision_loss)] // that is what it does
fn double(integer: u64) -> f64 {
    integer as f64
}

#[cfg(test)]
mod tests {
    use super::{Decimal, canonical};
    use proptest::prelude::*;

    /// By the double as `core` reads it.
    fn expected(spelling: &str) -> Option<String> {
        let double: f64 = spelling.parse().unwrap();
        let canonical = ryu_js::Buffer::new().format(double).to_owned();
        let exact = double.is_finite() && Decimal::read(spelling) == Decimal::read(&canonical);
        exact.then_some(canonical)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

        #[test]
        fn rule_4_8_what_ecmascript_writes_of_a_double_is_canonical(bits: u64) {
            let double = f64::from_bits(bits);
            prop_assume!(double.is_finite());
            let spelling = ryu_js::Buffer::new().format(double).to_owned();
            prop_assert_eq!(canonical(&spelling), Some(spelling));
        }

        #[test]
        fn rule_4_9_a_number_that_no_double_gives_back_has_no_canonical_form(
            digits in 1_u64..1_000_000_000_000_000_000,
            exponent in -360..330,
        ) {
            let spelling = format!("{digits}e{exponent}");
            prop_assert_eq!(canonical(&spelling), expected(&spelling));
        }
    }

    #[test]
    fn rule_4_9_so_do_the_numbers_at_the_ends() {
        let least = "4.9406564584124654e-324";
        let ends = [
            "5e-324", "3e-324", "2e-324", least, "1e-400", "0e-400", "-0", "0.0",
        ];
        let greatest = [
            "1.7976931348623157e308",
            "1.7976931348623158e308",
            "1.7976931348623159e308",
            "1e309",
        ];
        let huge = [
            "1e99999999999999999999",
            "1e-9223372036854775808",
            "0e9223372036854775807",
        ];
        for spelling in ends.iter().chain(&greatest).chain(&huge) {
            assert_eq!(canonical(spelling), expected(spelling), "{spelling}");
        }
        assert_eq!(
            canonical("-17976931348623157e292").as_deref(),
            Some("-1.7976931348623157e+308")
        );
        assert_eq!(canonical("9007199254740993"), None);
    }
}
