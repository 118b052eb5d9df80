//! Claims of a directed case: what was answered against what has to be, collected into a verdict.
//! Asks no engine anything itself, except for the patience of `eventually`.

use crate::{
    engine::{Bucket, Capabilities, Engine, EngineError, Need, Outcome, Preset, Reason, Scan},
    oracle::{
        OracleName, Violation,
        promise::{After, promises},
    },
    scenario::run::{Run, goals::Depth},
    verdict::Verdict,
};
use std::{fmt::Debug, path::Path};

/// How often a call that may be busy for a while is repeated. After an abort some 250 collections
/// were measured; what needs a thousand times that is stuck.
const ASKED_AT_MOST: u32 = 250_000;

/// What a case found out so far.
pub struct Claims {
    promise: &'static str,
    made: u64,
    broken: Vec<Violation>,
    stuck: Option<String>,
    /// How deep the database was, of a case that is told to have a deep one.
    depth: Option<Depth>,
}

impl Claims {
    /// Claims of this promise.
    pub fn new(promise: &'static str) -> Self {
        Self { promise, made: 0, broken: Vec::new(), stuck: None, depth: None }
    }

    /// What was seen has to be what was wanted.
    pub fn same<T: Debug + PartialEq>(&mut self, what: &str, seen: &T, wanted: &T) {
        self.made += 1;
        if seen != wanted {
            let witness = format!("{what}: {} instead of {}", short(seen), short(wanted));
            self.broken.push(Violation::new(OracleName::Contract, self.promise, witness));
        }
    }

    /// The two must not be the same.
    pub fn differ<T: Debug + PartialEq>(&mut self, what: &str, one: &T, other: &T) {
        self.same(&format!("{what}, whether they differ"), &(one != other), &true);
    }

    /// The call has to succeed; its result, if it did.
    pub fn granted<T>(&mut self, what: &str, outcome: Outcome<T>) -> Option<T> {
        self.same(what, &outcome.as_ref().err(), &None);
        outcome.ok()
    }

    /// The call has to be declined in this way.
    pub fn declined<T>(&mut self, what: &str, outcome: Outcome<T>, denial: &EngineError) {
        self.same(what, &outcome.err().as_ref(), &Some(denial));
    }

    /// The call has to succeed in the end, however often it is busy before.
    pub fn eventually(
        &mut self,
        what: &str,
        engine: &dyn Engine,
        mut call: impl FnMut() -> Outcome<()>,
    ) {
        for _ in 0..ASKED_AT_MOST {
            match call() {
                Err(EngineError::Refused(Reason::Busy)) => engine.collect_garbage(),
                outcome => return self.same(what, &outcome, &Ok(())),
            }
            std::thread::yield_now();
        }
        self.stuck = Some(format!("{what} was still busy after {ASKED_AT_MOST} collections"));
    }

    /// The database was so deep; one that was not deep shows nothing.
    pub fn is_deep(&mut self, depth: Depth) {
        self.depth = Some(depth);
    }

    /// The verdict on an engine that can do this; a case that claimed nothing proves nothing.
    fn verdict(self, can: Capabilities) -> Verdict {
        match self.stuck {
            Some(how) => Verdict::Stuck(how),
            None if self.made == 0 => Verdict::Inconclusive("nothing was claimed".to_owned()),
            None => {
                let depth = self.depth.map_or(Verdict::Pass, |depth| depth.verdict(can));
                Verdict::from_violations(self.broken).and(depth)
            }
        }
    }
}

fn short(value: &impl Debug) -> String {
    const SHOWN: usize = 300;
    let text = format!("{value:?}");
    if text.len() <= SHOWN {
        text
    } else {
        format!("{}…", text.chars().take(SHOWN).collect::<String>())
    }
}

/// Commits one pair, whether the key is there or not.
pub fn store(bucket: &dyn Bucket, key: &[u8], value: &[u8]) -> Outcome<()> {
    let txn = bucket.begin()?;
    txn.upsert(key, value)?;
    txn.commit()
}

/// Everything in a bucket.
pub fn contents(bucket: &dyn Bucket) -> Outcome<Vec<(Vec<u8>, Vec<u8>)>> {
    bucket.view()?.scan(&Scan::all())
}

/// Judges what a directed case claims of an engine that has what it needs, in the run's preset and folder.
pub fn judge(
    run: &mut Run<'_>,
    needs: &[Need],
    promise: &'static str,
    claim: fn(Preset, &Path, &mut Claims),
) {
    if run.lacks(needs) {
        return;
    }
    run.figures.tries(promises([OracleName::Contract], After::Work));
    let can = run.can();
    let mut claims = Claims::new(promise);
    claim(run.preset(), run.folder(), &mut claims);
    if let Some(depth) = claims.depth {
        depth.count(&mut run.figures, can);
    }
    run.conclude(claims.verdict(can));
}
