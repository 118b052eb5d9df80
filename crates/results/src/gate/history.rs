//! A line of `history.jsonl`, and which lines may stand in one series. Data; it reads and prints
//! nothing.

use super::{Comparison, FORMAT, Gate, Origin, Summary, short};
use crate::document::words;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// The control case: a constant loop, by which the machine's drift is divided out.
pub const CONTROL: &str = "Control/spin";

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// `perf snapshot`.
    Snapshot,
    /// `perf compare` or `perf engines`.
    Compare,
}

impl Kind {
    /// The word for it.
    pub fn name(self) -> String {
        words(&self)
    }
}

/// A line of `history.jsonl`. What older lines lack has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// [`FORMAT`].
    #[serde(default)]
    pub format: u32,
    /// What it is about.
    pub kind: Kind,
    /// What was measured.
    #[serde(default)]
    pub origin: Origin,
    /// How it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<Setup>,
    /// Medians in nanoseconds by case.
    pub median_ns: BTreeMap<String, f64>,
    /// Of a comparison.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

/// How something was measured, as far as it changes what a case of the same name takes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Setup {
    /// `quick` or `full`.
    pub profile: String,
    /// Items of a batch; `None` for those of the full profile.
    #[serde(default)]
    pub items: Option<u64>,
    /// `None` where each run finds its own number.
    #[serde(default)]
    pub samples: Option<u64>,
}

/// What a comparison came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// The verdict.
    pub gate: Gate,
    /// Nothing was measured, because both revisions are the same machine code.
    pub identical: bool,
    /// The commit of the base.
    pub base_commit: String,
    /// The engine of the base.
    pub base_engine: String,
    /// The gate's delta by case.
    pub delta_pct: BTreeMap<String, f64>,
}

impl Compared {
    fn of(comparison: &Comparison) -> Self {
        let deltas = comparison
            .cases
            .iter()
            .filter_map(|judged| Some((judged.case.clone(), judged.estimate.as_ref()?.delta_pct)));
        Self {
            gate: comparison.gate,
            identical: comparison.is_unmeasured(),
            base_commit: comparison.base.commit.clone(),
            base_engine: comparison.base.engine.clone(),
            delta_pct: deltas.collect(),
        }
    }

    /// What it came to for a case, in words.
    pub fn describe(&self, case: &str) -> String {
        let gate = self.gate.name();
        let base = short(&self.base_commit);
        match self.delta_pct.get(case) {
            _ if self.identical => format!("{gate}: identical machine code as {base}"),
            Some(delta) => format!("{gate}: {delta:+.1} % against {base}"),
            None => format!("{gate}: against {base}"),
        }
    }
}

impl Entry {
    /// The line for a snapshot, or for the head of a comparison.
    pub fn new(summary: &Summary, setup: Setup, comparison: Option<&Comparison>) -> Self {
        let medians = summary.cases.iter().map(|(name, case)| (name.clone(), case.median_ns));
        Self {
            format: FORMAT,
            kind: if comparison.is_some() { Kind::Compare } else { Kind::Snapshot },
            origin: summary.origin.clone(),
            setup: Some(setup),
            median_ns: medians.collect(),
            compared: comparison.map(Compared::of),
        }
    }

    /// The series that this line belongs to.
    pub fn series(&self) -> Series {
        let machine = &self.origin.machine;
        Series {
            kind: self.kind,
            setup: self.setup.clone(),
            has_control: self.median_ns.contains_key(CONTROL),
            source: source(&self.origin.engine).to_owned(),
            machine: format!("{}, {} cores, {}", machine.cpu, machine.cores, machine.os),
        }
    }

    /// Whether nothing was measured, because no case can have changed.
    pub fn is_identical(&self) -> bool {
        self.compared.as_ref().is_some_and(|compared| compared.identical)
    }
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
pub struct Series {
    kind: Kind,
    setup: Option<Setup>,
    /// Divided by the control or as measured: these are not the same levels.
    pub has_control: bool,
    source: String,
    /// Without kernel and compiler: what they change is a change to be seen.
    machine: String,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.kind.name())?;
        match &self.setup {
            None => write!(f, ", profile and items not recorded")?,
            Some(Setup { profile, items, samples }) => {
                write!(f, ", {profile} profile")?;
                items.map_or(Ok(()), |items| write!(f, ", {items} items"))?;
                samples.map_or(Ok(()), |samples| write!(f, ", {samples} samples"))?;
            }
        }
        write!(f, "; engine from {}; {}", self.source, self.machine)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, source};

    #[test]
    fn a_source_does_not_depend_on_the_version() {
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
        let entry: Entry = serde_json::from_str(line).unwrap();
        assert_eq!((&entry.setup, &entry.compared, entry.is_identical()), (&None, &None, false));
        let says =
            "compares, profile and items not recorded; engine from registry; c, 2 cores, linux";
        assert_eq!(entry.series().to_string(), says);
    }
}
