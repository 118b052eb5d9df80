//! What the ways of `prod detection` share: an engine that is broken, layers that run on it until one
//! fails, a control that has to pass first, and a ledger that an interrupted run goes on with. It judges no
//! case itself.

use crate::{
    files,
    nextest::Nextest,
    part::{Build, Part},
    record::Judged,
    run,
    session::Session,
};
use knobs::{Knobs, knob};
use process::{
    Error, Interrupts, Outcome, Result, console,
    engine::Engine,
    folder::{self, Claim},
    store::Lines,
};
use results::{
    Case, CaseOutcome, Document,
    detection::{self, Detected, Entry},
    document,
};
use std::{
    path::{Path, PathBuf},
    time::Instant,
};

/// Where everything of it is, below the root: the copy of the engine, the results, the ledgers.
const FOLDER: &str = "target/detection";

/// The results of the newest run in it.
const RESULTS: &str = "target/detection/run";

/// The layers, in the order in which they are tried.
pub(crate) const LAYERS: [&str; 3] = ["fast", "stress", "chaos"];

/// How to run, whatever is tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Order {
    /// Cases at a time.
    pub(crate) threads: u32,
    /// Go on after an interruption.
    pub(crate) resume: bool,
}

/// What an entry of a ledger is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) name: String,
    /// Tells the text that was tried from others.
    pub(crate) hash: String,
    /// The root seed.
    pub(crate) seed: u64,
}

impl Trial {
    fn is_of(&self, entry: &Entry) -> bool {
        entry.name == self.name && entry.hash == self.hash && entry.seed == self.seed
    }

    /// What became of it, as far as it is known: the newest entry counts.
    pub(crate) fn newest<'e>(&self, entries: &'e [Entry]) -> Option<&'e Entry> {
        entries.iter().rev().find(|entry| self.is_of(entry))
    }
}

/// How the cases are run on an engine.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Knobs, beside those of the command line.
    pub(crate) flags: Vec<(&'static str, String)>,
    /// The engine, where it is another than the knobs ask for.
    pub(crate) checkout: Option<PathBuf>,
    /// The layers. One that fails is the last.
    pub(crate) layers: &'static [&'static str],
    /// Only these of their cases, in nextest's own language.
    pub(crate) cases: Option<String>,
    /// End a layer with its first failure.
    pub(crate) fail_fast: bool,
    /// An engine that does not build is a result.
    pub(crate) may_not_build: bool,
}

/// One way in which the engine is broken, or a control: the engine that is not.
pub(crate) trait Subject: Sized {
    /// What it is called.
    fn trial(&self) -> Trial;

    /// What has to pass before it says something; a control has none.
    fn control(&self) -> Option<Self>;

    /// Makes the engine.
    fn prepare(&self, bench: &Bench<'_>) -> Result<Plan>;

    /// What a layer says of it; `None` when nothing failed.
    fn read(&self, judged: &Judged) -> Option<(Detected, Failure)> {
        first_failure(judged)
    }
}

/// Where engines are broken and run.
pub(crate) struct Bench<'b> {
    pub(crate) engine: &'b Engine,
    /// A copy of it that may be changed.
    pub(crate) copy: PathBuf,
    flags: &'b [(&'b str, &'b str)],
    order: Order,
    interrupts: &'b Interrupts,
    ledger: PathBuf,
    /// Held as long as this run is at work.
    _claim: Claim,
}

impl<'b> Bench<'b> {
    /// Opens the folder, with the ledger of this name.
    pub(crate) fn open(
        flags: &'b [(&'b str, &'b str)],
        engine: &'b Engine,
        ledger: &str,
        order: Order,
        interrupts: &'b Interrupts,
    ) -> Result<Self> {
        let folder = folder::writable(&Knobs::load_with(flags)?.root().join(FOLDER))?;
        let claim =
            folder::claim(&folder, "another detection is at work here", "wait for its end")?;
        let ledger = folder.join(ledger);
        if !order.resume {
            files::remove(&ledger)?;
        }
        let copy = folder.join("engine");
        Ok(Self { engine, copy, flags, order, interrupts, ledger, _claim: claim })
    }

    /// Tries each subject that the ledger does not have; all entries.
    pub(crate) fn go_through<S: Subject>(&self, subjects: &[S]) -> Result<Vec<Entry>> {
        let lines = Lines::open(&self.ledger)?;
        let entries = read(&self.ledger, self.engine)?;
        let mut ledger = Ledger { lines, earlier: entries.len(), entries };
        for subject in subjects {
            self.entry(subject, &mut ledger)?;
        }
        Ok(ledger.entries)
    }

