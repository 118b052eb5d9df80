//! How long clients waited: how long each of their calls took, and how many attempts of each of their
//! transactions were lost to others, counted by powers of two; and whether that is bounded. A slow machine
//! makes long calls of short ones, so what a yardstick saw of the machine meanwhile says whether a long
//! call is the engine's. Pure: no clock, no file, no printing.

use crate::{
    marker::Figures,
    outcome::{Outcome, word},
    stats,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

/// Classes: one for 0, and one for each number of bits.
const CLASSES: usize = 65;

/// How a figure begins that counts calls or transactions.
const WAITS: &str = "waits.";

/// A call that took so many times as long as the machine was ever away is not the machine's doing.
const TIMES_THE_MACHINE: u64 = 10;

/// How often values were of each class; a class holds the values of one number of bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram([u64; CLASSES]);

impl Default for Histogram {
    fn default() -> Self {
        Self([0; CLASSES])
    }
}

/// Written as its classes that hold something.
impl Serialize for Histogram {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.filled())
    }
}

impl<'de> Deserialize<'de> for Histogram {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let filled = BTreeMap::<usize, u64>::deserialize(deserializer)?;
        let mut all = Self::default();
        for (class, count) in filled {
            let none = || serde::de::Error::custom(format_args!("there is no class {class}"));
            *all.0.get_mut(class).ok_or_else(none)? = count;
        }
        Ok(all)
    }
}

impl Histogram {
    /// Counts a value.
    pub fn record(&mut self, value: u64) {
        self.0[(u64::BITS - value.leading_zeros()) as usize] += 1;
    }

    /// Adds all that another one counted.
    pub fn join(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    /// How many values it counted.
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The least and the greatest value of the class of the largest one; `None` without one.
    pub fn largest(&self) -> Option<RangeInclusive<u64>> {
        self.filled().last().map(|(class, _)| values(class))
    }

    /// A value that so large a share of all does not exceed, and not a power of two too large; `None` without
    /// one.
    pub fn within(&self, share: f64) -> Option<u64> {
        let wanted = share * self.count() as f64;
        let mut so_far = 0;
        let mut filled = self.filled().map(|(class, count)| {
            so_far += count;
            (class, so_far)
        });
        let (class, _) = filled.find(|(_, so_far)| *so_far as f64 >= wanted)?;
        Some(*values(class).end())
    }

    fn filled(&self) -> impl Iterator<Item = (usize, u64)> {
        self.0.iter().copied().enumerate().filter(|(_, count)| *count > 0)
    }
}

/// The values of a class.
fn values(class: usize) -> RangeInclusive<u64> {
    match class {
        0 => 0..=0,
        bits => 1 << (bits - 1)..=u64::MAX >> (64 - bits),
    }
}

/// What clients waited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waits {
    /// Microseconds that each call took: begin, read, write, scan, and the end of a transaction.
    pub calls_us: Histogram,
    /// Attempts of one planned transaction that conflicted after another client of the same work had committed since
    /// the attempt before. Conflicts with nobody's progress between them count once, and so does time off the
    /// processor.
    pub lost: Histogram,
}

impl Waits {
    /// Adds what others waited.
    pub fn join(&mut self, other: &Self) {
        self.calls_us.join(&other.calls_us);
        self.lost.join(&other.lost);
    }

    /// The figures by which a case tells it. Those of several cases add up.
    pub fn figures(&self) -> impl Iterator<Item = (String, u64)> {
        let named = [("calls_us", &self.calls_us), ("lost", &self.lost)].into_iter();
        named.flat_map(|(name, histogram)| {
            histogram.filled().map(move |(class, count)| (format!("{WAITS}{name}.{class}"), count))
        })
    }

    /// What figures tell of it.
    pub fn of(figures: &Figures) -> Self {
        let mut waits = Self::default();
        for (name, amount) in figures {
            let Some((name, class)) = name.strip_prefix(WAITS).and_then(|it| it.rsplit_once('.'))
            else {
                continue;
            };
            let histogram = match name {
                "calls_us" => &mut waits.calls_us,
                "lost" => &mut waits.lost,
                _ => continue,
            };
            let class = class.parse().ok().and_then(|class: usize| histogram.0.get_mut(class));
            if let Some(count) = class {
                *count += stats::whole(*amount);
            }
        }
        waits
    }
}

/// Whether a figure is one of those: a histogram's class says nothing by itself.
pub fn is_figure(name: &str) -> bool {
    name.starts_with(WAITS)
}

/// What waits may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// What a call may take.
    pub call: Duration,
    /// How many attempts a transaction may lose to commits of others.
    pub lost: u64,
}

/// A bound that was passed, or that cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// [`Outcome::Failed`] or [`Outcome::Inconclusive`].
    #[serde(with = "word")]
    pub outcome: Outcome,
    /// Why, in one line.
    pub line: String,
}

/// Holds what clients waited against the bounds; nothing where these hold. `machine_us` is the longest that a
/// yardstick saw the machine away meanwhile, in microseconds. A value counts as beyond a bound when the
/// whole of its class is.
pub fn judge(waits: &Waits, machine_us: Option<u64>, bounds: &Bounds) -> Vec<Verdict> {
    let Some(longest) = waits.calls_us.largest() else {
        let line = "no call of a client was timed".to_owned();
        return vec![Verdict { outcome: Outcome::Inconclusive, line }];
    };
    let longest = *longest.start();
    let mut verdicts = Vec::new();
    if u128::from(longest) > bounds.call.as_micros() {
        let took = format!("a call of a client took {} or longer", seconds(longest));
        let bound = format!("(the bound is {} s)", bounds.call.as_secs());
        let (outcome, meanwhile) = match machine_us {
            Some(away) if longest > away.saturating_mul(TIMES_THE_MACHINE) => {
                let never = "while the machine was never away for longer than";
                (Outcome::Failed, format!("{never} {}", seconds(away)))
            }
            Some(away) => {
                let away = format!("and the machine itself was away for {}", seconds(away));
                (Outcome::Inconclusive, away)
            }
            None => (Outcome::Inconclusive, "and nobody measured the machine".to_owned()),
        };
        verdicts.push(Verdict { outcome, line: format!("{took}, {meanwhile} {bound}") });
    }
    let most = waits.lost.largest().map_or(0, |most| *most.start());
    if most > bounds.lost {
        let line = format!(
            "a client starved: one of its transactions lost {most} attempts or more to commits of others (the bound \
             is {})",
            bounds.lost
        );
        verdicts.push(Verdict { outcome: Outcome::Failed, line });
    }
    verdicts
}

fn seconds(us: u64) -> String {
    format!("{:.2} s", us as f64 / 1e6)
}

#[cfg(test)]
mod tests;
