//! The one place that runs oracles: [`judge_all`] takes what a run left and runs every oracle that this
//! evidence allows.
//!
//! What is verified stands with each oracle. Not verified here: whether a run came to where it was to
//! go; the scenario says that. An oracle for which there is no evidence does not run, and
//! [`Judgement::not_run`] says which and why.

use super::{
    Allowance, Judged, OracleName, Violation, accounting,
    conservation::{self, Total},
    isolation::{self, Judging},
    live, logged, progress, reads,
    recovery::{self, Expect, Reopened, Streams},
    resources::{self, Series},
    space::{self, Bound, Sample},
};
use crate::{
    engine::Writers,
    history::{History, snapshot_readers::Snapshot},
};
use ::isolation::Level;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which commits count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Commits {
    /// All of them.
    #[default]
    All,
    /// Of those that were answered with an error any part may be there.
    ApartFromFailed,
}

/// What of isolation is looked for.
#[derive(Clone, Copy, Default)]
pub enum Isolation<'a> {
    /// Everything.
    #[default]
    Whole,
    /// The history was judged already: only what the last state adds, and only where that state keeps
    /// all other promises. A state that was sound before is not looked at again.
    OfState(&'a dyn Sound),
    /// Nothing; the reason.
    Not(&'static str),
}

/// What is known of states that were looked at before.
pub trait Sound {
    /// What was let pass in these states, when they were found sound.
    fn known(&self, history: &History, states: &[Reopened]) -> Option<Vec<Allowance>>;
    /// They are sound.
    fn keep(&self, history: &History, states: &[Reopened], allowances: &[Allowance]);
}

/// Commits of clients that had equal work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Equals {
    /// By client.
    pub commits: BTreeMap<u16, u64>,
    /// How many times as many as another one may have.
    pub most_times: u64,
}

/// Accounts whose total stays.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Accounts {
    /// How many there are.
    pub accounts: u64,
    /// What they hold together.
    pub total: u64,
    /// Every snapshot of them.
    pub seen: Vec<Total>,
}

/// Sizes and their bound.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sizes {
    /// After rounds of work and collection.
    pub samples: Vec<Sample>,
    /// What they may come to.
    pub bound: Bound,
}

/// What a run left to be judged. What is empty or absent was not collected.
pub struct Evidence<'a> {
    /// What happened, over all processes.
    pub history: &'a History,
    /// Over how many streams the log was spread, at the most.
    pub streams: Streams,
    /// States found at reopenings, the oldest first.
    pub reopened: &'a [Reopened],
    /// Which commits count.
    pub commits: Commits,
    /// Why clients may not rely on what they were told, where they may not.
    pub clients_misled: Option<&'static str>,
    /// What of isolation is looked for.
    pub isolation: Isolation<'a>,
    /// What the engine promises of it.
    pub level: Level,
    /// How its writers get on with one another.
    pub writers: Writers,
    /// Snapshots that were held open beside work.
    pub snapshots: &'a [Snapshot],
    /// Groups of clients with equal work.
    pub equals: &'a [Equals],
    /// Accounts whose total stays.
    pub accounts: Option<Accounts>,
    /// Sizes that are bounded.
    pub sizes: Option<Sizes>,
    /// Resources that operations are to give back.
    pub resources: &'a [Series],
}

impl<'a> Evidence<'a> {
    /// A history, and the states found at its reopenings.
    pub fn new(history: &'a History, streams: Streams, reopened: &'a [Reopened]) -> Self {
        Self {
            history,
            streams,
            reopened,
            commits: Commits::All,
            clients_misled: None,
            isolation: Isolation::Whole,
            level: Level::StrongSnapshotIsolation,
            writers: Writers::FirstWins,
            snapshots: &[],
            equals: &[],
            accounts: None,
            sizes: None,
            resources: &[],
        }
    }
}

/// What the oracles made of the evidence.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    /// Broken promises, and what was let pass.
    pub judged: Judged,
    /// How many transactions were begun up to the last reopening.
    pub transactions: u64,
    /// What the history held, where its isolation was looked at as a whole.
    pub seen: Option<::isolation::Seen>,
    /// Files that show what broke isolation: a name and a content.
    pub files: Vec<(String, String)>,
    /// Which oracles did not run, and why.
    pub not_run: Vec<(OracleName, &'static str)>,
}

