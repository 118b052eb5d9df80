//! Oracles judge evidence: histories and dumps in, violations out. They do no I/O and open no
//! engine. Each oracle's header lists what it verifies and what it does not, with reasons.

use std::fmt::{Display, Formatter, Result as FmtResult};

/// A promise the engine broke, with the shortest evidence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The oracle in charge.
    pub oracle: &'static str,
    /// The promise, in the engine's words where it has any.
    pub promise: &'static str,
    /// What was seen, so short that a person can follow it.
    pub witness: String,
}

impl Violation {
    /// A violation found by `oracle`.
    pub fn new(oracle: &'static str, promise: &'static str, witness: impl Into<String>) -> Self {
        Self { oracle, promise, witness: witness.into() }
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "{}: {}\n    promise: {}", self.oracle, self.witness, self.promise)
    }
}
