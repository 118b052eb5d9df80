//! Known findings that a crash state shows on disk before anything opens it, and what tells them from
//! any other defect in the same crash state: its cause, and not its place. A crash state counts as known
//! only when it keeps every promise once that cause is taken away. Only while a finding's entry holds.

use crate::{
    error::Result,
    history::History,
    history::OracleName,
    oracle::{
        Violation,
        judge::{Commits, Evidence, judge_all},
        recovery::{Reopened, Streams},
    },
    scenario::chaos,
    settings::{FindingId, excludes},
    testdir,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::Path,
};

/// The creation of a database was cut off: the file of the manifest has its size and no header.
pub const CUT_OFF_CREATION: FindingId = FindingId::CUT_OFF_CREATION;

/// A log file that is not the newest of its stream lost its end, its name or its data, and newer ones did
/// not.
pub const SHORT_LOG_FILE: FindingId = FindingId::SHORT_LOG_FILE;

/// A log file that an opening made is taken for one with a durable name by the next opening.
pub const UNSYNCED_LOG_NAME: FindingId = FindingId::UNSYNCED_LOG_NAME;

/// A sync of the log, or of its folder, failed and the next one was believed. Nothing on disk shows
/// it; a trace on which such a sync cleans nothing does.
pub const FAILED_SYNC: FindingId = FindingId::SYNC_BELIEVED_AFTER_FAILED;

/// A commit whose sync failed was undone for all who saw the running engine, and the next opening
/// brings it back.
pub const REVIVED_COMMIT: FindingId = FindingId::FAILED_COMMIT_COMES_BACK;

/// Recovery cuts a log file that is torn, does not sync the cut, and leaves younger ones as they are.
pub const LOG_BEHIND_CUT: FindingId = FindingId::LOG_BEHIND_A_CUT;

/// Bytes of the two headers of a manifest, in btree-store 2.1.0 (`src/store.rs`).
const HEADERS: usize = 8192;

/// Bytes of a header that are used.
const HEADER: usize = 40;

/// A file of a log, as it was when the recording ended, or when it was removed.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// Where it is below the recorded folder.
    pub path: String,
    /// The database that it belongs to, the engine's or a copy.
    pub database: String,
    /// Its name without its number.
    pub stream: String,
    /// Which file of its stream it is.
    pub number: u64,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// How many events of the recording came before its removal.
    pub removed_at: Option<u32>,
}

impl LogFile {
    /// The log file at this path, if it is one: `db/log/group_wal_3`.
    pub fn at(path: &str, bytes: Vec<u8>, removed_at: Option<u32>) -> Option<Self> {
        let (database, name) = path.split_once("/log/")?;
        let (stream, number) = name.rsplit_once('_')?;
        let number = number.parse().ok().filter(|_| stream.contains("wal"))?;
        let database = database.to_owned();
        let stream = stream.to_owned();
        Some(Self { path: path.to_owned(), database, stream, number, bytes, removed_at })
    }
}

/// Sizes of a database's log files, by stream and number.
#[derive(Debug)]
pub(super) struct LogSizes(BTreeMap<(String, u64), u64>);

impl LogSizes {
    /// Those that are there now.
    pub(super) fn of(dir: &Path) -> Self {
        let entries = fs::read_dir(dir.join("log")).into_iter().flatten().flatten();
        let sizes = entries.filter_map(|entry| {
            let path = format!("db/log/{}", entry.file_name().to_str()?);
            let LogFile { stream, number, .. } = LogFile::at(&path, Vec::new(), None)?;
            Some(((stream, number), entry.metadata().ok()?.len()))
        });
        Self(sizes.collect())
    }

    /// Those that have been cut since.
    pub(super) fn cut(&self, dir: &Path) -> Vec<Cut> {
        let now = Self::of(dir);
        let cut = self.0.iter().filter_map(|((stream, number), size)| {
            let key = (stream.clone(), *number);
            let is_cut = now.0.get(&key).is_some_and(|now| now < size);
            let others = self.0.keys();
            is_cut.then(|| Cut {
                file: format!("{stream}_{number}"),
                from: *size,
                to: now.0[&key],
                younger: others
                    .filter(|(other, younger)| other == stream && younger > number)
                    .map(|(stream, number)| format!("{stream}_{number}"))
                    .collect(),
            })
        });
        cut.collect()
    }
}

