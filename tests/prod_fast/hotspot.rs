//! Hot keys: nine operations in ten go to three keys, over every operation a transaction has.

use mace_prod::{
    engine::{Family, mace::MaceDriver},
    history::{drive::Traffic, script::Step},
    scenario::{
        Case,
        run::{Judging, Live, reached},
    },
    verdict::Verdict,
    workload::{Access, Mix, Source},
};

in_families!(hot_keys_stay_exact:
    defaults Defaults,
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    many_writers ManyWriters,
);

fn hot_keys_stay_exact(case: &mut Case, family: Family) -> Judging<Verdict> {
    let lengths = vec![32, 100, 255, 1024, 1500];
    let mix = Mix { keys: 200, access: Access::Hotspot { hot: 3 }, lengths, ..Mix::default() };
    let source = Source::Mix(mix.under_checkpoints());
    let traffic = Traffic { first_client: 0, clients: 3, source, txns: 40 };
    let bucket = || "a".to_owned();
    let work = Step::Traffic { bucket: bucket(), traffic };
    let mut live = Live::new(&MaceDriver, case.dir().join("hotspot"), case.seed());
    live.session(&family.engine().one_log_file(), |session| {
        session.run(&[Step::Open { bucket: bucket(), options: family.bucket() }])?;
        session.run_equals(&[work, Step::Checkpoint { bucket: bucket() }])
    })?;
    live.look(&family.engine().one_log_file())?;
    live.check()?;
    let verdict = live.judge(&mut case.figures);
    Ok(verdict.and(reached("a conflict", live.evidence.tally.conflicts)))
}
