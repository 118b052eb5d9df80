//! What a soak writes down: the rows, the snapshots, the ledger, the summary. Whatever is here is on
//! the disk when its cycle ends. Only one soak at a time has the books open.

use super::{
    aging::Simple,
    parts::{Ran, Taken},
    plan::Plan,
};
use crate::report::Verdict;
use crate::{judge::Layer, merge::Origin};
use knobs::knob;
use process::{
    Error, Outcome, Result,
    folder::{self, Claim},
    store,
};
use results::{
    ledger::{self, Entry, Ledger},
    row::{self, Row},
    seeds,
    snapshot::Snapshot,
    summary::{Failure, State, Summary},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

const ROWS: &str = "perf_cycles.csv";
const SUMMARY: &str = "summary.json";
const EVIDENCE: &str = "evidence";

/// Cycles whose evidence is kept: databases are large, and a defect that shows in each cycle of a
/// night would fill the disk.
const KEPT_CYCLES: usize = 20;

pub(super) struct Books {
    folder: PathBuf,
    /// Held as long as the books are open; the system lets go of it when the process dies.
    _claim: Claim,
    ledger: Ledger,
    pub(super) rows: Vec<Row>,
    /// With the numbers of their cycles.
    pub(super) snapshots: Vec<(u64, Snapshot)>,
    pub(super) summary: Summary,
}

impl Books {
    /// Opens the books of a new soak, or those of one that is to go on.
    pub(super) fn open(plan: &Plan, resume: bool) -> Result<Self> {
        let folder = plan.folder.clone();
        let remedy = "wait until it has ended, or set SOAK_METRICS_DIR";
        let claim = folder::claim(&folder, "another soak is writing there", remedy)?;
        let ledger = Ledger::open(&folder.join("ledger.jsonl"))?;
        let (summary, rows) = if resume {
            (earlier(plan)?, row::read(&folder.join(ROWS))?)
        } else {
            put_away(&folder)?;
            let shard = plan.shard.to_string();
            let seed = soak_seed(plan, &ledger)?;
            let duration = plan.duration.as_secs();
            (Summary::new(plan.subject.clone(), seed, shard, duration), Vec::new())
        };
        let mut books =
            Self { folder, _claim: claim, ledger, rows, snapshots: Vec::new(), summary };
        books.read_snapshots()?;
        if let Some(last) = books.rows.last() {
            // The row is written last, so it says how far the soak really came.
            books.summary.cycles = last.cycle;
            books.summary.elapsed_secs = last.elapsed_secs;
            books.summary.processes = books.summary.processes.max(last.process);
        }
        books.summary.state = State::Running;
        books.summary.exit_code = None;
        books.summary.duration_secs = plan.duration.as_secs();
        books.write_summary()?;
        Ok(books)
    }

    /// The next place in the row of seeds, and its seed.
    pub(super) fn next_seed(&self, plan: &Plan) -> (u64, u64) {
        let soak_seed = self.summary.soak_seed;
        let index = self.ledger.next_index(soak_seed, &plan.subject, plan.shard);
        (index, seeds::root_seed(soak_seed, index))
    }

    /// Writes down what a layer came to.
    pub(super) fn layer(
        &mut self,
        plan: &Plan,
        origin: &Origin,
        ran: Ran,
        index: u64,
        row: &mut Row,
    ) -> Result<Outcome> {
        let Ran { label, layer } = ran;
        let place = (index, row.seed);
        let mut entry = Entry::new(self.summary.soak_seed, place, plan.subject.clone(), label);
        let outcome = match layer {
            Ok(layer) => {
                count(&layer, row);
                entry.cases = layer.cases.len() as u64;
                entry.failed = layer.failures().count() as u64;
                self.summary.add(&layer.figures);
                self.failures(&layer, origin, row);
                layer.outcome
            }
            Err(error) => {
                self.fail(label, Outcome::Broken, &error.to_string(), row);
                Outcome::Broken
            }
        };
        ledger::word(outcome).clone_into(&mut entry.verdict);
        // A signal is the user's, and no verdict on the part.
        if !matches!(outcome, Outcome::Interrupted(_)) {
            self.summary.count(label, entry.cases, outcome);
        }
        self.ledger.append(entry)?;
        Ok(outcome)
    }

    fn failures(&mut self, layer: &Layer, origin: &Origin, row: &Row) {
        let interrupted = matches!(layer.outcome, Outcome::Interrupted(_));
        for case in layer.failures() {
            // After a signal the cases that did not run are no failures to look at.
            if interrupted && case.verdict == Verdict::Missing {
                continue;
            }
            self.summary.fail(Failure {
                cycle: row.cycle,
                part: layer.part.label.to_owned(),
                case: Some(case.id.name.clone()),
                verdict: case.verdict.name().to_owned(),
                message: case.message.clone().unwrap_or_default(),
                seed: row.seed,
                repro: Some(origin.repro(&layer.part, &case.id.name)),
            });
        }
        if layer.outcome == Outcome::Broken {
            let why = "nextest could not run it, see above";
            self.fail(layer.part.label, Outcome::Broken, why, row);
        }
    }

    /// Writes down what a part without cases came to.
    pub(super) fn simple(&mut self, part: &str, (outcome, why): Simple, row: &mut Row) -> Outcome {
        row.process = self.summary.processes;
        self.summary.count(part, 1, outcome);
        if outcome != Outcome::Passed {
            self.fail(part, outcome, &why, row);
        }
        outcome
    }

    /// Writes down a snapshot.
    pub(super) fn snapshot(&mut self, taken: Taken, row: &mut Row) -> Result<Outcome> {
        const PART: &str = "perf snapshot";
        let (text, snapshot) = match taken {
            Ok(taken) => taken,
            Err((outcome, why)) => {
                self.summary.count(PART, 0, outcome);
                self.fail(PART, outcome, &why, row);
                return Ok(outcome);
            }
        };
        store::replace(&self.snapshot_file(row.cycle), &text)?;
        row.cases = Some(snapshot.cases.len() as u64);
        row.median_ns_p50 = Some(snapshot.quantile_ns(0.5));
        row.median_ns_p95 = Some(snapshot.quantile_ns(0.95));
        self.summary.count(PART, snapshot.cases.len() as u64, Outcome::Passed);
        self.snapshots.push((row.cycle, snapshot));
        Ok(Outcome::Passed)
    }

    /// Ends a cycle: the summary first, the row last, so that a row never lacks its failures.
    pub(super) fn close(&mut self, mut row: Row) -> Result<()> {
        row.process = self.summary.processes;
        self.summary.cycles = row.cycle;
        self.summary.elapsed_secs = row.elapsed_secs;
        self.write_summary()?;
        self.rows.push(row);
        store::replace(&self.folder.join(ROWS), &row::render(&self.rows))
    }

    /// Where the cases of a cycle leave their evidence, so that a later failure of the same case does
    /// not replace it; `None` when enough of it is kept.
    pub(super) fn evidence(&self, cycle: u64) -> Result<Option<PathBuf>> {
        let all = self.folder.join(EVIDENCE);
        let kept = match fs::read_dir(&all) {
            Ok(entries) => entries.count(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => {
                return Err(Error::io("read the folder", &all, "make it readable", error));
            }
        };
        Ok((kept < KEPT_CYCLES).then(|| all.join(format!("cycle_{cycle}"))))
    }

    pub(super) fn write_summary(&self) -> Result<()> {
        self.summary.write(&self.folder.join(SUMMARY))
    }

    fn fail(&mut self, part: &str, outcome: Outcome, message: &str, row: &Row) {
        self.summary.fail(Failure {
            cycle: row.cycle,
            part: part.to_owned(),
            case: None,
            verdict: ledger::word(outcome).to_owned(),
            message: message.replace(['\n', '\r'], " "),
            seed: row.seed,
            repro: None,
        });
    }

    fn snapshot_file(&self, cycle: u64) -> PathBuf {
        self.folder.join(format!("perf_cycle_{cycle}.json"))
    }

    fn read_snapshots(&mut self) -> Result<()> {
        for row in self.rows.iter().filter(|row| row.cases.is_some()) {
            let file = self.snapshot_file(row.cycle);
            let text = fs::read_to_string(&file).map_err(|error| error.to_string());
            let snapshot = text.and_then(|text| Snapshot::parse(&text)).map_err(|why| {
                let what = format!("a snapshot cannot be read ({why})");
                Error::new(what, file.display(), "restore it, or start without --resume")
            })?;
            self.snapshots.push((row.cycle, snapshot));
        }
        Ok(())
    }
}

/// The number that the row of seeds follows from: the one that was set, else the one that this
/// engine was soaked with last, else a new one; but machines that share a row have to agree on it.
fn soak_seed(plan: &Plan, ledger: &Ledger) -> Result<u64> {
    let set = plan.session.knobs.get(knob::MACE_PROD_SEED);
    match set.or_else(|| ledger.soak_seed(&plan.subject)) {
        Some(seed) => Ok(seed),
        None if plan.shard == seeds::Shard::WHOLE => Ok(plan.session.seed),
        None => Err(Error::new(
            "a shard of a row of seeds that nobody named",
            "command line",
            "set MACE_PROD_SEED to the same number on all machines",
        )),
    }
}

/// What an earlier sitting left, proved to be of the same soak.
fn earlier(plan: &Plan) -> Result<Summary> {
    let path = plan.file(SUMMARY);
    let summary = Summary::read(&path)?.ok_or_else(|| {
        Error::new("there is no soak to go on with", path.display(), "start without --resume")
    })?;
    let refuse = |what: &str, then: &str, now: &str| {
        let what = format!("the earlier soak has {what} {then}, this one {now}");
        Err(Error::new(what, path.display(), "ask for the same, or start without --resume"))
    };
    let shard = plan.shard.to_string();
    if summary.subject != plan.subject {
        let (then, now) = (&summary.subject, &plan.subject);
        return refuse("the engine", &then.to_string(), &now.to_string());
    }
    if summary.shard != shard {
        return refuse("the shard", &summary.shard, &shard);
    }
    match plan.session.knobs.get(knob::MACE_PROD_SEED) {
        Some(seed) if seed != summary.soak_seed => {
            refuse("the seed", &summary.soak_seed.to_string(), &seed.to_string())
        }
        _ => Ok(summary),
    }
}

/// Moves the results of an earlier soak to `previous/`, replacing what is there: nothing old can then
/// be taken for a result of this one, and a forgotten `--resume` costs nothing.
fn put_away(folder: &Path) -> Result<()> {
    let remedy = "make the folder writable";
    let previous = folder.join("previous");
    let failed = |error| Error::io("put away the earlier results", folder, remedy, error);
    let mut old = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let text = name.to_string_lossy();
        if [ROWS, SUMMARY, EVIDENCE].contains(&&*text) || text.starts_with("perf_cycle_") {
            old.push(name);
        }
    }
    if old.is_empty() {
        return Ok(());
    }
    match fs::remove_dir_all(&previous) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    fs::create_dir(&previous).map_err(failed)?;
    for name in old {
        fs::rename(folder.join(&name), previous.join(&name)).map_err(failed)?;
    }
    Ok(())
}

fn count(layer: &Layer, row: &mut Row) {
    let of = |verdicts: &[Verdict]| {
        verdicts.iter().map(|verdict| layer.count(*verdict) as u64).sum::<u64>()
    };
    row.passed += of(&[Verdict::Passed]);
    row.failed += of(&[Verdict::Failed, Verdict::Missing, Verdict::Stray, Verdict::Vanished]);
    row.timed_out += of(&[Verdict::TimedOut]);
    row.flaky += of(&[Verdict::Flaky, Verdict::FlakyPassed]);
    row.known += of(&[Verdict::Known]);
    row.skipped += of(&[Verdict::Skipped]);
}