/// A log file that an opening cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cut {
    file: String,
    /// How large it was before.
    from: u64,
    /// And after.
    to: u64,
    /// The younger files of its stream, which were behind it.
    younger: Vec<String>,
}

impl Cut {
    /// Whether younger files were behind the cut.
    pub(super) const fn has_younger(&self) -> bool {
        !self.younger.is_empty()
    }

    /// Removes the younger files, durably, so that nothing is behind the cut when it is made.
    pub(super) fn remove_younger(&self, dir: &Path) -> std::io::Result<()> {
        let log = dir.join("log");
        for file in &self.younger {
            fs::remove_file(log.join(file))?;
        }
        File::open(log)?.sync_all()
    }

    /// Whether the file's old end is there in this crash state, since the cut was not synced.
    fn is_undone(&self, dir: &Path) -> bool {
        fs::metadata(dir.join("log").join(&self.file)).is_ok_and(|file| file.len() == self.from)
    }
}

/// A copy of the database in `to` in which the cuts that a power loss undid are made again; no copy when
/// it undid none.
pub(super) fn cut_again(dir: &Path, cuts: &[Cut], to: &Path) -> Result<bool> {
    let undone: Vec<_> = cuts.iter().filter(|cut| cut.is_undone(dir)).collect();
    if undone.is_empty() || !excludes(LOG_BEHIND_CUT) {
        return Ok(false);
    }
    testdir::copy_tree(dir, to)?;
    for cut in undone {
        let path = to.join("log").join(&cut.file);
        let file = File::options().write(true).open(&path);
        file.and_then(|file| file.set_len(cut.to))
            .map_err(|error| crate::error::Error::new("cut", path, error))?;
    }
    Ok(true)
}

/// The finding behind an opening that is refused as corrupt, and nothing else: the log of a transaction
/// that a crash dropped leads out of the files that are scanned.
pub(super) fn refusal(dir: &Path, violations: &[Violation]) -> Option<FindingId> {
    let is_corrupt = |violation: &Violation| {
        violation.oracle == OracleName::Answers && violation.witness.contains("(Corruption)")
    };
    if violations.is_empty() || !violations.iter().all(is_corrupt) {
        return None;
    }
    let (id, _) = chaos::known::dangling_abort_in(dir)?;
    excludes(id).then_some(id)
}

/// Whether what is broken is nothing but commits that were answered with an error and came back, whole
/// or in part.
pub(super) fn is_revived(
    violations: &[Violation],
    history: &History,
    states: &[Reopened],
    streams: Streams,
) -> bool {
    !violations.is_empty()
        && excludes(REVIVED_COMMIT)
        && judge_all(&Evidence {
            commits: Commits::ApartFromFailed,
            clients_misled: Some("the first run was judged"),
            ..Evidence::new(history, streams, states)
        })
        .is_sound()
}

/// Whether these are the words of a database whose creation was cut off: it cannot be opened, and
/// nothing else. Whether something had been promised is the caller's to know.
pub(super) fn is_cut_off(has_header: bool, violations: &[Violation]) -> bool {
    let refused = |violation: &Violation| violation.oracle == OracleName::Answers;
    !has_header && violations.iter().all(refused) && excludes(CUT_OFF_CREATION)
}

/// Whether one of the headers was written whole: each ends in its checksum. A manifest that is not
/// there or has no size counts as whole: that is another state.
pub(super) fn has_header(dir: &Path) -> bool {
    let mut headers = [0; HEADERS];
    let read = File::open(dir.join("log/manifest"))
        .and_then(|mut manifest| manifest.read_exact(&mut headers));
    let empty = |header: &[u8]| header[HEADER / 2..HEADER].iter().all(|byte| *byte == 0);
    read.is_err() || !headers.chunks(HEADERS / 2).all(empty)
}

