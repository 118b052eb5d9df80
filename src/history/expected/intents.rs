//! What a client of an aging database asked for since the last promise: for each transaction that is to
//! commit its keys, what they held and what they are to hold. Written by one call before the engine is
//! asked, so it survives the death of its writer; one that was torn off was never asked for.

use super::entry::Entry;
use crate::error::{Error, Result};
use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes in front of the changes: how many they are, and the transaction.
const HEAD: usize = 8;

/// Bytes of a change.
const CHANGE: usize = 24;

/// Bytes behind the changes: the hash of all before.
const HASH: usize = 8;

/// What a transaction does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key's number.
    pub key: u64,
    /// What it held.
    pub before: Entry,
    /// What it is to hold.
    pub after: Entry,
}

/// A transaction that is to commit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intent {
    /// Its number among those of its client.
    pub seq: u32,
    /// Its keys, each once.
    pub changes: Vec<Change>,
}

impl Intent {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD + self.changes.len() * CHANGE + HASH);
        bytes.extend((self.changes.len() as u32).to_le_bytes());
        bytes.extend(self.seq.to_le_bytes());
        for Change { key, before, after } in &self.changes {
            for word in [*key, before.0, after.0] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes.extend(xxh3_64(&bytes).to_le_bytes());
        bytes
    }

    /// The first one of these bytes and how long it is; `None` where it is torn off.
    fn decode(bytes: &[u8]) -> Option<(Self, usize)> {
        let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let word = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
        let end = HEAD + number(0)? as usize * CHANGE;
        if word(end)? != xxh3_64(&bytes[..end]) {
            return None;
        }
        let mut changes = Vec::new();
        for at in (HEAD..end).step_by(CHANGE) {
            let before = Entry(word(at + 8)?);
            let after = Entry(word(at + 16)?);
            changes.push(Change { key: word(at)?, before, after });
        }
        Some((Self { seq: number(4)?, changes }, end + HASH))
    }
}

/// The intents of one client.
#[derive(Debug)]
pub struct Intents {
    path: PathBuf,
    file: File,
}

impl Intents {
    pub(super) fn open(folder: &Path, client: u16) -> Result<Self> {
        let path = folder.join(format!("intents-{client}"));
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let file = file.map_err(|error| Error::new("open", &path, error))?;
        Ok(Self { path, file })
    }

    /// Writes down what is about to be asked for.
    pub fn append(&mut self, intent: &Intent) -> Result<()> {
        self.file
            .write_all(&intent.encode())
            .map_err(|error| Error::new("write", &self.path, error))
    }

    /// All of them, in their order.
    pub fn read(&self) -> Result<Vec<Intent>> {
        let bytes = fs::read(&self.path).map_err(|error| Error::new("read", &self.path, error))?;
        let mut intents = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some((intent, length)) = Intent::decode(rest) {
            intents.push(intent);
            rest = &rest[length..];
        }
        Ok(intents)
    }

    /// Forgets all of them.
    pub fn forget(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(|error| Error::new("empty", &self.path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn an_intent_that_was_torn_off_is_none() {
        let dir = TestDir::new("intents").unwrap();
        let change = Change { key: 3, before: Entry::NEVER, after: Entry::new(2, 9) };
        let whole = Intent { seq: 2, changes: vec![change; 3] };
        for length in 0..whole.encode().len() {
            let mut intents = Intents::open(dir.path(), 0).unwrap();
            intents.forget().unwrap();
            intents.append(&whole).unwrap();
            intents.file.write_all(&whole.encode()[..length]).unwrap();
            assert_eq!(intents.read().unwrap(), std::slice::from_ref(&whole), "{length}");
        }
        let mut damaged = whole.encode();
        damaged[HEAD] ^= 1;
        assert_eq!(Intent::decode(&damaged), None);
    }
}
