//! What the single client should be answered: an ordered map for each bucket, a copy of it for
//! each open view and transaction, and the rule that the first writer wins. It shares no code
//! with the model engine, so that each can be tested against the other.

use super::{
    answer::Answer,
    op::{How, Key, Op, Reader, Run, Sweep, TXNS, VIEWS, Value, bucket_of_txn, bucket_of_view},
    overlap::{Commits, Overlap, Touched},
};
use crate::{
    engine::{
        BucketOptions, Capabilities, EngineError, EngineOptions, Merge, Outcome, Preset, RULES,
        Reason,
        model::{clamp, sum},
    },
    settings::{FindingId, excludes},
};
use std::{collections::BTreeMap, sync::Arc};

/// An ordered map whose copies share their bytes.
pub(super) type Map = BTreeMap<Arc<[u8]>, Arc<[u8]>>;

/// A log file that no list of operations fills.
const NEVER_FULL: u64 = 64 << 20;

/// The slot of transactions that begin and end within one operation.
const BULK: usize = TXNS;

/// The state that the engine should be in.
#[derive(Clone, Debug)]
pub struct Reference {
    /// How the database is open.
    pub(super) engine: EngineOptions,
    rotates: bool,
    longest_key: usize,
    pub(super) buckets: [Bucket; 2],
    txns: [Option<Txn>; TXNS + 1],
    views: [Option<Arc<Map>>; VIEWS],
    clock: u64,
    begun: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub(super) pairs: Arc<Map>,
    pub(super) options: BucketOptions,
    /// Since it was loaded, a transaction that had written was dropped: the engine may say
    /// `Busy` until it has cleaned up.
    pub(super) aborted: bool,
    /// Every key that was ever written, and how often, dropped transactions included.
    pub(super) keys: BTreeMap<Arc<[u8]>, u32>,
    /// When each key was last committed, by plain writes and by merges.
    commits: BTreeMap<Arc<[u8]>, Commits>,
}

#[derive(Clone, Debug)]
struct Txn {
    bucket: usize,
    number: u64,
    started: u64,
    doomed: bool,
    /// What the transaction sees, its own writes included.
    now: Map,
    touched: BTreeMap<Arc<[u8]>, Touched>,
    /// Operands in order, for keys that were only merged.
    operands: BTreeMap<Arc<[u8]>, Vec<Vec<u8>>>,
}

impl Reference {
    /// Two empty buckets in this configuration. Where the log does not rotate its files are so
    /// large that one is enough, whatever later operations ask for.
    pub fn new(preset: Preset, rotates: bool, can: Capabilities) -> Self {
        let bucket = |merge| Bucket {
            pairs: Arc::default(),
            options: BucketOptions { merge, ..preset.bucket() }.for_empty_pages(),
            aborted: false,
            keys: BTreeMap::new(),
            commits: BTreeMap::new(),
        };
        let mut engine = preset.engine();
        if !rotates {
            engine.wal_file_bytes = NEVER_FULL;
        }
        Self {
            engine,
            rotates,
            longest_key: can.longest_key,
            buckets: [bucket(Merge::Sum), bucket(Merge::None)],
            txns: Default::default(),
            views: Default::default(),
            clock: 0,
            begun: 0,
        }
    }

    /// Some keys that are there, for a generator to choose from.
    pub fn some_keys(&self, bucket: usize, most: usize) -> Vec<Key> {
        let pairs = &self.buckets[bucket].pairs;
        let stride = pairs.len().div_ceil(most).max(1);
        pairs.keys().step_by(stride).map(|key| Key(key.clone())).collect()
    }

    /// Whether the log may rotate while the list runs.
    pub fn rotates(&self) -> bool {
        self.rotates
    }

    /// The options of a bucket.
    pub fn bucket_options(&self, bucket: usize) -> &BucketOptions {
        &self.buckets[bucket].options
    }

    pub(super) fn open_views(&self) -> impl Iterator<Item = (usize, &Map)> {
        self.views.iter().enumerate().filter_map(|(slot, view)| Some((slot, view.as_deref()?)))
    }

    pub(super) fn open_txns(&self) -> impl Iterator<Item = (usize, &Map)> {
        self.txns.iter().enumerate().filter_map(|(slot, txn)| Some((slot, &txn.as_ref()?.now)))
    }

