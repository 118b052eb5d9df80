//! `summary.json`: what a soak came to so far, and what a resumed one goes on with. Versioned; keys
//! are only ever added. Knows no terminal.

use crate::{judge::Judgement, ledger::Subject};
use process::{Error, Outcome, Result, store};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fs, io, path::Path};

/// The form of the file.
const VERSION: u32 = 1;

/// Failures that are kept; a soak that fails a thousand times fails for one reason.
const KEPT: usize = 200;

/// What a soak came to so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The form of the file.
    pub version: u32,
    /// What is soaked.
    #[serde(flatten)]
    pub subject: Subject,
    /// The number that the row of seeds follows from.
    pub soak_seed: u64,
    /// This machine's part of that row, as `k/n`.
    pub shard: String,
    /// Seconds that it was to last.
    pub duration_secs: u64,
    /// Seconds that it lasted so far, pauses between its sittings not counted.
    pub elapsed_secs: u64,
    /// Finished cycles.
    pub cycles: u64,
    /// Processes that kept the aging database open, one for each sitting.
    pub processes: u64,
    /// `running`, `finished` or `interrupted`; a soak that was killed stays `running`.
    pub state: State,
    /// The exit code, once there is one.
    pub exit_code: Option<u8>,
    /// What the parts came to, by name.
    pub parts: BTreeMap<String, Part>,
    /// What the cases counted, over all cycles; summaries of older versions have none.
    #[serde(default)]
    pub figures: BTreeMap<String, f64>,
    /// What failed, the first ones.
    pub failures: Vec<Failure>,
    /// Failures beyond those.
    pub failures_left_out: u64,
    /// The judgements over the whole run so far.
    #[serde(skip_deserializing)]
    pub judgements: Vec<Judgement>,
}

/// Where a soak stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Under way, or killed without a word.
    Running,
    /// Its duration is over, and so is the post-check.
    Finished,
    /// Ended by a signal.
    Interrupted,
}

/// One kind of part over all cycles: a layer, `aging`, `perf snapshot`, or `post-check`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// How often it ran.
    pub runs: u64,
    /// How many of those did not pass.
    pub not_passed: u64,
    /// Cases, over all runs.
    pub cases: u64,
    /// The worst exit code of a run.
    pub worst: u8,
}

/// Something that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The cycle; the one after the last for the post-check.
    pub cycle: u64,
    /// The part.
    pub part: String,
    /// The case, where it was one.
    pub case: Option<String>,
    /// What it was, in a word: `failed`, `timed-out`, `broken`, ….
    pub verdict: String,
    /// Why, in one line.
    pub message: String,
    /// The root seed.
    pub seed: u64,
    /// The command that repeats it, where there is one.
    pub repro: Option<String>,
}

impl Summary {
    /// A soak that is about to begin.
    pub fn new(subject: Subject, soak_seed: u64, shard: String, duration_secs: u64) -> Self {
        Self {
            version: VERSION,
            subject,
            soak_seed,
            shard,
            duration_secs,
            elapsed_secs: 0,
            cycles: 0,
            processes: 0,
            state: State::Running,
            exit_code: None,
            parts: BTreeMap::new(),
            figures: BTreeMap::new(),
            failures: Vec::new(),
            failures_left_out: 0,
            judgements: Vec::new(),
        }
    }

