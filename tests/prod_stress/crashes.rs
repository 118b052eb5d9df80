//! One database that ages: killed, reopened with other options, killed while it is reopened, used,
//! killed again. What every reopening finds is judged against the journal of all processes.

use mace_prod::{
    case,
    engine::{EngineOptions, RULES},
    history::{
        clients::{Traffic, clients},
        kill::Mark,
    },
    scenario::run::{
        Run,
        session::{Script, Verbs},
    },
    settings::{FindingId, Rng, excludes},
    workload::{Mix, Sweep},
};

/// Deaths of one database.
const CYCLES: u32 = 24;

case!(stress_an_aging_database_survives_every_crash: [
    Defaults, Tiny, Compressed, Relaxed, ManyWriters,
], |run| {
    let mut rng = run.seed().derive("cycles").rng();
    run.keep_one_log_file();
    run.died(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(300, 100, 20)));
        s.checkpoint("a");
    });
    for _ in 0..CYCLES {
        let relaxed = !run.options.durable;
        run.options = drawn_options(run, &mut rng);
        // Killed on the way back to the durable route: known finding `killed-in-route-switch`.
        let back = run.options.durable && relaxed && excludes(FindingId::KILLED_IN_ROUTE_SWITCH);
        if rng.percent(25) && !back {
            run.killed_in_openings();
        }
        let work = run.script(|s| work(s, &mut rng));
        if rng.percent(20) {
            run.closed(|s| s.steps(work));
        } else {
            let mark = if rng.percent(50) { Mark::Acked } else { Mark::Asked };
            run.killed(mark(rng.between(1, 50)), |s| s.steps(work));
        }
    }
    run.options = drawn_options(run, &mut rng);
    run.reopen();
    run.check();
    run.reopen();
});

/// The preset's options with the durability route and the number of writers drawn anew.
fn drawn_options(run: &Run<'_>, rng: &mut Rng) -> EngineOptions {
    let own = run.preset().engine().one_log_file();
    let drawn = *rng.pick(&[1, 4, 16, 32]);
    let writers = if RULES.writers_change { drawn } else { own.writers };
    EngineOptions { durable: rng.percent(60), writers, ..own }
}

/// Clients with checkpoints and collection in between, at least sixty commits in all.
fn work(s: &mut Script, rng: &mut Rng) {
    let mix = Mix { keys: 300, ..Mix::default() };
    s.open("a");
    for _ in 0..3 {
        if rng.percent(40) {
            s.checkpoint("a");
        }
        if rng.percent(30) {
            s.collect(1);
        }
        s.work("a", clients(0..3).mix(&mix, 12));
    }
}
