//! The contract of a single client: a list of operations is carried out on an engine, and every
//! answer has to be the one that an ordered map would give.
//!
//! What it verifies: each operation's answer down to the reason of a refusal; every open view and
//! transaction against a copy of the map taken when it was opened; the whole state by scans both
//! ways and point reads; the same after unloading, after a clean reopening with other options,
//! and in a copy; that the offline checker has nothing to say in the end.
//!
//! What it does not verify, and why:
//! - several clients at once: their order is not known, which is what the histories are for;
//! - crashes: see recovery and chaos;
//! - writes of one key that overlap in the way of the known finding
//!   `merge-admission-sees-only-the-newest-version` are left out, one by one, and counted; its
//!   regression goes on exercising them;
//! - transactions that are dropped after their writes went to several log files, see the known
//!   finding `aborted-across-log-files`: a list of operations either lets the log rotate or drops
//!   transactions ([`without_drops`]), not both;
//! - keys whose packed length takes another byte, see the known finding `key-of-115-bytes`, and
//!   empty values, see `empty-value-is-a-deletion`;
//! - the first key of a scan that begins at it, where only an older version of it is met, see
//!   `scan-from-an-older-version`: counted, and asked again from elsewhere;
//! - copies while a checkpoint is under way, see `copy-during-checkpoint`;
//! - unloading a bucket with no checkpoint before, see `unload-races-the-evictor`;
//! - transactions that are open at the same time, on an engine where writers wait for one another or are
//!   checked at their commits ([`within`]): those are judged as histories;
//! - empty keys: the engine documents them as not allowed and does not check them in the plain
//!   build;
//! - values of megabytes: see `scenario::pairs`; those near the limit of 1 GiB take two of memory,
//!   which not every machine has.

mod answer;
mod client;
mod op;
mod overlap;
mod reference;
pub mod strategy;

pub use answer::Answer;
pub use op::{
    BUCKETS, Filling, How, Key, Op, Reader, Run, Span, Sweep, TXNS, VIEWS, Value, bucket_of_txn,
};
pub use reference::Reference;

use crate::{
    engine::{
        Bucket, BucketOptions, Capabilities, Driver, Engine, EngineError, Merge, Outcome, Writers,
    },
    report::Figures,
    scenario::run::goals::Depth,
    settings::{FindingId, excludes},
};
use client::{Frame, ask, committed};
use knobs::budget::Unit;
use results::absorbed;
use std::{
    any::Any,
    fs::File,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

/// The promise in one sentence.
pub const PROMISE: &str = "a single client is answered as by an ordered map with snapshots";

/// The name of the list of operations in the case's folder: each is written down before it is
/// carried out, so that the list survives the death of the process.
pub const EVIDENCE: &str = "operations.txt";

/// The database, below the case's folder.
const DATABASE: &str = "db";

/// Rounds of collection while a bucket is unloaded: one that finds what was dropped in it, and some for
/// the readers that it waits for.
const WHILE_UNLOADED: u32 = 8;

/// The operation whose answer was wrong, and how.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// Which operation, from 0; the number of operations stands for the end of the list.
    pub at: usize,
    /// What was answered instead of what.
    pub text: String,
}

/// Carries out the operations, beginning at the reference's start, on a fresh database in `dir`; how deep its first
/// bucket is in the end.
///
/// # Panics
/// When the evidence cannot be written.
pub fn check(
    driver: &dyn Driver,
    dir: &Path,
    start: &Reference,
    ops: &[Op],
    figures: &mut Figures,
) -> Result<Depth, Mismatch> {
    let mut course = Course {
        driver,
        dir,
        reference: start.clone(),
        ids: [None; 2],
        ops,
        at: 0,
        evidence: File::create(dir.join(EVIDENCE)).expect("the case's folder takes files"),
        figures,
    };
    // A panic is an answer, too: no call of the engine is documented to panic on legal input.
    let ended = catch_unwind(AssertUnwindSafe(|| course.run()));
    let ended = ended.unwrap_or_else(|panic| Err(format!("it panicked: {}", said_last(&*panic))));
    ended.map_err(|text| Mismatch { at: course.at, text })?;
    let bucket = &course.reference.buckets[0];
    Ok(Depth::of_database(
        bucket.pairs.len() as u64,
        bucket.options.split_keys,
        &dir.join(DATABASE),
    ))
}

fn said_last(panic: &(dyn Any + Send)) -> &str {
    let literal = panic.downcast_ref::<&str>().copied();
    literal.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("nothing")
}

