//! Mixed traffic over every operation that a transaction has, with checkpoints and collection in
//! between, a clean close, and the exact state afterwards.

use mace_prod::{
    case,
    engine::options::DEEP_KEYS,
    history::clients::{Traffic, clients},
    scenario::run::session::Verbs,
    workload::{Mix, Sweep},
};

case!(mixed_work_in_two_buckets_survives_a_clean_close: [Tiny, Relaxed], stress: [
    Defaults, Compressed, OneWriter, ManyWriters
], |run| {
    let mix = Mix { keys: 120, ops: 6, ..Mix::default() }.under_checkpoints();
    let both = [("a", clients(0..2).mix(&mix, 30)), ("b", clients(10..12).mix(&mix, 30))];
    run.keep_one_log_file();
    run.session(|s| {
        s.open("a");
        s.open("b");
        s.fairly(|s| {
            s.work_in_each(&both);
            s.checkpoint("a");
            s.collect(1);
            s.work_in_each(&both);
        });
    });
    run.reopen();
    run.session(|s| {
        s.open("a");
        s.open("b");
        s.work_in_each(&both);
    });
    run.reopen();
    run.reopen();
    run.check();
});

// One client in each bucket that drops nothing, so that the log may rotate under it.
case!(mixed_work_survives_a_rotating_log: [Tiny, Compressed, OneWriter], stress: [
    Relaxed, ManyWriters
], |run| {
    let mix = Mix { keys: 80, abort_pct: 0, ..Mix::default() }.under_checkpoints();
    let both = [("a", clients(0..1).mix(&mix, 50)), ("b", clients(10..11).mix(&mix, 50))];
    for _ in 0..2 {
        run.session(|s| {
            s.open("a");
            s.open("b");
            s.work_in_each(&both);
            s.checkpoint("a");
            s.collect(1);
            s.fairly(|s| {
                s.work_in_each(&both);
                s.checkpoint("b");
            });
        });
        run.reopen();
    }
    run.check();
});

// Three levels and a hundred files; more is done to them in the stress layer.
case!(a_deep_tree_is_read_whole_after_a_reopening: [Deep], |run| {
    run.session(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(DEEP_KEYS, 40, 60)));
        s.checkpoint("a");
    });
    run.reopen();
    run.must_be_deep();
});
