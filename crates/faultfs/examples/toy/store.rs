//! A small correct write-ahead store, and faulty twins of it: the controls that test the tool. One
//! writer, whole values, occasional snapshots. Not for use as a store.
//!
//! On disk: `snap`, the map at some point, and `wal.G`, the records since, where the snapshot holds
//! `G`. A record is length, checksum, number, key and value. `mirror`, `pointer` and `super` exist
//! only in the twins that need them.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Error, ErrorKind, Result},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// The defect of a twin. Each is a decision that a real store has got wrong before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    /// The control.
    None,
    /// Acknowledges before the record is written.
    AckBeforeWrite,
    /// Acknowledges without a sync.
    NoSync,
    /// Never syncs the folder after a snapshot.
    NoFolderSync,
    /// Removes the old log while the name of the new snapshot may still be lost.
    RemoveTooEarly,
    /// Removes the old log before the snapshot gets its name.
    RemoveFirst,
    /// Gives the snapshot its name before its bytes are synced.
    NoSnapshotSync,
    /// Overwrites the old snapshot in place.
    SnapshotInPlace,
    /// Trusts a record's length without checking its content.
    TrustLength,
    /// Trusts a record count in a header that is not ordered after the records by a sync.
    HeaderWithBody,
    /// Writes two copies and a pointer that needs one of them under a single sync.
    PointerWithCopies,
    /// Overwrites a block of two sectors in place.
    WideBlock,
    /// Appends after a torn record.
    AppendAfterTorn,
    /// Recovery gives a torn record a valid checksum before it truncates the record.
    Launder,
    /// Trusts the second sync after a failed one.
    RetrySync,
}

impl Defect {
    /// The fault rules that the defect needs to show.
    pub(crate) fn faults(self) -> &'static str {
        if self == Self::RetrySync { "fdatasync[wal]=5*off->1*return(EIO)" } else { "" }
    }
}

/// Transactions between snapshots.
const SNAPSHOT_EVERY: u64 = 8;

/// Bytes before a record's value: length, checksum, number, key.
const HEAD: usize = 24;

/// How many keys there are. They are reused, so values are overwritten.
pub(crate) const KEYS: u64 = 5;

/// The value that a transaction writes: recognisable, and longer than a sector.
pub(crate) fn value_of(txn: u64) -> Vec<u8> {
    let len = 600 + (txn * 37 % 900) as usize;
    (0..len).map(|at| (txn as u8).wrapping_mul(31).wrapping_add(at as u8) | 1).collect()
}

