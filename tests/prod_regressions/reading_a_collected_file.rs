//! Cause: `StatCtx::load` (`src/meta/stat.rs`) looks up which file holds an address, releases the lock, and
//! opens that file when it is not among the open ones. In between a collection may publish the rewritten file
//! and remove the old one (`rewrite_files`, `src/store/gc.rs`), and `MetaReader::new` (`src/map/data.rs`)
//! aborts when a file is absent. Every load of a page or a value goes this way: those of clients, of
//! checkpoints, and of the evictor when it folds a page (`Evictor::evict_bucket`).
//!
//! Sequence:
//! 1. Overwrite every sixth value several times, with a checkpoint each time, so that all older files are
//!    worth rewriting.
//! 2. In the next process, collect garbage while a client reads.
//! 3. Hold the client where it asks for memory for the path of a file that it is about to open, until the
//!    collection is over or waits for the client.
//!
//! Symptom: the process aborts: `fatal: must_ok failed: can't open payload metadata`. Under long random work
//! without a hold it showed about once in a hundred rounds, first in the evictor.
//!
//! Broken promise: "a reachable address stays readable until its metadata is durable"
//! (`emergent.reachable_junk_lifecycle`), and an invariant that fails must not be reachable through the public
//! interface.
//!
//! Ruled out: the hold. The same reading, held as long at the same place while nothing is collected, comes to
//! its end.

use mace_prod::{
    engine::Preset,
    history::{
        clients::{Traffic, clients},
        hold::{self, At, Place},
        script::{Meeting, Step, Then, held::LEAD},
    },
    regression,
    scenario::{
        database::{Database, Stage},
        exits::must,
        run::session::{Script, Verbs},
    },
    workload::{Mix, Sweep},
};
use std::{collections::BTreeSet, ffi::OsString, fs, path::PathBuf};

/// What a process says that dies of it.
const SYMPTOM: &str = "can't open";

const KEYS: u64 = 120;

/// Bytes of a value, which has a file of its own kind in every version of the engine.
const VALUE: u32 = 5000;

/// One of so many values is overwritten, and at least one in each file.
const OVERWRITTEN: u64 = 6;

/// How often those are overwritten: so much garbage is collected in every build.
const OVERWRITES: usize = 3;

/// Keys that are not overwritten. Their values are in different files.
const FIRST: u16 = 101;
const OLD: u16 = 41;

/// Bytes of the path of the database's folder. Opening a file there asks for more memory than this; little
/// else in a read asks for as much.
const PATH: usize = 3000;

/// Bytes of the name of a folder in that path.
const NAME: usize = 200;

/// A read asks for so much memory less often than this.
const REQUESTS: u64 = 8;

regression!(READING_A_COLLECTED_FILE: a_reader_outlives_the_collection_of_its_file, |finding| {
    finding.needs(hold::is_possible(), "threads can be held on Linux only")?;
    let mut filled = finding.database("filled");
    let ended = finding.process(&mut filled, &filling());
    finding.expects(ended.is_done(), &ended)?;
    for nth in 1..=REQUESTS {
        let mut database = must(filled.fork(deep(finding.dir(&format!("collected-{nth}")))));
        let ended = finding.process(&mut database, &reading(nth, 2));
        if ended.died_saying(SYMPTOM) {
            let mut control = must(filled.fork(deep(finding.dir("control"))));
            let held = finding.process(&mut control, &reading(nth, 0));
            finding.expects(held.is_done() && held.is_held(), &held)?;
            return finding.shows(true);
        }
        finding.expects(ended.is_done(), &ended)?;
        let is_collected = files(&filled).difference(&files(&database)).next().is_some();
        let came = u64::from(ended.is_held() && is_collected);
        finding.came_to("a reader that is held while files are collected", came);
        finding.judge(database, &Preset::Tiny.engine());
    }
    Ok(())
});

/// A folder far below this one, with a path of more than [`PATH`] bytes.
fn deep(dir: PathBuf) -> PathBuf {
    (0..PATH / NAME).fold(dir, |dir, _| dir.join("d".repeat(NAME)))
}

/// The names of the database's files of pages and values.
fn files(database: &Database) -> BTreeSet<OsString> {
    let files = fs::read_dir(database.dir().join("data")).expect("the database has its files");
    files.map(|file| file.expect("the folder can be read").file_name()).collect()
}

/// The process that makes garbage.
fn filling() -> Stage {
    let buckets = Preset::Tiny.bucket().checkpoints_when_asked();
    let fill = |step| Traffic::sweep(Sweep { step, ..Sweep::fill(KEYS, VALUE, 8) });
    let steps = Script::of(&buckets, |s| {
        s.open("a");
        s.work("a", fill(1));
        s.checkpoint("a");
        for _ in 0..OVERWRITES {
            s.work("a", fill(OVERWRITTEN));
            s.checkpoint("a");
        }
    });
    Stage::closing(&Preset::Tiny.engine().one_log_file(), steps)
}

/// The process whose client is held at its `nth` request, while so many rounds of garbage are collected.
fn reading(nth: u64, rounds: u32) -> Stage {
    let buckets = Preset::Tiny.bucket().checkpoints_when_asked();
    let weights = [1, 0, 0, 0, 0, 0, 0];
    let mix = Mix { keys: 1, apart: true, ops: 1, weights, abort_pct: 0, ..Mix::default() };
    let reads = |key| {
        Script::of(&buckets, |s| {
            s.open("a");
            s.work("a", clients(key..key + 1).mix(&mix, 1));
        })
    };
    let meeting = Meeting {
        // The first read allocates what the process allocates once; the second one is held.
        acts: vec![reads(FIRST), reads(OLD)],
        during: 1,
        place: Place { thread: LEAD.to_owned(), at: At::Asking(PATH), nth },
        amid: Script::of(&buckets, |s| s.collect(rounds)),
        then: Then::GoOn,
    };
    Stage::closing(&Preset::Tiny.engine().one_log_file(), vec![Step::Meet(Box::new(meeting))])
}
