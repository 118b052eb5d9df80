//! `JUnit` in both directions: the report of one part as nextest wrote it, and the merged report
//! `target/prod/junit.xml`, whose properties say what the format has no place for. Judges nothing.

use crate::{
    origin::Origin,
    record::{Judged, Record},
};
use process::store::if_there;
use quick_junit::{
    FlakyOrRerun, NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite,
};
use results::{Case, CaseId, CaseOutcome, Layer, marker::Markers};
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

/// A property of a case in the merged report.
const VERDICT: &str = "verdict";
const SEED: &str = "seed";
const ATTEMPTS: &str = "attempts";
const KNOWN: &str = "known_finding";
const REPRO: &str = "repro";
/// The beginning of a property that is a figure.
const FIGURE: &str = "figure.";

/// A story longer than this is cut to its end: the page is to stay one that opens at once.
const STORY_BYTES: usize = 16 * 1024;

/// Reads a report of nextest's; an absent file is an empty one. The error says in words why it is
/// unreadable.
pub(crate) fn read(path: &Path) -> Result<Vec<Record>, String> {
    let text = if_there(fs::read_to_string(path)).map_err(|error| error.to_string())?;
    text.map_or_else(|| Ok(Vec::new()), |text| records(&text))
}

fn records(text: &str) -> Result<Vec<Record>, String> {
    let report = Report::deserialize_from_str(text).map_err(|error| error.to_string())?;
    let records = report.test_suites.into_iter().flat_map(|suite| {
        let binary = suite.name.to_string();
        suite.test_cases.into_iter().map(move |element| record(&binary, element))
    });
    Ok(records.collect())
}

fn record(binary: &str, element: TestCase) -> Record {
    let mut markers = Markers::of(element.system_out.as_deref().unwrap_or_default());
    // A case that cannot tell panics with its marker, and panics speak on standard error.
    let complaints = Markers::of(element.system_err.as_deref().unwrap_or_default());
    markers.inconclusive = markers.inconclusive.or(complaints.inconclusive);
    let mut case = case(binary, &element);
    case.seed = markers.seed;
    case.known.clone_from(&markers.known);
    case.figures.clone_from(&markers.figures);
    if let TestCaseStatus::NonSuccess { description: Some(said), .. } = &element.status {
        case.message =
            panic_message(said.as_str()).or_else(|| several_errors(said.as_str())).or(case.message);
    }
    Record { case, markers, element }
}

/// A case as far as nextest's own words go.
fn case(binary: &str, element: &TestCase) -> Case {
    let (outcome, message, reruns) = match &element.status {
        TestCaseStatus::Success { flaky_runs } if flaky_runs.is_empty() => {
            (CaseOutcome::Passed, None, 0)
        }
        TestCaseStatus::Success { flaky_runs } => {
            (CaseOutcome::FlakyPassed, None, flaky_runs.len())
        }
        TestCaseStatus::Skipped { message, .. } => (CaseOutcome::Skipped, message.as_deref(), 0),
        TestCaseStatus::NonSuccess { message, ty, reruns, .. } => {
            let flaky = reruns.kind == FlakyOrRerun::Flaky && !reruns.runs.is_empty();
            let outcome = match ty.as_deref() {
                _ if flaky => CaseOutcome::Flaky,
                Some("test timeout") => CaseOutcome::TimedOut,
                _ => CaseOutcome::Failed,
            };
            (outcome, message.as_deref().or(ty.as_deref()), reruns.runs.len())
        }
    };
    let id = CaseId { binary: binary.to_owned(), name: element.name.to_string() };
    Case {
        message: message.map(str::to_owned),
        time: element.time.unwrap_or_default(),
        attempts: 1 + reruns,
        ..Case::new(id, outcome)
    }
}

/// What a panic said and where, in one line: nextest's own message has only the place.
fn panic_message(description: &str) -> Option<String> {
    let mut lines = description.lines();
    let (_, place) = lines.next()?.split_once(" panicked at ")?;
    // A verdict's first line counts its violations; the next ones say what they are.
    let is_end = |line: &&str| {
        ["stack backtrace:", "note: ", "repeat: "].iter().any(|end| line.starts_with(end))
    };
    let said = lines.map(str::trim).take_while(|line| !is_end(line));
    let said: Vec<_> = said.filter(|line| !line.is_empty()).take(3).collect();
    let place = place.trim_end_matches(':');
    (!said.is_empty()).then(|| format!("{} ({place})", said.join("; ")))
}

