//! Known findings that a crash can run into anywhere, each recognised by what it leaves on disk and
//! by nothing else. A case that ended badly asks here whether one of them is the reason.

use crate::{
    engine::EngineOptions,
    history::{Event, Milestone, child::End},
    report::Figures,
    scenario::{
        database::{Database, Stage},
        exits::{must, newest},
    },
    settings::FindingId,
    verdict::Verdict,
};
use std::{collections::BTreeSet, fs, path::Path};

/// A checkpoint that was cut within a split holds the left half alone.
pub const TORN_SPLIT: FindingId = FindingId::SPLIT_WITHOUT_ITS_CHILD;

/// The log of a dropped transaction leads into a file that was recycled.
pub const ABORTED_ACROSS_LOG_FILES: FindingId = FindingId::ABORTED_ACROSS_LOG_FILES;

/// A link of the log that is off by the length of a checkpoint record.
pub const PANIC_IN_CHECKPOINT: FindingId = FindingId::PANIC_WITHIN_A_CHECKPOINT_RECORD;

/// The finding that explains this verdict on a process, by what the database shows on disk, with the
/// evidence. Each explains its own symptom: an opening that is refused, or a reading that never returns.
/// The database must not be open; a copy of it is looked at.
pub fn of(
    verdict: &Verdict,
    database: &Database,
    figures: &mut Figures,
) -> Option<(FindingId, String)> {
    match verdict {
        Verdict::Violated(_) => dangling_abort(database),
        Verdict::Stuck(_) => torn_split(database, figures).map(|evidence| (TORN_SPLIT, evidence)),
        _ => None,
    }
}

/// The offline checker's sentence about a page whose sibling or child is not there.
pub fn torn_split(database: &Database, figures: &mut Figures) -> Option<String> {
    let mut copy = must(database.fork(database.root().with_extension("looked-at")));
    let options = EngineOptions::default();
    let check = Stage { end: End::CheckUnopened, ..Stage::closing(&options, Vec::new()) };
    must(copy.process(&check, figures));
    newest(&must(copy.history())).iter().find_map(|event| match event {
        Event::Wrong { witness, .. } if witness.contains("with no page-table mapping") => {
            Some(witness.clone())
        }
        _ => None,
    })
}

/// Sizes and offsets of log records in mace-kv 0.2.0 (`src/cc/wal.rs`), packed little-endian.
mod record {
    pub(super) const UPDATE: u8 = 0;
    pub(super) const COMMIT: u8 = 2;
    pub(super) const CHECKPOINT: u8 = 4;
    pub(super) const UPDATE_BYTES: usize = 51;
    pub(super) const CHECKPOINT_BYTES: usize = 21;
    pub(super) const OTHER_BYTES: usize = 13;
    pub(super) const UPDATE_PAYLOAD: usize = 11;
    pub(super) const UPDATE_TXN: usize = 23;
    pub(super) const UPDATE_PREVIOUS: usize = 31;
    pub(super) const UPDATE_OFFSET: usize = 39;
    pub(super) const OTHER_TXN: usize = 1;
}

/// After an opening that was refused as corrupt.
fn dangling_abort(database: &Database) -> Option<(FindingId, String)> {
    let was_refused = must(database.milestones()).contains(&Milestone::corruption());
    was_refused.then(|| dangling_abort_in(&database.dir()))?
}

/// A record in the log of this database, of a transaction without a commit, whose predecessor is in an
/// earlier file. Recovery follows it out of the files that it scanned, whether or not the earlier one
/// is still there. Or its predecessor is a place in the same file where no record begins.
pub fn dangling_abort_in(dir: &Path) -> Option<(FindingId, String)> {
    let mut streams: Vec<(String, u64, Vec<u8>)> = Vec::new();
    for entry in fs::read_dir(dir.join("log")).ok()?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((stream, number)) = name.rsplit_once('_') else { continue };
        let (Ok(number), true) = (number.parse(), stream.contains("wal")) else { continue };
        streams.push((stream.to_owned(), number, fs::read(entry.path()).ok()?));
    }
    let commits: BTreeSet<u64> =
        streams.iter().flat_map(|(_, _, log)| records(log)).filter_map(Record::committed).collect();
    streams.iter().find_map(|(stream, number, log)| {
        let found = records(log);
        let starts = starts(log);
        let leads = |found: &Record| match found {
            Record::Update { txn, .. } if commits.contains(txn) => None,
            Record::Update { previous, .. } if previous < number => Some(ABORTED_ACROSS_LOG_FILES),
            Record::Update { previous, offset, .. } => {
                let nowhere = previous == number && !starts.contains(offset);
                nowhere.then_some(PANIC_IN_CHECKPOINT)
            }
            Record::Commit(_) | Record::Other => None,
        };
        let (id, found) = found.iter().find_map(|found| Some((leads(found)?, found)))?;
        Some((id, format!("{stream}_{number} holds {found:?}, which has no commit")))
    })
}

