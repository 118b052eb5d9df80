//! What power losses show of the engines that the one under test is compared with, and how it is legal:
//! each finding that the cases leave out or take away by its cause (`mace_prod::scenario::power::other_engines`)
//! is shown here as it is, so that it cannot be left out any longer than it is there.

use crate::power::search::Search;
use faultfs::{Finding, Profile, Step};
use mace_prod::{
    engine::Driver,
    scenario::{Case, chaos::recipes::Stages},
    verdict::Verdict,
};

/// What is found of a work; the database is made before the recording, or within it.
fn found(
    case: &mut Case,
    driver: &dyn Driver,
    stages: &Stages,
    steps: &[Step],
    faults: &str,
    is_made: bool,
) -> Vec<Finding> {
    // What a fault shows is looked for behind what needs none.
    let keeps_names = !faults.is_empty();
    let search = Search { driver, faults, is_made, keeps_names, ..Search::new(stages, steps) };
    search.run(case).expect("the work is carried out").findings
}

/// On which profiles the first finding is legal that has these words and, unless `lost` is empty, does without an
/// operation with that in its name.
fn legality(findings: &[Finding], words: &str, lost: &str) -> Result<Vec<Profile>, Verdict> {
    let is_it = |finding: &&Finding| {
        let is_lost = lost.is_empty() || finding.lost.iter().any(|line| line.contains(lost));
        is_lost && finding.outcome.to_string().contains(words)
    };
    let first = findings.iter().find(is_it).map(|finding| finding.legal.clone());
    first.ok_or_else(|| {
        let said: Vec<String> = findings.iter().map(Finding::to_string).collect();
        Verdict::Inconclusive(format!("the engine is no longer what it was: {said:?}"))
    })
}

/// Passes when a finding is legal on exactly these profiles.
fn legal_on(legal: Result<Vec<Profile>, Verdict>, wanted: &[Profile]) -> Verdict {
    match legal {
        Ok(legal) if legal == wanted => Verdict::Pass,
        Ok(legal) => Verdict::Inconclusive(format!("legal on {legal:?}")),
        Err(verdict) => verdict,
    }
}

#[cfg(feature = "redb")]
mod redb {
    use super::{found, legal_on, legality};
    use faultfs::{Finding, Profile, Step};
    use mace_prod::{
        engine::{Preset, redb::RedbDriver},
        scenario::{Case, chaos::recipes::Recipe, power::workloads::Workload},
    };

    /// What is found of a database that is made while it is recorded.
    fn found_of_a_new_one(case: &mut Case, step: Step) -> Vec<Finding> {
        let work = Workload { recipe: Recipe::Commits, preset: Preset::OneWriter };
        let findings = found(case, &RedbDriver, &work.brief(), &[step], "", false);
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings
    }

    /// `redb-cut-off-creation`. A database is made in place, and the magic number is written last. A process that is
    /// killed before that leaves a file with a size and without the magic number, and every later
    /// `Database::create` of it is refused. Nothing was stored in it yet.
    #[test]
    fn redb_refuses_a_creation_that_was_cut_off() {
        Case::run(|case| {
            let findings = found_of_a_new_one(case, Step::Prefix);
            let legal = legality(&findings, "magic number mismatch", "");
            let all = Profile::ALL.iter().copied().filter(|it| *it != Profile::StrictLoss);
            legal_on(legal, &all.collect::<Vec<_>>())
        });
    }

    /// `redb-unsynced-name`. The folder in which redb makes the file is not synced. On a filesystem where
    /// syncing a file does not keep its name (neither ext4 nor xfs), a power loss takes the file, and all
    /// acknowledged commits with it. The next `Database::create` makes an empty database.
    #[test]
    fn redb_loses_a_new_database_with_its_name() {
        Case::run(|case| {
            let findings = found_of_a_new_one(case, Step::DropAll);
            let legal = legality(&findings, "creation of a bucket", "create db/redb File");
            legal_on(legal, &[Profile::StrictLoss, Profile::PosixWeak, Profile::Hostile])
        });
    }
}

#[cfg(feature = "fjall")]
mod fjall {
    use super::{found, legal_on, legality};
    use crate::{Forgetful, power::search::Search};
    use faultfs::{Outcome, Profile, Step};
    use mace_prod::{
        engine::{
            Driver, EngineError, Preset, fjall::FjallDriver, whole_snapshots::WholeSnapshots,
        },
        history::{
            OracleName,
            clients::{Traffic, clients},
            script::Step as Written,
            snapshot_readers::Watch,
        },
        scenario::{
            Case,
            chaos::recipes::{Recipe, Stages},
            database::Stage,
            power::{other_engines, workloads::Workload},
            run::{Run, session::Verbs},
        },
        verdict::Verdict,
        workload::{Bank, Sweep},
    };
    use std::panic::{AssertUnwindSafe, catch_unwind};