impl Judgement {
    /// The broken promises.
    pub fn violations(self) -> Vec<Violation> {
        self.judged.violations
    }

    /// Whether every promise is kept.
    pub fn is_sound(&self) -> bool {
        self.judged.violations.is_empty()
    }

    /// The oracles that ran.
    pub fn ran(&self) -> impl Iterator<Item = OracleName> {
        let ran = |oracle: &OracleName| self.not_run.iter().all(|(not, _)| not != oracle);
        OF_STATES.into_iter().chain(OF_OTHERS).filter(ran)
    }

    fn skip(&mut self, oracles: &[OracleName], why: &'static str) {
        self.not_run.extend(oracles.iter().map(|oracle| (*oracle, why)));
    }
}

/// The oracles that need a state found at a reopening.
const OF_STATES: [OracleName; 5] = [
    OracleName::Durability,
    OracleName::Order,
    OracleName::Atomicity,
    OracleName::Contents,
    OracleName::Stability,
];

/// The others that are run here.
const OF_OTHERS: [OracleName; 8] = [
    OracleName::Reads,
    OracleName::Progress,
    OracleName::Conservation,
    OracleName::Space,
    OracleName::Resources,
    OracleName::Accounting,
    OracleName::Logged,
    OracleName::Isolation,
];

/// The oracles that judge what a power loss or a failing disk leaves.
pub fn of_crash_states() -> impl Iterator<Item = OracleName> {
    OF_STATES.into_iter().chain([OracleName::Isolation, OracleName::Power])
}

/// Runs every oracle that the evidence allows.
pub fn judge_all(evidence: &Evidence<'_>) -> Judgement {
    let mut all = Judgement::default();
    let Evidence { history, reopened, streams, .. } = *evidence;
    let expect = Expect { streams };
    if reopened.is_empty() {
        all.skip(&OF_STATES, "nothing was reopened");
    } else {
        all.judged = match evidence.commits {
            Commits::All => recovery::judge(history, reopened, expect),
            Commits::ApartFromFailed => recovery::apart_from_failed(history, reopened, expect),
        };
        all.transactions = all.judged.transactions_judged;
    }
    match evidence.clients_misled {
        None => {
            all.judged =
                std::mem::take(&mut all.judged).and(live::judge(history, evidence.writers));
        }
        Some(why) => all.skip(&[OracleName::Reads], why),
    }
    let still = evidence.snapshots.iter();
    all.judged.add(
        still
            .filter_map(|Snapshot { what, first, last, .. }| reads::still(what, first, last))
            .collect(),
    );
    if evidence.equals.is_empty() {
        all.skip(&[OracleName::Progress], "no clients had equal work");
    }
    for Equals { commits, most_times } in evidence.equals {
        all.judged.add(progress::judge(commits, *most_times));
    }
    match &evidence.accounts {
        Some(Accounts { accounts, total, seen }) => {
            all.judged.add(conservation::judge(*accounts, *total, seen));
        }
        None => all.skip(&[OracleName::Conservation], "there are no accounts"),
    }
    match &evidence.sizes {
        Some(Sizes { samples, bound }) => all.judged.add(space::judge(samples, *bound)),
        None => all.skip(&[OracleName::Space], "no sizes were sampled"),
    }
    if !evidence.resources.iter().any(Series::is_long) {
        all.skip(&[OracleName::Resources], "no resources were read, or too seldom");
    }
    all.judged.add(evidence.resources.iter().filter_map(resources::judge).collect());
    match accounting::judge(history) {
        Some(judged) => all.judged = std::mem::take(&mut all.judged).and(judged),
        None => all.skip(&[OracleName::Accounting], "the engine was not asked for its account"),
    }
    match logged::judge(history) {
        Some(found) => all.judged.add(found),
        None => all.skip(&[OracleName::Logged], "nobody listened to what the engine logs"),
    }
    judge_isolation(evidence, &mut all);
    all
}

