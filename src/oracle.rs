//! Oracles judge evidence: histories and dumps in, violations out. They do no I/O and open no
//! engine. Each oracle's header lists what it verifies and what it does not, with reasons.
//!
//! [`judge::judge_all`] runs all of them, and nothing else does. [`recovery`] joins those of a crash, [`live`]
//! those of a running engine; the others take evidence of their own.

pub mod accounting;
pub mod atomicity;
pub mod conservation;
pub mod contents;
pub mod durability;
#[cfg(test)]
pub(crate) mod history_builder;
pub mod isolation;
pub mod judge;
pub mod ledger;
pub mod live;
pub mod logged;
pub mod order;
pub mod progress;
pub mod promise;
pub mod reads;
pub mod recovered;
pub mod recovery;
mod reopened;
pub mod resources;
pub mod scan;
mod slots;
pub mod space;
pub mod stability;
mod survivors;
pub mod terms;

use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter, Result as FmtResult, Write},
};

pub use crate::history::OracleName;

/// A promise the engine broke, with the shortest evidence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The oracle in charge.
    pub oracle: OracleName,
    /// The promise, in the engine's words where it has any.
    pub promise: &'static str,
    /// What was seen, so short that a person can follow it.
    pub witness: String,
}

impl Violation {
    /// A violation found by `oracle`.
    pub fn new(oracle: OracleName, promise: &'static str, witness: impl Into<String>) -> Self {
        Self { oracle, promise, witness: witness.into() }
    }

    /// Whether the engine's checker, or its account, says one of these words because of what a case did.
    pub fn is_excused(&self, excused: &[impl AsRef<str>]) -> bool {
        let of_engine = [OracleName::Checker, OracleName::Accounting].contains(&self.oracle);
        of_engine && excused.iter().any(|words| self.witness.contains(words.as_ref()))
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "{}: {}\n    promise: {}", self.oracle, self.witness, self.promise)
    }
}

/// Something that would be a violation, had the engine's documentation not a sentence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The oracle that met it.
    pub oracle: OracleName,
    /// The sentence.
    pub sentence: &'static str,
    /// How often.
    pub count: u64,
}

/// What the oracles made of the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// Broken promises; at most [`KEPT`] for each oracle, the last of which counts the others.
    pub violations: Vec<Violation>,
    /// What was met and let pass, each sentence once.
    pub allowances: Vec<Allowance>,
    /// How many client transactions the evidence held.
    pub transactions_judged: u64,
}

/// How many violations of one oracle a report keeps: the first ones tell the story.
pub const KEPT: usize = 5;

impl Judged {
    /// Adds an oracle's violations.
    pub fn add(&mut self, violations: Vec<Violation>) {
        self.violations.extend(violations);
    }

    /// Counts allowances under their oracle and sentence.
    pub fn allow(&mut self, oracle: OracleName, sentence: &'static str, count: u64) {
        let known = self
            .allowances
            .iter_mut()
            .find(|known| known.oracle == oracle && known.sentence == sentence);
        match known {
            Some(known) => known.count += count,
            None if count > 0 => self.allowances.push(Allowance { oracle, sentence, count }),
            None => {}
        }
    }

    /// Joins what was made of other evidence.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.add(other.violations);
        for Allowance { oracle, sentence, count } in other.allowances {
            self.allow(oracle, sentence, count);
        }
        self.transactions_judged += other.transactions_judged;
        self.shortened()
    }

    /// Keeps the first violations of each oracle and says how many there were.
    #[must_use]
    pub(crate) fn shortened(mut self) -> Self {
        let mut seen: BTreeMap<OracleName, usize> = BTreeMap::new();
        let mut kept: Vec<Violation> = Vec::new();
        for violation in self.violations {
            let count = seen.entry(violation.oracle).or_default();
            *count += 1;
            if *count <= KEPT {
                kept.push(violation);
            }
        }
        for (oracle, count) in seen.into_iter().filter(|&(_, count)| count > KEPT) {
            let last = kept.iter_mut().rfind(|violation| violation.oracle == oracle);
            let last = last.expect("an oracle that was counted has violations");
            write!(last.witness, " (and {} more)", count - KEPT).expect("a string takes all");
        }
        self.violations = kept;
        self
    }
}
