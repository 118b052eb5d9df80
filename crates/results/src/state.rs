//! `summary.json`: what a soak came to so far, and what a resumed one continues with. Keys are only
//! ever added. Text only; the file is the runner's.

use crate::{
    document::Document,
    judge::Judgement,
    ledger::Subject,
    marker::{self, Figures},
    outcome::Outcome,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Failures that are kept; a soak that fails a thousand times fails for one reason.
const KEPT: usize = 200;

/// What a soak came to so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoakState {
    /// [`Document::FORMAT`].
    pub version: u32,
    /// What is soaked.
    #[serde(flatten)]
    pub subject: Subject,
    /// The number that the sequence of seeds follows from.
    pub soak_seed: u64,
    /// This machine's part of that sequence, as `k/n`.
    pub shard: String,
    /// Seconds that it was to last.
    pub duration_secs: u64,
    /// Seconds that it lasted so far, pauses between its sittings not counted.
    pub elapsed_secs: u64,
    /// Finished cycles.
    pub cycles: u64,
    /// Processes that kept the aging database open, one for each sitting.
    pub processes: u64,
    /// The machines that it ran on, by what the system calls them; a row has the place in this list.
    #[serde(default)]
    pub machines: Vec<String>,
    /// `running`, `finished` or `interrupted`; a soak that was killed stays `running`.
    pub state: Stage,
    /// How it ended, once it has.
    pub exit_code: Option<Outcome>,
    /// What the parts came to, by name.
    pub parts: BTreeMap<String, Part>,
    /// What the cases counted, over all cycles; summaries of older versions have none.
    #[serde(default)]
    pub figures: Figures,
    /// What failed, the first ones.
    pub failures: Vec<Failure>,
    /// Failures beyond those.
    pub failures_left_out: u64,
    /// The judgements over the whole run, once it has ended.
    pub judgements: Vec<Judgement>,
}

/// Where a soak stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
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
    /// The worst of its runs.
    pub worst: Outcome,
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
    #[serde(rename = "verdict")]
    pub outcome: String,
    /// Why, in one line.
    pub message: String,
    /// The root seed.
    pub seed: u64,
    /// The command that repeats it, where there is one.
    pub repro: Option<String>,
}

impl Document for SoakState {
    const FORMAT: u32 = 1;
}

impl SoakState {
    /// A soak that is about to begin.
    pub fn new(subject: Subject, soak_seed: u64, shard: String, duration_secs: u64) -> Self {
        Self {
            version: Self::FORMAT,
            subject,
            soak_seed,
            shard,
            duration_secs,
            elapsed_secs: 0,
            cycles: 0,
            processes: 0,
            machines: Vec::new(),
            state: Stage::Running,
            exit_code: None,
            parts: BTreeMap::new(),
            figures: BTreeMap::new(),
            failures: Vec::new(),
            failures_left_out: 0,
            judgements: Vec::new(),
        }
    }

    /// Counts a run of a part.
    pub fn count(&mut self, part: &str, cases: u64, outcome: Outcome) {
        let part = self.parts.entry(part.to_owned()).or_default();
        part.runs += 1;
        part.cases += cases;
        part.not_passed += u64::from(outcome != Outcome::Passed);
        part.worst = part.worst.max(outcome);
    }

    /// The number, from 1, of the machine with this name. One without a name is never one of before.
    pub fn machine(&mut self, name: Option<String>) -> u64 {
        let known = name.as_ref().and_then(|name| self.machines.iter().position(|it| it == name));
        let at = known.unwrap_or_else(|| {
            self.machines.push(name.unwrap_or_default());
            self.machines.len() - 1
        });
        at as u64 + 1
    }

    /// Adds what the cases of a run counted.
    pub fn add(&mut self, figures: &Figures) {
        marker::add(&mut self.figures, figures);
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
        let parts = self.parts.values().map(|part| part.worst);
        let judgements = self.judgements.iter().map(Judgement::outcome);
        parts.chain(judgements).max().unwrap_or(Outcome::Passed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Failure, SoakState};
    use crate::{Outcome, document, ledger::Subject};

    fn state() -> SoakState {
        SoakState::new(Subject::default(), 5, "1/1".into(), 60)
    }

    fn failure(cycle: u64) -> Failure {
        Failure {
            cycle,
            part: "stress".into(),
            case: Some("stress_rounds".into()),
            outcome: "failed".into(),
            message: "m".into(),
            seed: 1,
            repro: None,
        }
    }

    #[test]
    fn a_later_sitting_reads_what_the_earlier_wrote() {
        let mut state = state();
        state.count("stress", 40, Outcome::Passed);
        state.count("stress", 40, Outcome::Failed);
        state.add(&[("crash_states.distinct".to_owned(), 3.0)].into());
        state.add(&[("crash_states.distinct".to_owned(), 4.0)].into());
        assert_eq!(state.below("crash_states.").collect::<Vec<_>>(), [("distinct", 7.0)]);
        state.fail(failure(2));
        let text = document::encode(&state);
        assert!(text.contains("\"worst\": 1") && text.contains("\"verdict\": \"failed\""));
        assert_eq!(document::decode::<SoakState>(&text).unwrap(), state);
        assert_eq!(state.outcome(), Outcome::Failed);
    }

    #[test]
    fn a_machine_is_told_from_the_others() {
        let mut state = state();
        let name = |name: &str| Some(name.to_owned());
        let names = [name("a"), name("a"), name("b"), None, None, name("a")];
        assert_eq!(names.map(|name| state.machine(name)), [1, 1, 2, 3, 4, 1]);
    }

    #[test]
    fn failures_beyond_the_first_are_counted() {
        let mut state = state();
        (0..250).for_each(|cycle| state.fail(failure(cycle)));
        assert_eq!((state.failures.len(), state.failed()), (200, 250));
    }
}
