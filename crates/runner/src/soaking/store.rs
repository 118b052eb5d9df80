//! What a soak writes: the rows, the snapshots, the ledger, the state. All of it is on the disk when
//! its cycle ends. Only one soak at a time writes to a folder.

use super::{
    aging::{Aged, Simple},
    parts::{Ran, Taken},
    plan::Plan,
};
use crate::{files, record::Judged};
use knobs::knob;
use process::{
    Error, Outcome, Result,
    folder::{self, Claim},
    sample,
    store::{self, Lines},
};
use results::{
    CaseOutcome, Document, Layer, document,
    judge::Reading,
    ledger::{Entry, Ledger},
    resident::Answer,
    row::{self, Row},
    seeds,
    snapshot::Snapshot,
    state::{Failure, SoakState, Stage},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const ROWS: &str = "perf_cycles.csv";
const RESTS: &str = "aging.csv";
const STATE: &str = "summary.json";
const LEDGER: &str = "ledger.jsonl";
const EVIDENCE: &str = "evidence";

/// Cycles whose evidence is kept: databases are large, and a defect that shows in each cycle of a
/// night would fill the disk.
const KEPT_CYCLES: usize = 20;

pub(super) struct SoakStore {
    folder: PathBuf,
    /// Held as long as the soak runs; the system lets go of it when the process dies.
    _claim: Claim,
    ledger: Ledger,
    ledger_file: Lines,
    pub(super) rows: Vec<Row>,
    /// What each process of the aging database held when its clients rested: a row for each rest.
    pub(super) rests: Vec<Row>,
    pub(super) snapshots: Vec<Reading>,
    /// This one, by its place among those that the soak ran on.
    machine: u64,
    pub(super) state: SoakState,
}

impl SoakStore {
    /// Opens what a new soak writes to, or what an earlier one left, to continue it.
    pub(super) fn open(plan: &Plan, resume: bool) -> Result<Self> {
        let folder = plan.folder.clone();
        let remedy = "wait until it has ended, or set SOAK_METRICS_DIR";
        let claim = folder::claim(&folder, "another soak is writing there", remedy)?;
        let path = folder.join(LEDGER);
        let ledger_file = Lines::open(&path)?;
        let ledger = read_ledger(&path)?.unwrap_or_default();
        let (mut state, rows, rests) = if resume {
            (earlier(plan)?, read_rows(&folder.join(ROWS))?, read_rows(&folder.join(RESTS))?)
        } else {
            put_away(&folder)?;
            let shard = plan.shard.to_string();
            let seed = soak_seed(plan, &ledger)?;
            let duration = plan.duration.as_secs();
            (SoakState::new(plan.subject.clone(), seed, shard, duration), Vec::new(), Vec::new())
        };
        if let Some(last) = rows.last() {
            // The row is written last, so it says how far the soak really came.
            state.cycles = last.cycle;
            state.elapsed_secs = last.elapsed_secs;
            state.processes = state.processes.max(last.process);
        }
        state.state = Stage::Running;
        state.exit_code = None;
        state.judgements.clear();
        state.duration_secs = plan.duration.as_secs();
        let machine = state.machine(sample::machine());
        let snapshots = snapshots(&folder, &rows)?;
        let store = Self {
            folder,
            _claim: claim,
            ledger,
            ledger_file,
            rows,
            rests,
            snapshots,
            machine,
            state,
        };
        store.write_state()?;
        Ok(store)
    }

    /// The next place in the sequence of seeds, and its seed.
    pub(super) fn next_seed(&self, plan: &Plan) -> (u64, u64) {
        let soak_seed = self.state.soak_seed;
        let index = self.ledger.next_index(soak_seed, &plan.subject, plan.shard);
        (index, seeds::root_seed(soak_seed, index))
    }

    /// Writes down what a layer came to.
    pub(super) fn layer(&mut self, ran: Ran, index: u64, row: &mut Row) -> Result<Outcome> {
        let Ran { label, judged, known, notes } = ran;
        let mut cases = 0;
        let mut failed = 0;
        let outcome = match judged {
            Ok(judged) => {
                count(&judged.layer, row);
                cases = judged.layer.cases.len() as u64;
                failed = judged.layer.failures().count() as u64;
                self.state.add(&judged.layer.figures());
                self.failures(&judged, row);
                if known.is_empty() {
                    judged.outcome
                } else {
                    // One failure for all of them: what is known must not crowd out what is new.
                    let line = format!("{}: MACE_PROD_KNOWN = fail", known.join("; "));
                    self.fail(label, Outcome::Failed, &line, row);
                    judged.outcome.max(Outcome::Failed)
                }
            }
            Err(error) => {
                self.fail(label, Outcome::Broken, &error.to_string(), row);
                Outcome::Broken
            }
        };
        let worst = notes.iter().map(|note| note.outcome).max();
        let outcome = worst.map_or(outcome, |worst| outcome.max(worst));
        for note in notes {
            self.fail(label, note.outcome, &note.line, row);
        }
        // A signal is the user's, and says nothing about the part.
        if !matches!(outcome, Outcome::Interrupted(_)) {
            self.state.count(label, cases, outcome);
        }
        let entry = Entry {
            version: Entry::FORMAT,
            soak_seed: self.state.soak_seed,
            index,
            seed: row.seed,
            subject: self.state.subject.clone(),
            layer: label.to_owned(),
            outcome,
            cases,
            failed,
        };
        self.ledger_file.append(&document::encode_line(&entry))?;
        self.ledger.0.push(entry);
        Ok(outcome)
    }

    fn failures(&mut self, judged: &Judged, row: &Row) {
        let Judged { layer, outcome, .. } = judged;
        let interrupted = matches!(outcome, Outcome::Interrupted(_));
        for case in layer.failures() {
            // After a signal the cases that did not run are no failures to look at.
            if interrupted && case.outcome == CaseOutcome::Missing {
                continue;
            }
            self.state.fail(Failure {
                cycle: row.cycle,
                part: layer.label.clone(),
                case: Some(case.id.name.clone()),
                outcome: case.outcome.name().to_owned(),
                message: case.message.clone().unwrap_or_default(),
                seed: row.seed,
                repro: case.repro.clone(),
            });
        }
        if *outcome == Outcome::Broken {
            let why = "nextest could not run it, see above";
            self.fail(&layer.label, Outcome::Broken, why, row);
        }
    }

    /// Writes down what a part without cases came to.
    pub(super) fn simple(&mut self, part: &str, simple: Simple, row: &mut Row) -> Outcome {
        let Simple { outcome, why } = simple;
        row.process = self.state.processes;
        self.state.count(part, 1, outcome);
        if outcome != Outcome::Passed {
            self.fail(part, outcome, &why, row);
        }
        outcome
    }

    /// Writes down what a cycle on the aging database came to.
    pub(super) fn aged(&mut self, aged: Aged, row: &mut Row) -> Result<Outcome> {
        let Aged { simple, answer } = aged;
        if let Some(answer) = answer {
            self.answered(&answer, row);
            store::replace(&self.folder.join(RESTS), &row::render(&self.rests))?;
        }
        Ok(self.simple("aging", simple, row))
    }

    fn answered(&mut self, answer: &Answer, row: &mut Row) {
        let Answer { operations, reads, crashes, states, commits, .. } = answer;
        let counted = [
            ("aging.operations", operations),
            ("aging.reads", reads),
            ("aging.crashes", crashes),
            ("aging.states", states),
            ("aging.commits", commits),
        ];
        let counted = counted.map(|(figure, count)| (figure.to_owned(), *count as f64));
        self.state.add(&counted.into());
        if *commits > 0 {
            row.commit_p99_ns = Some(answer.commit_p99_ns);
        }
        for rest in &answer.rests {
            row.rss_bytes = rest.rss_bytes;
            row.open_files = rest.open_files;
            row.threads = rest.threads;
            row.disk_bytes = Some(rest.disk_bytes);
            self.rests.push(Row {
                cycle: self.rests.len() as u64 + 1,
                elapsed_secs: row.elapsed_secs,
                seed: row.seed,
                rss_bytes: rest.rss_bytes,
                open_files: rest.open_files,
                threads: rest.threads,
                disk_bytes: Some(rest.disk_bytes),
                commit_p99_ns: Some(rest.commit_p99_ns).filter(|_| rest.commits > 0),
                process: self.state.processes,
                machine: self.machine,
                ..Row::default()
            });
        }
    }

    /// Writes down a snapshot.
    pub(super) fn snapshot(&mut self, taken: Taken, row: &mut Row) -> Result<Outcome> {
        const PART: &str = "perf snapshot";
        let (text, snapshot) = match taken {
            Ok(taken) => taken,
            Err(Simple { outcome, why }) => {
                self.state.count(PART, 0, outcome);
                self.fail(PART, outcome, &why, row);
                return Ok(outcome);
            }
        };
        store::replace(&snapshot_file(&self.folder, row.cycle), &text)?;
        row.cases = Some(snapshot.cases.len() as u64);
        row.median_ns_p50 = Some(snapshot.p50_ns());
        row.median_ns_p95 = Some(snapshot.p95_ns());
        self.state.count(PART, snapshot.cases.len() as u64, Outcome::Passed);
        self.snapshots.push(Reading { cycle: row.cycle, machine: self.machine, snapshot });
        Ok(Outcome::Passed)
    }

    /// Ends a cycle: the state first, the row last, so that a row never lacks its failures.
    pub(super) fn close(&mut self, mut row: Row) -> Result<()> {
        row.process = self.state.processes;
        row.machine = self.machine;
        self.state.cycles = row.cycle;
        self.state.elapsed_secs = row.elapsed_secs;
        self.write_state()?;
        self.rows.push(row);
        store::replace(&self.folder.join(ROWS), &row::render(&self.rows))
    }

    /// Where the cases of a cycle leave their evidence, so that a later failure of the same case does
    /// not replace it; `None` when enough of it is kept.
    pub(super) fn evidence(&self, cycle: u64) -> Result<Option<PathBuf>> {
        let all = self.folder.join(EVIDENCE);
        let kept = store::if_there(fs::read_dir(&all))
            .map_err(|error| Error::io("read the folder", &all, "make it readable", error))?;
        Ok((kept.map_or(0, Iterator::count) < KEPT_CYCLES)
            .then(|| all.join(format!("cycle_{cycle}"))))
    }

    pub(super) fn write_state(&self) -> Result<()> {
        store::replace(&self.folder.join(STATE), &document::encode(&self.state))
    }

    fn fail(&mut self, part: &str, outcome: Outcome, message: &str, row: &Row) {
        self.state.fail(Failure {
            cycle: row.cycle,
            part: part.to_owned(),
            case: None,
            outcome: outcome.name().to_owned(),
            message: message.replace(['\n', '\r'], " "),
            seed: row.seed,
            repro: None,
        });
    }
}

fn snapshot_file(folder: &Path, cycle: u64) -> PathBuf {
    folder.join(format!("perf_cycle_{cycle}.json"))
}

/// The snapshots of the cycles that took one.
fn snapshots(folder: &Path, rows: &[Row]) -> Result<Vec<Reading>> {
    let read = |row: &Row| {
        let file = snapshot_file(folder, row.cycle);
        let text = fs::read_to_string(&file).map_err(|error| error.to_string());
        let snapshot = text.and_then(|text| Snapshot::parse(&text)).map_err(|why| {
            let what = format!("a snapshot cannot be read ({why})");
            Error::new(what, file.display(), "restore it, or start without --resume")
        })?;
        Ok(Reading { cycle: row.cycle, machine: row.machine, snapshot })
    };
    rows.iter().filter(|row| row.cases.is_some()).map(read).collect()
}

fn read_rows(path: &Path) -> Result<Vec<Row>> {
    let remedy = "restore the file, or start without --resume";
    files::parsed(path, remedy, row::parse).map(Option::unwrap_or_default)
}

/// Reads a ledger; `None` when there is no such file.
pub(super) fn read_ledger(path: &Path) -> Result<Option<Ledger>> {
    files::parsed(path, "remove that line, or move the ledger away", Ledger::parse)
}

/// The number that the sequence of seeds follows from: the one that was set, else the one that this
/// engine was soaked with last, else a new one; but machines that share a sequence have to agree on it.
fn soak_seed(plan: &Plan, ledger: &Ledger) -> Result<u64> {
    let set = plan.session.knobs.get(knob::MACE_PROD_SEED);
    match set.or_else(|| ledger.soak_seed(&plan.subject)) {
        Some(seed) => Ok(seed),
        None if plan.shard == seeds::Shard::WHOLE => Ok(plan.session.seed),
        None => Err(Error::new(
            "a shard of a soak whose seed is not set",
            "command line",
            "set MACE_PROD_SEED to the same number on all machines",
        )),
    }
}

/// What an earlier sitting left, proved to be of the same soak.
fn earlier(plan: &Plan) -> Result<SoakState> {
    let path = plan.file(STATE);
    let state = files::parsed(&path, "start without --resume", document::decode::<SoakState>)?;
    let state = state.ok_or_else(|| {
        Error::new("there is no soak to go on with", path.display(), "start without --resume")
    })?;
    let refuse = |what: &str, then: &str, now: &str| {
        let what = format!("the earlier soak has {what} {then}, this one {now}");
        Err(Error::new(what, path.display(), "ask for the same, or start without --resume"))
    };
    let shard = plan.shard.to_string();
    if state.subject != plan.subject {
        return refuse("the engine", &state.subject.to_string(), &plan.subject.to_string());
    }
    if state.shard != shard {
        return refuse("the shard", &state.shard, &shard);
    }
    match plan.session.knobs.get(knob::MACE_PROD_SEED) {
        Some(seed) if seed != state.soak_seed => {
            refuse("the seed", &state.soak_seed.to_string(), &seed.to_string())
        }
        _ => Ok(state),
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
        if [ROWS, RESTS, STATE, EVIDENCE].contains(&&*text) || text.starts_with("perf_cycle_") {
            old.push(name);
        }
    }
    if old.is_empty() {
        return Ok(());
    }
    files::remove_folder(&previous)?;
    fs::create_dir(&previous).map_err(failed)?;
    for name in old {
        fs::rename(folder.join(&name), previous.join(&name)).map_err(failed)?;
    }
    Ok(())
}

fn count(layer: &Layer, row: &mut Row) {
    for (name, outcomes) in CaseOutcome::COLUMNS {
        let column = match name {
            "passed" => &mut row.passed,
            "failed" | "missing" => &mut row.failed,
            "timed out" => &mut row.timed_out,
            "flaky" => &mut row.flaky,
            "known" => &mut row.known,
            "skipped" => &mut row.skipped,
            other => unreachable!("a row has no column {other:?}"),
        };
        *column += layer.count(outcomes) as u64;
    }
}
