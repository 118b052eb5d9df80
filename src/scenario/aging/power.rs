//! Power loss at the end of a life: a short piece of work for a recording, and the judge of what a loss
//! during it leaves. How the work is recorded and which states there are is the business of `faultfs`, which
//! only the program is linked with.

use super::{
    clients::{self, Stretch, Tracing},
    life::BUCKET,
    plan::Life,
    verify::{Promised, Verifier},
};
use crate::{
    engine::{Driver, Merge, Outcome},
    history::expected::{CLIENTS, Expected, Reached},
    scenario::power::TraceMark,
    settings::Seed,
};
use std::path::Path;

/// Operations of all clients while they are recorded: each event is a place where the power may go.
const OPERATIONS: u64 = 600;

impl Life {
    /// The work that is recorded, on the closed database of a life that came to its end.
    pub fn recorded(
        &self,
        driver: &dyn Driver,
        mark: &(dyn Fn(TraceMark) + Sync),
    ) -> Outcome<Vec<String>> {
        let expected = Expected::open(&self.folder, self.keys);
        let expected = expected.unwrap_or_else(|error| panic!("{error}"));
        let engine = driver.open(&self.database(), &self.options)?;
        let bucket = engine.open_bucket(BUCKET, Merge::Sum)?;
        let stretch = Stretch {
            engine: engine.as_ref(),
            verifier: Verifier { bucket: bucket.as_ref(), expected: &expected },
            manners: self.manners,
            death: None,
            trace: Some(Tracing { mark, durable: self.options.durable }),
            operations: OPERATIONS,
            seed: Seed::new(self.seed).derive("recorded"),
        };
        let worked = stretch.run()?;
        bucket.checkpoint_and_wait();
        engine.sync()?;
        for client in 0..CLIENTS {
            let Reached { acked, .. } = expected.reached(client);
            mark(TraceMark::Promised(clients::marked(client, acked)));
        }
        Ok(worked.found)
    }

    /// Judges a state of the recorded database of whose transactions these had been promised. The error is what is
    /// broken.
    pub fn state(&self, driver: &dyn Driver, state: &Path, promised: &[u64]) -> Result<(), String> {
        let copy = Expected::copy(&self.folder, self.keys);
        let expected = copy.map_err(|error| error.to_string())?;
        for client in 0..CLIENTS {
            let reached = expected.reached(client);
            let own = promised.iter().filter(|number| *number >> 32 == u64::from(client));
            let newest = own.map(|number| *number as u32).max();
            // All that came before the recording was promised.
            let acked = newest.unwrap_or(reached.promised).max(reached.promised);
            expected.reach(client, Reached { acked, ..reached });
        }
        let words = opened(driver, state, self, &expected);
        let words = words.map_err(|denial| format!("answers: it is answered {denial}"))?;
        if words.is_empty() { Ok(()) } else { Err(words.join("\n")) }
    }
}

fn opened(
    driver: &dyn Driver,
    state: &Path,
    life: &Life,
    expected: &Expected,
) -> Outcome<Vec<String>> {
    let engine = driver.open(state, &life.options)?;
    let bucket = engine.open_bucket(BUCKET, Merge::Sum)?;
    let verifier = Verifier { bucket: bucket.as_ref(), expected };
    let recovered = verifier.recover(Promised::Acknowledged)?;
    let compared = verifier.all(1)?;
    let mut words = recovered.words.clone();
    words.extend(verifier.explain(&compared, &recovered)?);
    Ok(words)
}
