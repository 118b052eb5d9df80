//! The verdict on a history of Jepsen's: for each level of isolation whether it holds, and what breaks the
//! weakest that do not.

use crate::{
    anomaly::{Anomaly, Found, Violation},
    component::components,
    cycle::Component,
    explain::{Names, text},
    form::Unreadable,
    graph::Graph,
    history::{History, Key, Outcome, Version},
    infer::Inferred,
    jepsen::Recorded,
    level::Level,
};

/// A history judged by every level.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Judgement {
    /// Each level, and whether the history satisfies it.
    pub levels: Vec<(Level, bool)>,
    /// What breaks the weakest of the broken levels.
    pub violations: Vec<Violation>,
    /// The same as texts, with the names of the history.
    pub texts: Vec<String>,
    /// Transactions.
    pub transactions: usize,
    /// Those that were acknowledged.
    pub committed: usize,
    /// Dependencies between transactions. Without any, a history that satisfies every level says nothing.
    pub dependencies: usize,
}

/// Judges a history in EDN or JSON, a line for each operation or all of them in one vector: transactions over
/// lists (`append`, `r`) or registers (`w`, `r`).
///
/// # Errors
/// When the text is no such history.
pub fn judge(text: &str) -> Result<Judgement, Unreadable> {
    let recorded = Recorded::read(text)?;
    let inferred = Inferred::of(&recorded);
    let judged = |level: &Level| (*level, inferred.satisfies(&recorded.history, *level));
    let levels = Level::ALL.iter().map(judged).collect();
    let mut judgement = Judgement {
        levels,
        violations: Vec::new(),
        texts: Vec::new(),
        transactions: recorded.history.len(),
        committed: committed(&recorded.history),
        dependencies: inferred.edges.len(),
    };
    for level in judgement.weakest_broken() {
        for violation in inferred.violations(&recorded.history, level) {
            if !judgement.violations.contains(&violation) {
                judgement.texts.push(self::text(&violation, &recorded));
                judgement.violations.push(violation);
            }
        }
    }
    Ok(judgement)
}

fn committed(history: &History) -> usize {
    history.txns().iter().filter(|txn| txn.outcome == Outcome::Committed).count()
}

impl Judgement {
    /// Whether the history satisfies a level.
    pub fn holds(&self, level: Level) -> bool {
        self.levels.contains(&(level, true))
    }

    /// The levels that it satisfies and that no other one of these includes: one, or two of which neither
    /// includes the other.
    pub fn strongest(&self) -> Vec<Level> {
        let holds = Level::ALL.iter().copied().filter(|level| self.holds(*level));
        let is_included = |level: Level| {
            Level::ALL
                .iter()
                .any(|other| *other != level && self.holds(*other) && other.includes(level))
        };
        holds.filter(|level| !is_included(*level)).collect()
    }

    /// Whether an anomaly is among what breaks the weakest broken levels.
    pub fn found(&self, anomaly: Anomaly) -> bool {
        self.violations.iter().any(|violation| violation.anomaly == anomaly)
    }

    fn weakest_broken(&self) -> Vec<Level> {
        let broken = |level: &Level| !self.holds(*level);
        let is_weakest = |level: &Level| {
            let others = Level::ALL.iter().filter(|other| *other != level);
            others.filter(|other| level.includes(**other)).all(|other| self.holds(*other))
        };
        Level::ALL.iter().copied().filter(broken).filter(is_weakest).collect()
    }
}

impl Inferred {
    fn satisfies(&self, history: &History, level: Level) -> bool {
        let is_forbidden = |anomaly: &Anomaly| level.forbids(*anomaly);
        !self.found.counts.keys().any(is_forbidden) && self.graph(history, level).is_acyclic()
    }

    fn graph(&self, history: &History, level: Level) -> Graph {
        Graph::of_edges(history, &self.took_effect, &self.edges, level.rule())
    }

    /// What breaks a level: what shows without a cycle, and the cycles of the smallest component.
    fn violations(&self, history: &History, level: Level) -> Vec<Violation> {
        let is_forbidden = |violation: &&Violation| level.forbids(violation.anomaly);
        let kept = self.found.kept.iter().filter(is_forbidden).cloned();
        let mut found = Found { kept: kept.collect(), ..Found::default() };
        if let Some(txns) = components(&self.graph(history, level)).first() {
            Component::of_edges(history, txns, &self.edges).name(level.rule(), &mut found);
        }
        found.kept.sort_by_key(|violation| violation.anomaly);
        found.kept
    }
}

impl Names for Recorded {
    fn txn(&self, txn: u32) -> String {
        format!("T{txn} (line {})", self.lines[txn as usize])
    }

    fn key(&self, key: Key) -> String {
        format!("key {}", self.names.key_names[key as usize])
    }

    fn version(&self, version: Version) -> String {
        self.names.version_names[version as usize].clone()
    }
}
