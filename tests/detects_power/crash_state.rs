//! A defect of isolation that only what a power loss leaves shows, and that no other oracle reads: caught
//! by its name, and the honest engine is not blamed. Judges the cases, never the engine under test.

use crate::power::search::Search;
use faultfs::Step as Loss;
use mace_prod::{
    engine::{
        Driver, Engine, EngineOptions, Merge, Outcome, Preset, interceptor::Intercept,
        mace::MaceDriver,
    },
    history::{clients::Traffic, script::Step},
    scenario::{Case, chaos::recipes::Stages, database::Stage},
    verdict::Verdict,
    workload::{Lists, Source, elements},
};

/// Forgets the newest element of a set whenever it opens a database that holds one with several. Who
/// added it is there, so that nobody is missed, and sets are nothing that other oracles read.
struct SetForgetful;

impl Intercept for SetForgetful {
    fn below(&self) -> &dyn Driver {
        &MaceDriver
    }

    fn opened(&self, engine: &dyn Engine) -> Outcome<()> {
        if let Ok(bucket) = engine.open_bucket("a", Merge::Sum) {
            let txn = bucket.begin()?;
            let set = txn.get(&elements::set_key(0)).unwrap_or_default();
            if set.len() > elements::ELEMENT {
                txn.upsert(&elements::set_key(0), &set[..set.len() - elements::ELEMENT])?;
                txn.commit()?;
            }
        }
        Ok(())
    }
}

#[test]
fn broken_isolation_in_a_crash_state_is_caught() {
    Case::run(|case| {
        let options = EngineOptions { wal_buffer_bytes: 1 << 16, ..Preset::OneWriter.engine() };
        let bucket = || "a".to_owned();
        let source = Source::Lists(Lists::of(1));
        let traffic = Traffic { first_client: 0, clients: 3, source, txns: 6 };
        let open = Step::Open { bucket: bucket(), options: Preset::OneWriter.bucket() };
        let armed =
            Stage::closing(&options, vec![open, Step::Traffic { bucket: bucket(), traffic }]);
        let stages = Stages { setup: Vec::new(), armed };
        let shown = |case: &mut Case, driver: &dyn Driver| {
            let search = Search { driver, ..Search::new(&stages, &[Loss::DropAll]) };
            let found = search.run(case);
            found.unwrap_or_else(|verdict| panic!("{verdict:?}")).unknown()
        };
        let honest = shown(case, &MaceDriver);
        let faulty = shown(case, &SetForgetful);
        let named =
            faulty.iter().all(|words| words.to_string().contains("broken promise: isolation: "));
        if honest.is_empty() && named && !faulty.is_empty() {
            return Verdict::Pass;
        }
        Verdict::Inconclusive(format!("honest: {honest:?}, faulty: {faulty:?}"))
    });
}
