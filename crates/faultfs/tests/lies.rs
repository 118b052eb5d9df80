//! A disk that lies about its flushes, loses or misdirects what it was given, or reads it wrong: off
//! unless a rule says so, and for each a store that copes with it beside its twin that does not.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use faultfs::{Case, Explore, Report, Session, acked, begun};
use std::{
    fs::{self, File, OpenOptions},
    io::{Error, ErrorKind, IoSliceMut, Read, Result},
    os::unix::fs::FileExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// A process has one session; `cargo test` runs these as threads.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a store deals with its disk.
#[derive(Clone, Copy)]
struct Care {
    /// Syncs before it acknowledges.
    syncs: u32,
    /// Whether it reads back what it wrote, and writes it again when that is something else.
    reads_back: bool,
    /// Whether it compares what it reads with a checksum, and reads it again when that differs.
    checks: bool,
}

const TRUSTS: Care = Care { syncs: 1, reads_back: false, checks: false };

/// Numbers in slots of a block each, with their checksum.
struct Store {
    file: File,
    care: Care,
}

const SLOT: usize = 512;

const SLOTS: u64 = 8;

fn slot(value: u64) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..8].copy_from_slice(&value.to_le_bytes());
    slot[8..16].copy_from_slice(&(!value).to_le_bytes());
    slot
}

impl Store {
    fn open(dir: &Path, care: Care) -> Result<Self> {
        let mut open = OpenOptions::new();
        let file = open.read(true).write(true).create(true).truncate(false);
        let file = file.open(dir.join("slots"))?;
        Ok(Self { file, care })
    }

    /// Room for all slots, so that a power loss takes data and no size.
    fn make(dir: &Path, care: Care) -> Result<Self> {
        let store = Self::open(dir, care)?;
        for at in 0..SLOTS {
            store.file.write_all_at(&slot(0), at * SLOT as u64)?;
        }
        store.file.sync_all()?;
        File::open(dir)?.sync_all()?;
        Ok(store)
    }

    fn put(&self, at: u64, value: u64) -> Result<()> {
        let at = at * SLOT as u64;
        self.file.write_all_at(&slot(value), at)?;
        if self.care.reads_back {
            let mut back = [0; SLOT];
            self.file.read_exact_at(&mut back, at)?;
            if back != slot(value) {
                self.file.write_all_at(&slot(value), at)?;
            }
        }
        (0..self.care.syncs).try_for_each(|_| self.file.sync_data())
    }

    fn get(&self, at: u64) -> Result<u64> {
        let mut room = [0; SLOT];
        for _ in 0..2 {
            self.file.read_exact_at(&mut room, at * SLOT as u64)?;
            let word = |at: usize| u64::from_le_bytes(room[at..at + 8].try_into().unwrap());
            if !self.care.checks || word(8) == !word(0) {
                return Ok(word(0));
            }
        }
        Err(Error::from(ErrorKind::InvalidData))
    }
}

/// Puts numbers into slots under these rules, and looks at every crash state for those acknowledged.
#[track_caller]
fn explored(rules: &str, care: Care) -> Report {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    drop(Store::make(dir.path(), care).unwrap());
    let session = Session::new().plan(rules.parse().unwrap());
    let recording = session.start(dir.path()).unwrap();
    let store = Store::open(recording.root(), care).unwrap();
    for at in 0..SLOTS {
        begun(at);
        store.put(at, at + 7).unwrap();
        acked(at);
    }
    drop(store);
    let trace = recording.finish().unwrap();
    assert_eq!(trace.summary().rules[0].fired, 1, "{rules}");
    let judge = |case: &Case| {
        let store = Store::open(case.dir(), care).map_err(|error| error.to_string())?;
        case.acked().iter().try_for_each(|at| match store.get(*at) {
            Ok(value) if value == at + 7 => Ok(()),
            other => Err(format!("slot {at} has {other:?}")),
        })
    };
    Explore::new().run(trace, &judge).unwrap()
}

#[track_caller]
fn is_told(rules: &str, careful: Care) {
    let honest = explored("fdatasync=1*return(delay=0)", TRUSTS);
    assert!(honest.findings.is_empty(), "on an honest disk: {honest}");
    let clean = explored(rules, careful);
    assert!(clean.findings.is_empty(), "{clean}");
    let broken = explored(rules, TRUSTS);
    assert!(!broken.findings.is_empty(), "{broken}");
}