    /// Carries an operation out and says what the engine should answer.
    pub fn step(&mut self, op: &Op) -> Answer {
        if op.is_structural() {
            return self.restructure(op);
        }
        match op {
            Op::Begin(slot) => self.begin(*slot, bucket_of_txn(*slot)),
            Op::Write { txn, how, key, value } => {
                self.ensure_txn(*txn);
                match self.write(*txn, *how, &key.0, value) {
                    Some(outcome) => return Answer::Done(outcome),
                    None => return Answer::LeftOut,
                }
            }
            Op::Get(reader, key) => {
                let value = self.map(*reader).get(&key.0).map(|value| value.to_vec());
                return Answer::Value(value.ok_or(EngineError::Absent));
            }
            Op::Scan(reader, sweep) => return Answer::Pairs(Ok(scan(self.map(*reader), sweep))),
            Op::Commit(slot) => {
                self.ensure_txn(*slot);
                return Answer::Done(self.commit(*slot));
            }
            Op::Abort(slot) => self.abort(*slot),
            Op::View(slot) => self.view(*slot),
            Op::Close(slot) => self.views[*slot] = None,
            Op::Fill(run, value) => return self.bulk(*run, How::Upsert, value),
            Op::Thin(run) => return self.bulk(*run, How::Del, &Value::NONE),
            Op::Held { .. } => return Answer::Done(Err(EngineError::Refused(Reason::Busy))),
            Op::Copy | Op::Audit => return Answer::Sound(Vec::new()),
            Op::Checkpoint { .. } | Op::Collect | Op::Collection(_) | Op::Sync => {}
            Op::Reload(_) | Op::Change(..) | Op::Recreate(_) | Op::Reopen(_) => {
                unreachable!("handled above")
            }
        }
        Answer::DONE
    }

    /// Drops every transaction and closes every view.
    pub(super) fn give_back(&mut self) {
        (0..self.txns.len()).for_each(|slot| self.abort(slot));
        self.views = Default::default();
    }

    fn restructure(&mut self, op: &Op) -> Answer {
        self.give_back();
        match op {
            Op::Change(bucket, wanted) => {
                let bucket = &mut self.buckets[*bucket];
                bucket.aborted = false;
                let old = &bucket.options;
                let wanted = clamp(wanted);
                let inline = RULES.inline_may_become(old.inline_bytes, wanted.inline_bytes);
                if !inline || wanted.split_keys != old.split_keys {
                    return Answer::Done(Err(EngineError::Refused(Reason::Invalid)));
                }
                bucket.options = BucketOptions { merge: old.merge, ..wanted };
            }
            Op::Recreate(bucket) => {
                let bucket = &mut self.buckets[*bucket];
                bucket.aborted = false;
                bucket.pairs = Arc::default();
                bucket.commits.clear();
            }
            Op::Reload(bucket) => self.buckets[*bucket].aborted = false,
            Op::Reopen(options) => {
                self.engine = *options.clone();
                if !self.rotates {
                    self.engine.wal_file_bytes = NEVER_FULL;
                }
                self.buckets.iter_mut().for_each(|bucket| bucket.aborted = false);
            }
            _ => unreachable!("no other operation is structural"),
        }
        Answer::DONE
    }

    fn begin(&mut self, slot: usize, bucket: usize) {
        self.abort(slot);
        self.begun += 1;
        self.txns[slot] = Some(Txn {
            bucket,
            number: self.begun,
            started: self.clock,
            doomed: false,
            now: (*self.buckets[bucket].pairs).clone(),
            touched: BTreeMap::new(),
            operands: BTreeMap::new(),
        });
    }

    fn view(&mut self, slot: usize) {
        self.views[slot] = Some(self.buckets[bucket_of_view(slot)].pairs.clone());
    }

    fn ensure_txn(&mut self, slot: usize) {
        if self.txns[slot].is_none() {
            self.begin(slot, bucket_of_txn(slot));
        }
    }

    fn map(&mut self, reader: Reader) -> &Map {
        match reader {
            Reader::Txn(slot) => {
                self.ensure_txn(slot);
                &self.txns[slot].as_ref().expect("it was opened above").now
            }
            Reader::View(slot) => {
                if self.views[slot].is_none() {
                    self.view(slot);
                }
                self.views[slot].as_ref().expect("it was opened above")
            }
        }
    }

