//! Cause: a bucket is known by its name before its creation is written to the manifest
//! (`Manifest::create_bucket`, `src/meta/manifest.rs`), and a thread that opens it does not wait for that.
//! Later the thread that creates it and the thread that opens it both look whether it has a root, and both make
//! one (`Tree::new`, `src/index/tree.rs`). The second root takes the place of the first, and everything written
//! below the first is lost.
//!
//! Sequence:
//! 1. Create a bucket in one thread, and hold that thread at one of its requests for memory.
//! 2. Open the bucket by its name in another thread meanwhile, and commit.
//! 3. Kill the process, and open the database.
//! 4. Try that for one request for memory after the other.
//!
//! Symptom: acknowledged commits are gone: all of them when the process is killed before the creation is
//! written, or when the root is replaced. After a checkpoint of the bucket and a kill the database cannot be
//! opened: the process aborts with `fatal: must_exist failed` (`get_bucket_runtime`, `src/meta/manifest.rs`).
//!
//! Broken promise: a commit that returned with `sync_on_write` survives the death of the process.
//!
//! Ruled out: the kill, and the opening by name. When the bucket is opened after the creation has returned, the
//! same work and the same kill lose nothing.

use mace_prod::{
    engine::Preset,
    history::{
        clients::Traffic,
        hold::{self, At, PAGE, Place},
        script::{Meeting, Step, Then, held::LEAD},
    },
    oracle::{OracleName, Violation},
    regression,
    scenario::{
        database::Stage,
        run::session::{Script, Verbs},
    },
    verdict::Verdict,
    workload::Sweep,
};

/// Requests for so much memory, or more, in the creation of a bucket are about a hundred; every so many
/// of them is where the creating thread is held.
const STEP: usize = 5;
const REQUESTS: u64 = 300;

regression!(OPENED_WHILE_CREATED: commits_of_who_opens_a_new_bucket_stay, |finding| {
    finding.needs(hold::is_possible(), "threads can be held on Linux only")?;
    let mut control = finding.database("control");
    let ended = finding.process(&mut control, &opened_behind());
    finding.expects(ended.is_done(), &ended)?;
    let found = finding.judged(control, &Preset::Defaults.engine());
    finding.expects(found == Verdict::Pass, &found)?;
    for nth in (1..=REQUESTS).step_by(STEP) {
        let mut database = finding.database(&format!("request-{nth}"));
        let ended = finding.process(&mut database, &opened_at(nth));
        finding.expects(ended.is_done() || ended.is_held(), &ended)?;
        let is_held = ended.is_held();
        let found = finding.judged(database, &Preset::Defaults.engine());
        if is_held {
            finding.shows(is_lost(&found))?;
            finding.came_to("a creation that was held", 1);
        }
        finding.breaks(found);
        if !is_held {
            return Ok(());
        }
    }
    Err(Verdict::Inconclusive(format!("a creation asks for memory more than {REQUESTS} times")))
});

/// Whether commits are gone.
fn is_lost(found: &Verdict) -> bool {
    let of_commits = |it: &Violation| it.oracle == OracleName::Durability;
    matches!(found, Verdict::Violated(found) if found.iter().any(of_commits))
}

/// The process whose second thread opens a bucket that is being created, and commits; it dies then.
fn opened_at(nth: u64) -> Stage {
    let made = Preset::Defaults.bucket();
    let meeting = Meeting {
        acts: vec![Script::of(&made, |s| s.open("a"))],
        during: 0,
        place: Place { thread: LEAD.to_owned(), at: At::Asking(PAGE), nth },
        amid: Script::of(&made, |s| {
            s.open("a");
            s.work("a", work());
        }),
        then: Then::Die,
    };
    Stage::dying(&Preset::Defaults.engine(), vec![Step::Meet(Box::new(meeting))])
}

/// The same work, once the creation has returned.
fn opened_behind() -> Stage {
    let made = Preset::Defaults.bucket();
    let steps = Script::of(&made, |s| {
        s.open("a");
        s.work("a", work());
    });
    Stage::dying(&Preset::Defaults.engine(), steps)
}

fn work() -> Traffic {
    Traffic { first_client: 8, ..Traffic::sweep(Sweep::fill(20, 100, 5)) }
}
