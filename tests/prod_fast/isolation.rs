//! Isolation: short mixed work of one client to sixteen, spread evenly, by Zipf's law and over one
//! hot key, over values, lists and merged sets, judged as one history. A history in which nobody was
//! ever in another one's way says nothing and is no pass.

use mace_prod::{
    case,
    history::clients::clients,
    scenario::run::{goals::every_overlap, session::Verbs},
    workload::{Access, Lists, Mix},
};

/// Rounds after which clients that never met will not meet.
const ROUNDS: u16 = 10;

/// Numbers of the clients of one round.
const CLIENTS: u16 = 64;

case!(what_clients_saw_is_snapshot_isolated: [Defaults, Tiny], stress: [
    Compressed, OneWriter, ManyWriters
], |run| {
    run.keep_one_log_file();
    run.serialise_maintenance();
    for round in 0..ROUNDS {
        run.session(|s| {
            s.open("a");
            work(s, round * CLIENTS);
        });
        if run.has_reached(&every_overlap()) {
            break;
        }
    }
    run.reopen();
    run.must_reach(every_overlap());
});

/// One group of clients after the other, with numbers from this one on.
fn work(s: &mut impl Verbs, first: u16) {
    let mix = |access| Mix {
        keys: 16,
        access,
        lengths: vec![40, 300],
        weights: [40, 8, 30, 8, 8, 6, 0],
        ..Mix::default()
    };
    let group = |from, to| clients(first + from..first + to);
    s.work("a", group(0, 1).mix(&mix(Access::Uniform), 12));
    s.work("a", group(1, 3).mix(&mix(Access::Hotspot { hot: 1 }), 12));
    s.work("a", group(3, 7).mix(&mix(Access::Uniform), 12));
    s.work("a", group(7, 11).lists(&Lists::of(4), 10));
    s.work("a", group(11, 19).mix(&mix(Access::Zipfian), 6));
    s.work("a", group(19, 35).mix(&mix(Access::Zipfian), 4));
}
