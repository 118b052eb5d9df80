//! Findings of other engines than mace-kv, each taken away by its cause, so that the cases
//! show what is behind it. What each is, how it is legal, and that it is still there, is shown by a
//! test of its own (`tests/detects_power/others.rs`); a case says which of them it met.

use super::workloads::{FEW_CALLS, Workload};
use crate::{error::Result, oracle::Violation, settings::FindingId, testdir};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

/// A persisted keyspace is gone after a power loss, or the database is refused: new names are never synced
///
/// Breaks: durability-power-loss
/// Severity: data
/// Takes: posix-weak
/// Since: 3.1.6
///
/// fjall 3.1.13 does not sync the folder in which it makes the folder of a keyspace
/// (`Keyspace::create_new`), nor the one in which it makes a file of blobs (lsm-tree 3.1.10,
/// `vlog/blob_file/writer.rs`). It does sync the folder of a table (`table/writer/mod.rs`).
///
/// Fix: one line in each place. `Keyspace::create_new` syncs the folder `keyspaces` after `base_config.open()`,
/// which also keeps the name of fjall's own keyspace in it; `Writer::finish` of blob files syncs its file's folder
/// after the file, as that of tables does. With both the program says `kept:`.
pub const UNSYNCED_NAMES: FindingId = FindingId::FJALL_UNSYNCED_NAMES;

/// A power loss during a commit leaves a database that can never be opened again
///
/// Breaks: availability
/// Severity: unopenable
/// Takes: ext4-ordered
/// Since: 3.1.6
///
/// fjall 3.1.13 takes an unfinished batch at the end of its journal for damage and refuses to open the database
/// (`journal/batch_reader.rs`). The batch has its full length, and some of its bytes did not reach the disk.
///
/// Fix: in `JournalBatchReader::next` the three errors of a batch (a wrong checksum, an end too soon, one too late)
/// drop it, with `truncate_to(last_valid_pos)` and `None`, as is done for a batch without an end. With that the
/// program says `kept:`. This is right for the last batch of the active journal only. Before a whole batch, and in
/// a sealed journal, which fjall synced when it left it, the same damage has to stay an error, or acknowledged
/// commits are lost without a word.
pub const TORN_BATCH: FindingId = FindingId::FJALL_TORN_BATCH;

/// After a failed fsync of the meta keyspace's folder the next one is believed: a power loss loses the database
///
/// Breaks: durability-failing-disk
/// Severity: unopenable
/// Takes: failing-disk, posix-weak
/// Since: 3.1.8
///
/// fjall 3.1.13 goes on when the sync of the meta keyspace's folder failed in maintenance
/// (`MetaKeyspace::remove_keyspace`), and believes the next sync about the same name. It does so too when the sync
/// failed before maintenance and the error was returned. On fjall and lsm-tree 3.1.7 the program says `kept:`: no
/// keyspace can be made there behind such a failure (`File exists`).
///
/// Fix: poison the database, as a failed sync of the journal and a failed flush do. `MetaKeyspace` gets the
/// `PoisonSignal`; `remove_keyspace` and `create_keyspace` set it when `ingestion.finish()` or maintenance fails,
/// and return `Error::Poisoned` at their beginning when it is set. With that the program says `kept:`.
pub const FAILED_SYNC: FindingId = FindingId::FJALL_SYNC_BELIEVED_AFTER_FAILED;

/// A snapshot opened during a commit may hold a part of it, and change when it is read again
///
/// Breaks: isolation
/// Severity: data
/// Takes: race
/// Since: 3.1.6
///
/// fjall 3.1.13 may open a snapshot in the middle of a commit. A flush or a compaction takes the next sequence
/// number and makes everything below it visible (lsm-tree 3.1.10, `SuperVersions::upgrade_version_with_seqno`).
/// A batch with a smaller number may still be being applied then: `WriteBatch::commit` publishes its own number at
/// its end. A snapshot of that moment holds a part of the transaction, and more of it when it is read again.
///
/// Fix: about fifteen lines. One batch at a time holds the journal, so that one number says what is being applied:
/// `SnapshotTracker` gets an atomic, set to `seqno.get()` before each `seqno.next()` under the journal's lock,
/// and to `SeqNo::MAX` at the end of `publish`. `open`, `gc` and `pullup` take the smaller of the visible number
/// and that one, the visible one read first. With that the program says `kept:`. Writers wait for nothing.
pub const AMID_A_COMMIT: FindingId = FindingId::FJALL_SNAPSHOT_AMID_A_COMMIT;

