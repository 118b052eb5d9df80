//! Buckets that come and go: rounds of what happens to one of a few names, drawn from a seed.
//! Pure generation: what a name is at the moment is kept here, so that each round is legal.

use crate::settings::Rng;
use std::collections::BTreeSet;

/// What happens to a bucket in one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is made, or opened again, and used.
    Use,
    /// It is used and unloaded; its data stay.
    Unload,
    /// It is used and deleted; a successor of its name starts empty.
    Delete,
}

/// One round: a name, what happens to it, and whether what was deleted is to be gone afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The bucket.
    pub bucket: String,
    /// What happens to it.
    pub fate: Fate,
    /// Whether a checkpoint of it is written after it was used.
    pub checkpoint: bool,
    /// Whether deleted buckets are reaped at the end of the round.
    pub reap: bool,
    /// How many of the names have a bucket after the round, loaded or not.
    pub left: u64,
}

/// Rounds over so many names.
pub fn rounds(rng: &mut Rng, names: u64, count: u64) -> Vec<Round> {
    let mut there = BTreeSet::new();
    let rounds = (0..count).map(|_| {
        let name = rng.below(names);
        let fate = *rng.pick(&[Fate::Use, Fate::Unload, Fate::Delete, Fate::Delete]);
        match fate {
            Fate::Use | Fate::Unload => there.insert(name),
            Fate::Delete => there.remove(&name),
        };
        Round {
            bucket: format!("churn-{name}"),
            fate,
            checkpoint: rng.percent(40),
            reap: rng.percent(10),
            left: there.len() as u64,
        }
    });
    rounds.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Seed;

    #[test]
    fn rounds_use_every_name_and_every_fate() {
        let rounds = rounds(&mut Seed::new(1).rng(), 4, 100);
        let names: BTreeSet<_> = rounds.iter().map(|r| &r.bucket).collect();
        assert_eq!(names.len(), 4);
        for fate in [Fate::Use, Fate::Unload, Fate::Delete] {
            assert!(rounds.iter().any(|round| round.fate == fate), "{fate:?}");
        }
        assert!(rounds.iter().all(|round| round.left <= 4));
    }
}
