//! The seeds of a long run: an endless sequence of root seeds that follows from one number, and which
//! machine takes which of them. Pure.

use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, fmt};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The root seed of the cycle with this index, from 0 (xxh3 of a label, keyed by the soak's seed).
pub fn root_seed(soak_seed: u64, index: u64) -> u64 {
    xxh3_64_with_seed(format!("cycle {index}").as_bytes(), soak_seed)
}

/// So many of the numbers below `total`, each once, in the order in which this seed draws them (xxh3 as above).
/// A shorter draw is the beginning of a longer one.
pub fn draw(seed: u64, total: usize, count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..total).collect();
    let count = count.min(total);
    for at in 0..count {
        let drawn = xxh3_64_with_seed(format!("draw {at}").as_bytes(), seed);
        let left = (total - at) as u64;
        numbers.swap(at, at + (drawn % left) as usize);
    }
    numbers.truncate(count);
    numbers
}

/// One of several machines that share a sequence of seeds, or the cases of a run: the `number`-th of
/// `of`, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Which one.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl Shard {
    /// The only one.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// The first index of this shard that is not used yet.
    pub fn next(self, used: &BTreeSet<u64>) -> u64 {
        let mut index = u64::from(self.number) - 1;
        while used.contains(&index) {
            index += u64::from(self.of);
        }
        index
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::{Shard, draw, root_seed};
    use std::collections::BTreeSet;

    #[test]
    fn a_draw_follows_from_its_seed_and_has_no_twins() {
        let drawn = draw(1, 1000, 60);
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 60);
        assert!(drawn.iter().all(|number| *number < 1000));
        assert_eq!(drawn[..20], draw(1, 1000, 20));
        assert_ne!(drawn, draw(2, 1000, 60));
        let mut whole = draw(3, 9, 20);
        whole.sort_unstable();
        assert_eq!(whole, (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn seeds_of_a_soak_seed_never_change() {
        assert_eq!(root_seed(42, 0), GOLDEN, "a change here makes every ledger worthless");
        let all: BTreeSet<u64> = (0..1000).map(|index| root_seed(42, index)).collect();
        assert_eq!(all.len(), 1000);
        assert!(!all.contains(&root_seed(43, 0)));
    }

    const GOLDEN: u64 = 7_171_483_601_828_363_846;

    #[test]
    fn shards_share_the_seeds_without_overlap() {
        let shards: Vec<_> = [1, 2, 3].map(|number| Shard { number, of: 3 }).into();
        let mut taken = BTreeSet::new();
        for _ in 0..5 {
            for shard in &shards {
                // None of them knows what the others took.
                let own = taken
                    .iter()
                    .filter(|i| (*i % 3) + 1 == u64::from(shard.number))
                    .copied()
                    .collect();
                assert!(taken.insert(shard.next(&own)));
            }
        }
        assert_eq!(taken, (0..15).collect());
        assert_eq!(Shard::WHOLE.next(&taken), 15, "one machine goes on where all of them ended");
    }

    #[test]
    fn a_shard_is_written_as_it_is_typed() {
        assert_eq!(Shard { number: 2, of: 4 }.to_string(), "2/4");
    }
}