/// An open store.
pub(crate) struct Store {
    dir: PathBuf,
    defect: Defect,
    map: BTreeMap<u64, Vec<u8>>,
    last: u64,
    generation: u64,
    wal: File,
    end: u64,
    poisoned: bool,
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn record(txn: u64, key: u64, value: &[u8]) -> Vec<u8> {
    let body = [&txn.to_le_bytes()[..], &key.to_le_bytes(), value].concat();
    let len = body.len() as u32;
    let sum = checksum(&body);
    [&len.to_le_bytes()[..], &sum.to_le_bytes(), &body].concat()
}

fn sync_folder(dir: &Path) -> Result<()> {
    File::open(dir)?.sync_all()
}

impl Store {
    /// Recovers the store from its folder.
    pub(crate) fn open(dir: &Path, defect: Defect) -> Result<Self> {
        let (generation, last, map) = read_snapshot(&dir.join("snap"))?;
        let path = dir.join(format!("wal.{generation}"));
        let fresh = !path.exists();
        let wal =
            File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
        if fresh {
            wal.sync_all()?;
            sync_folder(dir)?;
        }
        let mut store = Self {
            dir: dir.to_owned(),
            defect,
            map,
            last,
            generation,
            wal,
            end: 0,
            poisoned: false,
        };
        store.replay()?;
        store.extras()?;
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let stale = name.starts_with("wal.") && name != format!("wal.{generation}");
            if stale || name == "snap.tmp" {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(store)
    }

    /// Reads the log up to the first incomplete record and truncates the rest.
    fn replay(&mut self) -> Result<()> {
        let bytes = fs::read(self.dir.join(format!("wal.{}", self.generation)))?;
        let mut at = 0;
        while let Some((txn, key, value, len)) = self.parse(&bytes[at..]) {
            self.map.insert(key, value);
            self.last = txn;
            at += len;
        }
        self.end = at as u64;
        if at == bytes.len() {
            return Ok(());
        }
        if self.defect == Defect::AppendAfterTorn {
            self.end = bytes.len() as u64;
            return Ok(());
        }
        if self.defect == Defect::Launder && bytes.len() > at + HEAD {
            let body = &bytes[at + 8..];
            let next = (self.last + 1).to_le_bytes();
            let sum = checksum(&[&next[..], &body[8..]].concat());
            let head = [&(body.len() as u32).to_le_bytes()[..], &sum.to_le_bytes(), &next].concat();
            self.wal.write_all_at(&head, self.end)?;
            self.wal.sync_data()?;
        }
        self.wal.set_len(self.end)?;
        self.wal.sync_all()
    }

    fn parse(&self, bytes: &[u8]) -> Option<(u64, u64, Vec<u8>, usize)> {
        if bytes.len() < HEAD {
            return None;
        }
        let len = u32_at(bytes, 0) as usize;
        let body = bytes.get(8..8 + len).filter(|body| body.len() >= 16)?;
        let trusts = self.defect == Defect::TrustLength;
        if !trusts && checksum(body) != u32_at(bytes, 4) {
            return None;
        }
        let txn = u64_at(body, 0);
        (txn == self.last + 1).then(|| (txn, u64_at(body, 8), body[16..].to_vec(), 8 + len))
    }

    /// What twins with extra files trust.
    fn extras(&self) -> Result<()> {
        match self.defect {
            Defect::HeaderWithBody => {
                let count = fs::read(self.dir.join("head")).unwrap_or_default();
                if count.len() == 8 && u64_at(&count, 0) > self.last {
                    return Err(corrupt("the header counts a record that is not there"));
                }
            }
            Defect::PointerWithCopies => {
                let block = fs::read(self.dir.join("super")).unwrap_or_default();
                if block.len() == 3 * 512 {
                    let a = u64_at(&block, 0);
                    let b = u64_at(&block, 512);
                    let pointer = u64_at(&block, 1024);
                    if pointer > a.max(b) {
                        return Err(corrupt("the pointer leads to no copy"));
                    }
                }
            }
            Defect::WideBlock => {
                let block = fs::read(self.dir.join("super")).unwrap_or_default();
                if block.len() == 1024 && u64_at(&block, 0) != u64_at(&block, 1016) {
                    return Err(corrupt("the block is torn"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The number of the last transaction.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// All keys and values.
    pub(crate) fn map(&self) -> &BTreeMap<u64, Vec<u8>> {
        &self.map
    }

    /// Writes the value of the next transaction, which is durable when the call returns.
    pub(crate) fn put(&mut self, acked: impl FnOnce(u64)) -> Result<()> {
        if self.poisoned {
            return Err(corrupt("a sync failed earlier: reopen"));
        }
        let txn = self.last + 1;
        let key = txn % KEYS;
        let value = value_of(txn);
        let early = self.defect == Defect::AckBeforeWrite;
        let mut acked = Some(acked);
        if early && let Some(acked) = acked.take() {
            acked(txn);
        }
        let bytes = record(txn, key, &value);
        self.wal.write_all_at(&bytes, self.end)?;
        self.write_extras(txn)?;
        self.sync_wal()?;
        self.end += bytes.len() as u64;
        (self.last, _) = (txn, self.map.insert(key, value));
        if let Some(acked) = acked {
            acked(txn);
        }
        if txn.is_multiple_of(SNAPSHOT_EVERY) { self.snapshot() } else { Ok(()) }
    }

    fn sync_wal(&mut self) -> Result<()> {
        if self.defect == Defect::NoSync {
            return Ok(());
        }
        let result = self.wal.sync_data();
        if result.is_err() && self.defect == Defect::RetrySync {
            return self.wal.sync_data();
        }
        // The bytes are in doubt now, even if a later sync succeeds.
        self.poisoned = result.is_err();
        result
    }

    fn write_extras(&mut self, txn: u64) -> Result<()> {
        let open = |name: &str, len: u64| -> Result<File> {
            let path = self.dir.join(name);
            let fresh = !path.exists();
            let file = File::options().write(true).create(true).truncate(false).open(path)?;
            if fresh {
                file.set_len(len)?;
                file.sync_all()?;
                sync_folder(&self.dir)?;
            }
            Ok(file)
        };
        let number = txn.to_le_bytes();
        match self.defect {
            Defect::HeaderWithBody => open("head", 8)?.write_all_at(&number, 0),
            Defect::PointerWithCopies => {
                let file = open("super", 3 * 512)?;
                file.write_all_at(&number, 0)?;
                file.write_all_at(&number, 512)?;
                file.write_all_at(&number, 1024)?;
                file.sync_data()
            }
            Defect::WideBlock => {
                let file = open("super", 1024)?;
                file.write_all_at(&[&number[..], &[7; 1008], &number].concat(), 0)?;
                file.sync_data()
            }
            _ => Ok(()),
        }
    }

    /// Writes the map as a snapshot and begins a new log.
    fn snapshot(&mut self) -> Result<()> {
        let old = self.dir.join(format!("wal.{}", self.generation));
        let tmp = self.dir.join("snap.tmp");
        let snap = self.dir.join("snap");
        self.generation += 1;
        let bytes = encode_snapshot(self.generation, self.last, &self.map);
        if self.defect == Defect::RemoveFirst {
            fs::remove_file(&old)?;
        }
        let target = if self.defect == Defect::SnapshotInPlace { &snap } else { &tmp };
        let file = File::create(target)?;
        file.write_all_at(&bytes, 0)?;
        if self.defect != Defect::NoSnapshotSync {
            file.sync_all()?;
        }
        if self.defect != Defect::SnapshotInPlace {
            fs::rename(&tmp, &snap)?;
        }
        if self.defect == Defect::RemoveTooEarly {
            fs::remove_file(&old)?;
        }
        let folder_sync = self.defect != Defect::NoFolderSync;
        if folder_sync {
            sync_folder(&self.dir)?;
        }
        let path = self.dir.join(format!("wal.{}", self.generation));
        self.wal = File::options().read(true).write(true).create_new(true).open(path)?;
        self.end = 0;
        if folder_sync {
            sync_folder(&self.dir)?;
        }
        if old.exists() { fs::remove_file(&old) } else { Ok(()) }
    }
}

fn encode_snapshot(generation: u64, last: u64, map: &BTreeMap<u64, Vec<u8>>) -> Vec<u8> {
    let mut body = [generation.to_le_bytes(), last.to_le_bytes()].concat();
    for (key, value) in map {
        body.extend(key.to_le_bytes());
        body.extend((value.len() as u64).to_le_bytes());
        body.extend(value);
    }
    [&checksum(&body).to_le_bytes()[..], &body].concat()
}

fn read_snapshot(path: &Path) -> Result<(u64, u64, BTreeMap<u64, Vec<u8>>)> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((0, 0, BTreeMap::new())),
        bytes => bytes?,
    };
    if bytes.len() < 20 || checksum(&bytes[4..]) != u32_at(&bytes, 0) {
        return Err(corrupt("the snapshot is damaged"));
    }
    let mut map = BTreeMap::new();
    let mut at = 20;
    while at < bytes.len() {
        let len = u64_at(&bytes, at + 8) as usize;
        map.insert(u64_at(&bytes, at), bytes[at + 16..at + 16 + len].to_vec());
        at += 16 + len;
    }
    Ok((u64_at(&bytes, 4), u64_at(&bytes, 12), map))
}