    /// Reads the file of an earlier sitting; `None` when there was none.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read the file", path, "make it readable", error)),
        };
        let summary: std::result::Result<Self, String> =
            serde_json::from_str(&text).map_err(|error| error.to_string());
        let summary = summary.and_then(|summary| match summary.version {
            VERSION => Ok(summary),
            other => Err(format!("form {other} instead of {VERSION}")),
        });
        summary.map(Some).map_err(|why| {
            let what = format!("the state of the earlier sitting cannot be read ({why})");
            Error::new(what, path.display(), "start without --resume")
        })
    }

    /// Replaces the file.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).expect("a summary is plain data");
        store::replace(path, &(text + "\n"))
    }

    /// Counts a run of a part.
    pub fn count(&mut self, part: &str, cases: u64, outcome: Outcome) {
        let part = self.parts.entry(part.to_owned()).or_default();
        part.runs += 1;
        part.cases += cases;
        part.not_passed += u64::from(outcome != Outcome::Passed);
        part.worst = worse(part.worst, outcome.code());
    }

    /// Adds what the cases of a run counted.
    pub fn add(&mut self, figures: &BTreeMap<String, f64>) {
        for (name, amount) in figures {
            *self.figures.entry(name.clone()).or_default() += amount;
        }
    }

    /// Sums of the figures whose names begin like this, by the rest of their names.
    pub fn below<'s>(&'s self, prefix: &str) -> impl Iterator<Item = (&'s str, f64)> {
        let named = self.figures.iter();
        named.filter_map(move |(name, amount)| Some((name.strip_prefix(prefix)?, *amount)))
    }

    /// Keeps a failure.
    pub fn fail(&mut self, failure: Failure) {
        if self.failures.len() < KEPT {
            self.failures.push(failure);
        } else {
            self.failures_left_out += 1;
        }
    }

    /// All failures, also those that are not kept.
    pub fn failed(&self) -> u64 {
        self.failures.len() as u64 + self.failures_left_out
    }

    /// The worst of the parts and judgements so far, in the order of the contract.
    pub fn outcome(&self) -> Outcome {
        let parts = self.parts.values().map(|part| of_code(part.worst));
        let judgements = self.judgements.iter().map(Judgement::outcome);
        parts.chain(judgements).max().unwrap_or(Outcome::Passed)
    }
}

/// The outcome that an exit code of the contract stands for.
pub fn of_code(code: u8) -> Outcome {
    match code {
        0 => Outcome::Passed,
        1 => Outcome::Failed,
        3 => Outcome::Unclear,
        code if code > 128 => Outcome::Interrupted(i32::from(code) - 128),
        _ => Outcome::Broken,
    }
}

fn worse(one: u8, other: u8) -> u8 {
    of_code(one).max(of_code(other)).code()
}

#[cfg(test)]
mod tests {
    use super::{Failure, Summary, of_code};
    use crate::ledger::Subject;
    use process::Outcome;

    fn summary() -> Summary {
        let subject = Subject {
            engine: "mace-kv 0.2.0".into(),
            source: "registry".into(),
            features: "failpoints".into(),
        };
        Summary::new(subject, 5, "1/1".into(), 60)
    }

    fn failure(cycle: u64) -> Failure {
        Failure {
            cycle,
            part: "stress".into(),
            case: Some("stress_rounds".into()),
            verdict: "failed".into(),
            message: "m".into(),
            seed: 1,
            repro: None,
        }
    }

    #[test]
    fn a_later_sitting_finds_what_the_earlier_one_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary.json");
        assert_eq!(Summary::read(&path).unwrap(), None);
        let mut summary = summary();
        summary.count("stress", 40, Outcome::Passed);
        summary.count("stress", 40, Outcome::Failed);
        summary.add(&[("crash_states.distinct".to_owned(), 3.0)].into());
        summary.add(&[("crash_states.distinct".to_owned(), 4.0)].into());
        assert_eq!(summary.below("crash_states.").collect::<Vec<_>>(), [("distinct", 7.0)]);
        summary.fail(failure(2));
        summary.write(&path).unwrap();
        assert_eq!(Summary::read(&path).unwrap().unwrap(), summary);
        assert_eq!(summary.outcome(), Outcome::Failed);

        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"version\": 1", "\"version\": 9")).unwrap();
        let line = Summary::read(&path).unwrap_err().to_string();
        assert!(line.contains("form 9") && line.contains("summary.json"), "{line}");
    }

    #[test]
    fn the_worst_part_is_two_then_one_then_three() {
        let worst = |codes: &[u8]| {
            let mut summary = summary();
            for code in codes {
                summary.count("p", 1, of_code(*code));
            }
            summary.outcome().code()
        };
        assert_eq!(worst(&[]), 0);
        assert_eq!(worst(&[0, 3, 0]), 3);
        assert_eq!(worst(&[3, 1, 0]), 1);
        assert_eq!(worst(&[1, 2, 3]), 2);
        assert_eq!(worst(&[101]), 2);
    }

    #[test]
    fn failures_beyond_the_first_are_counted() {
        let mut summary = summary();
        (0..250).for_each(|cycle| summary.fail(failure(cycle)));
        assert_eq!((summary.failures.len(), summary.failed()), (200, 250));
    }
}
