//! Eviction under a cache that holds a fraction of the data: pages leave, come back whole, and no
//! reader notices. The reader itself shows that pages had left: values are too small for blob files
//! and nothing was reopened, so bytes that it reads from files are those of pages that come back.

use mace_prod::{
    engine::{Family, apart::Apart, mace::MaceDriver},
    history::{
        drive::Traffic,
        script::Step,
        watch::{Hold, Watch},
    },
    scenario::{
        Case,
        live::{Judging, Live, reached},
    },
    verdict::Verdict,
    workload::{Mix, Source, Sweep},
};

/// Keys of the bucket; with their values three times what the cache holds.
const KEYS: u64 = 900;

/// Readings after which a page that did not leave will not leave. A few are enough on idle
/// processors; on busy ones 200 were not, once.
const READINGS: u32 = 4000;

in_families!(evicted_pages_come_back_whole:
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

fn evicted_pages_come_back_whole(case: &mut Case, family: Family) -> Judging<Verdict> {
    let bucket = || "a".to_owned();
    let mix = Mix { keys: KEYS, lengths: vec![100, 200, 300], abort_pct: 0, ..Mix::default() };
    let fill = Traffic::sweep(Sweep::fill(KEYS, 200, 30));
    let clients = Traffic { first_client: 1, clients: 1, source: Source::Mix(mix), txns: 80 };
    let work = |traffic| Step::Traffic { bucket: bucket(), traffic };
    let corner = Traffic::sweep(Sweep::fill(16, 200, 2));
    let checkpoint = Step::Checkpoint { bucket: bucket() };
    let watch = Watch { bucket: bucket(), client: 100, keys: Vec::new(), hold: Hold::Throughout };
    let driver = Apart::new(&MaceDriver);
    let mut live = Live::new(&driver, case.dir().join("evictor"), case.seed());
    let mut reloaded = None;
    live.session(&family.engine(), |session| {
        let open =
            Step::Open { bucket: bucket(), options: family.bucket().checkpoints_when_asked() };
        session.run(&[open, work(fill), checkpoint.clone()])?;
        session.watched(&[watch], &[work(clients), checkpoint])?;
        for _ in 0..READINGS {
            // Writers in one corner are what makes the engine evict; a reader keeps pages warm.
            session.run(&[work(corner.clone())])?;
            reloaded = session.reload("a")?;
            if reloaded != Some(0) {
                break;
            }
        }
        Ok(())
    })?;
    live.look(&family.engine())?;
    live.check()?;
    let verdict = live.judge(&mut case.figures);
    let Some(bytes) = reloaded else { return Ok(verdict) };
    case.figures.add("bytes_reloaded", bytes);
    Ok(verdict.and(reached("a page that had left", bytes)))
}
