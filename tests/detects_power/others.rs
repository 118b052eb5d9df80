//! What power losses show of the engines that the one under test is compared with, and how it is legal:
//! each finding that the cases leave out or take away by its cause (`mace_prod::scenario::power::foreign`)
//! is shown here as it is, so that it cannot be left out any longer than it is there.

use crate::power::search::Search;
use faultfs::{Finding, Step};
use mace_prod::{
    engine::Driver,
    scenario::{Case, chaos::recipes::Stages},
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

#[cfg(feature = "redb")]
mod redb {
    use super::found;
    use faultfs::Step;
    use mace_prod::{
        engine::{Preset, redb::RedbDriver},
        scenario::{Case, chaos::recipes::Recipe, power::workloads::Workload},
        verdict::Verdict,
    };

    /// What the making of a redb database leaves when it is cut off, which the cases leave out. redb makes
    /// it in place and writes the magic number last, so that a file with a size and no magic number may be
    /// left, even by a process that is killed; `Database::create` takes a file that is absent, empty or
    /// valid, and refuses this one for ever. And it does not sync the folder: on a filesystem where syncing
    /// a file does not keep its name (neither ext4 nor xfs), acknowledged commits go with the file.
    #[test]
    fn the_making_of_a_redb_database_is_not_protected() {
        Case::run(|case| {
            let work = Workload { recipe: Recipe::Commits, preset: Preset::OneWriter };
            let findings =
                found(case, &RedbDriver, &work.brief(), &[Step::Prefix, Step::DropAll], "", false);
            let told = |what: &str| findings.iter().any(|f| f.outcome.to_string().contains(what));
            if findings.len() == 2 && told("magic number mismatch") && told("creation of a bucket")
            {
                Verdict::Pass
            } else {
                Verdict::Inconclusive(format!("redb is no more what it was: {findings:?}"))
            }
        });
    }
}

#[cfg(feature = "fjall")]
mod fjall {
    use super::found;
    use crate::{Forgetful, power::search::Search};
    use faultfs::{Finding, Outcome, Profile, Step};
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

    /// On which profiles the first finding is legal that has these words and does without an operation
    /// with that in its name.
    fn legality(findings: &[Finding], words: &str, lost: &str) -> Result<Vec<Profile>, Verdict> {
        let is_it = |finding: &&Finding| {
            let is_lost = finding.lost.iter().any(|line| line.contains(lost));
            is_lost && finding.outcome.to_string().contains(words)
        };
        let first = findings.iter().find(is_it).map(|finding| finding.legal.clone());
        first.ok_or_else(|| {
            let said: Vec<String> = findings.iter().map(Finding::to_string).collect();
            Verdict::Inconclusive(format!("fjall is no more what it was: {said:?}"))
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

    /// `fjall-unsynced-names`, of keyspaces. `Keyspace::create_new` makes the keyspace's folder and never
    /// syncs the one that it is in, so that on a filesystem where syncing a file does not keep the names
    /// above it (neither ext4 nor xfs) an acknowledged keyspace goes, with every commit in it and a `SyncAll`
    /// behind each. What is written then makes it worse: the keyspace is made again under another id, the
    /// old one's batches, still in the journal, find it by its name, and their numbers are higher than those
    /// of the new ones, which nobody read from the journal: the next opening shows the old values. That
    /// nothing else is behind it shows `an_engine_that_syncs_is_not_blamed`, where the name is kept.
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

    /// `fjall-unsynced-names`, of blobs. lsm-tree syncs a file of blobs and not its folder, as it does for a
    /// table, and then the version that names the file: a database without the file cannot be opened.
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

    /// `fjall-torn-batch`. A batch that was being written when the power went, and of which a sector in the
    /// middle is missing, has its end and a wrong checksum. `JournalBatchReader` drops a batch without an
    /// end; this one is an error, and the database, whose commits are all there, is refused at every opening
    /// from then on. A new database has given its journal 64 MiB in advance: a batch is an overwrite then,
    /// of which ext4 keeps any part. Later ones are appended, and xfs keeps a size before its data.
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

    /// `fjall-snapshot-amid-a-commit`. Clients move money between accounts, readers hold snapshots open and add
    /// them up, and memtables are written meanwhile, as fjall does by itself when one is full. A reader finds a
    /// total that never was, or a key that changes under its snapshot. It is a race: databases are tried until
    /// one shows it. Where no snapshot is opened while a commit is applied
    /// (`engine::whole_snapshots`) none does.
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
                return Verdict::Inconclusive("fjall is no more what it was".to_owned());
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
    /// panics when it is given a key of exactly that length: when it writes it, and also when it only reads it.
    /// One byte less is kept. `Keyspace::insert` panics with the journal locked: every later write is answered with
    /// `Poisoned` until the database is opened again. No database is harmed; the contract of a single client found it.
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
            Verdict::Inconclusive(format!("fjall is no more what it was: {found:?}"))
        });
    }

    /// `fjall-sync-believed-after-failed`. To remove a keyspace writes a new version of fjall's own
    /// keyspace, and maintenance writes another; an error of that is logged and forgotten. When it was
    /// the sync of the folder with the new file `v5` in it, the next version takes the same name, its
    /// folder's sync returns 0, and `current` says `v5`: a name that may never have reached the disk.
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