/// The list with every transaction committed where it was dropped, and with one transaction at a
/// time in each bucket, so that none has to be dropped for a conflict either.
#[must_use]
pub fn without_drops(ops: &[Op]) -> Vec<Op> {
    let slot = |slot: usize| if bucket_of_txn(slot) == 0 { 0 } else { slot };
    let reader = |reader: &Reader| match reader {
        Reader::Txn(txn) => Reader::Txn(slot(*txn)),
        view @ Reader::View(_) => *view,
    };
    let last = TXNS - 1;
    let mut rewritten = Vec::new();
    for op in ops {
        match op.clone() {
            Op::Begin(txn) => rewritten.extend([Op::Commit(slot(txn)), Op::Begin(slot(txn))]),
            Op::Write { txn, how, key, value } => {
                rewritten.push(Op::Write { txn: slot(txn), how, key, value });
            }
            Op::Get(who, key) => rewritten.push(Op::Get(reader(&who), key)),
            Op::Scan(who, sweep) => rewritten.push(Op::Scan(reader(&who), sweep)),
            Op::Commit(txn) | Op::Abort(txn) => rewritten.push(Op::Commit(slot(txn))),
            op if op.is_structural() || matches!(op, Op::Fill(..) | Op::Thin(_)) => {
                rewritten.extend([Op::Commit(0), Op::Commit(last), op]);
            }
            op => rewritten.push(op),
        }
    }
    rewritten.extend([Op::Commit(0), Op::Commit(last)]);
    rewritten
}

/// The list for an engine that lacks what only some have. Where writers wait for one another or are checked at
/// their commits one transaction is open at a time: the one before it is committed. Without held buckets
/// nobody asks for one that is held, and options stay. Keys beyond the longest are left out where they are not
/// refused.
#[must_use]
pub fn within(ops: Vec<Op>, can: Capabilities) -> Vec<Op> {
    let mut open = None;
    let mut rewritten = Vec::new();
    let is_asked = |op: &Op| can.refuses_long_keys || op.longest_key() <= can.longest_key;
    for op in ops.into_iter().filter(is_asked) {
        let op = match op {
            Op::Held { .. } if !can.held_buckets => Op::Audit,
            Op::Change(bucket, _) if !can.held_buckets => Op::Reload(bucket),
            op => op,
        };
        let opens = match &op {
            Op::Begin(txn)
            | Op::Write { txn, .. }
            | Op::Commit(txn)
            | Op::Abort(txn)
            | Op::Get(Reader::Txn(txn), _)
            | Op::Scan(Reader::Txn(txn), _) => Some(*txn),
            _ => None,
        };
        // What begins a transaction of its own, or waits for one.
        let is_alone = matches!(op, Op::Fill(..) | Op::Thin(_) | Op::Sync | Op::Copy);
        if can.writers != Writers::FirstWins
            && let Some(before) = open
            && (is_alone || opens.is_some_and(|txn| txn != before))
        {
            rewritten.push(Op::Commit(before));
            open = None;
        }
        open = match &op {
            Op::Commit(_) | Op::Abort(_) => None,
            op if op.is_structural() => None,
            _ => opens.or(open),
        };
        rewritten.push(op);
    }
    rewritten
}

/// A list of operations while it is carried out.
struct Course<'a> {
    driver: &'a dyn Driver,
    dir: &'a Path,
    reference: Reference,
    /// What the engine calls the buckets in this incarnation.
    ids: [Option<u64>; 2],
    ops: &'a [Op],
    at: usize,
    evidence: File,
    figures: &'a mut Figures,
}

type Handles = [Box<dyn Bucket>; 2];

impl<'a> Course<'a> {
    fn run(&mut self) -> Result<(), String> {
        let root = self.dir.join(DATABASE);
        let mut fresh = true;
        loop {
            let engine = said("open", self.driver.open(&root, &self.reference.engine))?;
            let reopening = self.session(engine.as_ref(), fresh)?;
            drop(engine);
            fresh = false;
            self.figures.add("reopenings", 1);
            let Some(op) = reopening else { break };
            self.reference.step(op);
            self.at += 1;
        }
        if self.driver.capabilities().checker {
            let complaints = said("check", self.driver.check(&root))?;
            if !complaints.is_empty() {
                return Err(format!("the offline checker: {}", complaints.join("; ")));
            }
        }
        let engine = said("open", self.driver.open(&root, &self.reference.engine))?;
        let handles = self.handles(engine.as_ref(), false)?;
        self.agrees("after closing", &handles)
    }

