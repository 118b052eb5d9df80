//! What an aging database is to hold, kept outside the engine in a mapped file: 16 bytes a key, what its
//! last acknowledged write left and what one that is under way is to leave. The file outlives the
//! process that maps it. What was asked for since the last promise is in the clients' [`Intents`], so that
//! after a crash the expectation can be set to what the clients' markers say took effect. Reads no engine.
//!
//! Each key has one client that writes it, so nobody waits for anybody.

mod entry;
mod intents;

pub use entry::Entry;
pub use intents::{Change, Intent, Intents};

use crate::error::{Error, Result};
use memmap2::{MmapOptions, MmapRaw};
use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// The clients of an aging database; key number n is written by client n mod this.
pub const CLIENTS: u16 = 8;

/// Bytes in front of the keys.
const HEADER: u64 = 4096;

/// Bytes of a key.
const SLOT: u64 = 16;

/// What the file begins with: a word of ours and the version of its form.
const MAGIC: u64 = u64::from_le_bytes(*b"mpexp\0\x00\x01");

/// What is known of a key at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// What the last acknowledged write left.
    pub settled: Entry,
    /// What a write that is under way is to leave; [`Entry::NEVER`] without one.
    pub pending: Entry,
}

/// How far a client came, by the numbers of its transactions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Begun, also those that were dropped.
    pub begun: u32,
    /// Acknowledged.
    pub acked: u32,
    /// Promised: acknowledged before the last promise, whose intents are forgotten.
    pub promised: u32,
}

/// The mapped file.
#[derive(Debug)]
pub struct Expected {
    map: MmapRaw,
    keys: u64,
    folder: PathBuf,
}

impl Expected {
    /// Opens the expectation in a folder, or makes one for so many keys.
    pub fn open(folder: &Path, keys: u64) -> Result<Self> {
        Self::opened(folder, keys, map)
    }

    /// The expectation in a folder as it is now; what becomes of it here is nobody else's business.
    pub fn copy(folder: &Path, keys: u64) -> Result<Self> {
        Self::opened(folder, keys, map_copy)
    }

    fn opened(
        folder: &Path,
        keys: u64,
        map: impl FnOnce(&File, u64) -> std::io::Result<MmapRaw>,
    ) -> Result<Self> {
        let path = folder.join("expected");
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(|error| Error::new("open", &path, error))?;
        let bytes = HEADER + keys * SLOT;
        let found = file.metadata().map_err(|error| Error::new("read", &path, error))?.len();
        if found != 0 && found != bytes {
            return Err(Error::new("use", &path, format!("it is not of {keys} keys")));
        }
        let map = map(&file, bytes).map_err(|error| Error::new("map", &path, error))?;
        let expected = Self { map, keys, folder: folder.to_owned() };
        match expected.word(0).load(Ordering::Acquire) {
            0 => expected.word(0).store(MAGIC, Ordering::Release),
            MAGIC => {}
            _ => return Err(Error::new("use", &path, "it is no expectation of this suite")),
        }
        Ok(expected)
    }

    /// How many keys there are.
    pub const fn keys(&self) -> u64 {
        self.keys
    }

    /// The intents of a client, to go on with.
    pub fn intents(&self, client: u16) -> Result<Intents> {
        Intents::open(&self.folder, client)
    }

    #[expect(clippy::cast_ptr_alignment, reason = "a mapping begins at a page")]
    fn word(&self, at: u64) -> &AtomicU64 {
        assert!(at < (HEADER + self.keys * SLOT) / 8, "word {at} is in the file");
        // SAFETY: the place is within the mapping, which lives as long as `self` and begins at a page,
        // so the word is aligned; whoever maps the file reads and writes it by atomic words alone.
        unsafe { AtomicU64::from_ptr(self.map.as_mut_ptr().cast::<u64>().add(at as usize)) }
    }

    fn settled(&self, key: u64) -> &AtomicU64 {
        self.word((HEADER + key * SLOT) / 8)
    }

    fn pending(&self, key: u64) -> &AtomicU64 {
        self.word((HEADER + key * SLOT) / 8 + 1)
    }

    fn of_client(&self, client: u16, at: u64) -> &AtomicU64 {
        self.word(8 * (1 + u64::from(client)) + at)
    }

    /// What is known of a key. What is under way is read first: whoever settles it does so before it
    /// is no longer under way, so that it cannot be missed in between.
    pub fn slot(&self, key: u64) -> Slot {
        let pending = Entry(self.pending(key).load(Ordering::SeqCst));
        let settled = Entry(self.settled(key).load(Ordering::SeqCst));
        Slot { settled, pending }
    }

    /// A write is under way, and not asked to commit yet.
    pub fn pend(&self, key: u64, entry: Entry) {
        self.pending(key).store(entry.0, Ordering::SeqCst);
    }

    /// A write took effect, and nothing is under way any more.
    pub fn settle(&self, key: u64, entry: Entry) {
        self.settled(key).store(entry.0, Ordering::SeqCst);
        self.pend(key, Entry::NEVER);
    }

    /// How far a client came.
    pub fn reached(&self, client: u16) -> Reached {
        let read = |at| self.of_client(client, at).load(Ordering::SeqCst) as u32;
        Reached { begun: read(0), acked: read(1), promised: read(2) }
    }

    /// Says how far a client came.
    pub fn reach(&self, client: u16, reached: Reached) {
        for (at, seq) in [reached.begun, reached.acked, reached.promised].into_iter().enumerate() {
            self.of_client(client, at as u64).store(u64::from(seq), Ordering::SeqCst);
        }
    }