    /// The entry of a subject, which is tried when there is none.
    fn entry<S: Subject>(&self, subject: &S, ledger: &mut Ledger) -> Result<Entry> {
        let trial = subject.trial();
        let control = subject.control();
        if let Some(entry) = ledger.settled(&trial, control.is_none()) {
            return Ok(entry.clone());
        }
        let passed = control.map(|control| self.entry(&control, ledger)).transpose()?;
        let start = Instant::now();
        let refuted = passed.filter(|entry| entry.detected.catches());
        let (layer, detected, failure) = if let Some(Entry { layer, case, words, .. }) = refuted {
            (layer, Detected::NoControl, Failure { case, words })
        } else {
            let Seen { layer, detected, failure } = self.run(subject, &trial)?;
            (layer.to_owned(), detected, failure)
        };
        let entry = Entry {
            version: Entry::FORMAT,
            name: trial.name,
            hash: trial.hash,
            engine: self.engine.to_string(),
            seed: trial.seed,
            detected,
            layer,
            case: failure.case,
            words: failure.words,
            seconds: start.elapsed().as_secs_f64(),
        };
        console::note(&format!("{}: {}", entry.name, entry.detected.name()));
        ledger.lines.append(&document::encode_line(&entry))?;
        ledger.entries.push(entry.clone());
        Ok(entry)
    }

    /// Makes the engine and runs the layers on it until one fails.
    fn run<S: Subject>(&self, subject: &S, trial: &Trial) -> Result<Seen> {
        let plan = subject.prepare(self)?;
        let seed = trial.seed.to_string();
        let mut flags = self.flags.to_vec();
        flags.push((knob::MACE_PROD_SEED.name(), &seed));
        flags.extend(plan.flags.iter().map(|flag| (flag.0, flag.1.as_str())));
        let session = Session::open_on(&flags, plan.checkout.as_deref(), RESULTS)?;
        console::note(&format!("trying     {}, seed {seed}", trial.name));
        let filters = plan.cases.as_slice();
        let fail_fast = plan.fail_fast;
        let nextest = Nextest { filters, fail_fast, ..Nextest::new(&session, self.interrupts) };
        let mut so_far = None;
        for layer in plan.layers {
            let judged = match self.layer(&nextest, layer)? {
                Ended::Judged(judged) => judged,
                Ended::NotBuilt(error) if plan.may_not_build => {
                    let failure = Failure { case: String::new(), words: error.to_string() };
                    return Ok(Seen { layer: "", detected: Detected::Unviable, failure });
                }
                Ended::NotBuilt(error) => return Err(error),
            };
            let Some((detected, failure)) = subject.read(&judged) else { continue };
            let found = Seen { layer, detected, failure };
            // What is no failure of a case must not hide one in a later layer.
            if detected != Detected::NoLongerShows {
                return Ok(found);
            }
            so_far = so_far.or(Some(found));
        }
        let layer = plan.layers.last().copied().unwrap_or_default();
        let failure = Failure::default();
        Ok(so_far.unwrap_or(Seen { layer, detected: Detected::NotCaught, failure }))
    }

    /// Builds and runs a layer and judges it.
    fn layer(&self, nextest: &Nextest<'_>, profile: &'static str) -> Result<Ended> {
        let session = nextest.session;
        run::remove_old_reports(&session.out)?;
        let build = Build::Suite(session.knobs.features().to_owned());
        let parts = [Part { label: "detection", profile, slug: "detection", build }];
        let listed = run::inventories(nextest, &parts);
        self.interrupts.check()?;
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => return Ok(Ended::NotBuilt(error)),
        };
        let [inventory] = listed.as_slice() else { unreachable!("one part was asked for") };
        let ran = run::run_part(nextest, &parts[0], inventory, self.order.threads)?;
        self.interrupts.check()?;
        if ran.judged.outcome == Outcome::Broken {
            let what = format!("nextest could not run the cases ({})", ran.ended);
            return Err(Error::new(what, format_args!("layer {profile}"), "see above"));
        }
        Ok(Ended::Judged(ran.judged))
    }
}

/// How the attempt to run a layer ended.
enum Ended {
    NotBuilt(Error),
    Judged(Judged),
}