/// A copy of a database in `to` whose log files, but for the newest of each stream that is there, have
/// their ends, their names and their data, the oldest too; no copy when they do already. What a file has
/// instead of its bytes is zeros or nothing, or it is not mended; neither is one that had been removed
/// when `at` events of the recording had happened.
pub(super) fn mended(
    folder: &Path,
    name: &str,
    logs: &[LogFile],
    at: u32,
    to: &Path,
) -> Result<bool> {
    if !excludes(SHORT_LOG_FILE) {
        return Ok(false);
    }
    let mut streams: BTreeMap<&str, Vec<&LogFile>> = BTreeMap::new();
    for log in logs.iter().filter(|log| log.database == name) {
        streams.entry(&log.stream).or_default().push(log);
    }
    let mut lacking = Vec::new();
    for files in streams.values_mut() {
        files.sort_by_key(|log| log.number);
        let is_there = |log: &&LogFile| folder.join(&log.path).is_file();
        let Some(newest) = files.iter().rposition(is_there) else { continue };
        for log in &files[..newest] {
            let was_there = log.removed_at.is_none_or(|removed| removed >= at);
            let there = fs::read(folder.join(&log.path)).unwrap_or_default();
            if was_there && lacks(&there, &log.bytes) {
                lacking.push(*log);
            }
        }
    }
    if lacking.is_empty() {
        return Ok(false);
    }
    testdir::copy_tree(&folder.join(name), &to.join(name))?;
    for log in lacking {
        fs::write(to.join(&log.path), &log.bytes)
            .map_err(|error| crate::error::Error::new("mend", &log.path, error))?;
    }
    Ok(true)
}