/// A key of 65,536 bytes, the longest that is documented, panics
///
/// Breaks: api
/// Severity: call
/// Takes: calls
/// Since: 3.1.6
/// Workaround: use keys of at most 65,535 bytes
///
/// fjall 3.1.13 documents keys of up to 65,536 bytes and panics for one of that length. A scan or a `get` of a
/// transaction that only asks for such a key panics too (lsm-tree 3.1.10, `InternalKey::new`; fjall,
/// `batch/item.rs`). On fjall and lsm-tree 3.1.6 the program is aborted: a destructor panics as well.
///
/// Fix: say 65,535 where 65,536 is said (the format has 16 bits for a length), and answer a longer key with an
/// error, in `Keyspace::insert` and `remove` before the journal is locked. With such a check in `insert` the
/// program says `kept:`.
pub const LONG_KEY: FindingId = FindingId::FJALL_KEY_OF_65536_BYTES;

/// A process killed while it creates a database leaves a file that can never be opened
///
/// Breaks: availability
/// Severity: unopenable
/// Takes: kill
/// Since: 2.4.0
/// Workaround: remove the file: nothing was stored in it yet
///
/// redb 4.6.0 makes a database in place: the file gets its size, then its header, then its magic number
/// (`TransactionalMemory::new`, `tree_store/page_store/page_manager.rs`). `Database::create` takes a file that is
/// absent, empty or valid, and refuses one with a size and without the magic number. redb 2.3.0 begins such a
/// creation again: the program says `kept:` there, and `broken:` on 2.4.0, which refuses every file without the
/// magic number.
///
/// Fix: when `allow_initialize` is set, take a file as empty if all its bytes are zero, apart from a header without
/// the magic number. That takes about fifteen lines, with a limit of 4 MiB on the length of the file, so that little
/// is read. With that the program says `kept:`.
pub const REDB_CUT_OFF_CREATION: FindingId = FindingId::REDB_CUT_OFF_CREATION;

/// Commits to a new database are lost in a power loss: the name of its file is never synced
///
/// Breaks: durability-power-loss
/// Severity: data
/// Takes: posix-weak
/// Since: 1.0.0
/// Workaround: sync the folder of the file after `Database::create`
///
/// redb 4.6.0 syncs the file of a database and never the folder in which it makes it (`Builder::create`, `db.rs`).
///
/// Fix: in `Builder::create` sync the folder of the file (`File::open`, `sync_all`) after `Database::new`. With that
/// the program says `kept:`. It costs one sync at each opening, also of a file that was there: the process that made
/// it may have died before its sync.
pub const REDB_UNSYNCED_NAME: FindingId = FindingId::REDB_UNSYNCED_NAME;

/// What ends a batch in fjall's journal: `MAGIC_BYTES` of `file.rs`.
const TRAILER: &[u8] = b"FJL\x03";

/// What fjall says of a batch that is there in part.
const WORDS: &[&str] = &[
    "JournalRecovery(ChecksumMismatch)",
    "JournalRecovery(InsufficientLength)",
    "JournalRecovery(TooManyItems)",
];

/// Batches that one barrier may leave behind it, at the most.
const BATCHES: usize = 64;

/// Why a case in which each call fails in turn is not run.
pub const MANY_CALLS: &str = "this engine makes tens of thousands of calls in this work";

/// Whether this engine makes so many calls in this work that they cannot fail in turn.
pub fn makes_many_calls(engine: &str, work: Workload) -> bool {
    is_fjall(engine) && !FEW_CALLS.contains(&work)
}

/// In either of its modes.
fn is_fjall(engine: &str) -> bool {
    knobs::engines::package(engine) == "fjall"
}

/// The names that this engine gives and never syncs, by their paths below the recorded folder.
pub fn unsynced_names(engine: &str) -> Option<fn(&str) -> bool> {
    let of_fjall = |path: &str| {
        let path: Vec<&str> = path.split('/').collect();
        matches!(path[..], [_, "keyspaces", _] | [_, "keyspaces", _, "blobs", _])
    };
    is_fjall(engine).then_some(of_fjall as fn(&str) -> bool)
}

