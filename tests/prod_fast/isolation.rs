//! Isolation: short mixed work of one client to sixteen, spread evenly, by Zipf's law and over one
//! hot key, over values, lists and merged sets, judged as one history. A history in which nobody was ever in another one's way says
//! nothing and is no pass.

use mace_prod::{
    engine::{Family, apart::Apart, mace::MaceDriver},
    history::{drive::Traffic, script::Step},
    oracle::judge::overlaps,
    scenario::{
        Case,
        run::{Judging, Live, reached},
    },
    verdict::Verdict,
    workload::{Access, Lists, Mix, Source},
};

/// Rounds after which clients that never met will not meet.
const ROUNDS: u16 = 10;

/// Numbers of the clients of one round.
const CLIENTS: u16 = 64;

in_families!(what_clients_saw_is_snapshot_isolated:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

fn what_clients_saw_is_snapshot_isolated(case: &mut Case, family: Family) -> Judging<Verdict> {
    let driver = Apart::new(&MaceDriver);
    let options = family.engine().one_log_file();
    let mut live = Live::new(&driver, case.dir().join("isolation"), case.seed());
    let mut missing = Vec::new();
    for round in 0..ROUNDS {
        live.session(&options, |session| {
            let options = family.bucket().checkpoints_when_asked();
            session.run(&[Step::Open { bucket: "a".to_owned(), options }])?;
            session.run(&work(round * CLIENTS))
        })?;
        missing = overlaps(&live.history()).missing();
        if missing.is_empty() {
            break;
        }
    }
    live.look(&options)?;
    let verdict = live.judge(&mut case.figures);
    let lacking = missing.into_iter().map(|what| reached(what, 0));
    Ok(lacking.fold(verdict, Verdict::and))
}

fn work(first_client: u16) -> Vec<Step> {
    let mix = |access| {
        Source::Mix(Mix {
            keys: 16,
            access,
            lengths: vec![40, 300],
            weights: [40, 8, 30, 8, 8, 6, 0],
            ..Mix::default()
        })
    };
    let groups = [
        (1, mix(Access::Uniform), 12),
        (2, mix(Access::Hotspot { hot: 1 }), 12),
        (4, mix(Access::Uniform), 12),
        (4, Source::Lists(Lists::of(4)), 10),
        (8, mix(Access::Zipfian), 6),
        (16, mix(Access::Zipfian), 4),
    ];
    let mut first = first_client;
    let steps = groups.into_iter().map(|(clients, source, txns)| {
        let traffic = Traffic { first_client: first, clients, source, txns };
        first += clients;
        Step::Traffic { bucket: "a".to_owned(), traffic }
    });
    steps.collect()
}