/// What went wrong, in one line, where it was several things: nextest's own message has only their number.
fn several_errors(description: &str) -> Option<String> {
    let (first, _) = description.split_once('\n')?;
    let words: Vec<_> = description.split_whitespace().collect();
    first.ends_with(" errors occurred executing test:").then(|| words.join(" "))
}

/// Builds the merged report: every part's cases, completed, told apart, and with what is needed to
/// run one again; and the verdicts on the whole run.
pub(crate) fn merged(layers: &[Judged], origin: &Origin, verdicts: &[(String, String)]) -> Report {
    let mut report = Report::new("prod");
    report.set_time(layers.iter().map(|judged| judged.layer.wall).sum());
    for judged in layers {
        let mut binaries: BTreeMap<&str, Vec<&Case>> = BTreeMap::new();
        for case in &judged.layer.cases {
            binaries.entry(&case.id.binary).or_default().push(case);
        }
        for (binary, cases) in binaries {
            let mut suite = suite(judged, binary, &cases, origin);
            // The format has no place for what is said of the whole run.
            suite
                .add_properties(verdicts.iter().map(|(name, said)| (name.as_str(), said.as_str())));
            report.add_test_suite(suite);
        }
    }
    report
}

fn suite(judged: &Judged, binary: &str, cases: &[&Case], origin: &Origin) -> TestSuite {
    let Layer { label, build, root_seed, .. } = &judged.layer;
    let name = format!("{label}/{binary}");
    let mut suite = TestSuite::new(name.as_str());
    suite.add_properties([
        ("layer", label.as_str()),
        ("root_seed", root_seed),
        ("engine", &origin.engine),
        ("build", build),
    ]);
    suite.set_time(cases.iter().map(|case| case.time).sum::<Duration>());
    for case in cases {
        let mut element = element(case, judged.elements.get(&case.id));
        // Viewers that ignore suites keep only the first of two cases with one name; the plain
        // pass must not hide behind the other one.
        element.set_classname(name.as_str());
        suite.add_test_case(element);
    }
    suite
}

fn element(case: &Case, reported: Option<&TestCase>) -> TestCase {
    let without = || TestCase::new(case.id.name.as_str(), TestCaseStatus::success());
    let mut element = reported.cloned().unwrap_or_else(without);
    let message = case.message.as_deref().unwrap_or_default();
    match (case.outcome, &mut element.status) {
        (CaseOutcome::Skipped, status) => {
            *status = TestCaseStatus::skipped();
            status.set_message(message);
        }
        (outcome, status) if outcome.fails() => {
            if !matches!(status, TestCaseStatus::NonSuccess { .. }) {
                *status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_type(outcome.name());
            }
            status.set_message(message);
        }
        _ => {}
    }
    if !case.outcome.fails() {
        // The output of what passed is bulk; its markers have become properties.
        element.system_out = None;
        element.system_err = None;
    }
    let mut add = |name: &str, value: &str| {
        element.add_property(Property::new(name, value));
    };
    if let Some(repro) = &case.repro {
        add(REPRO, repro);
    }
    add(VERDICT, case.outcome.name());
    if let Some(seed) = case.seed {
        add(SEED, &seed.to_string());
    }
    if case.attempts > 1 {
        add(ATTEMPTS, &case.attempts.to_string());
    }
    for id in &case.known {
        add(KNOWN, id);
    }
    for (name, amount) in &case.figures {
        add(&format!("{FIGURE}{name}"), &amount.to_string());
    }
    element
}