/// What it is called when this engine believes a sync after one that failed, if it is known to.
pub fn failed_sync(engine: &str) -> Option<FindingId> {
    is_fjall(engine).then_some(FAILED_SYNC)
}

/// Names the finding when it is behind these violations: a database of fjall refuses what a power loss
/// left of a batch, and without that and younger batches it keeps every promise, as `judge` says of a
/// copy `to` of it.
pub(super) fn torn_batch(
    engine: &str,
    violations: &[Violation],
    database: &Path,
    to: &Path,
    judge: impl Fn(&Path) -> Vec<Violation>,
) -> Option<FindingId> {
    let is_torn = |violation: &Violation| WORDS.iter().any(|why| violation.witness.contains(why));
    if !is_fjall(engine) || violations.is_empty() || !violations.iter().all(is_torn) {
        return None;
    }
    let shortened = with_fewer_batches(database, to, || {
        let violations = judge(to);
        let is_over = !violations.iter().any(is_torn);
        is_over.then_some(violations.is_empty())
    });
    let _ = fs::remove_dir_all(to);
    let is_sound = shortened.unwrap_or_else(|error| panic!("{error}"));
    is_sound.unwrap_or_default().then_some(TORN_BATCH)
}

/// Copies a database of fjall to `to` whose journal ends before its last batch, before the one
/// before it, and so on, until `judge` has an answer.
fn with_fewer_batches<T>(
    database: &Path,
    to: &Path,
    mut judge: impl FnMut() -> Option<T>,
) -> Result<Option<T>> {
    let Some(journal) = newest_journal(database) else { return Ok(None) };
    let fail = |error| crate::error::Error::new("shorten", &journal, error);
    let bytes = fs::read(&journal).map_err(fail)?;
    let ends = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(TRAILER));
    let mut ends: Vec<usize> = ends.map(|at| at + TRAILER.len()).collect();
    ends.insert(0, 0);
    for end in ends.iter().rev().take(BATCHES) {
        let _ = fs::remove_dir_all(to);
        testdir::copy_tree(database, to)?;
        let short = to.join(journal.file_name().expect("a journal has a name"));
        let file = File::options().write(true).open(short).map_err(fail)?;
        file.set_len(*end as u64).map_err(fail)?;
        if let Some(answer) = judge() {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

/// The journal that is written; the others were synced when they were left.
fn newest_journal(database: &Path) -> Option<PathBuf> {
    let number = |path: &PathBuf| -> Option<u64> {
        path.file_name()?.to_str()?.strip_suffix(".jnl")?.parse().ok()
    };
    let entries = fs::read_dir(database).ok()?.flatten().map(|entry| entry.path());
    entries.filter(|path| number(path).is_some()).max_by_key(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn a_name_is_told_by_the_folder_that_is_not_synced() {
        let wanted = unsynced_names("fjall").unwrap();
        assert!(wanted("db/keyspaces/2") && wanted("db/keyspaces/2/blobs/0"));
        for synced in
            ["db/0.jnl", "db/keyspaces", "db/keyspaces/2/tables/0", "db/keyspaces/2/blobs"]
        {
            assert!(!wanted(synced), "{synced}");
        }
        assert!(unsynced_names("redb").is_none());
    }

    #[test]
    fn a_journal_is_shortened_batch_by_batch() {
        let dir = TestDir::new("batches").unwrap();
        let database = dir.join("db");
        let to = dir.join("short");
        fs::create_dir(&database).unwrap();
        fs::write(database.join("3.jnl"), "old").unwrap();
        fs::write(database.join("20.jnl"), b"aFJL\x03bbFJL\x03ccc").unwrap();
        let mut seen = Vec::new();
        let answer: Option<()> = with_fewer_batches(&database, &to, || {
            seen.push(fs::read(to.join("20.jnl")).unwrap().len());
            assert_eq!(fs::read(to.join("3.jnl")).unwrap(), b"old");
            None
        })
        .unwrap();
        assert_eq!((answer, seen), (None, vec![11, 5, 0]));
        let first = with_fewer_batches(&database, &to, || Some(1)).unwrap();
        assert_eq!(first, Some(1));
    }
}
