//! Recovery: processes that are killed at counted points of their work or of their opening, and
//! what is found afterwards. A child counts its own commits and writes, and sends itself SIGKILL.

use mace_prod::{
    case,
    engine::RULES,
    history::{clients::clients, kill::Mark},
    scenario::{
        chaos::known,
        run::{
            Run,
            session::{Script, Verbs},
        },
    },
    workload::Mix,
};

/// Keys of each bucket: a page of the small presets takes 64.
const KEYS: u64 = 120;

// Killed after the first commit, in the middle of traffic with a checkpoint behind it, and when a
// commit was just about to be asked for.
case!(acknowledged_work_survives_kills: [Defaults, Tiny], stress: [
    Compressed, Relaxed, OneWriter, ManyWriters
], |run| {
    run.keep_one_log_file();
    for mark in [Mark::Acked(1), Mark::Acked(57), Mark::Asked(100)] {
        killed(run, mark, 40);
    }
    reopen_and_check(run);
});

// Killed in its work, then three times in the opening that follows.
case!(recovery_survives_being_killed: [Defaults, Relaxed], stress: [
    Tiny, Compressed, OneWriter, ManyWriters
], |run| {
    run.keep_one_log_file();
    killed(run, Mark::Acked(90), 40);
    run.killed_in_openings();
    reopen_and_check(run);
});

case!(a_closed_database_reopens_to_the_same_state_twice: [Tiny], stress: [
    Defaults, ManyWriters
], |run| {
    run.keep_one_log_file();
    closed(run, 30);
    reopen_and_check(run);
});

// Durable, relaxed and back, after a kill and after a clean close, and killed while it changes.
case!(the_durability_route_may_change_at_every_reopening: [Defaults, Tiny], stress: [
    Compressed
], |run| {
    run.keep_one_log_file();
    run.options.durable = true;
    killed(run, Mark::Acked(40), 25);
    run.options.durable = false;
    run.killed_in_openings();
    killed(run, Mark::Acked(41), 25);
    run.options.durable = true;
    closed(run, 10);
    run.options.durable = false;
    reopen_and_check(run);
});

// One writer group, four, thirty-two and one again, with a kill in between each, and killed while
// it changes.
case!(writers_may_change_at_every_reopening: [Defaults, Tiny], stress: [Relaxed], |run| {
    if !RULES.writers_change {
        return run.skip("this engine refuses another number of writer groups");
    }
    run.keep_one_log_file();
    for writers in [1, 4, 32] {
        run.options.writers = writers;
        killed(run, Mark::Acked(30), 20);
    }
    run.options.writers = 1;
    run.killed_in_openings();
    closed(run, 10);
    run.options.writers = 4;
    reopen_and_check(run);
});

// One client in each of two buckets that drops nothing, so that the log may rotate under it. What a kill
// drops may span log files all the same: known finding `aborted-across-log-files`.
case!(a_rotating_log_survives_kills: [Tiny, OneWriter], stress: [
    Compressed, Relaxed, ManyWriters
], |run| {
    run.explain_by(known::of);
    let mix = Mix { keys: KEYS, abort_pct: 0, ..Mix::default() };
    let both = [("a", clients(0..1).mix(&mix, 80)), ("b", clients(10..11).mix(&mix, 80))];
    for mark in [Mark::Acked(70), Mark::Asked(250)] {
        run.killed(mark, |s| {
            s.open("a");
            s.open("b");
            s.work_in_each(&both);
            s.checkpoint("a");
            s.collect(1);
            s.work_in_each(&both);
        });
    }
    run.killed_in_openings();
    reopen_and_check(run);
});

fn killed(run: &mut Run<'_>, mark: Mark, txns: u64) {
    run.killed(mark, |s| work(s, txns));
}

fn closed(run: &mut Run<'_>, txns: u64) {
    run.closed(|s| work(s, txns));
}

/// Three clients work in the bucket before and after a checkpoint.
fn work(s: &mut Script, txns: u64) {
    let mix = Mix { keys: KEYS, ..Mix::default() };
    s.open("a");
    s.work("a", clients(0..3).mix(&mix, txns));
    s.checkpoint("a");
    s.work("a", clients(0..3).mix(&mix, txns));
}

/// Reopens the database after the last kill, after that opening died, and after a clean close.
fn reopen_and_check(run: &mut Run<'_>) {
    run.reopen();
    run.check();
    run.closed(|_| ());
}
