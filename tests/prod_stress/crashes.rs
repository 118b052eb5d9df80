//! One database that ages: killed, reopened with other options, killed while it is reopened, used,
//! killed again. What every reopening finds is judged against the journal of all processes.

use mace_prod::{
    case,
    engine::{EngineOptions, RULES},
    history::{
        drive::{Traffic, clients},
        kill::Mark,
    },
    scenario::run::{
        Run,
        session::{Script, Verbs},
    },
    settings::{Draw, FindingId, leaves_out},
    workload::{Mix, Sweep},
};

/// Deaths of one database.
const CYCLES: u32 = 24;

case!(stress_an_aging_database_survives_every_crash: [
    Defaults, Tiny, Compressed, Relaxed, ManyWriters,
], |run| {
    let mut draw = run.seed().derive("cycles").draw();
    run.keep_one_log_file();
    run.died(|s| {
        s.open("a");
        s.work("a", Traffic::sweep(Sweep::fill(300, 100, 20)));
        s.checkpoint("a");
    });
    for _ in 0..CYCLES {
        let relaxed = !run.options.durable;
        run.options = drawn_options(run, &mut draw);
        // Killed on the way back to the durable route: known finding `killed-in-route-switch`.
        let back = run.options.durable && relaxed && leaves_out(FindingId::KILLED_IN_ROUTE_SWITCH);
        if draw.percent(25) && !back {
            run.killed_in_openings();
        }
        let work = run.script(|s| work(s, &mut draw));
        if draw.percent(20) {
            run.closed(|s| s.steps(work));
        } else {
            let mark = if draw.percent(50) { Mark::Acked } else { Mark::Asked };
            run.killed(mark(draw.between(1, 50)), |s| s.steps(work));
        }
    }
    run.options = drawn_options(run, &mut draw);
    run.reopen();
    run.check();
    run.reopen();
});

/// The preset's options with the durability route and the number of writers drawn anew.
fn drawn_options(run: &Run<'_>, draw: &mut Draw) -> EngineOptions {
    let own = run.preset().engine().one_log_file();
    let drawn = *draw.pick(&[1, 4, 16, 32]);
    let writers = if RULES.writers_change { drawn } else { own.writers };
    EngineOptions { durable: draw.percent(60), writers, ..own }
}

/// Clients with checkpoints and collection in between, at least sixty commits in all.
fn work(s: &mut Script, draw: &mut Draw) {
    let mix = Mix { keys: 300, ..Mix::default() };
    s.open("a");
    for _ in 0..3 {
        if draw.percent(40) {
            s.checkpoint("a");
        }
        if draw.percent(30) {
            s.collect(1);
        }
        s.work("a", clients(0..3).mix(&mix, 12));
    }
}