    /// Sets the expectation of a client's keys to what is right when `marker` is the newest of its
    /// transactions that took effect. Saying it twice changes nothing.
    pub fn rewind(&self, client: u16, marker: u32, intents: &[Intent]) {
        for intent in intents.iter().rev().filter(|intent| intent.seq > marker) {
            intent.changes.iter().for_each(|change| self.settle(change.key, change.before));
        }
        for intent in intents.iter().filter(|intent| intent.seq <= marker) {
            intent.changes.iter().for_each(|change| self.settle(change.key, change.after));
        }
        // An intent that was torn off was never asked for.
        for key in (u64::from(client)..self.keys).step_by(usize::from(CLIENTS)) {
            // Most have nothing under way, and a copy costs only what is written to it.
            if self.slot(key).pending != Entry::NEVER {
                self.pend(key, Entry::NEVER);
            }
        }
        let reached = self.reached(client);
        self.reach(client, Reached { acked: marker, ..reached });
    }

    /// All that was acknowledged is promised from now on. No client may be at work.
    pub fn promise(&self) -> Result<()> {
        for client in 0..CLIENTS {
            self.intents(client)?.forget()?;
            let reached = self.reached(client);
            self.reach(client, Reached { promised: reached.acked, ..reached });
        }
        Ok(())
    }
}

fn map(file: &File, bytes: u64) -> std::io::Result<MmapRaw> {
    file.set_len(bytes)?;
    MmapOptions::new().len(bytes as usize).map_raw(file)
}

fn map_copy(file: &File, bytes: u64) -> std::io::Result<MmapRaw> {
    // SAFETY: nobody makes the file shorter, and what others write to it meanwhile is read by atomic words
    // alone.
    let copy = unsafe { MmapOptions::new().len(bytes as usize).map_copy(file) };
    copy.map(MmapRaw::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    fn change(key: u64, before: Entry, after: Entry) -> Change {
        Change { key, before, after }
    }

    /// Two transactions of client 1, neither of them settled.
    fn two(expected: &Expected) -> Vec<Intent> {
        let intents = [
            Intent { seq: 1, changes: vec![change(1, Entry::NEVER, Entry::new(1, 7))] },
            Intent {
                seq: 3,
                changes: vec![
                    change(1, Entry::new(1, 7), Entry::new(3, 0)),
                    change(9, Entry::NEVER, Entry::new(3, 8)),
                ],
            },
        ];
        let mut file = expected.intents(1).unwrap();
        for intent in &intents {
            file.append(intent).unwrap();
        }
        intents.into()
    }

    #[test]
    fn an_expectation_survives_who_maps_it() {
        let dir = TestDir::new("expected").unwrap();
        let expected = Expected::open(dir.path(), 20).unwrap();
        expected.settle(19, Entry::new(4, 5));
        expected.pend(3, Entry::new(6, 7));
        let far = Reached { begun: 9, acked: 8, promised: 7 };
        expected.reach(7, far);
        let intents = two(&expected);
        // Nobody closes anything: that is how a process that is killed leaves it.
        std::mem::forget(expected);
        let again = Expected::open(dir.path(), 20).unwrap();
        assert_eq!(again.slot(19).settled, Entry::new(4, 5));
        assert_eq!(again.slot(3).pending, Entry::new(6, 7));
        assert_eq!(again.reached(7), far);
        assert_eq!(again.intents(1).unwrap().read().unwrap(), intents);
        assert!(Expected::open(dir.path(), 21).unwrap_err().to_string().contains("not of 21 keys"));
        let bytes = dir.path().join("expected").metadata().unwrap().len();
        assert!(bytes - HEADER <= 16 * 20, "at most 16 bytes a key");
    }

    #[test]
    fn what_becomes_of_a_copy_is_not_seen_by_others() {
        let dir = TestDir::new("expected").unwrap();
        let expected = Expected::open(dir.path(), 20).unwrap();
        expected.settle(1, Entry::new(4, 5));
        let copy = Expected::copy(dir.path(), 20).unwrap();
        assert_eq!(copy.slot(1).settled, Entry::new(4, 5));
        copy.settle(1, Entry::new(6, 7));
        assert_eq!(copy.slot(1).settled, Entry::new(6, 7));
        assert_eq!(expected.slot(1).settled, Entry::new(4, 5));
    }

    #[test]
    fn a_marker_says_which_intents_took_effect() {
        let dir = TestDir::new("expected").unwrap();
        let expected = Expected::open(dir.path(), 20).unwrap();
        let intents = two(&expected);
        expected.settle(1, Entry::new(1, 7));
        expected.pend(9, Entry::new(3, 8));
        for (marker, of_1, of_9) in [
            (3, Entry::new(3, 0), Entry::new(3, 8)),
            (1, Entry::new(1, 7), Entry::NEVER),
            (0, Entry::NEVER, Entry::NEVER),
            (3, Entry::new(3, 0), Entry::new(3, 8)),
        ] {
            expected.rewind(1, marker, &intents);
            let settled = |settled| Slot { settled, pending: Entry::NEVER };
            assert_eq!(expected.slot(1), settled(of_1), "{marker}");
            assert_eq!(expected.slot(9), settled(of_9), "{marker}");
            assert_eq!(expected.reached(1).acked, marker);
        }
        expected.promise().unwrap();
        assert_eq!(expected.reached(1).promised, 3);
        assert_eq!(expected.intents(1).unwrap().read().unwrap(), []);
    }
}
