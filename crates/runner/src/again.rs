//! Cases that failed before and are run again with their seeds: those of the last report, and those of all
//! earlier runs, which a file keeps until they pass. Reads the report, reads and writes that file; runs and
//! judges nothing.

use crate::{
    files, judge, junit,
    nextest::{Inventory, Repetition},
    origin::Origin,
    part::{self, Build, Mode, Part},
    record::Judged,
    session::Session,
};
use knobs::knob;
use process::{Error, Result, store};
use results::{
    CaseId, Layer, document,
    failing::{Failing, FailingSeed},
};
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// The file of the failing seeds, in the folder of the reports.
const FILE: &str = "failing-seeds.json";

/// What chooses the engine, or what the runner itself makes of its results: a seed that failed under
/// another choice waits for a run under that choice.
const OF_THE_RUN: [&str; 5] = [
    knob::MACE_PROD_ENGINE.name(),
    knob::MACE_ENGINE.name(),
    knob::MACE_ENGINE_PATH.name(),
    knob::MACE_PROD_FIXES.name(),
    knob::MACE_PROD_UNKNOWN.name(),
];

/// A knob and its value.
type Setting = (String, String);

/// Cases of a part that failed with one seed.
#[derive(Debug, Clone)]
pub(crate) struct Again {
    pub(crate) part: Part,
    pub(crate) repetition: Repetition,
    pub(crate) cases: Inventory,
}

/// What failed in the last report, which has to be of the layers of `mode` where that is given.
pub(crate) fn of_last_report(session: &Session, mode: Option<Mode>) -> Result<Vec<Again>> {
    let path = session.out.join("junit.xml");
    let refused = |what: String| {
        Error::new(what, path.display(), "`just prod LAYER` runs a layer and leaves a report")
    };
    let layers = match files::text(&path)? {
        None => return Err(refused("there is no report of an earlier run".to_owned())),
        Some(text) => junit::layers(&text, None)
            .map_err(|why| refused(format!("the last report is unreadable ({why})")))?,
    };
    let features = session.knobs.features();
    let names: BTreeSet<&str> =
        layers.iter().map(|layer| Repetition::part_of(&layer.label)).collect();
    if let Some(mode) = mode {
        let wanted: BTreeSet<&str> =
            part::parts(mode, features).iter().map(|part| part.label).collect();
        if wanted != names {
            let words = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
            let there = words(names);
            let wanted = words(wanted);
            return Err(refused(format!("the last report is of {there}, and not of {wanted}")));
        }
    }
    let mut parts = part::parts(Mode::All, features);
    parts.push(part::own());
    let own = settings(&Origin::of(session));
    let kept = FailingSeeds::open(&session.out)?;
    let mut found = Vec::new();
    for layer in &layers {
        let cases = failed(layer);
        if cases.is_empty() {
            continue;
        }
        let name = Repetition::part_of(&layer.label);
        let part = parts.iter().find(|part| part.label == name && part.build.name() == layer.build);
        let part = part.cloned().ok_or_else(|| {
            refused(format!("the last report is of {name} in another build ({})", layer.build))
        })?;
        let seed = layer.root_seed.parse().map_err(|error| {
            refused(format!("{name} has the root seed {:?} ({error})", layer.root_seed))
        })?;
        for case in cases {
            for settings in kept.settings(&part, seed, &case, &own) {
                add(&mut found, &part, seed, &settings, case.clone());
            }
        }
    }
    if found.is_empty() {
        return Err(refused("no case failed in the last report".to_owned()));
    }
    Ok(found)
}

/// Adds a case to those of its part, seed and settings.
fn add(all: &mut Vec<Again>, part: &Part, seed: u64, settings: &[Setting], case: CaseId) {
    let is_of_seed = |again: &&mut Again| again.part == *part && again.repetition.seed == seed;
    let mut of_seed = all.iter_mut().filter(is_of_seed);
    if let Some(again) = of_seed.find(|again| again.repetition.settings == settings) {
        again.cases.insert(case);
        return;
    }
    let number = 1 + all.iter_mut().filter(is_of_seed).count();
    let repetition = Repetition { seed, settings: settings.to_vec(), number };
    all.push(Again { part: part.clone(), repetition, cases: Inventory::from([case]) });
}

/// The cases of these failing seeds, in the parts of a run.
pub(crate) fn of_seeds(seeds: &BTreeSet<FailingSeed>, parts: &[Part]) -> Vec<Again> {
    let mut all: Vec<Again> = Vec::new();
    for seed in seeds {
        let Ok(root) = seed.root_seed.parse() else { continue };
        if let Some(part) = parts.iter().find(|part| is_of(seed, part)) {
            add(&mut all, part, root, &seed.settings, seed.case.clone());
        }
    }
    all
}

/// The parts of these cases, each once.
pub(crate) fn parts(all: &[Again]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for Again { part, .. } in all {
        if !parts.contains(part) {
            parts.push(part.clone());
        }
    }
    parts
}

fn failed(layer: &Layer) -> Inventory {
    let cases = layer.failures().map(|case| case.id.clone());
    cases.filter(|id| id.binary != judge::NEXTEST).collect()
}

fn is_of(seed: &FailingSeed, part: &Part) -> bool {
    part.label == seed.layer && part.build == Build::Suite(seed.features.clone())
}

/// Of the settings those that choose the engine.
fn of_run(settings: &[Setting]) -> Vec<&Setting> {
    settings.iter().filter(|(name, _)| OF_THE_RUN.contains(&name.as_str())).collect()
}

/// What the cases of a run were set, as a failing seed keeps it. `MACE_PROD_KNOWN` says what a run makes of
/// its cases and changes none.
fn settings(origin: &Origin) -> Vec<Setting> {
    let of_cases = |setting: &&Setting| setting.0 != knob::MACE_PROD_KNOWN.name();
    origin.settings.iter().filter(of_cases).cloned().collect()
}

