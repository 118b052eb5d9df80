//! Buckets that come and go: rounds of what happens to one of a few names, drawn from a seed.
//! Pure generation: what a name is at the moment is kept here, so that each round is legal.

use crate::settings::Draw;

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
}

/// Rounds over so many names.
pub fn rounds(draw: &mut Draw, names: u64, count: u64) -> Vec<Round> {
    let mut rounds: Vec<Round> = (0..count)
        .map(|_| Round {
            bucket: format!("churn-{}", draw.below(names)),
            fate: *draw.pick(&[Fate::Use, Fate::Unload, Fate::Delete, Fate::Delete]),
            checkpoint: draw.percent(40),
            reap: draw.percent(10),
        })
        .collect();
    if let Some(last) = rounds.last_mut() {
        // What is left over at the end would be judged as a bucket that is there, which it is; but
        // then nothing would say whether the engine ever gets rid of the last one.
        (last.fate, last.reap) = (Fate::Delete, true);
    }
    rounds
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Seed;

    #[test]
    fn rounds_use_every_name_and_every_fate() {
        let rounds = rounds(&mut Seed::new(1).draw(), 4, 100);
        let names: std::collections::BTreeSet<_> = rounds.iter().map(|r| &r.bucket).collect();
        assert_eq!(names.len(), 4);
        for fate in [Fate::Use, Fate::Unload, Fate::Delete] {
            assert!(rounds.iter().any(|round| round.fate == fate), "{fate:?}");
        }
        assert!(rounds.last().is_some_and(|round| round.reap));
    }
}
