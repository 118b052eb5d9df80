//! Cause: a checkpoint cuts the dirty pages by an address: pages up to `snap_addr` are written,
//! later ones wait for the next checkpoint (`Pool::checkpoint`, `src/map/buffer.rs`). A writer that
//! began before the cut goes on allocating after it. A split allocates its left half, fills it, and
//! then allocates its right half (`Node::split`, `src/types/node.rs`); dirty bytes count from the
//! allocation on, so the left half itself can make the pool full, and whoever commits meanwhile -
//! another client, or the evictor - cuts between the two. The checkpoint then writes the left half,
//! whose right sibling is a page that waits (`CheckpointTask::snapshot`, `src/map/data.rs`).
//!
//! Sequence: write until a page divides; a checkpoint begins between its two halves; the process is
//! killed before the next one. Left to chance it shows in about one of eighty processes that were
//! killed at rest; here the client that divides the page is held before it allocates the right half.
//!
//! Symptom: the engine's own offline checker says "references child page id … with no page-table
//! mapping". The database opens, and reads of the child's keys never return (`Tree::find_leaf` asks
//! again for ever). The living engine reads them all.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives the death of the process.

use mace_prod::{
    engine::{BucketOptions, Driver, Preset, mace::MaceDriver},
    history::{
        Milestone,
        child::ExitClass,
        clients::Traffic,
        pause::{self, Place},
        script::{Step, held::LEAD},
    },
    oracle::Violation,
    scenario::{
        Case,
        chaos::known,
        database::{Database, Stage},
    },
    settings::FindingId,
    verdict::Verdict,
    workload::Sweep,
};
use std::time::Duration;

const ID: FindingId = FindingId::SPLIT_WITHOUT_ITS_CHILD;

/// Before a client makes a leaf it asks for room for its rows, and nothing else is so large here.
const ROWS: usize = 64 << 10;

/// Leaves that the client makes at the most: it folds the first one every sixteen writes, divides it,
/// and folds one of the halves.
const LEAVES: u64 = 16;

/// Reading everything takes some milliseconds; what takes so long does not come back.
const READING: Duration = Duration::from_secs(5);

#[test]
fn a_killed_process_leaves_no_dangling_page() {
    Case::run(|case| {
        if !pause::is_possible() {
            return case.skip("threads can be held on Linux only");
        }
        let mut others = Vec::new();
        for nth in 1..=LEAVES {
            match torn(case, nth) {
                Ok(Some(Found::Torn)) => return case.known_finding(ID),
                Ok(Some(Found::Whole(broken))) => others.extend(broken),
                Ok(None) if nth > 2 => {
                    return case.shows_nothing("a checkpoint within a split", nth - 1, others);
                }
                Ok(None) => {
                    return Verdict::Inconclusive(format!(
                        "a client made {nth} leaves at the most"
                    ));
                }
                Err(verdict) => return verdict,
            }
        }
        Verdict::Inconclusive(format!("a client made more than {LEAVES} leaves"))
    });
}

/// What a killed process left.
enum Found {
    /// A page without its child.
    Torn,
    /// Every page, and what is broken nevertheless.
    Whole(Vec<Violation>),
}

/// What a killed process left whose checkpoint began when a client was about to make its `nth` leaf;
/// nothing when it made fewer.
fn torn(case: &mut Case, nth: u64) -> Result<Option<Found>, Verdict> {
    let root = case.dir().join(format!("leaf-{nth}"));
    let mut database = Database::new(root, case.seed()).expect("the case's folder takes files");
    let bucket = || "a".to_owned();
    let made =
        BucketOptions { split_keys: 64, consolidate_deltas: 16, ..Preset::Defaults.bucket() };
    let open = Step::Open { bucket: bucket(), options: made };
    let fill =
        Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(Sweep::fill(100, 100, 10)) };
    let hold = Step::Hold {
        place: Place { thread: LEAD.to_owned(), bytes: ROWS, nth },
        lead: vec![open.clone(), fill],
        amid: vec![Step::Checkpoint { bucket: bucket() }],
    };
    let options = Preset::Defaults.engine();
    let exit =
        database.process(&Stage::dying(&options, vec![open.clone(), hold]), &mut case.figures);
    let exit = exit.expect("the child program is built with the tests");
    let milestones = database.milestones().expect("the journal can be read");
    let ended = milestones.iter().any(Milestone::is_scripted);
    if !matches!(exit.class, ExitClass::Died(_)) || !ended {
        let text = format!("{:?} after {milestones:?}: {}", exit.class, exit.stderr);
        return Err(Verdict::Crashed(text));
    }
    if !milestones.iter().any(Milestone::is_held) {
        return Ok(None);
    }
    let is_torn = if MaceDriver.capabilities().checker {
        known::torn_split(&database, &mut case.figures).is_some()
    } else {
        let steps = vec![open, Step::ReadAll { bucket: bucket() }];
        let stage = Stage { deadline: READING, ..Stage::dying(&options, steps) };
        let exit = database.process(&stage, &mut case.figures);
        exit.expect("the child program is built with the tests").class == ExitClass::Hung
    };
    if is_torn {
        return Ok(Some(Found::Torn));
    }
    let others = database.broken(&options, &mut case.figures);
    Ok(Some(Found::Whole(others.expect("the child program is built with the tests"))))
}