#[test]
fn a_sync_that_lies_makes_nothing_durable() {
    is_told("fdatasync=2*off->1*return(lie)", Care { syncs: 2, ..TRUSTS });
}

#[test]
fn a_lost_write_leaves_what_was_there() {
    is_told("pwrite64=2*off->1*return(lost)", Care { reads_back: true, ..TRUSTS });
}

#[test]
fn a_misdirected_write_lands_elsewhere() {
    // The slot after it is put later anyway.
    is_told("pwrite64=2*off->1*return(misdirected=512)", Care { reads_back: true, ..TRUSTS });
}

/// The three slots that were put, after rules met the second put.
fn slots_after(rules: &str) -> Vec<u64> {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    drop(Store::make(dir.path(), TRUSTS).unwrap());
    let session = Session::new().plan(rules.parse().unwrap());
    let recording = session.start(dir.path()).unwrap();
    let store = Store::open(recording.root(), TRUSTS).unwrap();
    (1..4).for_each(|at| store.put(at, at * 10).unwrap());
    let slots = (0..SLOTS).map(|at| store.get(at).unwrap()).collect();
    drop(store);
    recording.finish().unwrap();
    slots
}

#[test]
fn stray_bytes_lie_where_the_rule_sends_them() {
    let nth = |what: &str| slots_after(&format!("pwrite64=1*off->1*return({what})"));
    assert_eq!(nth("delay=0"), [0, 10, 20, 30, 0, 0, 0, 0]);
    assert_eq!(nth("lost"), [0, 10, 0, 30, 0, 0, 0, 0]);
    assert_eq!(nth("misdirected=1536"), [0, 10, 0, 30, 0, 20, 0, 0]);
    assert_eq!(nth("misdirected=1024"), [0, 10, 0, 30, 20, 0, 0, 0]);
    assert_eq!(nth("misdirected=3584"), [0, 10, 0, 30, 0, 0, 0, 0], "there is no such place");
    let back = slots_after("pwrite64=2*off->1*return(misdirected=1024)");
    assert_eq!(back, [0, 10, 20, 0, 0, 30, 0, 0]);
    let before = slots_after("pwrite64=2*off->1*return(misdirected=2560)");
    assert_eq!(before, [0, 10, 20, 0, 0, 0, 0, 0], "further on and further back is no place");
}

#[test]
fn a_lost_append_grows_the_file_by_zeros() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let session = Session::new().plan("write=1*off->1*return(lost)".parse().unwrap());
    let recording = session.start(dir.path()).unwrap();
    let path = recording.root().join("log");
    let mut log = OpenOptions::new().append(true).create(true).open(&path).unwrap();
    for _ in 0..3 {
        std::io::Write::write_all(&mut log, b"abc").unwrap();
    }
    drop(log);
    recording.finish().unwrap();
    assert_eq!(fs::read(dir.path().join("log")).unwrap(), b"abc\0\0\0abc");
}

#[test]
fn a_rotten_read_is_wrong_in_one_bit() {
    let got = |care: Care| {
        let _alone = alone();
        let dir = tempfile::tempdir().unwrap();
        let rules = "pread64=1*return(rot=3);readv=1*return(rot=17)";
        let session = Session::new().plan(rules.parse().unwrap());
        let recording = session.start(dir.path()).unwrap();
        let store = Store::make(recording.root(), care).unwrap();
        store.put(0, 7).unwrap();
        let got = store.get(0).unwrap();
        assert_eq!(store.get(0).unwrap(), 7, "the next read is right");
        let mut file = File::open(recording.root().join("slots")).unwrap();
        let mut rooms = [[1; 2]; 2];
        let mut parts = rooms.each_mut().map(|room| IoSliceMut::new(room));
        assert_eq!(file.read_vectored(&mut parts).unwrap(), 4);
        assert_eq!(rooms, [[7, 0], [2, 0]], "bit 17 is the second of the third byte");
        recording.finish().unwrap();
        got
    };
    assert_eq!(got(TRUSTS), 7 ^ 8, "who trusts the disk returns it");
    assert_eq!(got(Care { checks: true, ..TRUSTS }), 7);
}
