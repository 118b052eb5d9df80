//! The state of a model database: buckets, and in each bucket every key's versions. Pure data and
//! rules, no handles and no locks.
//!
//! A version is visible to a snapshot when it is the transaction's own or was committed before
//! the snapshot was taken. A write is refused when the key has a version that its transaction
//! cannot see, be it active or committed since; only merges beside merges are let through.

use super::merge::merged;
use crate::engine::{BucketOptions, EngineError, Merge, Outcome, RULES, Reason, Scan};
use std::collections::{BTreeMap, BTreeSet};

/// Buckets that a database holds, deleted ones not yet reaped included.
pub const MAX_BUCKETS: u64 = 1024;
/// The longest name of a bucket.
pub const MAX_NAME_BYTES: usize = 31;
/// The longest key: packed with its version (12 bytes) and a length of 3 it fills 64 KiB.
pub const MAX_KEY_BYTES: usize = (64 << 10) - 12 - 3;
/// The largest key and value together: `mace-kv`'s documented gigabyte.
pub const MAX_PAIR_BYTES: usize = 1 << 30;

/// The state of one bucket.
pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a transaction may see: its own versions, and those committed at or before `at`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Snapshot {
    /// The transaction's number; none for a view.
    txn: Option<u64>,
    at: u64,
}

/// What a client asks to write.
#[derive(Debug)]
pub(super) enum Write {
    Put(Vec<u8>),
    Update(Vec<u8>),
    Upsert(Vec<u8>),
    Delete,
    Merge(Vec<u8>),
}

#[derive(Clone, Debug)]
enum Content {
    Value(Vec<u8>),
    Tombstone,
    Operand(Vec<u8>),
}

#[derive(Clone, Debug)]
struct Version {
    txn: u64,
    committed_at: Option<u64>,
    content: Content,
}

