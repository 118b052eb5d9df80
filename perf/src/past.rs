//! A line of `history.jsonl`, and which lines may stand in one series. Data; it reads and prints
//! nothing.

use crate::{
    files::{Comparison, Origin, Summary},
    gate::Gate,
    settings::Settings,
};
use knobs::{Source, knob};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The case that never changes: what a slow hour of the machine does to it is divided out.
pub(crate) const CONTROL: &str = "Control/spin";

/// A line of `history.jsonl`. Keys are only ever added, and those that older lines lack have a
/// default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Past {
    pub(crate) format: u32,
    /// `snapshot` or `compare`.
    pub(crate) kind: String,
    pub(crate) origin: Origin,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) setup: Option<Setup>,
    /// Median in nanoseconds, by case.
    pub(crate) median_ns: BTreeMap<String, f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) compared: Option<Compared>,
}

/// How something was measured, as far as it changes what a case of the same name takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// `quick` or `full`.
    pub(crate) profile: String,
    /// Items of a batch; `None` when they are the full profile's own.
    pub(crate) items: Option<u64>,
    /// `None` where each run finds its own number.
    pub(crate) samples: Option<u64>,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Compared {
    pub(crate) gate: Gate,
    /// Nothing was measured, because both sides are the same machine code.
    pub(crate) identical: bool,
    pub(crate) base_commit: String,
    pub(crate) base_engine: String,
    /// What the gate decided on, by case.
    pub(crate) delta_pct: BTreeMap<String, f64>,
}

impl Past {
    pub(crate) fn of_snapshot(settings: &Settings, summary: &Summary) -> Self {
        let samples = Some(settings.knobs.get(knob::MACE_BENCH_SAMPLE_SIZE));
        let setup = Setup { items: items(settings), samples, ..Setup::of(settings) };
        let origin = summary.origin.clone();
        Self::new("snapshot", origin, setup, summary, None)
    }

    /// Of a comparison and its head.
    pub(crate) fn of_comparison(
        settings: &Settings,
        comparison: &Comparison,
        head: &Summary,
    ) -> Self {
        let setup = Setup { items: Some(settings.compare_items), ..Setup::of(settings) };
        let deltas = comparison.cases.iter().filter_map(|judged| {
            let estimate = judged.estimate.as_ref()?;
            Some((judged.case.clone(), estimate.delta_pct))
        });
        let compared = Compared {
            gate: comparison.gate,
            identical: comparison.identical && comparison.cases.is_empty(),
            base_commit: comparison.base.commit.clone(),
            base_engine: comparison.base.engine.clone(),
            delta_pct: deltas.collect(),
        };
        Self::new("compare", comparison.head.clone(), setup, head, Some(compared))
    }

    fn new(
        kind: &str,
        origin: Origin,
        setup: Setup,
        summary: &Summary,
        compared: Option<Compared>,
    ) -> Self {
        let median_ns = summary.cases.iter().map(|(name, case)| (name.clone(), case.median_ns));
        let (median_ns, setup) = (median_ns.collect(), Some(setup));
        Self { format: 1, kind: kind.to_owned(), origin, setup, median_ns, compared }
    }

    /// The series that this line belongs to.
    pub(crate) fn series(&self) -> Series {
        let machine = &self.origin.machine;
        Series {
            kind: self.kind.clone(),
            setup: self.setup.clone(),
            has_control: self.median_ns.contains_key(CONTROL),
            source: source(&self.origin.engine).to_owned(),
            machine: format!("{}, {} cores, {}", machine.cpu, machine.cores, machine.os),
        }
    }

    /// Whether it says of every case that it did not change.
    pub(crate) fn is_identical(&self) -> bool {
        self.compared.as_ref().is_some_and(|compared| compared.identical)
    }
}

impl Setup {
    fn of(settings: &Settings) -> Self {
        let quick = settings.knobs.get(knob::MACE_BENCH_QUICK);
        let profile = if quick { "quick" } else { "full" }.to_owned();
        Self { profile, items: None, samples: None }
    }
}

/// The full profile has items of its own unless somebody asks for others by hand.
fn items(settings: &Settings) -> Option<u64> {
    let set = settings.knobs.setting(knob::MACE_BENCH_TOTAL_ITEMS);
    let by_hand = matches!(set.source, Source::Flag | Source::Environment);
    let told = by_hand || settings.knobs.get(knob::MACE_BENCH_QUICK);
    told.then(|| settings.knobs.get(knob::MACE_BENCH_TOTAL_ITEMS))
}

/// Where an engine is from, out of its name: its version and its commit are what a series is about.
fn source(engine: &str) -> &str {
    let inner = engine.split_once(" (").map_or(engine, |(_, inner)| inner);
    let inner = inner.strip_suffix(')').unwrap_or(inner);
    let place = inner.rsplit_once(" at ").map_or(inner, |(place, _)| place);
    place.strip_suffix(", no git").unwrap_or(place)
}

/// What lines have in common whose figures can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    kind: String,
    setup: Option<Setup>,
    /// Divided by the control or as measured: these are not the same levels.
    pub(crate) has_control: bool,
    source: String,
    /// Without kernel and compiler: what they change is a change to be seen.
    machine: String,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.kind)?;
        match &self.setup {
            None => write!(f, ", profile and items not recorded")?,
            Some(Setup { profile, items, samples }) => {
                write!(f, ", {profile} profile")?;
                if let Some(items) = items {
                    write!(f, ", {items} items")?;
                }
                if let Some(samples) = samples {
                    write!(f, ", {samples} samples")?;
                }
            }
        }
        write!(f, "; engine from {}; {}", self.source, self.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::{Past, source};

    #[test]
    fn a_source_is_where_an_engine_is_from_whatever_its_version() {
        for (engine, from) in [
            ("mace-kv 0.2.0 (registry)", "registry"),
            ("mace-kv 0.2.0 (/x/a (b)/mace at 12ab34)", "/x/a (b)/mace"),
            ("mace-kv 0.2.0 (/x/mace at 12ab34)", "/x/mace"),
            ("mace-kv 0.3.0 (/x/mace, no git)", "/x/mace"),
            ("e", "e"),
        ] {
            assert_eq!(source(engine), from, "{engine}");
        }
    }

    #[test]
    fn a_line_of_an_older_version_is_read() {
        let line = r#"{"format":1,"kind":"compare","origin":{"engine":"mace-kv 0.2.0 (registry)",
            "commit":"5959","machine":{"cpu":"c","cores":2,"os":"linux","kernel":"6","rustc":"r"},
            "at_secs":1764200000},"median_ns":{"Put/K16-V16/1":123.5}}"#;
        let past: Past = serde_json::from_str(line).unwrap();
        assert_eq!((&past.setup, &past.compared, past.is_identical()), (&None, &None, false));
        let series = past.series().to_string();
        let says =
            "compares, profile and items not recorded; engine from registry; c, 2 cores, linux";
        assert_eq!(series, says);
    }
}