fn judge_isolation(evidence: &Evidence<'_>, all: &mut Judgement) {
    let Evidence { history, reopened, streams, level, .. } = *evidence;
    let of = Judging { history, states: reopened, streams, level };
    let judged = match (evidence.isolation, evidence.commits) {
        (Isolation::Not(why), _) => return all.skip(&[OracleName::Isolation], why),
        (_, Commits::ApartFromFailed) => isolation::apart_from_failed(of),
        (Isolation::Whole, Commits::All) => {
            let judged = isolation::judge(of);
            all.seen = Some(judged.seen);
            judged
        }
        (Isolation::OfState(_), _) if !all.is_sound() => {
            let why = "the state breaks another promise already";
            return all.skip(&[OracleName::Isolation], why);
        }
        (Isolation::OfState(sound), Commits::All) => {
            if let Some(allowances) = sound.known(history, reopened) {
                isolation::Judged { allowances, ..isolation::Judged::default() }
            } else {
                let judged = isolation::crash_state(of);
                if judged.violations.is_empty() {
                    sound.keep(history, reopened, &judged.allowances);
                }
                judged
            }
        }
    };
    all.files = judged.evidence;
    all.judged.add(judged.violations);
    for Allowance { oracle, sentence, count } in judged.allowances {
        all.judged.allow(oracle, sentence, count);
    }
}

/// What a history holds that the oracle of isolation could tell an anomaly by.
pub fn overlaps(history: &History) -> ::isolation::Seen {
    let level = Level::StrongSnapshotIsolation;
    isolation::judge(Judging { history, states: &[], streams: Streams::One, level }).seen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::dump::Pairs,
        oracle::history_builder::{Script, W, found},
    };

    fn not_run(judgement: &Judgement) -> Vec<OracleName> {
        judgement.not_run.iter().map(|(oracle, _)| *oracle).collect()
    }

    #[test]
    fn says_which_oracle_has_no_evidence() {
        let history = Script::new().txn("b", 0, &[("a", W::Set)]).history();
        let bare = judge_all(&Evidence::new(&history, Streams::One, &[]));
        let others = &OF_OTHERS[1..OF_OTHERS.len() - 1];
        assert_eq!(not_run(&bare), [&OF_STATES[..], others].concat());
        assert!(bare.is_sound() && bare.seen.is_some(), "{bare:?}");
    }

    #[test]
    fn runs_the_oracles_that_the_evidence_allows() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]);
        let history = script.history();
        let states = [found(&script, Pairs::default())];
        let equals = [Equals { commits: [(0, 1), (1, 0)].into(), most_times: 3 }];
        let lost = Accounts {
            accounts: 1,
            total: 5,
            seen: vec![Total { when: "now".into(), accounts: 1, total: 4 }],
        };
        let evidence = Evidence {
            equals: &equals,
            accounts: Some(lost),
            ..Evidence::new(&history, Streams::One, &states)
        };
        let judged = judge_all(&evidence);
        let without =
            [OracleName::Space, OracleName::Resources, OracleName::Accounting, OracleName::Logged];
        assert_eq!(not_run(&judged), without);
        let named = |oracle| judged.judged.violations.iter().any(|found| found.oracle == oracle);
        for oracle in [OracleName::Durability, OracleName::Progress, OracleName::Conservation] {
            assert!(named(oracle), "{oracle}: {:?}", judged.judged.violations);
        }
    }

    /// Counts the states that are kept.
    #[derive(Default)]
    struct Kept(std::cell::Cell<u32>);

    impl Sound for Kept {
        fn known(&self, _: &History, _: &[Reopened]) -> Option<Vec<Allowance>> {
            (self.0.get() > 0).then(Vec::new)
        }

        fn keep(&self, _: &History, _: &[Reopened], _: &[Allowance]) {
            self.0.set(self.0.get() + 1);
        }
    }

    #[test]
    fn a_sound_state_is_kept_and_a_broken_one_is_not() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]);
        let history = script.history();
        let kept = Kept::default();
        let judged = |state| {
            let states = [found(&script, state)];
            let isolation = Isolation::OfState(&kept);
            judge_all(&Evidence { isolation, ..Evidence::new(&history, Streams::One, &states) })
        };
        let broken = judged(Pairs::default());
        assert!(!broken.is_sound() && not_run(&broken).contains(&OracleName::Isolation));
        assert_eq!(kept.0.get(), 0);
        assert!(judged(script.state("b")).is_sound());
        assert!(judged(script.state("b")).is_sound());
        assert_eq!(kept.0.get(), 1);
    }
}