impl Version {
    fn visible(&self, snapshot: Snapshot) -> bool {
        Some(self.txn) == snapshot.txn || self.committed_at.is_some_and(|at| at <= snapshot.at)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Store {
    options: BucketOptions,
    /// What operands mean while the bucket is loaded; `None` when it is not loaded.
    loaded: Option<Merge>,
    handles: u64,
    /// Each key's versions, oldest first.
    keys: BTreeMap<Vec<u8>, Vec<Version>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Database {
    is_open: bool,
    last_commit: u64,
    last_txn: u64,
    last_bucket: u64,
    names: BTreeMap<String, u64>,
    stores: BTreeMap<u64, Store>,
    /// Deleted buckets that a collection has not reaped yet.
    deleted: u64,
}

impl Database {
    /// False when it is open already.
    pub(super) fn open(&mut self) -> bool {
        !std::mem::replace(&mut self.is_open, true)
    }

    pub(super) fn close(&mut self) {
        self.is_open = false;
        for store in self.stores.values_mut() {
            store.loaded = None;
        }
    }

    pub(super) fn create(&mut self, name: &str, options: &BucketOptions) -> Outcome<u64> {
        short_enough(name)?;
        if self.names.contains_key(name) {
            return Err(EngineError::Refused(Reason::Exists));
        }
        if self.count() >= MAX_BUCKETS {
            return Err(EngineError::Refused(Reason::Quota));
        }
        self.last_bucket += 1;
        let store = Store {
            options: clamp(options),
            loaded: Some(options.merge),
            handles: 1,
            keys: BTreeMap::new(),
        };
        self.names.insert(name.to_owned(), self.last_bucket);
        self.stores.insert(self.last_bucket, store);
        Ok(self.last_bucket)
    }

    pub(super) fn load(&mut self, name: &str, merge: Merge) -> Outcome<u64> {
        short_enough(name)?;
        let id = self.id(name)?;
        let store = self.bucket(id);
        match store.loaded {
            None => store.loaded = Some(merge),
            // A loaded bucket keeps its operator; asking for none is asking for whatever it has.
            Some(loaded) if merge == Merge::None || merge == loaded => {}
            Some(_) => return Err(EngineError::Refused(Reason::Invalid)),
        }
        store.handles += 1;
        Ok(id)
    }

    pub(super) fn options(&self, name: &str) -> Outcome<BucketOptions> {
        short_enough(name)?;
        let options = self.stores[&self.id(name)?].options.clone();
        Ok(BucketOptions { merge: Merge::None, ..options })
    }

    pub(super) fn change_options(&mut self, name: &str, new: &BucketOptions) -> Outcome<()> {
        short_enough(name)?;
        let id = self.id(name)?;
        let store = self.bucket(id);
        if store.loaded.is_some() {
            return Err(EngineError::Refused(Reason::Busy));
        }
        let new = clamp(new);
        let old = &store.options;
        let inline = RULES.inline_may_become(old.inline_bytes, new.inline_bytes);
        if !inline || new.split_keys != old.split_keys {
            return Err(EngineError::Refused(Reason::Invalid));
        }
        store.options = new;
        Ok(())
    }

    pub(super) fn unload(&mut self, name: &str) -> Outcome<()> {
        let id = self.idle(name)?;
        self.bucket(id).loaded = None;
        Ok(())
    }

    pub(super) fn delete(&mut self, name: &str) -> Outcome<()> {
        let id = self.idle(name)?;
        self.names.remove(name);
        self.stores.remove(&id);
        self.deleted += 1;
        Ok(())
    }

    pub(super) fn loaded(&self) -> Vec<String> {
        let loaded = |id: &u64| self.stores[id].loaded.is_some();
        self.names.iter().filter(|(_, id)| loaded(id)).map(|(name, _)| name.clone()).collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.names.len() as u64 + self.deleted
    }

    pub(super) fn reap(&mut self) {
        self.deleted = 0;
    }

    pub(super) fn release(&mut self, id: u64) {
        self.bucket(id).handles -= 1;
    }

    pub(super) fn begin(&mut self) -> Snapshot {
        self.last_txn += 1;
        Snapshot { txn: Some(self.last_txn), at: self.last_commit }
    }

    pub(super) fn view(&self) -> Snapshot {
        Snapshot { txn: None, at: self.last_commit }
    }

    pub(super) fn commit(&mut self, id: u64, snapshot: Snapshot, written: &BTreeSet<Vec<u8>>) {
        self.last_commit += 1;
        let at = self.last_commit;
        let store = self.bucket(id);
        for key in written {
            for version in store.keys.get_mut(key).into_iter().flatten() {
                if Some(version.txn) == snapshot.txn {
                    version.committed_at = Some(at);
                }
            }
        }
    }

    /// # Panics
    /// When the bucket is gone: handles keep it alive, so that is a bug of ours.
    pub(super) fn bucket(&mut self, id: u64) -> &mut Store {
        self.stores.get_mut(&id).expect("a handle keeps its bucket alive")
    }

    pub(super) fn committed(&self) -> BTreeMap<String, Pairs> {
        let now = self.view();
        self.names.iter().map(|(name, id)| (name.clone(), self.stores[id].pairs(now))).collect()
    }

    /// Everything committed, as a database of its own that nobody has open.
    pub(super) fn copy(&self) -> Self {
        let mut copy = self.clone();
        copy.close();
        for store in copy.stores.values_mut() {
            store.handles = 0;
            for versions in store.keys.values_mut() {
                versions.retain(|version| version.committed_at.is_some());
            }
        }
        copy
    }

    pub(super) fn tamper(&mut self, name: &str, edit: impl FnOnce(&mut Pairs)) {
        assert!(!self.is_open, "only a closed database is edited");
        let now = self.view();
        let id = self.names[name];
        let store = self.bucket(id);
        let mut pairs = store.pairs(now);
        edit(&mut pairs);
        let version =
            |value| Version { txn: 0, committed_at: Some(0), content: Content::Value(value) };
        store.keys = pairs.into_iter().map(|(key, value)| (key, vec![version(value)])).collect();
    }

    fn id(&self, name: &str) -> Outcome<u64> {
        self.names.get(name).copied().ok_or(EngineError::Absent)
    }

    fn idle(&self, name: &str) -> Outcome<u64> {
        let id = self.id(name)?;
        if self.stores[&id].handles > 0 { Err(EngineError::Refused(Reason::Busy)) } else { Ok(id) }
    }
}

impl Store {
    pub(super) fn get(&self, snapshot: Snapshot, key: &[u8]) -> Outcome<Vec<u8>> {
        assert!(!key.is_empty(), "an empty key is outside the contract");
        let versions = self.keys.get(key).map_or(&[][..], Vec::as_slice);
        self.resolve(snapshot, key, versions)?.ok_or(EngineError::Absent)
    }

    pub(super) fn scan(&self, snapshot: Snapshot, scan: &Scan) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut keys = self.keys.iter().filter(|(key, _)| scan.keys.contains(key));
        let mut pairs = Vec::new();
        while pairs.len() < scan.limit {
            let from_back = scan.order.is_from_back(pairs.len());
            let Some((key, versions)) = (if from_back { keys.next_back() } else { keys.next() })
            else {
                break;
            };
            if let Some(value) = self.resolve(snapshot, key, versions)? {
                pairs.push((key.clone(), value));
            }
        }
        Ok(pairs)
    }

    pub(super) fn write(&mut self, snapshot: Snapshot, key: &[u8], write: Write) -> Outcome<()> {
        assert!(!key.is_empty(), "an empty key is outside the contract");
        let operator = self.loaded.unwrap_or(Merge::None);
        let length = match &write {
            // An empty operand would read as a deletion.
            Write::Merge(operand) if operator == Merge::None || operand.is_empty() => {
                return Err(EngineError::Refused(Reason::Invalid));
            }
            Write::Put(bytes)
            | Write::Update(bytes)
            | Write::Upsert(bytes)
            | Write::Merge(bytes) => bytes.len(),
            Write::Delete => 0,
        };
        if key.len() > MAX_KEY_BYTES || key.len() + length > MAX_PAIR_BYTES {
            return Err(EngineError::Refused(Reason::TooLarge));
        }
        let versions = self.keys.get(key).map_or(&[][..], Vec::as_slice);
        let merges = |version: &Version| {
            matches!((&write, &version.content), (Write::Merge(_), Content::Operand(_)))
        };
        if versions.iter().any(|version| !version.visible(snapshot) && !merges(version)) {
            return Err(EngineError::Conflict);
        }
        let there = versions.last().is_some_and(|v| !matches!(v.content, Content::Tombstone));
        let content = match write {
            Write::Put(_) if there => return Err(EngineError::Refused(Reason::Exists)),
            Write::Update(_) | Write::Delete if !there => return Err(EngineError::Absent),
            Write::Put(value) | Write::Update(value) | Write::Upsert(value) => {
                Content::Value(value)
            }
            Write::Delete => Content::Tombstone,
            Write::Merge(operand) => Content::Operand(operand),
        };
        let txn = snapshot.txn.expect("only a transaction writes");
        let version = Version { txn, committed_at: None, content };
        self.keys.entry(key.to_vec()).or_default().push(version);
        Ok(())
    }

    pub(super) fn abort(&mut self, snapshot: Snapshot, written: &BTreeSet<Vec<u8>>) {
        for key in written {
            if let Some(versions) = self.keys.get_mut(key) {
                versions.retain(|version| {
                    version.committed_at.is_some() || Some(version.txn) != snapshot.txn
                });
            }
        }
    }

    fn pairs(&self, snapshot: Snapshot) -> Pairs {
        let mut honest = self.clone();
        honest.loaded = Some(self.loaded.unwrap_or(Merge::Sum));
        let read = |key: &[u8], versions: &[Version]| {
            honest.resolve(snapshot, key, versions).ok().flatten()
        };
        self.keys
            .iter()
            .filter_map(|(key, versions)| Some((key.clone(), read(key, versions)?)))
            .collect()
    }

    /// The value that a snapshot sees: operands down to the first value, deletion or nothing.
    fn resolve(
        &self,
        snapshot: Snapshot,
        key: &[u8],
        versions: &[Version],
    ) -> Outcome<Option<Vec<u8>>> {
        let mut operands: Vec<&[u8]> = Vec::new();
        let mut base: Option<&[u8]> = None;
        for version in versions.iter().rev().filter(|version| version.visible(snapshot)) {
            match &version.content {
                Content::Operand(operand) => operands.push(operand),
                Content::Tombstone => break,
                Content::Value(value) => {
                    base = Some(value);
                    break;
                }
            }
        }
        match (operands.is_empty(), self.loaded.unwrap_or(Merge::None)) {
            (true, _) => Ok(base.map(<[u8]>::to_vec)),
            (false, Merge::None) => Err(EngineError::Refused(Reason::Invalid)),
            // They were met from the newest to the oldest.
            (false, Merge::Sum) => Ok(Some(merged(key, base, operands.into_iter().rev()))),
        }
    }
}

/// The options that a bucket really gets: zero means the default, the rest is brought into its
/// documented range.
#[must_use]
pub fn clamp(options: &BucketOptions) -> BucketOptions {
    let default = BucketOptions::default();
    let or = |given: u64, default: u64| if given == 0 { default } else { given };
    let pool_bytes = or(options.pool_bytes, default.pool_bytes);
    let split_keys = options.split_keys.clamp(64, 512);
    BucketOptions {
        cache_bytes: or(options.cache_bytes, default.cache_bytes),
        evict_pct: options.evict_pct.clamp(10, 80),
        pool_bytes,
        checkpoint_bytes: or(options.checkpoint_bytes, default.checkpoint_bytes).min(pool_bytes),
        inline_bytes: options.inline_bytes.clamp(RULES.inline_least, RULES.inline_most),
        split_keys,
        consolidate_deltas: options.consolidate_deltas.clamp(16, split_keys / 2),
        ..options.clone()
    }
}

fn short_enough(name: &str) -> Outcome<()> {
    if name.len() > MAX_NAME_BYTES { Err(EngineError::Refused(Reason::TooLarge)) } else { Ok(()) }
}
