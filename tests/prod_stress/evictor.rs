//! Eviction, unloading and reloading, round by round, of a bucket whose cache holds a fraction of
//! its data.

use mace_prod::{
    engine::{Family, apart::Apart, mace::MaceDriver},
    history::{
        drive::Traffic,
        script::Step,
        watch::{Hold, Watch},
    },
    scenario::{
        Case,
        run::{Judging, Live, reached},
    },
    settings::Settings,
    verdict::Verdict,
    workload::{Mix, Source, Sweep, plan::key},
};

/// Keys of the bucket; with their values three times what the cache holds.
const KEYS: u64 = 600;

/// Rounds from one unloading to the next, and from one reading of everything to the next.
const UNLOAD_EVERY: u64 = 8;
const READ_EVERY: u64 = 16;

in_families!(stress_evicted_and_unloaded_pages_come_back_whole:
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
);

fn stress_evicted_and_unloaded_pages_come_back_whole(
    case: &mut Case,
    family: Family,
) -> Judging<Verdict> {
    let bucket = || "a".to_owned();
    let work = |traffic: &Traffic| Step::Traffic { bucket: bucket(), traffic: traffic.clone() };
    let open = Step::Open { bucket: bucket(), options: family.bucket().checkpoints_when_asked() };
    let lengths = vec![100, 200, 300];
    let mix = Mix { keys: KEYS, lengths, abort_pct: 0, ..Mix::default() };
    let client = Traffic { first_client: 1, clients: 1, source: Source::Mix(mix), txns: 4 };
    let corner = Traffic::sweep(Sweep::fill(16, 200, 4));
    let keys = (0..KEYS).map(key).collect();
    let watch = Watch { bucket: bucket(), client: 100, keys, hold: Hold::Throughout };
    let driver = Apart::new(&MaceDriver);
    let mut live = Live::new(&driver, case.dir().join("evictor"), case.seed());
    let (mut reloads, mut counted) = (0, true);
    live.session(&family.engine(), |session| {
        session.run(&[open.clone(), work(&Traffic::sweep(Sweep::fill(KEYS, 200, 30)))])?;
        for round in 1..=Settings::get().evictor_stress_rounds {
            session.run(&[work(&corner), work(&client)])?;
            if round % READ_EVERY == 0 {
                match session.reload("a")? {
                    Some(bytes) => reloads += u64::from(bytes > 0),
                    None => counted = false,
                }
                session.glance(&watch)?;
            }
            if round % UNLOAD_EVERY == 0 {
                let checkpoint = Step::Checkpoint { bucket: bucket() };
                session.run(&[checkpoint, Step::Unload { bucket: bucket() }, open.clone()])?;
            }
        }
        Ok(())
    })?;
    live.look(&family.engine())?;
    live.check()?;
    case.figures.add("reloads", reloads);
    let verdict = live.judge(&mut case.figures);
    Ok(if counted { verdict.and(reached("a page that had left", reloads)) } else { verdict })
}
