//! Seeds and the random draws made from them. One root seed; every case, client and attempt
//! derives its own by a label, so that the same seed gives the same operations. Reads no clock.
//!
//! The tree: root -> case name -> "client 0", "client 1", ... -> what that client draws.

use rand_core::{Rng as _, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::{
    fmt::{Display, Formatter, Result as FmtResult},
    hash::{BuildHasher, RandomState},
};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A 64-bit seed, printed as a decimal number, which is how `MACE_PROD_SEED` takes it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Seed(u64);

impl Seed {
    /// The seed with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }

    /// A seed that no earlier run had, from the operating system's randomness.
    pub fn from_os() -> Self {
        Self(RandomState::new().hash_one("mace-prod"))
    }

    /// The seed of a part of the work that has this one. The same label gives the same seed, and
    /// different labels give unrelated ones (xxh3 of the label, keyed by the seed).
    #[must_use]
    pub fn derive(self, label: &str) -> Self {
        Self(xxh3_64_with_seed(label.as_bytes(), self.0))
    }

    /// The stream of random draws that this seed stands for.
    pub fn rng(self) -> Rng {
        Rng(Xoshiro256PlusPlus::seed_from_u64(self.0))
    }
}

impl Display for Seed {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "{}", self.0)
    }
}

/// Random draws from a named generator (xoshiro256++), whose values do not change with the
/// release of a library.
#[derive(Clone, Debug)]
pub struct Rng(Xoshiro256PlusPlus);

impl Rng {
    /// Any 64 bits.
    pub fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `0..bound`. The multiply-shift keeps the bias below `bound / 2^64`.
    ///
    /// # Panics
    /// When `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a rng needs at least one possibility");
        ((u128::from(self.any()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in `percent` of a hundred draws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of the items.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }

    /// An index drawn with these weights.
    pub fn weighted(&mut self, weights: &[u64]) -> usize {
        let mut left = self.below(weights.iter().sum());
        weights
            .iter()
            .position(|&weight| {
                let hit = left < weight;
                left = left.saturating_sub(weight);
                hit
            })
            .expect("a rng below the sum of the weights falls on one of them")
    }

    /// This many random bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// The items in random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws_for_ever() {
        let mut rng = Seed::new(42).derive("client 0").rng();
        let first: Vec<u64> = (0..4).map(|_| rng.below(1000)).collect();
        assert_eq!(first, GOLDEN, "a change here makes every recorded seed worthless");
    }

    const GOLDEN: [u64; 4] = [963, 787, 172, 519];

    #[test]
    fn draws_stay_in_their_bounds_and_reach_them() {
        let mut rng = Seed::new(1).rng();
        let seen: std::collections::BTreeSet<u64> = (0..200).map(|_| rng.between(3, 6)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert!((0..200).all(|_| rng.weighted(&[0, 5, 0]) == 1));
    }
}
