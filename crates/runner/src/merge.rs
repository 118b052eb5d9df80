//! The merged report, `target/prod/junit.xml`: every part's cases, completed, told apart, and with
//! what is needed to run one again. Builds the document; judges nothing.

use crate::report::{Verdict, wire};
use crate::{
    judge::{Judged, Layer},
    part::{Build, Part},
    session::Session,
};
use knobs::{Home, Setting, Source, knob};
use process::Outcome;
use process::wanted::Wanted;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::{
    collections::BTreeMap,
    fmt::Write,
    time::{Duration, SystemTime},
};

/// What the report says about the run as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) seed: u64,
    pub(crate) engine: String,
    /// What the environment or a flag had set, and a repetition has to set again.
    pub(crate) settings: Vec<(String, String)>,
    /// Every knob with its effective value.
    pub(crate) knobs: Vec<wire::Setting>,
    /// When the run started.
    pub(crate) started: SystemTime,
}

/// Set by the repetition's own arguments.
const BY_ARGUMENT: [&str; 2] = [knob::MACE_PROD_SEED.name(), knob::FEATURES.name()];

impl Origin {
    pub(crate) fn of(session: &Session) -> Self {
        let mut settings = Vec::new();
        for Setting { knob, value, source } in session.knobs.settings() {
            let turned = matches!(source, Source::Flag | Source::Environment);
            let Some(value) = value.as_ref().filter(|_| turned && knob.home == Home::Prod) else {
                continue;
            };
            match &session.wanted {
                _ if BY_ARGUMENT.contains(&knob.name) => {}
                Wanted::Path(path) if knob.name == knob::MACE_ENGINE_PATH.name() => {
                    settings.push((knob.name.to_owned(), path.display().to_string()));
                }
                _ => settings.push((knob.name.to_owned(), value.clone())),
            }
        }
        Self {
            seed: session.seed,
            engine: session.engine.to_string(),
            settings,
            knobs: wire::Setting::all(&session.knobs),
            started: session.started,
        }
    }
}

impl Origin {
    /// The one command that runs a case again as it ran.
    pub(crate) fn repro(&self, part: &Part, case: &str) -> String {
        let mut command = String::new();
        for (name, value) in &self.settings {
            let _ = write!(command, "{name}={} ", quoted(value));
        }
        if let Build::Suite(features) = &part.build
            && features != "failpoints"
            && !features.is_empty()
        {
            let _ = write!(command, "FEATURES={} ", quoted(features));
        }
        let _ = write!(command, "just repro {} {}", quoted(case), self.seed);
        if !part.build.has_failpoints() {
            command.push_str(" --plain");
        }
        command
    }
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-:./,@=+".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// How the run as a whole ended.
pub(crate) struct Ending<'e> {
    pub(crate) outcome: Outcome,
    /// What failed besides cases, one line each.
    pub(crate) notes: &'e [String],
    /// How many shards it was put together from; 0 for a run on one machine.
    pub(crate) shards: u32,
}

/// Builds the record beside the report.
pub(crate) fn record(layers: &[Layer], origin: &Origin, ending: &Ending<'_>) -> wire::Run {
    let layer = |layer: &Layer| wire::Layer {
        label: layer.part.label.to_owned(),
        build: layer.part.build.name().to_owned(),
        wall_s: layer.wall.as_secs_f64(),
        outcome: layer.outcome.name().to_owned(),
    };
    let since = origin.started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let facts = wire::Facts {
        engine: origin.engine.clone(),
        root_seed: origin.seed,
        started_unix_s: since.as_secs(),
        wall_s: origin.started.elapsed().unwrap_or_default().as_secs_f64(),
        outcome: ending.outcome.name(),
        exit_code: ending.outcome.code(),
        shards: ending.shards,
        notes: ending.notes.to_vec(),
    };
    wire::Run::new(facts, layers.iter().map(layer).collect(), origin.knobs.clone())
}

/// Builds the merged report.
pub(crate) fn merge(layers: &[Layer], origin: &Origin) -> Report {
    let mut report = Report::new("prod");
    report.set_time(layers.iter().map(|layer| layer.wall).sum());
    for layer in layers {
        let mut binaries: BTreeMap<&str, Vec<&Judged>> = BTreeMap::new();
        for case in &layer.cases {
            binaries.entry(&case.id.binary).or_default().push(case);
        }
        for (binary, cases) in binaries {
            report.add_test_suite(suite(layer, binary, &cases, origin));
        }
    }
    report
}

fn suite(layer: &Layer, binary: &str, cases: &[&Judged], origin: &Origin) -> TestSuite {
    let name = format!("{}/{binary}", layer.part.label);
    let mut suite = TestSuite::new(name.as_str());
    suite.add_properties([
        ("layer", layer.part.label),
        ("root_seed", &origin.seed.to_string()),
        ("engine", &origin.engine),
        ("build", layer.part.build.name()),
    ]);
    suite.set_time(cases.iter().map(|case| case.time).sum::<Duration>());
    for case in cases {
        let mut element = element(case);
        if case.verdict.fails() {
            let repro = origin.repro(&layer.part, &case.id.name);
            element.add_property(Property::new("repro", repro));
        }
        // Viewers that ignore suites keep only the first of two cases with one name; the plain
        // pass must not hide behind the other one.
        element.set_classname(name.as_str());
        suite.add_test_case(element);
    }
    suite
}

fn element(case: &Judged) -> TestCase {
    let mut element = match &case.element {
        Some(element) => element.clone(),
        None => TestCase::new(case.id.name.as_str(), TestCaseStatus::success()),
    };
    let message = case.message.as_deref().unwrap_or_default();
    match (case.verdict, &mut element.status) {
        (Verdict::Skipped, status) => {
            *status = TestCaseStatus::skipped();
            status.set_message(message);
        }
        (Verdict::Passed | Verdict::Known | Verdict::FlakyPassed, _) => {}
        (verdict, status) => {
            if !matches!(status, TestCaseStatus::NonSuccess { .. }) {
                *status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type(verdict.name());
            }
            status.set_message(message);
        }
    }
    if !case.verdict.fails() {
        // The output of what passed is bulk; its markers have become properties.
        element.system_out = None;
        element.system_err = None;
    }
    add_properties(case, &mut element);
    element
}

fn add_properties(case: &Judged, element: &mut TestCase) {
    let mut add = |name: &str, value: &str| {
        element.add_property(Property::new(name, value));
    };
    add("verdict", case.verdict.name());
    if let Some(seed) = case.markers.seed {
        add("seed", &seed.to_string());
    }
    if case.attempts > 1 {
        add("attempts", &case.attempts.to_string());
    }
    for id in &case.markers.known {
        add("known_finding", id);
    }
    for (name, amount) in &case.markers.figures {
        add(&format!("figure.{name}"), &amount.to_string());
    }
}
