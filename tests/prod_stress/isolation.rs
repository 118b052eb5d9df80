//! Isolation under pressure: clients that fight over few keys, snapshots that stay open, and
//! checkpoints, eviction and collection all the time. One history over several openings.

use mace_prod::{
    engine::{Family, apart::Apart, mace::MaceDriver},
    history::{
        drive::Traffic,
        script::Step,
        watch::{Hold, Watch},
    },
    oracle::judge::overlaps,
    scenario::{
        Case,
        run::{Judging, Live, reached},
    },
    verdict::Verdict,
    workload::{
        Access, Lists, Mix, Source,
        elements::{list_key, set_key},
        plan::key,
    },
};

const SESSIONS: u16 = 3;

const KEYS: u64 = 24;

/// Lists, and sets, that clients fight over.
const LISTS: u64 = 4;

in_families!(stress_long_histories_are_snapshot_isolated:
    defaults Defaults,
    tiny Tiny,
    relaxed Relaxed,
);

fn stress_long_histories_are_snapshot_isolated(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    let keys = (0..KEYS).map(key).collect();
    isolated(case, family, keys, 25, |access| {
        let weights = [40, 6, 30, 8, 8, 8, 0];
        Source::Mix(Mix { keys: KEYS, access, weights, ..Mix::default() })
    })
}

in_families!(stress_lists_and_sets_are_snapshot_isolated:
    defaults Defaults,
    tiny Tiny,
    relaxed Relaxed,
);

fn stress_lists_and_sets_are_snapshot_isolated(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    let keys = (0..LISTS).flat_map(|number| [list_key(number), set_key(number)]).collect();
    isolated(case, family, keys, 12, |access| Source::Lists(Lists { access, ..Lists::of(LISTS) }))
}

/// Clients with this many transactions each, over these keys, by Zipf's law and over one hot key.
fn isolated(
    case: &mut Case,
    family: Family,
    keys: Vec<Vec<u8>>,
    txns: u64,
    source: impl Fn(Access) -> Source,
) -> Judging<Verdict> {
    let driver = Apart::new(&MaceDriver);
    let options = family.engine().one_log_file();
    let mut live = Live::new(&driver, case.dir().join("isolation"), case.seed());
    let bucket = || "a".to_owned();
    let watches = [
        Watch { bucket: bucket(), client: 1000, keys: keys.clone(), hold: Hold::Throughout },
        Watch { bucket: bucket(), client: 1001, keys, hold: Hold::Stamps(200) },
    ];
    for number in 0..SESSIONS {
        live.session(&options, |session| {
            let options = family.bucket().checkpoints_when_asked();
            session.run(&[Step::Open { bucket: bucket(), options }])?;
            let hot = Access::Hotspot { hot: 1 };
            let source = source(if number == 1 { hot } else { Access::Zipfian });
            let first_client = number * 16;
            let traffic = Traffic { first_client, clients: 8, source, txns };
            let upkeep = [
                Step::Checkpoint { bucket: bucket() },
                Step::Collect { rounds: 1 },
                Step::Checkpoint { bucket: bucket() },
            ];
            let steps = [Step::Beside { bucket: bucket(), traffic, steps: upkeep.to_vec() }];
            session.watched(&watches, &steps)
        })?;
        live.look(&options)?;
    }
    live.check()?;
    let verdict = live.judge(&mut case.figures);
    let seen = overlaps(&live.history());
    let lacking = seen.missing().into_iter().map(|what| reached(what, 0));
    let verdict = lacking.fold(verdict, Verdict::and);
    Ok(verdict.and(reached("a commit beside an open snapshot", live.overtaken())))
}
