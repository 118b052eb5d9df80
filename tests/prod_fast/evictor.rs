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
        run::{Judging, Live, reached},
    },
    verdict::Verdict,
    workload::{Mix, Source, Sweep},
};

/// Keys of the bucket; with their values three times what the cache holds.
const KEYS: u64 = 900;

/// Readings after which a database whose pages stay is given up for a new one, and how many there
/// are at the most: on busy processors the evictor may never come to its turn between two readings.
const READINGS: u32 = 200;
const DATABASES: u32 = 8;

in_families!(evicted_pages_come_back_whole:
    tiny Tiny,
    compressed Compressed,
    relaxed Relaxed,
    one_writer OneWriter,
    many_writers ManyWriters,
);

fn evicted_pages_come_back_whole(case: &mut Case, family: Family) -> Judging<Verdict> {
    for number in 1..=DATABASES {
        let (verdict, reloaded) = evicted(case, family, number)?;
        let Some(bytes) = reloaded else { return Ok(verdict) };
        if bytes > 0 || verdict != Verdict::Pass {
            case.figures.add("bytes_reloaded", bytes);
            return Ok(verdict);
        }
    }
    Ok(reached("a page that had left", 0))
}

/// One database: what the oracles say, and how many bytes of pages came back, where that is known.
fn evicted(case: &mut Case, family: Family, number: u32) -> Judging<(Verdict, Option<u64>)> {
    let bucket = || "a".to_owned();
    let mix = Mix { keys: KEYS, lengths: vec![100, 200, 300], abort_pct: 0, ..Mix::default() };
    let fill = Traffic::sweep(Sweep::fill(KEYS, 200, 30));
    let clients = Traffic { first_client: 1, clients: 1, source: Source::Mix(mix), txns: 80 };
    let work = |traffic| Step::Traffic { bucket: bucket(), traffic };
    let corner = Traffic::sweep(Sweep::fill(16, 200, 2));
    let checkpoint = Step::Checkpoint { bucket: bucket() };
    let watch = Watch { bucket: bucket(), client: 100, keys: Vec::new(), hold: Hold::Throughout };
    let driver = Apart::new(&MaceDriver);
    let name = format!("evictor-{number}");
    let mut live = Live::new(&driver, case.dir().join(&name), case.seed().derive(&name));
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
    Ok((live.judge(&mut case.figures), reloaded))
}