    /// One opening of the database, until an operation wants another one or the list ends.
    fn session(&mut self, engine: &dyn Engine, mut fresh: bool) -> Result<Option<&'a Op>, String> {
        loop {
            let handles = self.handles(engine, fresh)?;
            if !fresh {
                self.agrees("after opening", &handles)?;
            }
            fresh = false;
            let ended_by = self.frame(engine, &handles)?;
            let races = excludes(FindingId::UNLOAD_RACES_THE_EVICTOR);
            if let Some(Op::Reload(at) | Op::Change(at, _)) = ended_by
                && races
            {
                // Without it commits are lost.
                handles[*at].checkpoint_and_wait();
            }
            drop(handles);
            self.reference.give_back();
            match ended_by {
                None | Some(Op::Reopen(_)) => return Ok(ended_by),
                Some(op) => self.restructure(engine, op)?,
            }
            self.at += 1;
        }
    }

    /// Operations that need no handle given back, and the first that does.
    fn frame(&mut self, engine: &dyn Engine, handles: &Handles) -> Result<Option<&'a Op>, String> {
        let buckets = [handles[0].as_ref(), handles[1].as_ref()];
        let mut frame = Frame::new(self.driver, engine, buckets);
        while let Some(op) = self.ops.get(self.at) {
            writeln!(self.evidence, "{} {op:?}", self.at).expect("the case's folder takes files");
            if op.is_structural() {
                return Ok(Some(op));
            }
            let expected = self.reference.step(op);
            if expected == Answer::LeftOut {
                said("begin", frame.leave_out(op))?;
                let id = FindingId::MERGE_ADMISSION_SEES_ONLY_THE_NEWEST_VERSION;
                self.figures.put_down_to(id, Unit::Operations, 1);
            } else {
                let copy = self.dir.join(format!("copy-{}", self.at));
                let answer = said("carry it out", frame.perform(op, &self.reference, &copy))?;
                if answer != expected {
                    let id = FindingId::SCAN_FROM_AN_OLDER_VERSION;
                    let known = excludes(id).then(|| {
                        frame.begins_at_an_older_version(op, &answer, &expected, &self.reference)
                    });
                    if !said("scan all", known.unwrap_or(Ok(false)))? {
                        return Err(answer.difference(&expected));
                    }
                    self.figures.put_down_to(id, Unit::Operations, 1);
                }
            }
            self.figures.add(absorbed::judged(Unit::Operations), 1);
            self.at += 1;
        }
        Ok(None)
    }

    fn handles(&mut self, engine: &dyn Engine, fresh: bool) -> Result<Handles, String> {
        let mut handle = |at: usize| {
            let name = BUCKETS[at];
            let options = &self.reference.buckets[at].options;
            let bucket = if fresh {
                said("create a bucket", engine.create_bucket(name, options))?
            } else {
                said("open a bucket", engine.open_bucket(name, options.merge))?
            };
            self.ids[at] = bucket.id();
            Ok::<_, String>(bucket)
        };
        Ok([handle(0)?, handle(1)?])
    }

    fn agrees(&self, when: &str, handles: &Handles) -> Result<(), String> {
        let buckets = [handles[0].as_ref(), handles[1].as_ref()];
        let found = said("read", committed(&buckets, &self.reference))?;
        if found.is_empty() { Ok(()) } else { Err(format!("{when}, {}", found.join("; "))) }
    }

    fn restructure(&mut self, engine: &dyn Engine, op: &Op) -> Result<(), String> {
        let (Op::Reload(at) | Op::Change(at, _) | Op::Recreate(at)) = op else {
            unreachable!("a frame ends before these only")
        };
        let at = *at;
        let name = BUCKETS[at];
        let patient = self.reference.buckets[at].aborted;
        let expected = self.reference.step(op);
        let options = &self.reference.buckets[at].options;
        let collect = || engine.collect_garbage();
        if matches!(op, Op::Recreate(_)) {
            said("delete", eventually(patient, || engine.delete_bucket(name), collect))?;
            let gone = engine.open_bucket(name, options.merge).map(|_| ());
            wants(
                &Answer::Done(gone),
                &Answer::Done(Err(EngineError::Absent)),
                "open a deleted bucket",
            )?;
            let successor = said("create its successor", engine.create_bucket(name, options))?;
            if let Some(id) = successor.id().filter(|_| successor.id() == self.ids[at]) {
                return Err(format!("the successor has its predecessor's number {id}"));
            }
            return Ok(());
        }
        said("unload", eventually(patient, || engine.unload_bucket(name), collect))?;
        let held = self.driver.capabilities().held_buckets;
        if held && engine.loaded_buckets().iter().any(|loaded| loaded == name) {
            return Err("the unloaded bucket is listed as loaded".to_owned());
        }
        // Whatever is left to clean up in it must not be done without it.
        (0..WHILE_UNLOADED).for_each(|_| collect());
        if let Op::Change(_, wanted) = op {
            let changed = Answer::Done(engine.change_bucket_options(name, wanted));
            wants(&changed, &expected, "change the options")?;
        }
        if !held {
            return Ok(());
        }
        let stored = said("read the options", engine.bucket_options(name))?;
        let options = BucketOptions { merge: Merge::None, ..options.clone() };
        if stored == options { Ok(()) } else { Err(format!("{stored:?} instead of {options:?}")) }
    }
}

/// A question that may be refused as busy for a while when `patient`, else not once.
fn eventually(
    patient: bool,
    mut question: impl FnMut() -> Outcome<()>,
    between: impl Fn(),
) -> Outcome<()> {
    if patient { ask(question, between) } else { question() }
}

fn wants(answer: &Answer, expected: &Answer, what: &str) -> Result<(), String> {
    if answer == expected {
        Ok(())
    } else {
        Err(format!("asked to {what}: {}", answer.difference(expected)))
    }
}

/// What the engine has to be able to do at this point.
fn said<T>(what: &str, outcome: Outcome<T>) -> Result<T, String> {
    outcome.map_err(|denial| format!("asked to {what}: {denial}"))
}
