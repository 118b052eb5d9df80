//! The single client: carries operations out on a real engine and collects its answers. Handles
//! borrow from each other (a transaction from its bucket), so the client works in frames: a frame
//! owns both buckets' handles and ends where an operation needs them all given back.

use super::{
    answer::Answer,
    op::{
        BUCKETS, How, Op, Reader, Span, Sweep, TXNS, VIEWS, Value, bucket_of_txn, bucket_of_view,
    },
    reference::{Map, Reference, scan},
};
use crate::{
    engine::{Bucket, Driver, Engine, EngineError, Order, Outcome, Read, Reason, Txn},
    history::dump::{Pairs, read_all},
    settings::{FindingId, excludes},
};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

/// How often a call that may be refused as busy for a while is repeated; what takes longer is
/// stuck. Measured on two cores: some 250 collections after an abort.
pub(super) const ASKED_AT_MOST: usize = 200_000;

/// The handles between two operations that need them given back.
pub(super) struct Frame<'a> {
    driver: &'a dyn Driver,
    engine: &'a dyn Engine,
    buckets: [&'a dyn Bucket; 2],
    txns: [Option<Box<dyn Txn + 'a>>; TXNS],
    views: [Option<Box<dyn Read + 'a>>; VIEWS],
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        driver: &'a dyn Driver,
        engine: &'a dyn Engine,
        buckets: [&'a dyn Bucket; 2],
    ) -> Self {
        let txns = Default::default();
        let views = Default::default();
        Self { driver, engine, buckets, txns, views }
    }

    /// Carries out one operation that needs no handle given back. `after` is the state that the
    /// engine should be in afterwards, `copy` where a copy goes.
    pub(super) fn perform(&mut self, op: &Op, after: &Reference, copy: &Path) -> Outcome<Answer> {
        match op {
            Op::Begin(slot) => self.begin(*slot)?,
            Op::Write { txn, how, key, value } => {
                let busy = after.buckets[bucket_of_txn(*txn)].aborted;
                return Ok(Answer::Done(write(self.txn(*txn)?, *how, &key.0, *value, busy)));
            }
            Op::Get(reader, key) => return Ok(Answer::Value(self.reader(*reader)?.get(&key.0))),
            Op::Scan(reader, sweep) => {
                return Ok(Answer::Pairs(self.reader(*reader)?.scan(&sweep.scan())));
            }
            Op::Commit(slot) => {
                self.txn(*slot)?;
                let txn = self.txns[*slot].take().expect("it was opened above");
                return Ok(Answer::Done(txn.commit()));
            }
            Op::Abort(slot) => self.txns[*slot] = None,
            Op::View(slot) => self.view(*slot)?,
            Op::Close(slot) => self.views[*slot] = None,
            Op::Fill(run, value) => {
                return self.bulk(run.bucket, How::Upsert, run.pairs(*value));
            }
            Op::Thin(run) => {
                let keys = run.keys().map(|key| (key, Value::NONE));
                return self.bulk(run.bucket, How::Del, keys);
            }
            Op::Checkpoint { bucket, wait: true } => self.buckets[*bucket].checkpoint_and_wait(),
            Op::Checkpoint { bucket, wait: false } => self.buckets[*bucket].checkpoint(),
            Op::Collect => self.engine.collect_garbage(),
            Op::Collection(on) => self.engine.set_collection(*on),
            Op::Sync => return Ok(Answer::Done(self.engine.sync())),
            Op::Held { bucket, delete: true } => {
                return Ok(Answer::Done(self.engine.delete_bucket(BUCKETS[*bucket])));
            }
            Op::Held { bucket, delete: false } => {
                return Ok(Answer::Done(self.engine.unload_bucket(BUCKETS[*bucket])));
            }
            Op::Copy => return self.copy(after, copy).map(Answer::Sound),
            Op::Audit => return self.audit(after).map(Answer::Sound),
            Op::Reload(_) | Op::Change(..) | Op::Recreate(_) | Op::Reopen(_) => {
                unreachable!("a frame ends before these")
            }
        }
        Ok(Answer::DONE)
    }

    /// Whether a wrong answer is the known finding `scan-from-an-older-version`: wrong at the key alone with which
    /// the scan begins, where that key was written more than once, and right when the same reader begins
    /// elsewhere.
    pub(super) fn begins_at_an_older_version(
        &mut self,
        op: &Op,
        answer: &Answer,
        expected: &Answer,
        after: &Reference,
    ) -> Outcome<bool> {
        let (Op::Scan(reader, sweep), Answer::Pairs(Ok(got)), Answer::Pairs(Ok(wanted))) =
            (op, answer, expected)
        else {
            return Ok(false);
        };
        let Some(first) = sweep.begins_at() else { return Ok(false) };
        let bucket = match reader {
            Reader::Txn(slot) => bucket_of_txn(*slot),
            Reader::View(slot) => bucket_of_view(*slot),
        };
        let is_rewritten = after.buckets[bucket].keys.get(&first.0).is_some_and(|times| *times > 1);
        let all = Sweep { span: Span::All, order: Order::Forward, limit: usize::MAX }.scan();
        let all = self.reader(*reader)?.scan(&all)?;
        let mut all: Map = all.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        if !is_rewritten || scan(&all, sweep) != *wanted {
            return Ok(false);
        }
        // With the first key as it was met, all else has to be as it is.
        match got.iter().find(|(key, _)| *key == *first.0) {
            Some((key, value)) => drop(all.insert(key.as_slice().into(), value.as_slice().into())),
            None => drop(all.remove(&first.0)),
        }
        Ok(scan(&all, sweep) == *got)
    }

    /// Leaves a write out; its transaction is opened all the same.
    pub(super) fn leave_out(&mut self, op: &Op) -> Outcome<()> {
        if let Op::Write { txn, .. } = op {
            self.txn(*txn)?;
        }
        Ok(())
    }

    fn begin(&mut self, slot: usize) -> Outcome<()> {
        self.txns[slot] = None;
        self.txns[slot] = Some(self.buckets[bucket_of_txn(slot)].begin()?);
        Ok(())
    }

    fn view(&mut self, slot: usize) -> Outcome<()> {
        self.views[slot] = None;
        self.views[slot] = Some(self.buckets[bucket_of_view(slot)].view()?);
        Ok(())
    }

    fn txn(&mut self, slot: usize) -> Outcome<&dyn Txn> {
        if self.txns[slot].is_none() {
            self.begin(slot)?;
        }
        Ok(self.txns[slot].as_deref().expect("it was opened above"))
    }

    fn reader(&mut self, reader: Reader) -> Outcome<&dyn Read> {
        match reader {
            Reader::Txn(slot) => Ok(self.txn(slot)?),
            Reader::View(slot) => {
                if self.views[slot].is_none() {
                    self.view(slot)?;
                }
                Ok(self.views[slot].as_deref().expect("it was opened above"))
            }
        }
    }

    fn bulk(
        &self,
        bucket: usize,
        how: How,
        writes: impl Iterator<Item = (Vec<u8>, Value)>,
    ) -> Outcome<Answer> {
        let txn = self.buckets[bucket].begin()?;
        let mut steps = Vec::new();
        for (key, value) in writes {
            steps.push(write(txn.as_ref(), how, &key, value, false));
            if steps.last() == Some(&Err(EngineError::Conflict)) {
                break;
            }
        }
        steps.push(txn.commit());
        Ok(Answer::Steps(steps))
    }

    /// Everything, in every way, through everything that is open.
    fn audit(&self, after: &Reference) -> Outcome<Vec<String>> {
        let mut found = committed(&self.buckets, after)?;
        for (slot, expected) in after.open_views() {
            let Some(view) = &self.views[slot] else {
                unreachable!("view {slot} is open in the reference only")
            };
            let keys = &after.buckets[bucket_of_view(slot)].keys;
            found.extend(compare(&format!("view {slot}"), view.as_ref(), expected, keys)?);
        }
        for (slot, expected) in after.open_txns() {
            let Some(txn) = &self.txns[slot] else {
                unreachable!("transaction {slot} is open in the reference only")
            };
            let keys = &after.buckets[bucket_of_txn(slot)].keys;
            found.extend(compare(&format!("transaction {slot}"), txn.as_ref(), expected, keys)?);
        }
        Ok(found)
    }

    /// A checkpoint is under way, unless the engine has the known finding `copy-during-checkpoint`.
    fn copy(&self, after: &Reference, target: &Path) -> Outcome<Vec<String>> {
        if excludes(FindingId::COPY_DURING_CHECKPOINT) {
            // The wait ends before the checkpoint's record is in the log; that of the next one, which
            // has nothing to write, begins behind it.
            for _ in 0..2 {
                self.buckets.iter().for_each(|bucket| bucket.checkpoint_and_wait());
            }
        } else {
            self.buckets.iter().for_each(|bucket| bucket.checkpoint());
        }
        self.engine.copy_to(target)?;
        let again = self.engine.copy_to(target);
        let mut found = Vec::new();
        if again != Err(EngineError::Refused(Reason::Exists)) {
            found.push(format!("a second copy to the same folder: {}", Answer::Done(again)));
        }
        let copy = self.driver.open(target, &after.engine)?;
        let mut buckets = Vec::new();
        for (at, name) in BUCKETS.iter().enumerate() {
            buckets.push(copy.open_bucket(name, after.buckets[at].options.merge)?);
        }
        let inside = committed(&[buckets[0].as_ref(), buckets[1].as_ref()], after)?;
        found.extend(inside.into_iter().map(|sentence| format!("in the copy, {sentence}")));
        drop((buckets, copy));
        // A model's copy is no folder; nothing to remove then.
        let _ = fs::remove_dir_all(target);
        Ok(found)
    }
}

/// Compares the committed state of both buckets with the reference.
pub(super) fn committed(buckets: &[&dyn Bucket; 2], after: &Reference) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    for (at, bucket) in buckets.iter().enumerate() {
        let expected = &after.buckets[at];
        let view = bucket.view()?;
        found.extend(compare(BUCKETS[at], view.as_ref(), &expected.pairs, &expected.keys)?);
    }
    Ok(found)
}

fn compare(
    who: &str,
    view: &dyn Read,
    expected: &Map,
    keys: &BTreeMap<Arc<[u8]>, u32>,
) -> Outcome<Vec<String>> {
    let also: Vec<Vec<u8>> = keys.keys().map(|key| key.to_vec()).collect();
    let (got, mut found) = read_all(who, view, &also)?;
    if !same(&got, expected) {
        let expected = expected.iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect();
        let difference =
            Answer::Pairs(Ok(got.into_iter().collect())).difference(&Answer::Pairs(Ok(expected)));
        found.push(format!("{who}: {difference}"));
    }
    Ok(found)
}

fn same(got: &Pairs, expected: &Map) -> bool {
    let as_slices = expected.iter().map(|(key, value)| (&**key, &**value));
    got.iter().map(|(key, value)| (&key[..], &value[..])).eq(as_slices)
}

fn write(txn: &dyn Txn, how: How, key: &[u8], value: Value, may_be_busy: bool) -> Outcome<()> {
    let bytes = value.bytes();
    match how {
        How::Put => txn.put(key, &bytes),
        How::Update => txn.update(key, &bytes),
        How::Upsert => txn.upsert(key, &bytes),
        How::Del => txn.del(key),
        How::ResetMerge => txn.reset_merge(key),
        // A merge clears away aborted operands a few at a time and says `Busy` in between.
        How::Merge if may_be_busy => ask(|| txn.merge(key, &bytes), || {}),
        How::Merge => txn.merge(key, &bytes),
    }
}

/// Asks until the answer is not `Busy`, and does something in between.
pub(super) fn ask<T>(mut question: impl FnMut() -> Outcome<T>, between: impl Fn()) -> Outcome<T> {
    let busy = Err(EngineError::Refused(Reason::Busy));
    for _ in 0..ASKED_AT_MOST {
        match question() {
            Err(EngineError::Refused(Reason::Busy)) => between(),
            answer => return answer,
        }
        std::thread::yield_now();
    }
    busy
}