#[derive(Debug)]
enum Record {
    /// The transaction, and the file of the record before this one.
    Update {
        txn: u64,
        previous: u64,
        /// Where that one begins in it.
        offset: u64,
    },
    Commit(u64),
    Other,
}

impl Record {
    fn committed(self) -> Option<u64> {
        if let Self::Commit(txn) = self { Some(txn) } else { None }
    }
}

fn records(log: &[u8]) -> Vec<Record> {
    placed(log).into_iter().map(|(_, found)| found).collect()
}

fn starts(log: &[u8]) -> BTreeSet<u64> {
    placed(log).into_iter().map(|(at, _)| at as u64).collect()
}

/// The records of a log file up to the first that is not whole, with their places.
fn placed(log: &[u8]) -> Vec<(usize, Record)> {
    let number = |at: usize| Some(u64::from_le_bytes(log.get(at..at + 8)?.try_into().ok()?));
    let mut records = Vec::new();
    let mut at = 0;
    while let Some(&kind) = log.get(at) {
        let read = match kind {
            record::UPDATE => (|| {
                let txn = number(at + record::UPDATE_TXN)?;
                let previous = number(at + record::UPDATE_PREVIOUS)?;
                let offset = number(at + record::UPDATE_OFFSET)?;
                let payload = number(at + record::UPDATE_PAYLOAD)? & u64::from(u32::MAX);
                let length = record::UPDATE_BYTES + payload as usize;
                Some((Record::Update { txn, previous, offset }, length))
            })(),
            record::COMMIT => {
                number(at + record::OTHER_TXN).map(|txn| (Record::Commit(txn), record::OTHER_BYTES))
            }
            record::CHECKPOINT => Some((Record::Other, record::CHECKPOINT_BYTES)),
            _ => Some((Record::Other, record::OTHER_BYTES)),
        };
        let Some((found, length)) = read else { break };
        records.push((at, found));
        at += length;
    }
    records
}

/// A record of a transaction without a commit; the record before it is in this file of its stream, at this
/// place.
#[cfg(test)]
pub(in crate::scenario) fn update_behind(file: u8, offset: u8) -> Vec<u8> {
    let mut bytes = vec![0; record::UPDATE_BYTES];
    bytes[record::UPDATE_TXN] = 7;
    bytes[record::UPDATE_PREVIOUS] = file;
    bytes[record::UPDATE_OFFSET] = offset;
    bytes
}

#[cfg(test)]
mod tests {
    use super::{ABORTED_ACROSS_LOG_FILES, Database, Verdict, of, update_behind};
    use crate::{
        history::{Event, Milestone, OracleName, journal::Recorder},
        oracle::Violation,
        report::Figures,
        settings::Seed,
        testdir::TestDir,
    };
    use std::fs;

    #[test]
    fn a_finding_explains_its_own_symptom_only() {
        let dir = TestDir::new("symptom").unwrap();
        let database = Database::new(dir.join("case"), Seed::new(1)).unwrap();
        fs::create_dir_all(database.dir().join("log")).unwrap();
        fs::write(database.dir().join("log/wal_0_2"), update_behind(1, 0)).unwrap();
        let recorder = Recorder::file(&database.journal()).unwrap();
        recorder.record(Event::Milestone(Milestone::Started));
        recorder.record(Event::Milestone(Milestone::corruption()));
        let known =
            |verdict: &Verdict| of(verdict, &database, &mut Figures::default()).map(|(id, _)| id);
        let refused = Violation::new(OracleName::Answers, "p", "refused".to_owned());
        assert_eq!(known(&Verdict::Violated(vec![refused])), Some(ABORTED_ACROSS_LOG_FILES));
        assert_eq!(known(&Verdict::Crashed("at the opening".to_owned())), None);
        assert_eq!(known(&Verdict::Inconclusive("no hit".to_owned())), None);
    }
}
