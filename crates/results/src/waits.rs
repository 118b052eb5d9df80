//! How long clients waited: how long each of their calls took, counted by powers of two, and whether that is
//! bounded. A slow machine makes long calls of short ones, so what a yardstick saw of the machine meanwhile
//! says whether a long call is the engine's. Pure: no clock, no file, no printing.

use crate::{marker::Figures, outcome::Outcome, stats};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::{collections::BTreeMap, ops::RangeInclusive, time::Duration};

/// Classes: one for 0, and one for each number of bits.
const CLASSES: usize = 65;

/// How a figure begins that counts calls.
const CALLS: &str = "calls_us.";

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

    /// The figures by which a case tells it. Those of several cases add up.
    pub fn figures(&self) -> impl Iterator<Item = (String, u64)> {
        self.filled().map(|(class, count)| (format!("{CALLS}{class}"), count))
    }

    /// What figures tell of it.
    pub fn of(figures: &Figures) -> Self {
        let mut all = Self::default();
        for (name, amount) in figures {
            let class = name.strip_prefix(CALLS).and_then(|class| class.parse::<usize>().ok());
            if let Some(count) = class.and_then(|class| all.0.get_mut(class)) {
                *count += stats::whole(*amount);
            }
        }
        all
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

/// Whether a figure is one of those: a histogram's class says nothing by itself.
pub fn is_figure(name: &str) -> bool {
    name.starts_with(CALLS)
}

/// Holds the microseconds of calls against what a call may take. Nothing where it holds; otherwise
/// [`Outcome::Failed`] or [`Outcome::Inconclusive`], and why, in one line. `machine_us` is the longest that
/// a yardstick saw the machine away meanwhile, in microseconds. A call counts as too long when the shortest of its
/// class is.
pub fn judge(
    calls_us: &Histogram,
    machine_us: Option<u64>,
    bound: Duration,
) -> Option<(Outcome, String)> {
    let Some(longest) = calls_us.largest() else {
        return Some((Outcome::Inconclusive, "no call of a client was timed".to_owned()));
    };
    let longest = *longest.start();
    if u128::from(longest) <= bound.as_micros() {
        return None;
    }
    let (outcome, meanwhile) = match machine_us {
        Some(away) if longest > away.saturating_mul(TIMES_THE_MACHINE) => {
            let never = "while the machine was never away for longer than";
            (Outcome::Failed, format!("{never} {}", seconds(away)))
        }
        Some(away) => (
            Outcome::Inconclusive,
            format!("and the machine itself was away for {}", seconds(away)),
        ),
        None => (Outcome::Inconclusive, "and nobody measured the machine".to_owned()),
    };
    let took = format!("a call of a client took {} or longer", seconds(longest));
    let line = format!("{took}, {meanwhile} (the bound is {} s)", bound.as_secs());
    Some((outcome, line))
}

fn seconds(us: u64) -> String {
    format!("{:.2} s", us as f64 / 1e6)
}

#[cfg(test)]
mod tests;