/// Whether a file has zeros or nothing in place of some of its bytes, and all others.
fn lacks(there: &[u8], bytes: &[u8]) -> bool {
    let kept = there.iter().zip(bytes).all(|(there, byte)| there == byte || *there == 0);
    kept && there.len() <= bytes.len() && there != bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    /// Three files of a stream, ten bytes each; the first was removed after 100 events.
    fn logs() -> Vec<LogFile> {
        let file = |number, removed| {
            LogFile::at(&format!("db/log/group_wal_{number}"), vec![number; 10], removed)
        };
        [(1, Some(100)), (2, None), (3, None)].into_iter().filter_map(|(n, r)| file(n, r)).collect()
    }

    /// What mending makes of files of these sizes at a cut: the sizes after.
    fn mended_sizes(there: &[(u8, usize)], at: u32) -> Option<Vec<(u8, u64)>> {
        let dir = TestDir::new("mended").unwrap();
        fs::create_dir_all(dir.join("disk/db/log")).unwrap();
        for (number, size) in there {
            let path = dir.join(&format!("disk/db/log/group_wal_{number}"));
            fs::write(path, vec![*number; *size]).unwrap();
        }
        let disk = dir.join("disk");
        let aside = dir.join("aside");
        mended(&disk, "db", &logs(), at, &aside).unwrap().then(|| {
            let size = |number: u8| {
                let bytes = fs::read(aside.join(format!("db/log/group_wal_{number}"))).ok()?;
                assert!(bytes.iter().all(|byte| *byte == number));
                Some((number, bytes.len() as u64))
            };
            (1..=3).filter_map(size).collect()
        })
    }

    #[test]
    fn a_file_before_the_newest_gets_its_end_and_its_name() {
        assert_eq!(mended_sizes(&[(1, 4), (3, 2)], 50), Some(vec![(1, 10), (2, 10), (3, 2)]));
        let from_the_oldest = mended_sizes(&[(2, 0), (3, 10)], 50);
        assert_eq!(from_the_oldest, Some(vec![(1, 10), (2, 10), (3, 10)]));
        assert_eq!(mended_sizes(&[(2, 0), (3, 10)], 200), Some(vec![(2, 10), (3, 10)]));
    }

    #[test]
    fn lost_bytes_are_zeros_or_nothing() {
        for lost in [&[1, 2, 0, 4][..], &[1, 2, 0, 0], &[1, 2], &[1, 0], &[0; 4], &[]] {
            assert!(lacks(lost, &[1, 2, 3, 4]), "{lost:?}");
        }
        for other in [&[1, 2, 3, 4][..], &[1, 2, 3, 4, 0], &[1, 2, 9, 4], &[9]] {
            assert!(!lacks(other, &[1, 2, 3, 4]), "{other:?}");
        }
    }

    #[test]
    fn nothing_else_is_mended() {
        assert_eq!(mended_sizes(&[(1, 10), (2, 10), (3, 0)], 50), None, "the newest may be short");
        assert_eq!(mended_sizes(&[(2, 10), (3, 10)], 200), None, "the oldest may be gone");
        assert_eq!(mended_sizes(&[(1, 4)], 50), None, "no other file is there");
        assert_eq!(mended_sizes(&[(1, 4), (2, 10), (3, 10)], 200), None, "it had been removed");
    }

    #[test]
    fn only_a_drop_across_log_files_explains_a_refusal() {
        const SAID: &str = "the opening answers failed (Corruption)";
        let dir = TestDir::new("refusal").unwrap();
        fs::create_dir(dir.join("log")).unwrap();
        let explained = |log: &[u8], oracle, witness: &str| {
            fs::write(dir.join("log/wal_0_2"), log).unwrap();
            let found = Violation::new(oracle, "p", witness.to_owned());
            refusal(dir.path(), &[found])
        };
        let across = chaos::known::update_behind(1, 0);
        let known = Some(FindingId::ABORTED_ACROSS_LOG_FILES).filter(|id| excludes(*id));
        assert_eq!(explained(&across, OracleName::Answers, SAID), known);
        assert_eq!(explained(&across, OracleName::Durability, SAID), None);
        assert_eq!(explained(&across, OracleName::Answers, "the opening answers failed"), None);
        let within = chaos::known::update_behind(2, 0);
        assert_eq!(explained(&within, OracleName::Answers, SAID), None, "nothing leads away");
        let nowhere = chaos::known::update_behind(2, 9);
        assert_eq!(explained(&nowhere, OracleName::Answers, SAID), None, "that takes a panic");
        assert_eq!(refusal(dir.path(), &[]), None);
    }

    #[test]
    fn a_cut_that_was_undone_is_made_again() {
        let dir = TestDir::new("cut").unwrap();
        let log = dir.join("log");
        fs::create_dir(&log).unwrap();
        let write = |name: &str, bytes: usize| fs::write(log.join(name), vec![1; bytes]).unwrap();
        let cut_to = |name: &str, bytes| {
            File::options().write(true).open(log.join(name)).unwrap().set_len(bytes).unwrap();
        };
        for name in ["group_wal_2", "group_wal_3", "wal_1_7", "manifest"] {
            write(name, 100);
        }
        let before = LogSizes::of(dir.path());
        assert_eq!(before.cut(dir.path()), []);

        cut_to("group_wal_2", 40);
        cut_to("wal_1_7", 40);
        write("group_wal_3", 200);
        let cut = before.cut(dir.path());
        let told: Vec<_> =
            cut.iter().map(|cut| (cut.file.as_str(), cut.to, cut.has_younger())).collect();
        assert_eq!(told, [("group_wal_2", 40, true), ("wal_1_7", 40, false)]);
        let aside = TestDir::new("cut-again").unwrap();
        let mended = aside.join("mended");
        let again = || {
            let size = |name| fs::metadata(mended.join("log").join(name)).unwrap().len();
            let again = cut_again(dir.path(), &cut, &mended).unwrap();
            let again = again.then(|| ["group_wal_2", "wal_1_7"].map(size));
            let _ = fs::remove_dir_all(&mended);
            again
        };
        assert_eq!(again(), None, "both cuts are there");
        // What is written behind the cut is not what was there before.
        write("wal_1_7", 90);
        assert_eq!(again(), None);
        write("wal_1_7", 100);
        assert_eq!(again(), Some([40, 40]));
        cut[0].remove_younger(dir.path()).unwrap();
        assert!(!log.join("group_wal_3").exists());
    }
}
