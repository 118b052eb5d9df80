//! The tool tests itself. The correct store passes ten thousand states. Each faulty twin is found,
//! by the step that should find it and no earlier one. A finding can be stored and replayed, and is
//! small. Verifies the tool, not a store.

use super::{oracle, store::Defect};
use faultfs::{Case, Explore, Finding, Image, Outcome, Profile, Report, Step, Trace, Unsynced};
use std::{
    collections::BTreeSet,
    fs,
    sync::{Mutex, PoisonError},
};

/// A process has one session; `cargo test` runs these as threads.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn traced(defect: Defect, puts: u64) -> Trace {
    let dir = tempfile::tempdir().unwrap();
    oracle::traced(defect, puts, &defect.faults().parse().unwrap(), dir.path()).unwrap()
}

fn explored(defect: Defect, puts: u64, explore: &Explore) -> Report {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    explore.run(traced(defect, puts), &|case: &Case| oracle::judge(defect, case)).unwrap()
}

/// Asserts that a twin is found first by this step at this depth, on a state that this profile
/// allows and that lacks this many units.
#[track_caller]
fn found(defect: Defect, step: Step, depth: u8, mildest: Profile, lost: usize) {
    let report = explored(defect, 24, &Explore::new());
    let first = report.findings.first().unwrap_or_else(|| panic!("{defect:?} passes:\n{report}"));
    assert_eq!((first.step, first.depth), (step, depth), "{report}");
    assert_eq!(first.mildest_profile(), Some(mildest), "{report}");
    assert_eq!(first.minimal.damage(), lost, "{report}");
}

#[test]
fn the_clean_store_passes_ten_thousand_states() {
    let explore = Explore::new().limit(20_000).nested(160).nested_limit(200).rounds(4);
    let report = explored(Defect::None, 700, &explore);
    assert!(report.findings.is_empty(), "{report}");
    assert!(report.judged() >= 10_000, "{report}");
    assert_eq!(report.nested.0, report.nested.1, "{report}");
    assert!(report.untraced.is_empty(), "{report}");
}

#[test]
fn an_early_acknowledgement_is_found_by_a_prefix() {
    found(Defect::AckBeforeWrite, Step::Prefix, 1, Profile::ProcessKill, 0);
}

#[test]
fn log_removed_too_early_found_by_prefix() {
    found(Defect::RemoveFirst, Step::Prefix, 1, Profile::ProcessKill, 0);
}

#[test]
fn a_snapshot_written_in_place_is_found_by_a_prefix() {
    found(Defect::SnapshotInPlace, Step::Prefix, 1, Profile::ProcessKill, 0);
}

#[test]
fn a_missing_sync_is_found_by_dropping_all() {
    found(Defect::NoSync, Step::DropAll, 1, Profile::StrictLoss, 1);
}

#[test]
fn missing_folder_sync_found_by_drop_all() {
    found(Defect::NoFolderSync, Step::DropAll, 1, Profile::StrictLoss, 1);
}

#[test]
fn unsynced_snapshot_found_by_drop_all() {
    found(Defect::NoSnapshotSync, Step::DropAll, 1, Profile::StrictLoss, 1);
}

#[test]
fn sync_after_failed_sync_found_by_drop_all() {
    found(Defect::RetrySync, Step::DropAll, 1, Profile::StrictLoss, 1);
}

#[test]
fn only_a_believed_sync_is_excused_by_a_milder_disk() {
    let explored = |defect: Defect, faults: &str| {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        let trace = oracle::traced(defect, 24, &faults.parse().unwrap(), dir.path()).unwrap();
        let explore = Explore::new().steps(&[Step::DropAll]).nested(0);
        let judge = |case: &Case| oracle::judge(defect, case);
        [trace.clone(), trace.forgiving()].map(|t| explore.run(t, &judge).unwrap().findings.len())
    };
    assert_eq!(explored(Defect::RetrySync, Defect::RetrySync.faults()), [1, 0]);
    // The fault fires, and the loss has another cause.
    assert_eq!(explored(Defect::NoFolderSync, "fsync=20*off->1*return(EIO)"), [1, 1]);
}

#[test]
fn a_fault_at_a_chosen_moment_finds_the_twin_alone() {
    let explored = |defect: Defect, faults: &str| {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let dir = tempfile::tempdir().unwrap();
        let trace = oracle::traced(defect, 24, &faults.parse().unwrap(), dir.path()).unwrap();
        let explore = Explore::new().steps(&[Step::DropAll]).nested(0);
        let report = explore.run(trace, &|case: &Case| oracle::judge(defect, case)).unwrap();
        (report.findings.len(), report.trace.rules[0].fired, report.findings.first().cloned())
    };
    let eleventh = "fdatasync[wal]@acked(10)=1*return(EIO)";
    let (findings, fired, found) = explored(Defect::RetrySync, eleventh);
    assert_eq!((findings, fired), (1, 1));
    let outcome = found.unwrap().outcome.to_string();
    assert!(outcome.contains("transaction 11 is gone, the last is 10"), "{outcome}");
    assert_eq!(explored(Defect::None, eleventh).0, 0);
    assert_eq!(explored(Defect::None, eleventh).1, 1);
    // A moment that never comes.
    let (findings, fired, _) = explored(Defect::RetrySync, "fdatasync@acked(25)=1*return(EIO)");
    assert_eq!((findings, fired), (0, 0));
}

/// What is not synced at each acknowledgement of 24 transactions, as text.
fn unsynced(defect: Defect) -> Vec<Unsynced> {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let all = traced(defect, 24).unsynced();
    assert_eq!(all.iter().map(|at| at.id).collect::<Vec<_>>(), (1..=24).collect::<Vec<_>>());
    all
}