    /// A bucket whose values go to a file of blobs.
    fn blobs() -> Stages {
        let bucket = || "a".to_owned();
        let fill = |key| {
            let sweep = Sweep { first: key, ..Sweep::fill(key + 20, 6000, 20) };
            Written::Traffic { bucket: bucket(), traffic: Traffic::sweep(sweep) }
        };
        let options = Preset::Tiny.bucket().checkpoints_when_asked();
        let open = Written::Open { bucket: bucket(), options };
        let steps = vec![open, fill(0), Written::Checkpoint { bucket: bucket() }, fill(20)];
        Stages { setup: Vec::new(), armed: Stage::closing(&Preset::Tiny.engine(), steps) }
    }

    /// `fjall-unsynced-names`. `Keyspace::create_new` makes the keyspace's folder and never syncs the folder that
    /// it is in. On a filesystem where syncing a file does not keep the names above it (neither ext4 nor xfs), a
    /// power loss takes an acknowledged keyspace with every commit in it, although a `SyncAll` followed each. Later
    /// writes make it worse. The keyspace is made again under another id, and the old one's batches, still in
    /// the journal, find it by its name. Their sequence numbers are higher than those of the new batches,
    /// because the numbers in the journal were never read: the next opening shows the old values. In the same
    /// crashes every promise is kept when the folder's name is (`an_engine_that_syncs_is_not_blamed`).
    #[test]
    fn fjall_loses_a_keyspace_with_its_folders_name() {
        Case::run(|case| {
            let work = Workload { recipe: Recipe::Commits, preset: Preset::OneWriter };
            let findings =
                found(case, &FjallDriver::OneWriter, &work.brief(), &[Step::DropAll], "", true);
            let legal =
                legality(&findings, "creation of a bucket survives", "create db/keyspaces/2 Dir");
            legal_on(legal, &[Profile::StrictLoss, Profile::PosixWeak, Profile::Hostile])
        });
    }

    /// `fjall-unsynced-names`. A file of blobs is synced by lsm-tree, and then the version that names it. The
    /// file's folder is not; that of a table is. A power loss that takes the file and keeps the version leaves a
    /// database that cannot be opened.
    #[test]
    fn fjall_loses_a_database_with_a_blob_files_name() {
        Case::run(|case| {
            let findings =
                found(case, &FjallDriver::OneWriter, &blobs(), &[Step::DropOne], "", true);
            legal_on(
                legality(&findings, "Unrecoverable", "/blobs/"),
                &[Profile::PosixWeak, Profile::Hostile],
            )
        });
    }

    /// `fjall-torn-batch`. The power fails while a batch is written, and one sector in its middle does not reach the
    /// disk: the batch has its end and a wrong checksum. `JournalBatchReader` drops a batch without an end, but
    /// answers this one with an error. All acknowledged commits are there, and every later opening of the
    /// database is refused. A new journal has 64 MiB in advance, so that a batch overwrites zeros, and ext4
    /// may keep any part of an overwrite. A later journal is appended to, and xfs may keep a size without its data.
    #[test]
    fn fjall_refuses_a_database_for_an_unfinished_batch() {
        Case::run(|case| {
            let work = Workload { recipe: Recipe::Commits, preset: Preset::OneWriter };
            let findings =
                found(case, &FjallDriver::OneWriter, &work.stages(), &[Step::TearOne], "", false);
            let legal = legality(&findings, &other_engines::TORN_BATCH.to_string(), "the data of");
            let all = [Profile::Ext4Ordered, Profile::Xfs, Profile::PosixWeak, Profile::Hostile];
            legal_on(legal, &all)
        });
    }

    /// A crash state that is refused for such a batch counts as that finding only when nothing else is
    /// wrong with it: where the engine also forgets an acknowledged pair, it is blamed.
    #[test]
    fn a_torn_batch_of_fjall_hides_no_other_defect() {
        Case::run(|case| {
            let work = Workload { recipe: Recipe::Commits, preset: Preset::OneWriter };
            let shown = |case: &mut Case, driver: &dyn Driver| {
                let steps = [Step::TearOne];
                let stages = work.stages();
                let search = Search { driver, ..Search::new(&stages, &steps) };
                let found = search.run(case);
                found.unwrap_or_else(|verdict| panic!("{verdict:?}"))
            };
            let honest = shown(case, &FjallDriver::OneWriter);
            let faulty = shown(case, &Forgetful(&FjallDriver::OneWriter));
            let is_blamed_for_it =
                |words: &Outcome| words.to_string().contains("JournalRecovery(ChecksumMismatch)");
            let is_told_apart = honest.is_known(other_engines::TORN_BATCH)
                && honest.unknown().is_empty()
                && faulty.unknown().iter().any(is_blamed_for_it);
            if is_told_apart {
                return Verdict::Pass;
            }
            let seen = [honest.findings, faulty.findings];
            Verdict::Inconclusive(format!("of the honest engine, of the forgetful one: {seen:?}"))
        });
    }

