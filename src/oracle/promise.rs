//! Which promise a case tries: the one rule. An oracle is in charge of one kind of promise, and what it
//! looks at was left by work, a kill, a power loss or a failing disk; the two together name the promise.
//! Who judges anything also tries availability, since a case fails when the engine hangs, dies or does not
//! open. What is verified, and what is not, stands with each oracle; nothing is decided here about what was found.

use super::{OracleName, judge::Judgement};
use knobs::findings::Promise;
use std::collections::BTreeSet;

/// How what is judged came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Work of processes that ended as they should.
    Work,
    /// A process that died.
    Kill,
    /// A power loss.
    PowerLoss,
    /// A process whose disk failed.
    FailingDisk,
}

/// The promise that an oracle tries on what was left so.
pub fn promise(oracle: OracleName, after: After) -> Promise {
    match (oracle, after) {
        (OracleName::Atomicity, _) => Promise::Atomicity,
        (OracleName::Conservation | OracleName::Isolation | OracleName::Reads, _) => {
            Promise::Isolation
        }
        (OracleName::Progress, _) => Promise::Availability,
        (
            OracleName::Answers
            | OracleName::Checker
            | OracleName::Contract
            | OracleName::Logged
            | OracleName::Scan,
            _,
        ) => Promise::Api,
        (OracleName::Accounting | OracleName::Resources | OracleName::Space, _) => Promise::Space,
        (
            OracleName::Contents
            | OracleName::Durability
            | OracleName::Order
            | OracleName::Power
            | OracleName::Stability,
            after,
        ) => match after {
            // What was closed is there again: a call did what its documentation says.
            After::Work => Promise::Api,
            After::Kill => Promise::DurabilityKill,
            After::PowerLoss => Promise::DurabilityPowerLoss,
            After::FailingDisk => Promise::DurabilityFailingDisk,
        },
    }
}

/// The promises that these oracles try.
pub fn promises(oracles: impl IntoIterator<Item = OracleName>, after: After) -> BTreeSet<Promise> {
    let tried = oracles.into_iter().map(|oracle| promise(oracle, after));
    tried.chain([Promise::Availability]).collect()
}

/// The promises that were tried where this was judged.
pub fn tried(judgement: &Judgement, after: After) -> BTreeSet<Promise> {
    promises(judgement.ran(), after)
}

#[cfg(test)]
mod tests {
    use super::{After, Promise, tried};
    use crate::{
        history::dump::Pairs,
        oracle::{
            history_builder::{Script, W, found},
            judge::{Evidence, judge_all},
            recovery::Streams,
        },
    };

    #[test]
    fn what_ran_and_what_was_left_name_the_promises() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]);
        let history = script.history();
        let states = [found(&script, Pairs::default())];
        let live = judge_all(&Evidence::new(&history, Streams::One, &[]));
        assert_eq!(
            tried(&live, After::PowerLoss).into_iter().collect::<Vec<_>>(),
            [Promise::Isolation, Promise::Availability],
            "without a state nothing is known of durability"
        );
        let state = judge_all(&Evidence::new(&history, Streams::One, &states));
        let of = |after| tried(&state, after);
        for (after, promise) in [
            (After::Work, Promise::Api),
            (After::Kill, Promise::DurabilityKill),
            (After::PowerLoss, Promise::DurabilityPowerLoss),
            (After::FailingDisk, Promise::DurabilityFailingDisk),
        ] {
            assert!(of(after).contains(&promise) && of(after).contains(&Promise::Atomicity));
            assert_eq!(of(after).len(), 4, "{after:?}: {:?}", of(after));
        }
    }
}
