//! One part's report as nextest wrote it, read back: what happened to each case, not yet judged.
//! Reads a file; knows nothing of inventories, findings or layers.

use crate::nextest::CaseId;
use quick_junit::{FlakyOrRerun, Report, TestCase, TestCaseStatus};
use results::marker::Markers;
use std::{fs, io, path::Path, time::Duration};

/// How a case ended, in nextest's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Passed,
    /// Failed first, passed later, and nextest lets that pass.
    FlakyPassed,
    /// Failed first, passed later, and nextest counts that as a failure.
    FlakyFailed,
    Failed,
    TimedOut,
    Skipped,
}

/// A case in a report.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: CaseId,
    pub(crate) ended: Ended,
    /// What the report says about the failure or the skip.
    pub(crate) message: Option<String>,
    pub(crate) time: Duration,
    /// Attempts in all.
    pub(crate) attempts: usize,
    /// The markers of the attempt that counts.
    pub(crate) markers: Markers,
    /// The element itself, with its output and its earlier attempts.
    pub(crate) element: TestCase,
}

impl Record {
    #[cfg(test)]
    pub(crate) fn recorded() -> Vec<Self> {
        parse(include_str!("../tests/fixtures/recorded.xml")).unwrap()
    }
}

/// Reads a report; an absent file is an empty one. The error says in words why it is unreadable.
pub(crate) fn read(path: &Path) -> Result<Vec<Record>, String> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error.to_string()),
    }
}

fn parse(text: &str) -> Result<Vec<Record>, String> {
    let report = Report::deserialize_from_str(text).map_err(|error| error.to_string())?;
    let suites = report.test_suites.into_iter();
    Ok(suites
        .flat_map(|suite| {
            let binary = suite.name.to_string();
            suite.test_cases.into_iter().map(move |element| record(&binary, element))
        })
        .collect())
}

fn record(binary: &str, element: TestCase) -> Record {
    let (ended, message, reruns) = match &element.status {
        TestCaseStatus::Success { flaky_runs } if flaky_runs.is_empty() => (Ended::Passed, None, 0),
        TestCaseStatus::Success { flaky_runs } => (Ended::FlakyPassed, None, flaky_runs.len()),
        TestCaseStatus::Skipped { message, .. } => {
            (Ended::Skipped, message.as_deref().map(str::to_owned), 0)
        }
        TestCaseStatus::NonSuccess { message, ty, reruns, description, .. } => {
            let message = description
                .as_deref()
                .and_then(panic_message)
                .or_else(|| message.as_deref().or(ty.as_deref()).map(str::to_owned));
            let flaky = reruns.kind == FlakyOrRerun::Flaky && !reruns.runs.is_empty();
            let ended = match ty.as_deref() {
                _ if flaky => Ended::FlakyFailed,
                Some("test timeout") => Ended::TimedOut,
                _ => Ended::Failed,
            };
            (ended, message, reruns.runs.len())
        }
    };
    let mut markers = Markers::of(element.system_out.as_deref().unwrap_or_default());
    // A case that cannot tell panics with its marker, and panics speak on standard error.
    let complaints = Markers::of(element.system_err.as_deref().unwrap_or_default());
    markers.inconclusive = markers.inconclusive.or(complaints.inconclusive);
    Record {
        id: CaseId { binary: binary.to_owned(), name: element.name.to_string() },
        ended,
        message,
        time: element.time.unwrap_or_default(),
        attempts: 1 + reruns,
        markers,
        element,
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

#[cfg(test)]
mod tests {
    use super::{Ended, Record, parse, read};
    use std::path::Path;

    /// Written by nextest 0.9.143 over cases that pass, fail, hang, leak and are flaky.
    const RECORDED: &str = include_str!("../tests/fixtures/recorded.xml");

    fn find<'r>(records: &'r [Record], name: &str) -> &'r Record {
        records.iter().find(|record| record.id.name == name).unwrap()
    }

    #[test]
    fn a_report_of_nextests_own_is_understood() {
        let records = parse(RECORDED).unwrap();
        for (name, ended, attempts) in [
            ("passes", Ended::Passed, 1),
            ("fails", Ended::Failed, 1),
            ("aborts", Ended::Failed, 1),
            ("hangs", Ended::TimedOut, 1),
            ("leaks", Ended::Failed, 1),
            ("chaos_flaky_pass", Ended::FlakyPassed, 2),
            ("chaos_flaky", Ended::FlakyFailed, 2),
            ("chaos_fails", Ended::Failed, 2),
        ] {
            let record = find(&records, name);
            assert_eq!((record.ended, record.attempts), (ended, attempts), "{name}");
            assert_eq!(
                record.message.is_none(),
                matches!(ended, Ended::Passed | Ended::FlakyPassed),
                "{name}"
            );
        }
        let said = find(&records, "fails").message.as_deref();
        let expected = "assertion `left == right` failed: the sum is off; left: 2; right: 3 (tests/prod_recorded.rs:3:65)";
        assert_eq!(said, Some(expected));
        assert_eq!(find(&records, "passes").markers.seed, Some(42));
        assert!(find(&records, "passes").id.binary.ends_with("::prod_recorded"));
    }

    #[test]
    fn an_absent_report_is_empty_and_a_torn_one_an_error() {
        assert!(read(Path::new("/nonexistent/junit.xml")).unwrap().is_empty());
        assert!(parse(&RECORDED[..RECORDED.len() / 2]).is_err());
    }
}
