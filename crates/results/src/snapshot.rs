//! A perf snapshot as a long run reads it: the medians of the benches, the frozen control case apart.
//! Knows the file that `perf snapshot` writes; runs no bench.

use crate::{gate::Summary, stats::median};
use std::collections::BTreeMap;

/// The first part of the names of control cases: work that touches no engine, so that it moves with
/// the machine alone.
const CONTROLS: &str = "Control/";

/// The medians of one snapshot, in nanoseconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// By case, the control case not among them.
    pub cases: BTreeMap<String, f64>,
    /// The control case's; the median of them where there are several.
    pub control_ns: Option<f64>,
}

impl Snapshot {
    /// Reads the text of a snapshot; the error is what is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let summary: Summary = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Self::of(&summary).ok_or_else(|| "no valid case".to_owned())
    }

    /// The medians of a summary; `None` without a case. One without a positive median is no valid case
    /// and is left out.
    pub fn of(summary: &Summary) -> Option<Self> {
        let valid = summary.cases.iter();
        let valid = valid.filter_map(|(name, case)| Some((name.clone(), case.valid_median_ns()?)));
        let (control, cases): (BTreeMap<_, _>, BTreeMap<_, _>) =
            valid.partition(|(name, _)| name.starts_with(CONTROLS));
        let control_ns = median(&control.into_values().collect::<Vec<_>>());
        (!cases.is_empty()).then_some(Self { cases, control_ns })
    }

    /// The median over the cases' medians, in nanoseconds.
    pub fn p50_ns(&self) -> f64 {
        median(&self.medians()).expect("a snapshot has a case")
    }

    /// The 95 % quantile over them by the nearest rank: one of the medians.
    pub fn p95_ns(&self) -> f64 {
        let mut medians = self.medians();
        medians.sort_by(f64::total_cmp);
        medians[(medians.len() * 95).div_ceil(100) - 1]
    }

    fn medians(&self) -> Vec<f64> {
        self.cases.values().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Snapshot;

    #[test]
    fn control_and_invalid_cases_are_no_cases() {
        let text = r#"{"count": 4, "version": 1, "cases": {
            "Control/sum": {"median_ns": 50.0, "mean_ns": 51.0},
            "Put/K16-V16/1": {"median_ns": 100.0, "p10_ns": 90},
            "Get/K16-V16/1": {"median_ns": 300.0},
            "Get/broken": {"median_ns": 0}, "Get/empty": {}}}"#;
        let snapshot = Snapshot::parse(text).unwrap();
        assert_eq!(snapshot.control_ns, Some(50.0));
        assert_eq!(snapshot.cases.len(), 2);
        assert!((snapshot.p50_ns() - 200.0).abs() < 1e-9);
        assert!((snapshot.p95_ns() - 300.0).abs() < 1e-9);
        let cases = (1..=20).map(|at| (format!("Put/{at:02}/1"), f64::from(at)));
        let twenty = Snapshot { cases: cases.collect(), control_ns: None };
        assert!((twenty.p95_ns() - 19.0).abs() < 1e-9, "the nineteenth of twenty");
    }

    #[test]
    fn what_is_no_snapshot_says_why() {
        assert!(Snapshot::parse("{\"cases\": {}}").unwrap_err().contains("no valid case"));
        assert!(Snapshot::parse("{\"count\": 1").is_err());
        assert!(Snapshot::parse("[]").is_err());
    }
}
