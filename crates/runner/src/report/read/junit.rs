//! From XML to layers: the merged report of `prod`, whose properties say everything, or a report of
//! nextest's own, from which a verdict is read as far as it goes. Pure.

use crate::report::{
    Verdict,
    model::{Case, Layer},
};
use quick_junit::{FlakyOrRerun, Property, Report, TestCase, TestCaseStatus, TestSuite};
use std::{collections::BTreeMap, time::Duration};

/// A story longer than this is cut to its end: the page is to stay one that opens at once.
const STORY_BYTES: usize = 16 * 1024;

/// The layers of a report; `profile` names the layer when the report is nextest's own. The error
/// says in words why it is unreadable.
pub(super) fn layers(text: &str, profile: Option<&str>) -> Result<Vec<Layer>, String> {
    let report = Report::deserialize_from_str(text).map_err(|error| error.to_string())?;
    let mut layers: Vec<Layer> = Vec::new();
    for suite in &report.test_suites {
        let label = profile.or_else(|| property(&suite.properties, "layer"));
        let label = label.ok_or_else(|| format!("suite `{}` has no layer", suite.name.as_str()))?;
        let known = layers.iter().position(|layer| layer.label == label);
        let index = known.unwrap_or_else(|| {
            layers.push(layer(label, suite));
            layers.len() - 1
        });
        for element in &suite.test_cases {
            let case = case(suite, element)?;
            layers[index].wall += case.time;
            layers[index].cases.push(case);
        }
    }
    Ok(layers)
}

fn layer(label: &str, suite: &TestSuite) -> Layer {
    let text = |name| property(&suite.properties, name).unwrap_or_default().to_owned();
    Layer {
        label: label.to_owned(),
        build: text("build"),
        engine: text("engine"),
        root_seed: text("root_seed"),
        ..Layer::default()
    }
}

fn case(suite: &TestSuite, element: &TestCase) -> Result<Case, String> {
    let word = property(&element.properties, "verdict");
    let verdict = match word {
        Some(word) => Verdict::parse(word)
            .ok_or_else(|| format!("case `{}` has the verdict {word:?}", element.name.as_str()))?,
        None => verdict(&element.status),
    };
    let text = |name| property(&element.properties, name).map(str::to_owned);
    let attempts = text("attempts").and_then(|text| text.parse().ok()).unwrap_or(1);
    let story = if verdict.fails() { story(element) } else { String::new() };
    let binary = suite.name.as_str();
    Ok(Case {
        binary: binary.split_once('/').map_or(binary, |(_, binary)| binary).to_owned(),
        name: element.name.to_string(),
        verdict,
        message: message(&element.status),
        repro: text("repro").or_else(|| repeat(&story)),
        story,
        time: element.time.unwrap_or(Duration::ZERO),
        attempts,
        seed: text("seed"),
        known: known(&element.properties),
        figures: figures(&element.properties),
    })
}

fn property<'p>(properties: &'p [Property], name: &str) -> Option<&'p str> {
    let mut named = properties.iter().filter(|property| property.name.as_str() == name);
    named.next().map(|property| property.value.as_str())
}

fn known(properties: &[Property]) -> Vec<String> {
    let named = properties.iter().filter(|property| property.name.as_str() == "known_finding");
    named.map(|property| property.value.to_string()).collect()
}

fn figures(properties: &[Property]) -> BTreeMap<String, f64> {
    let figure = |property: &Property| {
        let name = property.name.as_str().strip_prefix("figure.")?;
        Some((name.to_owned(), property.value.as_str().parse().ok()?))
    };
    properties.iter().filter_map(figure).collect()
}

/// What nextest's own words say; a marker line would say more.
fn verdict(status: &TestCaseStatus) -> Verdict {
    match status {
        TestCaseStatus::Success { flaky_runs } if flaky_runs.is_empty() => Verdict::Passed,
        TestCaseStatus::Success { .. } => Verdict::FlakyPassed,
        TestCaseStatus::Skipped { .. } => Verdict::Skipped,
        TestCaseStatus::NonSuccess { ty, reruns, .. } => match ty.as_deref() {
            _ if reruns.kind == FlakyOrRerun::Flaky && !reruns.runs.is_empty() => Verdict::Flaky,
            Some("test timeout") => Verdict::TimedOut,
            _ => Verdict::Failed,
        },
    }
}

fn message(status: &TestCaseStatus) -> Option<String> {
    match status {
        TestCaseStatus::Success { .. } => None,
        TestCaseStatus::Skipped { message, .. } => message.as_deref().map(str::to_owned),
        TestCaseStatus::NonSuccess { message, ty, .. } => {
            message.as_deref().or(ty.as_deref()).map(str::to_owned)
        }
    }
}

/// The failure's own text, then earlier and later attempts, then what the case printed; each once.
fn story(element: &TestCase) -> String {
    let description = match &element.status {
        TestCaseStatus::NonSuccess { description, .. } => description.as_deref(),
        TestCaseStatus::Success { .. } | TestCaseStatus::Skipped { .. } => None,
    };
    let attempts: Vec<_> = match &element.status {
        TestCaseStatus::Success { flaky_runs } => flaky_runs.iter().collect(),
        TestCaseStatus::NonSuccess { reruns, .. } => reruns.runs.iter().collect(),
        TestCaseStatus::Skipped { .. } => Vec::new(),
    };
    let attempts = attempts.into_iter().map(|attempt| attempt.description.as_deref());
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
fn repeat(story: &str) -> Option<String> {
    let mut lines = story.lines().map(str::trim);
    lines.find_map(|line| line.strip_prefix("repeat: ")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{STORY_BYTES, layers, tail};
    use crate::report::Verdict;

    const NEXTEST: &str = include_str!("../../../tests/fixtures/recorded.xml");

    #[test]
    fn a_report_of_nextests_own_is_read_as_far_as_it_goes() {
        let layers = layers(NEXTEST, Some("fast")).unwrap();
        let [layer] = layers.as_slice() else { panic!("{layers:?}") };
        let verdict = |name: &str| layer.cases.iter().find(|c| c.name == name).unwrap().verdict;
        assert_eq!(layer.cases.len(), 10);
        assert_eq!(verdict("aborts"), Verdict::Failed);
        assert_eq!(verdict("chaos_flaky"), Verdict::Flaky);
        let flaky = layer.cases.iter().find(|case| case.name == "chaos_flaky").unwrap();
        assert!(
            flaky.story.contains("first time"),
            "no word on the first attempt: {}",
            flaky.story
        );
        assert_eq!(
            layer.cases[0].message.as_deref(),
            Some("process aborted with signal 6 (SIGABRT)")
        );
    }

    #[test]
    fn a_merged_report_without_its_properties_is_malformed() {
        let error = layers(NEXTEST, None).unwrap_err();
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