/// The failing seeds of earlier runs, and the file that keeps them.
#[derive(Debug)]
pub(crate) struct FailingSeeds {
    path: PathBuf,
    failing: Failing,
}

impl FailingSeeds {
    /// Those that earlier runs left in the folder of the reports.
    pub(crate) fn open(out: &Path) -> Result<Self> {
        let path = out.join(FILE);
        let failing = files::parsed(&path, "remove the file", document::decode)?;
        Ok(Self { path, failing: failing.unwrap_or_default() })
    }

    /// Those that a run of these parts tries first: those of its engine and builds. A run tries its own
    /// seed anyway.
    pub(crate) fn due(&self, parts: &[Part], origin: &Origin) -> BTreeSet<FailingSeed> {
        let own = settings(origin);
        let root = origin.seed.to_string();
        let is_due = |seed: &&FailingSeed| {
            let is_own = seed.root_seed == root && seed.settings == own;
            parts.iter().any(|part| is_of(seed, part))
                && !is_own
                && of_run(&seed.settings) == of_run(&own)
        };
        self.failing.seeds.iter().filter(is_due).cloned().collect()
    }

    /// Keeps the failing seeds of a plan: another machine may have made it.
    pub(crate) fn keep(&mut self, planned: &BTreeSet<FailingSeed>) -> Result<()> {
        let before = self.failing.clone();
        self.failing.seeds.extend(planned.iter().cloned());
        self.write(&before)
    }

    /// What a case was set when it failed with this root seed, on the engine of `own`; `own` where no run kept it.
    fn settings(
        &self,
        part: &Part,
        root: u64,
        case: &CaseId,
        own: &[Setting],
    ) -> Vec<Vec<Setting>> {
        let is_it = |seed: &&FailingSeed| {
            is_of(seed, part)
                && seed.root_seed == root.to_string()
                && seed.case == *case
                && of_run(&seed.settings) == of_run(own)
        };
        let kept: Vec<_> =
            self.failing.seeds.iter().filter(is_it).map(|seed| seed.settings.clone()).collect();
        if kept.is_empty() { vec![own.to_vec()] } else { kept }
    }

    /// Notes how the cases of a part ended; the file says so when this returns. The project's own tests
    /// follow from no seed.
    pub(crate) fn note(&mut self, judged: &Judged, part: &Part, origin: &Origin) -> Result<()> {
        let Build::Suite(features) = &part.build else { return Ok(()) };
        let before = self.failing.clone();
        for case in judged.layer.cases.iter().filter(|case| case.attempts > 0) {
            let seed = FailingSeed {
                layer: part.label.to_owned(),
                features: features.clone(),
                root_seed: origin.seed.to_string(),
                settings: settings(origin),
                case: case.id.clone(),
            };
            self.failing.note(seed, case.outcome);
        }
        self.write(&before)
    }

    /// Forgets the seeds of cases that are no more.
    pub(crate) fn forget(&mut self, gone: &Inventory, part: &Part) -> Result<()> {
        let before = self.failing.clone();
        self.failing.seeds.retain(|seed| seed.layer != part.label || !gone.contains(&seed.case));
        self.write(&before)
    }

    fn write(&self, before: &Failing) -> Result<()> {
        if *before == self.failing {
            Ok(())
        } else if self.failing.seeds.is_empty() {
            files::remove(&self.path)
        } else {
            store::replace(&self.path, &document::encode(&self.failing))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Failing, FailingSeed, FailingSeeds, of_seeds};
    use crate::{
        origin::Origin,
        part::{Mode, parts},
    };
    use results::CaseId;
    use std::time::SystemTime;

    fn owned(settings: &[(&str, &str)]) -> Vec<(String, String)> {
        settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    /// How many failing seeds of `layer` that were set `then` are due in a run of all layers that is set `now`.
    fn due(layer: &str, then: &[(&str, &str)], now: &[(&str, &str)]) -> usize {
        let seed = |root_seed: &str, name: &str| FailingSeed {
            layer: layer.into(),
            features: "failpoints".into(),
            root_seed: root_seed.into(),
            settings: owned(then),
            case: CaseId { binary: "b".into(), name: name.into() },
        };
        let seeds = [seed("7", "a"), seed("7", "b"), seed("8", "a")].into();
        let failing = Failing { seeds, ..Failing::default() };
        let seeds = FailingSeeds { path: "none".into(), failing };
        let origin = Origin {
            seed: 8,
            engine: String::new(),
            settings: owned(now),
            knobs: Vec::new(),
            started: SystemTime::now(),
        };
        let parts = parts(Mode::All, "failpoints");
        let due = of_seeds(&seeds.due(&parts, &origin), &parts);
        assert!(due.iter().all(|again| again.repetition.settings == owned(then)));
        due.iter().map(|again| again.cases.len()).sum()
    }

    #[test]
    fn seeds_are_due_on_their_engine_and_in_their_layer() {
        let fixed = [("MACE_PROD_FIXES", "all")];
        assert_eq!(due("fast", &[], &[]), 2, "the run's own seed is not");
        assert_eq!(due("fast", &[], &[("MACE_PROD_PAUSES", "0")]), 3, "its own is set otherwise");
        assert_eq!(due("fast", &[], &[("MACE_PROD_KNOWN", "fail")]), 2);
        assert_eq!(due("fast", &fixed, &fixed), 2);
        assert_eq!(due("fast", &fixed, &[]), 0);
        assert_eq!(due("fast", &[], &fixed), 0);
        assert_eq!(due("fast (plain engine)", &[], &[]), 0, "in another build");
        assert_eq!(due("own", &[], &[]), 0);
    }
}