/// What the layers came to.
struct Seen {
    layer: &'static str,
    detected: Detected,
    failure: Failure,
}

/// A case that failed, and what it said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failure {
    pub(crate) case: String,
    pub(crate) words: String,
}

impl Failure {
    pub(crate) fn of(case: &Case) -> Self {
        let words = case.message.clone().unwrap_or_default();
        Self { case: case.id.name.clone(), words }
    }
}

/// The failure that says most: a case that failed, before one that took too long, before cases that a limit
/// kept from their end, before a known finding that no longer shows.
pub(crate) fn first_failure(judged: &Judged) -> Option<(Detected, Failure)> {
    let rank = |case: &Case| match case.outcome {
        CaseOutcome::TimedOut => 1,
        // Nothing but a limit ends a layer in which no case failed.
        CaseOutcome::Missing => 2,
        CaseOutcome::NotReproduced => 3,
        _ => 0,
    };
    let case = judged.layer.failures().min_by_key(|case| rank(case))?;
    let detected = match rank(case) {
        0 => Detected::Caught,
        3 => Detected::NoLongerShows,
        _ => Detected::TimedOut,
    };
    Some((detected, Failure::of(case)))
}

/// What is known from earlier runs on this engine, and what this one adds.
struct Ledger {
    lines: Lines,
    entries: Vec<Entry>,
    /// How many of them earlier runs left.
    earlier: usize,
}

impl Ledger {
    /// The entry that need not be made again. What could not count, and a control that failed earlier, is
    /// tried anew.
    fn settled(&self, trial: &Trial, is_control: bool) -> Option<&Entry> {
        let index = self.entries.iter().rposition(|entry| trial.is_of(entry))?;
        let entry = &self.entries[index];
        let failed =
            entry.detected == Detected::NoControl || is_control && entry.detected.catches();
        (index >= self.earlier || !failed).then_some(entry)
    }
}

/// The entries of this engine.
fn read(path: &Path, engine: &Engine) -> Result<Vec<Entry>> {
    let text = files::text(path)?.unwrap_or_default();
    let mut entries = detection::parse(&text).map_err(|error| {
        Error::new(&error, path.display(), "remove the file").because(error.clone())
    })?;
    let name = engine.to_string();
    entries.retain(|entry| entry.engine == name);
    Ok(entries)
}

/// Prints what became of a trial, under `title`.
pub(crate) fn print(title: &str, entry: &Entry) {
    let Entry { case, words, seconds, .. } = entry;
    console::page(&format!("{title} ({seconds:.0} s)"));
    if !case.is_empty() {
        console::page(&format!("    {case}: {words}"));
    }
}

#[cfg(test)]
mod tests {
    use super::first_failure;
    use crate::record::Judged;
    use results::{Case, CaseId, CaseOutcome, Layer, Outcome, detection::Detected};
    use std::collections::BTreeMap;

    /// What is said of a layer whose cases ended like this.
    fn seen(outcomes: &[CaseOutcome]) -> Option<(Detected, String)> {
        let case = |outcome: &CaseOutcome| {
            let id = CaseId { binary: "b".into(), name: outcome.name().into() };
            Case::new(id, *outcome)
        };
        let layer = Layer { cases: outcomes.iter().map(case).collect(), ..Layer::default() };
        let judged = Judged {
            layer,
            outcome: Outcome::Failed,
            elements: BTreeMap::new(),
            machine_away_us: None,
            is_whole: false,
        };
        first_failure(&judged).map(|seen| (seen.0, seen.1.case))
    }

    #[test]
    fn a_limit_and_a_vanished_finding_are_told_apart() {
        use CaseOutcome::{Failed, Inconclusive, Known, Missing, NotReproduced, Passed, TimedOut};
        for (outcomes, detected, case) in [
            (&[Passed, Missing, NotReproduced, TimedOut, Failed][..], Detected::Caught, "failed"),
            (&[Missing, Inconclusive], Detected::Caught, "inconclusive"),
            (&[Missing, NotReproduced, TimedOut], Detected::TimedOut, "timed-out"),
            (&[NotReproduced, Missing], Detected::TimedOut, "missing"),
            (&[Passed, NotReproduced], Detected::NoLongerShows, "not-reproduced"),
        ] {
            assert_eq!(seen(outcomes), Some((detected, case.to_owned())), "{outcomes:?}");
        }
        assert_eq!(seen(&[Passed, Known]), None);
    }
}