/// Reads the layers of a report: of the merged one, whose properties say everything, or of nextest's
/// own one of `profile`, as far as it goes. The error says in words why it is unreadable.
pub(crate) fn layers(text: &str, profile: Option<&str>) -> Result<Vec<Layer>, String> {
    let report = Report::deserialize_from_str(text).map_err(|error| error.to_string())?;
    let mut layers: Vec<Layer> = Vec::new();
    for suite in &report.test_suites {
        let text = |name| property(&suite.properties, name).unwrap_or_default().to_owned();
        let name = suite.name.as_str();
        let label = profile.or_else(|| property(&suite.properties, "layer"));
        let label = label.ok_or_else(|| format!("suite `{name}` has no layer"))?;
        let known = layers.iter().position(|layer| layer.label == label);
        let index = known.unwrap_or_else(|| {
            layers.push(Layer {
                label: label.to_owned(),
                build: text("build"),
                engine: text("engine"),
                root_seed: text("root_seed"),
                ..Layer::default()
            });
            layers.len() - 1
        });
        let prefix = format!("{label}/");
        for element in &suite.test_cases {
            let case = merged_case(name.strip_prefix(&prefix).unwrap_or(name), element)?;
            layers[index].wall += case.time;
            layers[index].cases.push(case);
        }
    }
    Ok(layers)
}

fn merged_case(binary: &str, element: &TestCase) -> Result<Case, String> {
    let mut case = case(binary, element);
    let text = |name| property(&element.properties, name);
    if let Some(word) = text(VERDICT) {
        case.outcome = CaseOutcome::parse(word)
            .ok_or_else(|| format!("case `{}` has the verdict {word:?}", case.id.name))?;
    }
    if let Some(attempts) = text(ATTEMPTS) {
        case.attempts = attempts.parse().unwrap_or(1);
    }
    if case.outcome.fails() {
        case.story = story(element);
    }
    case.repro = text(REPRO).or_else(|| repeat(&case.story)).map(str::to_owned);
    case.seed = text(SEED).and_then(|seed| seed.parse().ok());
    for Property { name, value, .. } in &element.properties {
        if name.as_str() == KNOWN {
            case.known.push(value.to_string());
        } else if let Some(name) = name.as_str().strip_prefix(FIGURE)
            && let Ok(amount) = value.as_str().parse()
        {
            case.figures.insert(name.to_owned(), amount);
        }
    }
    Ok(case)
}

fn property<'p>(properties: &'p [Property], name: &str) -> Option<&'p str> {
    let mut named = properties.iter().filter(|property| property.name.as_str() == name);
    named.next().map(|property| property.value.as_str())
}

/// All that a case of a run said: its message, then its story.
pub(crate) fn said(judged: &Judged, case: &Case) -> String {
    let story = judged.elements.get(&case.id).map(story).unwrap_or_default();
    format!("{}\n{story}", case.message.as_deref().unwrap_or_default())
}

/// The failure's own text, then earlier and later attempts, then what the case printed; each once.
fn story(element: &TestCase) -> String {
    let (description, attempts) = match &element.status {
        TestCaseStatus::Success { flaky_runs } => (None, flaky_runs.as_slice()),
        TestCaseStatus::NonSuccess { description, reruns, .. } => {
            (description.as_deref(), reruns.runs.as_slice())
        }
        TestCaseStatus::Skipped { .. } => (None, &[][..]),
    };
    let attempts = attempts.iter().map(|attempt| attempt.description.as_deref());
    let outputs = [element.system_out.as_deref(), element.system_err.as_deref()];
    let mut story = String::new();
    for text in [description].into_iter().chain(attempts).chain(outputs).flatten().map(str::trim) {
        if !text.is_empty() && !story.contains(text) {
            story.push_str(text);
            story.push_str("\n\n");
        }
    }
    tail(story.trim_end())
}

