//! What a case tells the world: the markers that `prod` reads (`results::marker` has their grammar),
//! the text of a verdict, the evidence it leaves behind and the command that repeats it. Decides nothing.

use crate::{
    engine::Identity,
    settings::{FindingId, Seed},
    verdict::Verdict,
};
use knobs::{budget::Unit, findings::Promise};
use results::{
    absorbed,
    marker::{Marker, Start},
    standing,
};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

/// Figures of a case by name; `prod` adds them up over a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(BTreeMap<Cow<'static, str>, u64>);

impl Figures {
    /// Adds to a figure.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, count: u64) {
        *self.0.entry(name.into()).or_default() += count;
    }

    /// Notes that a promise was tried.
    pub fn tries(&mut self, promises: impl IntoIterator<Item = Promise>) {
        for promise in promises {
            self.0.insert(standing::figure(promise).into(), 1);
        }
    }

    /// Takes that back: it was another engine that was tried.
    pub fn tries_nothing(&mut self) {
        self.0.retain(|name, _| !standing::is_figure(name));
    }

    /// Counts what a random case puts down to a known finding; a run holds its share against the budget in the
    /// finding's entry.
    ///
    /// # Panics
    ///
    /// When the finding and the unit are not listed together ([`FindingId::absorbs`]): a bug of the case.
    pub fn put_down_to(&mut self, id: FindingId, unit: Unit, count: u64) {
        assert!(id.absorbs(unit), "{} are put down to {id}, which is not listed", unit.words());
        self.add(absorbed::figure(&id.to_string(), unit), count);
    }

    /// Adds all of another's figures.
    pub fn join(&mut self, other: Self) {
        other.0.into_iter().for_each(|(name, count)| self.add(name, count));
    }

    /// The figure so far.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn marker(&self) -> Marker {
        let amount = |(name, count): (&Cow<'_, str>, &u64)| (name.to_string(), *count as f64);
        Marker::Figures(self.0.iter().map(amount).collect())
    }
}

/// Prints one line to standard output, which nextest captures for the report.
#[expect(clippy::print_stdout, reason = "the report stage is where a case speaks")]
pub fn say(line: &str) {
    println!("{line}");
}

/// Prints a marker.
pub fn mark(marker: &Marker) {
    say(&marker.to_string());
}

/// The first line of every case.
pub fn announce(seed: Seed, root: Seed, case: &str, engine: &Identity) {
    mark(&Marker::Start(Start {
        seed: seed.number(),
        root: root.number(),
        case: case.to_owned(),
        engine: format!("{}-{}", engine.name, engine.version),
        build: engine.build.clone(),
    }));
}

/// The line of figures.
pub fn figures(figures: &Figures) {
    mark(&figures.marker());
}

/// The text of a verdict that is no pass, ending in the command that repeats the case.
pub fn failure(verdict: &Verdict, case: &str, seed: Seed) -> String {
    let mut text = match verdict {
        Verdict::Pass => String::from("passed"),
        Verdict::Known(id) => format!("the known finding `{id}`"),
        Verdict::Violated(violations) => {
            let mut text = format!("{} violation(s)", violations.len());
            for violation in violations.iter().take(SHOWN) {
                write!(text, "\n  {violation}").expect("a string takes every write");
            }
            if violations.len() > SHOWN {
                write!(text, "\n  … and {} more", violations.len() - SHOWN)
                    .expect("a string takes every write");
            }
            text
        }
        Verdict::Crashed(how) => format!("the engine died where it was not asked to: {how}"),
        Verdict::Stuck(how) => format!("no progress within the deadline: {how}"),
        Verdict::Inconclusive(why) => Marker::Inconclusive { reason: why.clone() }.to_string(),
    };
    write!(text, "\n  repeat: just repro '{case}' {seed}").expect("a string takes every write");
    text
}

/// Violations shown in full; the first witness is what a person needs.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::OracleName;
    use crate::oracle::Violation;

    #[test]
    fn a_failure_ends_in_the_command_that_repeats_it() {
        let violation =
            Violation::new(OracleName::Durability, "acknowledged work survives", "T1.2 is gone");
        let text = failure(&Verdict::Violated(vec![violation]), "a::b", Seed::new(7));
        assert_eq!(
            text,
            "1 violation(s)\n  durability: T1.2 is gone\n    promise: acknowledged work survives\n  \
             repeat: just repro 'a::b' 7"
        );
    }

    #[test]
    #[cfg(panic = "unwind")]
    fn what_is_not_listed_is_put_down_to_nothing() {
        let puts = |id: FindingId, unit| {
            std::panic::catch_unwind(|| Figures::default().put_down_to(id, unit, 1))
        };
        assert!(puts(FindingId::SHORT_LOG_FILE, Unit::CrashStates).is_ok());
        assert!(puts(FindingId::SHORT_LOG_FILE, Unit::Crashes).is_err());
        assert!(puts(FindingId::KEY_OF_115_BYTES, Unit::CrashStates).is_err());
    }

    #[test]
    fn figures_are_one_line() {
        let mut figures = Figures::default();
        figures.add("reopenings", 2);
        figures.add("reopenings", 1);
        assert_eq!(figures.marker().to_string(), "mace-prod: figures reopenings=3");
    }
}