    /// `fjall-snapshot-amid-a-commit`. Clients move money between accounts. Meanwhile readers hold snapshots open
    /// and add the accounts up, and memtables are flushed, as fjall does by itself when one is full. A reader finds
    /// a total that no commit left, or a value that changes in its snapshot. It is a race: the test tries databases
    /// until one shows it. As many databases do not show it when a lock keeps snapshots from being opened while a
    /// commit is applied.
    #[test]
    fn a_snapshot_of_fjall_holds_a_part_of_a_commit() {
        Case::run(|case| {
            let bank = Bank { accounts: 6, opening: 100, moves: 2, merged_pct: 40 };
            let dir = case.dir().to_owned();
            let seed = case.seed();
            let shown = |driver: &dyn Driver, name: String| {
                let mut run = Run::of(driver, Preset::Tiny, dir.join(&name), seed);
                run.session(|s| {
                    s.open("a");
                    s.work("a", clients(0..1).open_accounts(bank));
                    let auditors = [Watch::renewed("a", 100, 40), Watch::throughout("a", 101)];
                    for _ in 0..4 {
                        s.beside_upkeep("a", &auditors, |s| {
                            s.work("a", clients(1..5).transfer(bank, 25));
                        });
                    }
                });
                run.conserves(bank);
                run.judge()
            };
            let bare = FjallDriver::OneWriter;
            let torn = |number: &u32| match shown(&bare, format!("bare-{number}")) {
                Verdict::Violated(found) => found
                    .iter()
                    .any(|it| matches!(it.oracle, OracleName::Reads | OracleName::Conservation)),
                _ => false,
            };
            let Some(number) = (0..TRIES).find(torn) else {
                return Verdict::Inconclusive("fjall is no longer what it was".to_owned());
            };
            case.figures.add("databases", u64::from(number) + 1);
            let whole = WholeSnapshots(FjallDriver::OneWriter);
            let verdicts = (0..=number).map(|number| shown(&whole, format!("whole-{number}")));
            verdicts.fold(Verdict::Pass, Verdict::and)
        });
    }

    /// Databases that are tried; about every other one showed it.
    const TRIES: u32 = 24;

    /// `fjall-key-of-65536-bytes`. `Keyspace::insert` says "Keys may be up to 65536 bytes long", and a transaction
    /// panics for a key of exactly that length, when it writes the key and also when it only reads it.
    /// A key that is one byte shorter works. `Keyspace::insert` panics while it holds the lock of the journal: every
    /// later write is answered with `Poisoned` until the database is opened again. No stored data is harmed.
    #[test]
    fn a_key_of_fjalls_documented_length_panics() {
        Case::run(|case| {
            let answers = |length: usize, writes: bool| {
                let dir = case.dir().join(format!("{length}-{writes}"));
                let engine = FjallDriver::OneWriter.open(&dir, &Preset::Tiny.engine());
                let engine = engine.expect("a new database opens");
                let bucket = engine.create_bucket("a", &Preset::Tiny.bucket());
                let bucket = bucket.expect("a new bucket is made");
                let key = vec![b'k'; length];
                let asked = AssertUnwindSafe(|| {
                    let txn = bucket.begin()?;
                    if writes { txn.upsert(&key, b"value") } else { txn.get(&key).map(drop) }
                });
                catch_unwind(asked).ok()
            };
            let found = [65_535, 65_536].map(|length| [true, false].map(|it| answers(length, it)));
            let right = [Some(Ok(())), Some(Err(EngineError::Absent))];
            if found == [right, [None, None]] {
                return Verdict::Pass;
            }
            Verdict::Inconclusive(format!("fjall is no longer what it was: {found:?}"))
        });
    }

    /// `fjall-sync-believed-after-failed`. When a keyspace is removed, fjall writes a new version of its own meta
    /// keyspace, and its maintenance writes another. An error of the maintenance is logged and forgotten. If
    /// the call that failed was the sync of the folder with the new file `v5` in it, the next version takes the same
    /// name, the next sync of the folder returns 0, and `current` says `v5`. That name may never have
    /// reached the disk.
    #[test]
    fn a_failed_sync_of_fjalls_own_keyspace_is_forgotten() {
        Case::run(|case| {
            let work = Workload { recipe: Recipe::Delete, preset: Preset::Tiny };
            let faults = "fsync[keyspaces/0]=29*off->1*return(EIO)";
            let findings =
                found(case, &FjallDriver::OneWriter, &work.brief(), &[Step::DropAll], faults, true);
            let legal =
                legality(&findings, "can be opened and serves", "create db/keyspaces/0/v5 File");
            legal_on(legal, &[Profile::StrictLoss, Profile::PosixWeak, Profile::Hostile])
        });
    }
}
