//! What a case tells the world: the lines that `prod` reads, the text of a verdict, the evidence
//! it leaves behind and the command that repeats it. Decides nothing.
//!
//! Lines for `prod`, each alone on a line of standard output:
//!
//! - `mace-prod: seed=<the case's> root=<the run's> case=<name> engine=<name>-<version>
//!   build=<build>`, always first;
//! - `mace-prod: figures <key>=<number> …`, once, at the end;
//! - `mace-prod: skip reason=<text>`; the case passes without having judged anything;
//! - `mace-prod: known-finding id=<id> case=<name>`;
//! - `mace-prod: inconclusive <text>`; the case fails.

use crate::{engine::Identity, settings::Seed, verdict::Verdict};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

/// Figures of a case by name; `prod` adds them up over a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures(BTreeMap<Cow<'static, str>, u64>);

impl Figures {
    /// Adds to a figure.
    pub fn add(&mut self, name: impl Into<Cow<'static, str>>, count: u64) {
        *self.0.entry(name.into()).or_default() += count;
    }

    /// The figure so far.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    fn line(&self) -> String {
        let mut line = String::from("mace-prod: figures");
        for (name, count) in &self.0 {
            write!(line, " {name}={count}").expect("a string takes every write");
        }
        line
    }
}

/// Prints one line to standard output, which nextest captures for the report.
#[expect(clippy::print_stdout, reason = "the report stage is where a case speaks")]
pub fn say(line: &str) {
    println!("{line}");
}

/// The first line of every case.
pub fn announce(seed: Seed, root: Seed, case: &str, engine: &Identity) {
    let Identity { name, version, build } = engine;
    say(&format!(
        "mace-prod: seed={seed} root={root} case={case} engine={name}-{version} build={build}"
    ));
}

/// The line of figures.
pub fn figures(figures: &Figures) {
    say(&figures.line());
}

/// The text of a verdict that is no pass, ending in the command that repeats the case.
pub fn failure(verdict: &Verdict, case: &str, seed: Seed) -> String {
    let mut text = match verdict {
        Verdict::Pass => String::from("passed"),
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
        Verdict::Inconclusive(why) => format!("mace-prod: inconclusive {why}"),
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
    fn figures_are_one_line() {
        let mut figures = Figures::default();
        figures.add("reopenings", 2);
        figures.add("reopenings", 1);
        assert_eq!(figures.line(), "mace-prod: figures reopenings=3");
    }
}
