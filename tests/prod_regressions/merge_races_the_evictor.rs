//! Cause: a page that shrank is merged into its left neighbour by the next client that reaches it.
//! `Tree::merge_node` (`src/index/tree.rs`) marks the page as merging, keeps its address, builds the merged
//! page, and takes the page out of the table by `mark_unmap`, which requires the table to have that address
//! still. By then the lock under which the page was marked is free, and the evictor does not look at the mark
//! (`evict_bucket`, `src/map/evictor.rs`). When it evicts the page in between, the table has the page's place
//! in the file instead.
//!
//! Sequence:
//! 1. Make a bucket with a cache so small that the evictor always works. Fill its pages, and delete all pairs
//!    of some.
//! 2. Let the evictor write these as empty pages.
//! 3. Read there, so that a client merges such a page, and hold that client while it builds the merged page.
//! 4. Read elsewhere with another client, so that page after page is evicted, until the evictor evicts the
//!    marked page.
//!
//! Symptom: the process aborts with `fatal: must_ok failed: unmapped pid must still be mapped before recycle`
//! (`mark_unmap`, `src/map/publish.rs`). What was committed is there after the next opening.
//!
//! The evictor may instead wait for a page that the held client has locked, so each process merges eight times.
//! In five runs of the test, beside other work, the 6th, 2nd, 3rd, 5th and 2nd process showed it. Without the
//! hold, random work showed it in one of 240 runs.
//!
//! Broken promise: calls return. Deletions and a small cache are ordinary.
//!
//! Ruled out: the hold, and the deletions and reads themselves. A program that holds nothing, and deletes and
//! reads with a cache of 16 KiB, aborts as well; with a cache that holds all pages it comes to its end.

use mace_prod::{
    engine::{BucketOptions, Preset},
    history::{
        clients::{Traffic, clients},
        hold::{self, At, Place},
        script::{
            Step,
            held::{LEAD, LEAF},
        },
    },
    regression,
    scenario::{
        database::Stage,
        run::session::{Script, Verbs},
    },
    settings::{FindingId, excludes, tries},
    workload::{Mix, Sweep},
};
use std::ops::Range;

/// What a process says that dies of it.
const SYMPTOM: &str = "must still be mapped before recycle";

/// A client that only reads makes leaves when it merges: first the one that is marked.
const MERGED: u64 = 2;

/// Keys of a bucket of three levels, in parts of some leaves each.
const PARTS: u16 = 40;
const PART: u64 = 128;

/// The last parts, which are merged, lie below another page than the first ones, which are read meanwhile.
const LAST: Range<u16> = 32..PARTS;
const FIRST: u64 = 2800;

/// One of so many keys is left at first: a page without any is merged when somebody comes by.
const LEFT: u64 = 16;

regression!(MERGE_RACES_THE_EVICTOR: stress_a_page_is_merged_beside_the_evictor, |finding| {
    finding.needs(hold::is_possible(), "threads can be held on Linux only")?;
    let id = FindingId::MERGE_RACES_THE_EVICTOR;
    // On a fixed engine one process is tried in each run.
    let processes = if excludes(id) { tries(id) } else { 1 };
    for attempt in 0..processes {
        let mut database = finding.database(&format!("merged-{attempt}"));
        let ended = finding.process(&mut database, &merging());
        // 0.1.2 panics, and then hangs.
        finding.shows(!ended.is_done() && ended.stderr.contains(SYMPTOM))?;
        finding.expects(ended.is_done(), &ended)?;
        finding.judge(database, &Preset::Defaults.engine());
        let held = ended.milestones.iter().filter(|milestone| milestone.is_held()).count();
        finding.came_to("a merge that is held beside the evictor", held as u64);
    }
    Ok(())
});

/// The process that merges pages, while the evictor has whatever time it wants.
fn merging() -> Stage {
    let small = BucketOptions {
        cache_bytes: 1,
        // With `cache-holds-everything` fixed a round evicts so many pages, and more would leave none to merge.
        evict_pct: if excludes(FindingId::MERGE_RACES_THE_EVICTOR) { 80 } else { 10 },
        split_keys: 64,
        consolidate_deltas: 32,
        ..Preset::Defaults.bucket()
    };
    let keys = u64::from(PARTS) * PART;
    let last = u64::from(LAST.start) * PART;
    let deletes = |first, end| {
        Traffic::sweep(Sweep { first, step: LEFT, deletes: true, ..Sweep::fill(end, 0, 20) })
    };
    let weights = [1, 0, 0, 0, 0, 0, 0];
    let reads = |keys| Mix { keys, ops: 60, weights, abort_pct: 0, ..Mix::default() };
    // Each reading of a page has another one evicted, and written when it was changed.
    let elsewhere = clients(0..1).mix(&reads(FIRST), 40);
    let steps = Script::of(&small, |s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(keys, 60, 20)));
        (1..LEFT).for_each(|residue| s.work("a", deletes(last + residue, keys)));
        s.unload("a");
        s.open("a");
        s.work("a", elsewhere.clone());
        for part in LAST {
            let first = u64::from(part) * PART;
            s.work("a", deletes(first, first + PART));
            s.work("a", elsewhere.clone());
            let own = Mix { apart: true, ..reads(PART) };
            let lead = Script::of(&small, |s| {
                s.open("a");
                s.work("a", clients(part..part + 1).mix(&own, 4));
            });
            let amid = Script::of(&small, |s| {
                s.open("a");
                s.work("a", elsewhere.clone());
            });
            let place = Place { thread: LEAD.to_owned(), at: At::Asking(LEAF), nth: MERGED };
            s.step(Step::Hold { place, lead, amid });
        }
    });
    Stage::closing(&Preset::Defaults.engine(), steps)
}