fn tail(text: &str) -> String {
    let Some(excess) = text.len().checked_sub(STORY_BYTES).filter(|excess| *excess > 0) else {
        return text.to_owned();
    };
    let at = (excess..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    format!("… {at} bytes before this are in the report itself\n{}", &text[at..])
}

/// The suite's own last line of a failure.
fn repeat(story: &str) -> Option<&str> {
    story.lines().map(str::trim).find_map(|line| line.strip_prefix("repeat: "))
}

#[cfg(test)]
impl Record {
    pub(crate) fn recorded() -> Vec<Self> {
        records(include_str!("../tests/fixtures/recorded.xml")).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::{Record, STORY_BYTES, layers, read, records, tail};
    use results::CaseOutcome;
    use std::path::Path;

    /// Written by nextest 0.9.143 over cases that pass, fail, hang, leak and are flaky.
    const RECORDED: &str = include_str!("../tests/fixtures/recorded.xml");

    fn find<'r>(records: &'r [Record], name: &str) -> &'r Record {
        records.iter().find(|record| record.case.id.name == name).unwrap()
    }

    #[test]
    fn a_report_of_nextest_is_read() {
        let records = records(RECORDED).unwrap();
        for (name, outcome, attempts) in [
            ("passes", CaseOutcome::Passed, 1),
            ("fails", CaseOutcome::Failed, 1),
            ("aborts", CaseOutcome::Failed, 1),
            ("hangs", CaseOutcome::TimedOut, 1),
            ("leaks", CaseOutcome::Failed, 1),
            ("chaos_flaky_pass", CaseOutcome::FlakyPassed, 2),
            ("chaos_flaky", CaseOutcome::Flaky, 2),
            ("chaos_fails", CaseOutcome::Failed, 2),
        ] {
            let case = &find(&records, name).case;
            assert_eq!((case.outcome, case.attempts), (outcome, attempts), "{name}");
            assert_eq!(case.message.is_some(), outcome.fails(), "{name}");
        }
        let said = find(&records, "fails").case.message.as_deref();
        let expected = "assertion `left == right` failed: the sum is off; left: 2; right: 3 (tests/prod_recorded.rs:3:65)";
        assert_eq!(said, Some(expected));
        assert_eq!(find(&records, "passes").case.seed, Some(42));
        assert!(find(&records, "passes").case.id.binary.ends_with("::prod_recorded"));
    }

    /// The signal of an interruption is one of the errors, and decides what becomes of the case.
    #[test]
    fn several_errors_are_all_named() {
        let errors = "2 errors occurred executing test:\n* process aborted with signal 2 (SIGINT)\n\
            * thread &apos;stops&apos; panicked at a.rs:1:2\n";
        let report = |errors: &str| {
            format!(
                "<testsuites name=\"r\" tests=\"1\" failures=\"1\" errors=\"0\"><testsuite name=\"b\" \
                 tests=\"1\" disabled=\"0\" errors=\"0\" failures=\"1\"><testcase name=\"stops\" \
                 classname=\"b\"><failure message=\"its message\" type=\"test abort\">{errors}</failure>\
                 </testcase></testsuite></testsuites>"
            )
        };
        let said = |errors: &str| {
            let records = records(&report(errors)).unwrap();
            find(&records, "stops").case.message.clone().unwrap()
        };
        let named = "2 errors occurred executing test: * process aborted with signal 2 (SIGINT) \
            * thread 'stops' panicked at a.rs:1:2";
        assert_eq!(said(errors), named);
        assert_eq!(said("one thing\nand another"), "its message");
    }

    #[test]
    fn an_absent_report_is_empty_a_torn_one_an_error() {
        assert!(read(Path::new("/nonexistent/junit.xml")).unwrap().is_empty());
        assert!(records(&RECORDED[..RECORDED.len() / 2]).is_err());
    }

    #[test]
    fn nextests_own_report_has_layers_of_its_profile() {
        let layers = layers(RECORDED, Some("fast")).unwrap();
        let [layer] = layers.as_slice() else { panic!("{layers:?}") };
        assert_eq!(layer.cases.len(), 10);
        let find = |name: &str| layer.cases.iter().find(|case| case.id.name == name).unwrap();
        let aborted = Some("process aborted with signal 6 (SIGABRT)");
        assert_eq!(find("aborts").outcome, CaseOutcome::Failed);
        assert_eq!(find("aborts").message.as_deref(), aborted);
        let flaky = find("chaos_flaky");
        assert_eq!(flaky.outcome, CaseOutcome::Flaky);
        let story = &flaky.story;
        assert!(story.contains("first time"), "no word on the first attempt: {story}");
    }

    #[test]
    fn a_merged_report_needs_its_properties() {
        let error = layers(RECORDED, None).unwrap_err();
        assert!(error.contains("has no layer"), "{error}");
        assert!(layers("<testsuites", Some("fast")).is_err());
    }

    #[test]
    fn a_long_story_keeps_its_end() {
        let cut = tail(&format!("{}the end", "é".repeat(STORY_BYTES)));
        assert!(cut.len() < STORY_BYTES + 100 && cut.ends_with("the end"), "{}", cut.len());
        assert_eq!(tail("short"), "short");
    }
}