#[test]
fn the_clean_store_acknowledges_what_is_synced() {
    // Only the old log's removal, which a later sync of the folder makes durable.
    for (at, acknowledged) in unsynced(Defect::None).iter().enumerate() {
        let text = acknowledged.to_string();
        let expected = match at / 8 {
            0 => "all synced\n".to_owned(),
            n => format!("not synced:\n  wal.{0}: unlink wal.{0}\n", n - 1),
        };
        assert!(text.ends_with(&expected), "{text}");
    }
}

#[test]
fn a_twin_acknowledges_what_is_not_synced() {
    let at = |defect, id: usize| unsynced(defect).swap_remove(id - 1).files;
    let third = unsynced(Defect::NoSync).swap_remove(2);
    let log = &third.files["wal.0"];
    assert_eq!((log.names.len(), log.data.len(), log.data[0].start), (0, 1, 0), "{log}");
    assert!(log.data[0].end > 3 * 600 && log.size == Some(log.data[0].end), "{log}");
    assert!(include_str!("../../README.md").contains(&third.to_string()), "{third}");
    assert_eq!(at(Defect::NoFolderSync, 9)["snap"].names, ["rename snap.tmp -> snap"]);
    assert_eq!(at(Defect::NoSnapshotSync, 9)["snap"].data[0].start, 0);
    // The sixth sync failed: its bytes are in doubt, whatever the next one says.
    let failed = unsynced(Defect::RetrySync);
    assert!(failed[4].files.is_empty() && failed[7].files["wal.0"].data.len() == 1, "{failed:?}");
}

#[test]
fn a_log_removed_too_early_is_found_by_dropping_one() {
    found(Defect::RemoveTooEarly, Step::DropOne, 1, Profile::PosixWeak, 1);
}

#[test]
fn header_without_body_found_by_drop_one() {
    found(Defect::HeaderWithBody, Step::DropOne, 1, Profile::Xfs, 1);
}

#[test]
fn record_behind_a_torn_one_found_by_drop_one() {
    found(Defect::AppendAfterTorn, Step::DropOne, 1, Profile::Xfs, 1);
}

#[test]
fn pointer_without_copies_found_by_keep_one() {
    found(Defect::PointerWithCopies, Step::KeepOne, 1, Profile::Ext4Ordered, 2);
}

#[test]
fn length_without_checksum_found_by_tear_one() {
    found(Defect::TrustLength, Step::TearOne, 1, Profile::Xfs, 1);
}

#[test]
fn a_block_of_two_sectors_is_found_by_tearing_one() {
    found(Defect::WideBlock, Step::TearOne, 1, Profile::Ext4Ordered, 1);
}

#[test]
fn laundered_record_found_by_crash_in_recovery() {
    let report = explored(Defect::Launder, 40, &Explore::new().nested(60));
    let first = report.findings.first().unwrap_or_else(|| panic!("it passes:\n{report}"));
    assert_eq!((first.step, first.depth), (Step::Prefix, 2), "{report}");
    assert!(first.outer.is_some());
}

#[test]
fn a_finding_is_stored_and_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let explore = Explore::new().store(dir.path()).replay_command("replay {}");
    let report = explored(Defect::WideBlock, 8, &explore);
    let file = report.findings[0].file.clone().unwrap();
    let (stored, image) = Finding::load(&file).unwrap();
    assert_eq!(stored.minimal, report.findings[0].minimal);
    assert!(image.paths().any(|(path, _)| path == "super"));
    assert_eq!(stored.replay.unwrap(), format!("replay {}", file.display()));
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let again =
        explore.replay(&file, &|case: &Case| oracle::judge(Defect::WideBlock, case)).unwrap();
    assert_eq!(again, report.findings[0].outcome);
    let fixed = explore.replay(&file, &|_: &Case| Ok(())).unwrap();
    assert_eq!(fixed, Outcome::Sound);
}

#[test]
fn parts_are_disjoint_and_together_the_whole() {
    let dir = tempfile::tempdir().unwrap();
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let trace = traced(Defect::None, 30);
    // What a shard judges, as its judge sees it: the image and the promises.
    let judged = |number: u32, of: u32| -> BTreeSet<String> {
        let seen = dir.path().join(format!("{number}-{of}"));
        fs::create_dir(&seen).unwrap();
        let judge = |case: &Case| {
            let hash = Image::read(case.dir()).map_err(|error| error.to_string())?.hash();
            let state = format!("{hash:x}-{}-{}", case.begun().len(), case.acked().len());
            fs::write(seen.join(state), "").map_err(|error| error.to_string())
        };
        let explore = Explore::new().nested(0).limit(60).shard(number, of);
        let report = explore.run(trace.clone(), &judge).unwrap();
        let names = fs::read_dir(&seen).unwrap();
        let names: BTreeSet<String> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(names.len() as u64, report.judged(), "{report}");
        names
    };
    let whole = judged(1, 1);
    let parts = [judged(1, 3), judged(2, 3), judged(3, 3)];
    assert!(parts.iter().all(|part| part.len() > whole.len() / 6), "{parts:?}");
    assert_eq!(parts.iter().map(BTreeSet::len).sum::<usize>(), whole.len());
    assert_eq!(parts.into_iter().flatten().collect::<BTreeSet<_>>(), whole);
}

#[test]
fn the_same_seed_explores_the_same_states() {
    let run = |seed| explored(Defect::None, 60, &Explore::new().seed(seed).limit(100).points(20));
    let first = run(7);
    let again = run(7);
    let other = run(8);
    assert_eq!(first.tallies, again.tallies);
    assert_ne!(first.tallies, other.tallies);
    assert!(first.left_out() > 0, "{first}");
}
