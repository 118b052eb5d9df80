//! Hot keys: nine operations in ten go to three keys, over every operation a transaction has.

use mace_prod::{
    case,
    history::clients::clients,
    scenario::run::{goals::conflicts, session::Verbs},
    workload::{Access, Mix},
};

case!(hot_keys_stay_exact: [Defaults, Tiny], stress: [Compressed, Relaxed, ManyWriters], |run| {
    let lengths = vec![32, 100, 255, 1024, 1500];
    let mix = Mix { keys: 200, access: Access::Hotspot { hot: 3 }, lengths, ..Mix::default() };
    run.keep_one_log_file();
    run.session(|s| {
        s.open("a");
        s.fairly(|s| {
            s.work("a", clients(0..3).mix(&mix.under_checkpoints(), 40));
            s.checkpoint("a");
        });
    });
    run.reopen();
    run.check();
    run.must_reach(conflicts(1));
});
