//! Copies beside clients: the thread that copies the open database is held in the middle of it, copy for
//! copy a little later, while clients commit, delete and drop, checkpoints are written and garbage is
//! collected. Each copy is opened in a process of its own, read in every way and checked. It holds all
//! that was acknowledged before it was asked for, and ends at one transaction's border.
//!
//! A copy loses commits when a checkpoint ends while it is made (`copy-during-checkpoint`). Where the
//! engine has that, no checkpoint is written within a copy; nor is garbage collected where transactions
//! were dropped, since cleaning up after them ends in a checkpoint.

use mace_prod::{
    case,
    engine::{BucketOptions, Need},
    history::{
        clients::{Traffic, clients},
        hold::{self, At, Place},
        kill::Mark,
        script::{Step, held::LEAD},
    },
    scenario::run::{
        Run,
        goals::{checkpoints_beside_copies, commits_beside_copies, drops_beside_copies},
        session::{Script, Verbs},
    },
    settings::{FindingId, excludes},
    workload::Mix,
};

/// While a copy is made, its thread asks for so many bytes again and again.
const BYTES: usize = 4096;

/// At which of these requests copies are held: most of what can go wrong does soon after the first.
const REQUESTS: [u64; 6] = [1, 2, 3, 5, 8, 13];

/// Before it copies the end of a log it asks for room for a part of it.
const END_OF_LOG: usize = 1 << 20;

/// Acknowledged commits after which a process is killed: some of its copies are made then.
const COMMITS: u64 = 60;

case!(copies_beside_clients_are_whole: [Tiny], stress: [
    Defaults, Relaxed, OneWriter, ManyWriters
], |run| {
    let mix = Mix { abort_pct: 20, ..Mix::default() };
    let work = clients(0..4).mix(&mix, 4);
    run.keep_one_log_file();
    let amid = |s: &mut Script| {
        s.work("a", work.clone());
        if !excludes(FindingId::COPY_DURING_CHECKPOINT) {
            s.checkpoint("a");
            s.collect(1);
            s.work("a", work.clone());
        }
    };
    if is_possible(run) {
        run.killed(Mark::Acked(COMMITS), |s| copies(s, "killed", &work, amid));
        run.died(|s| copies(s, "copy", &work, amid));
        judged(run);
        run.must_reach(drops_beside_copies(1));
    }
});

// Clients that drop nothing and meet no conflict, so that the log may rotate and files may be collected.
case!(copies_beside_collection_are_whole: [Compressed], stress: [
    Tiny, Relaxed, OneWriter, ManyWriters
], |run| {
    let mix = Mix { abort_pct: 0, apart: true, ..Mix::default() };
    let work = clients(0..3).mix(&mix, 5);
    run.options.wal_file_bytes = 16 << 10;
    run.options.data_garbage_pct = 1;
    let amid = |s: &mut Script| {
        s.work("a", work.clone());
        s.collect(1);
        if !excludes(FindingId::COPY_DURING_CHECKPOINT) {
            s.checkpoint("a");
            s.collect(1);
        }
        s.work("a", work.clone());
    };
    if is_possible(run) {
        run.closed(|s| copies(s, "copy", &work, amid));
        judged(run);
    }
});

fn is_possible(run: &mut Run<'_>) -> bool {
    if run.lacks(&[Need::Copies, Need::Sizes]) {
        return false;
    }
    if hold::is_possible() {
        return true;
    }
    run.skip("threads can be held on Linux only");
    false
}

/// Copies with these names, each held a little later, with steps in its middle and work before it.
fn copies(s: &mut Script, name: &str, work: &Traffic, amid: impl Fn(&mut Script)) {
    let options = s.bucket_options().clone();
    let places = REQUESTS.map(|nth| (BYTES, nth)).into_iter().chain([(END_OF_LOG, 1)]);
    s.open("a");
    for (number, (bytes, nth)) in places.enumerate() {
        s.checkpoint("a");
        s.collect(1);
        s.work("a", work.clone());
        s.step(copy(&format!("{name}-{number}"), bytes, nth, &options, &amid));
    }
}

fn copy(
    name: &str,
    bytes: usize,
    nth: u64,
    options: &BucketOptions,
    amid: impl Fn(&mut Script),
) -> Step {
    Step::Hold {
        place: Place { thread: LEAD.to_owned(), at: At::Asking(bytes), nth },
        lead: Script::of(options, |s| s.copy(name)),
        amid: Script::of(options, amid),
    }
}

fn judged(run: &mut Run<'_>) {
    run.reopen();
    run.check();
    run.open_copies();
    run.must_reach(commits_beside_copies(REQUESTS.len() as u64));
    if !excludes(FindingId::COPY_DURING_CHECKPOINT) {
        run.must_reach(checkpoints_beside_copies(1));
    }
}
