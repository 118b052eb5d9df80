//! The checker: takes a history, returns a report. Linear in the history: one pass for the
//! versions, one for the edges, one search for a cycle. Only a history with a cycle costs more.

use crate::{
    anomaly::{Anomaly, Found, Malformed, Violation},
    component::components,
    cycle::Component,
    graph::Graph,
    history::{History, Op, Outcome},
    level::{Level, Rule},
    resolve::{Resolved, SetNodes},
};
use std::collections::BTreeMap;

/// How many components are searched for cycles; the rest are counted.
const SEARCHED: usize = 50;

/// The most anti-dependencies of one transaction that are examined for write skew.
const SKEW_WIDTH: usize = 64;

/// The result of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The first violations of each kind.
    pub violations: Vec<Violation>,
    /// How many violations of each kind there were: one for each read, one for each component with
    /// cycles.
    pub counts: BTreeMap<Anomaly, u64>,
    /// Components whose cycles were not searched because there were too many.
    pub unsearched: u64,
    /// What the history held.
    pub seen: Seen,
}

/// What a history held. A clean verdict is worth no more than what the history exercised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// Transactions.
    pub transactions: u64,
    /// Those that were acknowledged.
    pub committed: u64,
    /// Those that were refused because of a conflict.
    pub conflicts: u64,
    /// Those whose commit was unknown.
    pub unknown: u64,
    /// Unknown ones whose work was seen by others.
    pub unknown_seen: u64,
    /// Acknowledged transactions that began while another one was in progress.
    pub overlaps: u64,
    /// Pairs of transactions that each missed the other's write, which snapshot isolation allows.
    pub write_skews: u64,
    /// Reads of other transactions' work, or of its absence.
    pub reads: u64,
    /// Scans.
    pub scans: u64,
    /// Reads of nothing that fit several absences and were excluded.
    pub ambiguous: u64,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether an anomaly was found.
    pub fn found(&self, anomaly: Anomaly) -> bool {
        self.counts.contains_key(&anomaly)
    }
}

impl Seen {
    /// What never happened although a clean report says little without it, one word each.
    pub fn missing(&self) -> Vec<&'static str> {
        let all = [
            ("conflict", self.conflicts),
            ("overlap", self.overlaps),
            ("write skew", self.write_skews),
        ];
        all.into_iter().filter(|&(_, count)| count == 0).map(|(what, _)| what).collect()
    }
}

/// Checks a history for strong snapshot isolation.
///
/// # Errors
/// When no recorder that follows the rules of [`History`] could have made it.
pub fn check(history: &History) -> Result<Report, Malformed> {
    check_at(history, Level::StrongSnapshotIsolation)
}

/// Checks a history for strong snapshot isolation, or for that and serialisability. Where it is not snapshot
/// isolated, nothing more is looked for.
///
/// # Errors
/// Those of [`check`].
///
/// # Panics
/// For another level: [`judge`](crate::judge) knows them all.
pub fn check_at(history: &History, level: Level) -> Result<Report, Malformed> {
    let is_known = matches!(level, Level::StrongSnapshotIsolation | Level::Serialisable);
    assert!(is_known, "histories of this form are not checked for {level}");
    let mut found = Found::default();
    let all = Resolved::new(history, &mut found)?;
    let sets = SetNodes::new(&all, &mut found);
    let graph = Graph::new(&all, sets);
    let seen = seen(&all, &graph);
    let mut unsearched = 0;
    let mut search = |graph: &Graph, rule: Rule, found: &mut Found| {
        let mut components = components(graph);
        // Who reads a set and adds to it comes back to itself alone: see `Graph::serialisable`.
        components.retain(|txns| rule == Rule::STRONG || txns.len() > 1);
        unsearched = components.len().saturating_sub(SEARCHED) as u64;
        for txns in components.iter().take(SEARCHED) {
            Component::new(&all, txns).name(rule, found);
        }
    };
    if !graph.is_acyclic() {
        search(&graph, Rule::STRONG, &mut found);
    } else if level == Level::Serialisable {
        let graph = graph.serialisable();
        if !graph.is_acyclic() {
            search(&graph, level.rule(), &mut found);
        }
    }
    let Found { mut kept, counts } = found;
    kept.sort_by_key(|violation| violation.anomaly);
    Ok(Report { violations: kept, counts, unsearched, seen })
}

fn seen(all: &Resolved<'_>, graph: &Graph) -> Seen {
    let history = all.history;
    let mut seen = Seen {
        transactions: history.len() as u64,
        ambiguous: all.ambiguous,
        overlaps: overlaps(history),
        ..Seen::default()
    };
    for (txn, record) in history.txns().iter().enumerate() {
        match record.outcome {
            Outcome::Committed => seen.committed += 1,
            Outcome::Conflicted => seen.conflicts += 1,
            Outcome::Unknown => seen.unknown += 1,
            Outcome::Aborted => {}
        }
        if !all.visible[txn] {
            continue;
        }
        let txn = txn as u32;
        seen.unknown_seen += u64::from(record.outcome == Outcome::Unknown);
        seen.reads += all.reads(txn).len() as u64;
        seen.scans += history.ops(txn).filter(|op| matches!(op, Op::Scan(..))).count() as u64;
        let missed = graph.anti(txn).take(SKEW_WIDTH).filter(|&other| other > txn);
        let both = missed.filter(|&other| graph.anti(other).take(SKEW_WIDTH).any(|it| it == txn));
        seen.write_skews += both.count() as u64;
    }
    seen.reads += all.sets.len() as u64;
    seen
}

/// Acknowledged transactions that began before an older one ended.
fn overlaps(history: &History) -> u64 {
    let committed = history.txns().iter().filter(|txn| txn.outcome == Outcome::Committed);
    let mut spans: Vec<(u32, u32)> = committed.map(|txn| (txn.begin, txn.end)).collect();
    if !spans.is_sorted() {
        spans.sort_unstable();
    }
    let mut latest = 0;
    let mut count = 0;
    for (begin, end) in spans {
        count += u64::from(begin < latest);
        latest = latest.max(end);
    }
    count
}
