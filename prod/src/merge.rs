//! The merged report, `target/prod/junit.xml`: every part's cases, completed, told apart, and with
//! what is needed to run one again. Builds the document; judges nothing.

use crate::{
    judge::{Judged, Layer, Verdict},
    session::Session,
};
use knobs::{Home, Setting, Source};
use launch::wanted::Wanted;
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::{collections::BTreeMap, time::Duration};

/// What the report says about the run as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) seed: u64,
    pub(crate) engine: String,
    /// What the environment or a flag had set, and a repetition has to set again.
    pub(crate) settings: Vec<(&'static str, String)>,
}

/// Set by the repetition's own arguments.
const BY_ARGUMENT: [&str; 2] = ["MACE_PROD_SEED", "FEATURES"];

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
                Wanted::Path(path) if knob.name == "MACE_ENGINE_PATH" => {
                    settings.push((knob.name, path.display().to_string()));
                }
                _ => settings.push((knob.name, value.clone())),
            }
        }
        Self { seed: session.seed, engine: session.engine.to_string(), settings }
    }
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
    let build = if layer.part.build.has_failpoints() { "failpoints" } else { "plain" };
    let mut suite = TestSuite::new(name.as_str());
    suite.add_properties([
        ("layer", layer.part.label),
        ("root_seed", &origin.seed.to_string()),
        ("engine", &origin.engine),
        ("build", build),
    ]);
    suite.set_time(cases.iter().map(|case| case.time).sum::<Duration>());
    for case in cases {
        let mut element = element(case);
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
}
