//! The benches check what they did: an engine that does nothing, or something else, is no fast
//! engine. Each alteration must be caught by the bench whose work it spoils, and an honest engine
//! must pass all of them. No time is judged here.

use mace_prod::{
    engine::{
        altered::{Alteration, Altered},
        mace::MaceDriver,
        model::ModelDriver,
    },
    scenario::bench::{Bench, Place, Work},
};

fn bench(work: Work, clients: usize) -> Bench {
    Bench { work, key_bytes: 16, value_bytes: 16, clients, total: 400 }
}

fn run(work: Work, clients: usize, alteration: Option<Alteration>) -> Result<(), String> {
    let driver = Altered { driver: MaceDriver, alteration };
    let batch = bench(work, clients).prepare(&driver, &Place::default());
    let batch = batch.map_err(|wrong| wrong.to_string())?;
    batch.run().map_err(|wrong| wrong.to_string())?;
    batch.run().map(drop).map_err(|wrong| wrong.to_string())
}

#[test]
fn honest_engines_pass_every_bench() {
    let here = Work::ALL.into_iter().filter(|work| *work != Work::ReopenKilled);
    for work in here {
        for clients in [1, 3] {
            assert_eq!(run(work, clients, None), Ok(()), "{work:?} by {clients}");
            let slow = Alteration::Slow { steps: 10, every: bench(work, clients).calls() };
            assert_eq!(run(work, clients, Some(slow)), Ok(()), "{work:?}");
        }
    }
    for work in [Work::Put, Work::Get, Work::Scan, Work::Delete] {
        let driver = ModelDriver::default();
        let batch = bench(work, 2).prepare(&driver, &Place::default());
        let time = batch.and_then(|batch| batch.run());
        assert!(time.is_ok(), "{work:?}: {time:?}");
    }
}

#[test]
fn an_engine_that_does_no_work_is_not_fast() {
    use Alteration::{CommitsNothing, DeletesNothing, ReadsOther, ScansShort, WritesNothing};
    for (work, alteration, says) in [
        (Work::Put, WritesNothing, "0 of 400 records are there after writing"),
        (Work::Put, CommitsNothing, "0 of 400 records are there after writing"),
        (Work::Commit, CommitsNothing, "0 of 32 records are there after writing"),
        (Work::Get, WritesNothing, "the engine answered: absent"),
        (Work::Get, ReadsOther, "400 records read, but not those that were written"),
        (Work::Scan, ScansShort, "399 of 400 records scanned"),
        (Work::Scan, CommitsNothing, "0 of 400 records scanned"),
        (Work::Delete, DeletesNothing, "400 records are there after all were removed"),
        (Work::Delete, CommitsNothing, "the engine answered: absent"),
        (Work::ReopenClean, CommitsNothing, "the engine answered: absent"),
        (Work::ReopenClean, ReadsOther, "another value was read than was written"),
        (Work::ReopenClean, ScansShort, "399 of 400 records are there after opening"),
    ] {
        assert_eq!(run(work, 1, Some(alteration)), Err(says.to_owned()), "{work:?} {alteration:?}");
    }
}

#[test]
fn names_match_the_contract_and_keys_are_long_enough() {
    assert_eq!(bench(Work::Put, 4).name(), "Put/K16-V16/4");
    assert_eq!(bench(Work::ReopenKilled, 1).name(), "Reopen/K16-V16/killed");
    let calls = [(Work::Put, 1), (Work::Get, 3), (Work::Commit, 4), (Work::Scan, 1)];
    assert_eq!(calls.map(|(work, clients)| bench(work, clients).calls()), [400, 133, 8, 1]);
    // Those of a comparison, of a snapshot in both profiles, and of fewer records than that.
    let commits = [200, 20_000, 100_000, 5].map(|total| Work::Commit.items(total));
    assert_eq!(commits, [32, 100, 500, 5]);
    let short = Bench { key_bytes: 2, ..bench(Work::Put, 1) };
    let said = short.records().map(drop).map_err(|wrong| wrong.to_string());
    assert_eq!(said, Err("keys of 2 bytes cannot name 400 records".to_owned()));
}
