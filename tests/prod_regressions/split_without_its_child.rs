//! Cause: a checkpoint cuts the dirty pages at an address: pages up to `snap_addr` are written, later ones wait
//! for the next checkpoint (`Pool::checkpoint`, `src/map/buffer.rs`). A writer that began before the cut goes
//! on allocating after it. A split allocates its left half, fills it, and then allocates its right half
//! (`Node::split`, `src/types/node.rs`). Dirty bytes count from the allocation on, so the left half itself can
//! make the pool full, and another client that commits meanwhile, or the evictor, cuts between the two. The
//! checkpoint then writes the left half, whose right sibling is a page that waits (`CheckpointTask::snapshot`,
//! `src/map/data.rs`).
//!
//! Sequence:
//! 1. Write until a page splits, and hold the client before it allocates the right half.
//! 2. Write a checkpoint meanwhile.
//! 3. Kill the process before the next checkpoint.
//! 4. Open the database, and read all keys.
//!
//! Symptom: the database opens, and reads of the right half's keys never return (`Tree::find_leaf` tries again
//! for ever). The engine's own offline checker says "references child page id … with no page-table mapping".
//! The engine that is still running reads all of them. Without a hold, about one of eighty processes that were
//! killed at rest left such a page.
//!
//! Broken promise: a commit that returned with `sync_on_write` survives the death of the process.
//!
//! Ruled out: the hold, the checkpoint and the kill. With the client held at any of the pages that it allocates
//! before that one, the same checkpoint and the same kill leave a database in which every read returns.

use mace_prod::{
    engine::{BucketOptions, Driver, Preset, mace::MaceDriver},
    history::{
        child::ExitClass,
        clients::Traffic,
        hold::{self, At, Place},
        script::{
            Step,
            held::{LEAD, LEAF},
        },
    },
    regression,
    scenario::{
        chaos::known,
        database::{Database, Stage},
        regression::Regression,
        run::session::{Script, Verbs},
    },
    verdict::Verdict,
    workload::Sweep,
};
use std::time::Duration;

/// Leaves that the client makes at the most: it folds the first one every sixteen writes, divides it,
/// and folds one of the halves.
const LEAVES: u64 = 16;

/// Reading everything takes some milliseconds; what takes so long does not come back.
const READING: Duration = Duration::from_secs(5);

regression!(SPLIT_WITHOUT_ITS_CHILD: a_killed_process_leaves_no_dangling_page, |finding| {
    finding.needs(hold::is_possible(), "threads can be held on Linux only")?;
    for nth in 1..=LEAVES {
        let mut database = finding.database(&format!("leaf-{nth}"));
        let ended = finding.process(&mut database, &checkpoint_at_leaf(nth));
        finding.expects(ended.is_done(), &ended)?;
        if !ended.is_held() && nth > 2 {
            return Ok(());
        }
        if !ended.is_held() {
            return Err(Verdict::Inconclusive(format!("a client made {nth} leaves at the most")));
        }
        let is_torn = is_torn(finding, &mut database);
        finding.shows(is_torn)?;
        finding.judge(database, &Preset::Defaults.engine());
        finding.came_to("a checkpoint within a split", 1);
    }
    Err(Verdict::Inconclusive(format!("a client made more than {LEAVES} leaves")))
});

fn buckets() -> BucketOptions {
    BucketOptions { split_keys: 64, consolidate_deltas: 16, ..Preset::Defaults.bucket() }
}

/// The process whose checkpoint begins when a client is about to make its `nth` leaf, and that dies
/// then; no thread is held in it when the client makes fewer.
fn checkpoint_at_leaf(nth: u64) -> Stage {
    let lead = Script::of(&buckets(), |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(100, 100, 10)));
    });
    let amid = Script::of(&buckets(), |s| s.checkpoint("a"));
    let place = Place { thread: LEAD.to_owned(), at: At::Asking(LEAF), nth };
    let steps = Script::of(&buckets(), |s| {
        s.open("a");
        s.step(Step::Hold { place, lead, amid });
    });
    Stage::dying(&Preset::Defaults.engine(), steps)
}

/// Whether the killed process left a page without its child.
fn is_torn(finding: &mut Regression<'_>, database: &mut Database) -> bool {
    if MaceDriver.capabilities().checker {
        return known::torn_split(database, &mut finding.case.figures).is_some();
    }
    let steps = Script::of(&buckets(), |s| {
        s.open("a");
        s.step(Step::ReadAll { bucket: "a".to_owned() });
    });
    let stage = Stage::dying(&Preset::Defaults.engine(), steps);
    finding.process(database, &Stage { deadline: READING, ..stage }).class == ExitClass::Hung
}