    /// `None` when the write belongs to a known finding.
    fn write(
        &mut self,
        slot: usize,
        how: How,
        key: &Arc<[u8]>,
        value: &Value,
    ) -> Option<Outcome<()>> {
        let overlap = self.overlap(slot, key, how == How::Merge);
        let txn = self.txns[slot].as_mut().expect("writes go to open transactions");
        let bucket = &mut self.buckets[txn.bucket];
        if txn.doomed {
            return Some(Err(EngineError::Conflict));
        }
        if how == How::Merge && (bucket.options.merge == Merge::None || value.len == 0) {
            return Some(Err(EngineError::Refused(Reason::Invalid)));
        }
        if key.len() > self.longest_key {
            return Some(Err(EngineError::Refused(Reason::TooLarge)));
        }
        match overlap {
            Overlap::None => {}
            Overlap::KnownFinding
                if excludes(FindingId::MERGE_ADMISSION_SEES_ONLY_THE_NEWEST_VERSION) =>
            {
                return None;
            }
            Overlap::KnownFinding | Overlap::Conflict => {
                txn.doomed = true;
                return Some(Err(EngineError::Conflict));
            }
        }
        let there = txn.now.contains_key(key);
        match how {
            How::Put if there => return Some(Err(EngineError::Refused(Reason::Exists))),
            How::Update | How::Del if !there => return Some(Err(EngineError::Absent)),
            How::ResetMerge if !there => return Some(Ok(())),
            How::Del | How::ResetMerge => drop(txn.now.remove(key)),
            How::Put | How::Update | How::Upsert => {
                txn.now.insert(key.clone(), value.bytes().into());
            }
            How::Merge => {
                let total = sum(txn.now.get(key).map(|base| &**base), [&value.bytes()[..]]);
                txn.now.insert(key.clone(), total.into());
                txn.operands.entry(key.clone()).or_default().push(value.bytes());
            }
        }
        *bucket.keys.entry(key.clone()).or_default() += 1;
        let touched = txn.touched.entry(key.clone()).or_default();
        touched.add(txn.number, how == How::Merge);
        Some(Ok(()))
    }

    fn overlap(&self, slot: usize, key: &Arc<[u8]>, merge: bool) -> Overlap {
        let me = self.txns[slot].as_ref().expect("writes go to open transactions");
        let commits = self.buckets[me.bucket].commits.get(key).copied().unwrap_or_default();
        let touched = |at: usize, txn: &Option<Txn>| {
            let txn = txn.as_ref().filter(|txn| txn.bucket == me.bucket)?;
            Some((at == slot, *txn.touched.get(key)?))
        };
        let open = self.txns.iter().enumerate().filter_map(|(at, txn)| touched(at, txn));
        Overlap::of(merge, me.started, commits, open)
    }

    fn commit(&mut self, slot: usize) -> Outcome<()> {
        if self.txns[slot].as_ref().is_some_and(|txn| txn.doomed) {
            self.abort(slot);
            return Err(EngineError::Conflict);
        }
        let txn = self.txns[slot].take().expect("it was opened above");
        self.clock += 1;
        let bucket = &mut self.buckets[txn.bucket];
        let pairs = Arc::make_mut(&mut bucket.pairs);
        for (key, touched) in &txn.touched {
            let commits = bucket.commits.entry(key.clone()).or_default();
            commits.add(touched, self.clock);
            if touched.plain {
                match txn.now.get(key) {
                    Some(value) => drop(pairs.insert(key.clone(), value.clone())),
                    None => drop(pairs.remove(key)),
                }
            } else {
                let operands = txn.operands[key].iter().map(Vec::as_slice);
                let total = sum(pairs.get(key).map(|base| &**base), operands);
                pairs.insert(key.clone(), total.into());
            }
        }
        Ok(())
    }

    fn abort(&mut self, slot: usize) {
        if let Some(txn) = self.txns[slot].take() {
            self.buckets[txn.bucket].aborted |= !txn.touched.is_empty();
        }
    }

    fn bulk(&mut self, run: Run, how: How, value: &Value) -> Answer {
        self.begin(BULK, run.bucket);
        let mut steps = Vec::new();
        for (key, value) in run.pairs(*value) {
            let Some(outcome) = self.write(BULK, how, &key.into(), &value) else {
                self.txns[BULK] = None;
                return Answer::LeftOut;
            };
            steps.push(outcome);
            if steps.last() == Some(&Err(EngineError::Conflict)) {
                break;
            }
        }
        steps.push(self.commit(BULK));
        Answer::Steps(steps)
    }
}

pub(super) fn scan(map: &Map, sweep: &Sweep) -> Vec<(Vec<u8>, Vec<u8>)> {
    let keys = sweep.scan().keys;
    let mut left = map.iter().filter(|(key, _)| keys.contains(key));
    let mut pairs = Vec::new();
    while pairs.len() < sweep.limit {
        let from_back = sweep.order.is_from_back(pairs.len());
        let next = if from_back { left.next_back() } else { left.next() };
        match next {
            Some((key, value)) => pairs.push((key.to_vec(), value.to_vec())),
            None => break,
        }
    }
    pairs
}
