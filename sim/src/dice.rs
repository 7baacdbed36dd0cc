//! The one source of chance in a run. Nothing else may decide anything: no clock, no address, no order of a hash map.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use std::cell::RefCell;

/// Xoshiro256++ from a seed: whole numbers only, so the same on every machine. A test pins its first numbers.
pub struct Dice(RefCell<Xoshiro256PlusPlus>);

impl Dice {
    /// Seeds that are close to each other give runs that have nothing in common.
    pub fn new(seed: u64) -> Self {
        Self(RefCell::new(Xoshiro256PlusPlus::seed_from_u64(seed)))
    }

    /// 0 to `n` - 1; `n` is at least 1.
    pub fn below(&self, n: u64) -> u64 {
        let product = u128::from(self.0.borrow_mut().next_u64()) * u128::from(n);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// `low` to `high`, both included.
    pub fn between(&self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True so many times out of a thousand.
    pub fn per_mille(&self, of_thousand: u64) -> bool {
        self.below(1000) < of_thousand
    }

    /// One of `all`.
    pub fn pick<'t, T>(&self, all: &'t [T]) -> &'t T {
        &all[self.index(all.len())]
    }

    /// A place in a list of that length.
    pub fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or_default()
    }

    /// 0 to `n` - 1, the small ones more often: every doubling of the number is as likely as the one before it (Zipf's law with
    /// exponent 1, in steps).
    pub fn zipf(&self, n: u64) -> u64 {
        let doublings = u64::from(n.ilog2()) + 1;
        let reach: u64 = 1 << (self.below(doublings) + 1);
        self.below(reach.min(n))
    }

    /// A duration up to `most`, the short ones more often, in the same way.
    pub fn short(&self, most: u64) -> u64 {
        self.zipf(most + 1)
    }

    /// Random bytes.
    pub fn bytes(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.0.borrow_mut().fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_numbers_on_every_machine() {
        let dice = Dice::new(1);
        let numbers: Vec<u64> = (0..4).map(|_| dice.below(1_000_000)).collect();
        assert_eq!(numbers, [811_612, 747_104, 100_150, 746_216]);
        assert_eq!(dice.bytes()[..4], [164, 111, 24, 134]);
    }

    #[test]
    fn small_numbers_come_more_often_and_all_of_them_come() {
        let dice = Dice::new(2);
        let mut seen = [0; 12];
        for _ in 0..10_000 {
            seen[usize::try_from(dice.zipf(12)).unwrap()] += 1;
        }
        assert!(seen.iter().all(|times| *times > 0), "{seen:?}");
        assert!(seen[0] > 3 * seen[8], "{seen:?}");
    }
}
