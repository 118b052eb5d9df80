//! Sets whose additions commute, over several keys. A seed interleaves the steps of the clients.
//! The store keeps snapshots of all commits, or has one named defect.

use isolation::{Anomaly, Evidence, History, Level, Outcome, Violation, check, check_at};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::BTreeSet;

const KEYS: u32 = 3;
const CLIENTS: u16 = 4;
const TXNS: u32 = 20;
const PLAYS: u64 = 40;

/// The defect of the store, shown once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    /// An element of an aborted transaction is there.
    Aborted,
    /// An element is there that nobody added.
    Never,
    /// An element is there twice: a merge operand was applied a second time.
    Twice,
    /// A transaction does not see its own addition.
    Own,
    /// A transaction added to two keys, and one of its elements is missing.
    Fractured,
    /// The whole snapshot is older than work that was acknowledged before it.
    Stale,
}

struct Running {
    session: u16,
    begin: u32,
    /// How many commits it sees.
    snapshot: usize,
    did: Vec<Did>,
    steps: u32,
}

enum Did {
    Set(u32, Vec<u32>),
    Add(u32, u32),
}

struct Stage {
    draws: Xoshiro256PlusPlus,
    defect: Option<Defect>,
    defects: u32,
    stamp: u32,
    elements: u32,
    commits: Vec<Vec<(u32, u32)>>,
    dropped: Vec<(u32, u32)>,
    ended: Vec<(Running, Outcome, u32, u32)>,
}

impl Stage {
    fn below(&mut self, bound: u32) -> u32 {
        (self.draws.next_u64() % u64::from(bound)) as u32
    }

    fn tick(&mut self) -> u32 {
        self.stamp += 1;
        self.stamp
    }

    fn defects(&mut self, defect: Defect) -> bool {
        let now = self.defect == Some(defect) && self.defects == 0;
        self.defects += u32::from(now);
        now
    }

    fn step(&mut self, running: &mut Running) {
        let key = self.below(KEYS);
        if self.below(2) == 0 {
            running.did.push(Did::Add(key, self.elements));
            self.elements += 1;
            return;
        }
        let before = running.did.iter().rev().find_map(|did| match did {
            Did::Set(at, seen) if *at == key => Some(seen.clone()),
            _ => None,
        });
        let first = before.is_none();
        // A client that got a wrong answer gets the same one again.
        let mut set = before.unwrap_or_else(|| {
            let snapshot = self.commits[..running.snapshot].concat();
            snapshot.iter().filter_map(|&(at, element)| (at == key).then_some(element)).collect()
        });
        let own: Vec<u32> = (running.did.iter())
            .filter_map(|did| match did {
                Did::Add(at, element) if *at == key && !set.contains(element) => Some(*element),
                _ => None,
            })
            .collect();
        if own.is_empty() || !self.defects(Defect::Own) {
            set.extend(own);
        }
        if first {
            self.spoil(running, key, &mut set);
        }
        running.did.push(Did::Set(key, set));
    }

    /// Shows its defect when a set is read for the first time.
    fn spoil(&mut self, running: &Running, key: u32, set: &mut Vec<u32>) {
        let dropped = self.dropped.iter().find(|(at, _)| *at == key).copied();
        if let Some((_, element)) = dropped
            && self.defects(Defect::Aborted)
        {
            set.push(element);
        }
        if self.defects(Defect::Never) {
            set.push(1_000_000);
        }
        if let Some(element) = set.first().copied()
            && self.defects(Defect::Twice)
        {
            set.push(element);
        }
        // A read of another key has already shown a commit that also wrote this key.
        let seen: BTreeSet<u32> = running
            .did
            .iter()
            .flat_map(|did| if let Did::Set(_, set) = did { set.as_slice() } else { &[] })
            .copied()
            .collect();
        let torn = self.commits[..running.snapshot].iter().find_map(|commit| {
            let shown = commit.iter().any(|(_, element)| seen.contains(element));
            commit.iter().find(|(at, _)| shown && *at == key).map(|(_, element)| *element)
        });
        if let Some(element) = torn
            && self.defects(Defect::Fractured)
        {
            set.retain(|other| *other != element);
        }
    }

    fn end(&mut self, running: Running) {
        let added = running.did.iter().filter_map(|did| match did {
            Did::Add(key, element) => Some((*key, *element)),
            Did::Set(..) => None,
        });
        let added: Vec<(u32, u32)> = added.collect();
        let asked = self.tick();
        let outcome = if self.below(6) == 0 {
            self.dropped.extend(added);
            Outcome::Aborted
        } else {
            self.commits.push(added);
            if self.below(8) == 0 { Outcome::Unknown } else { Outcome::Committed }
        };
        let end = self.tick();
        self.ended.push((running, outcome, asked, end));
    }
}

fn play(defect: Option<Defect>, seed: u64) -> (History, u32) {
    let draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    let commits = Vec::new();
    let dropped = Vec::new();
    let ended = Vec::new();
    let mut stage =
        Stage { draws, defect, defects: 0, stamp: 0, elements: 0, commits, dropped, ended };
    let mut clients: Vec<(u32, Option<Running>)> = (0..CLIENTS).map(|_| (TXNS, None)).collect();
    while clients.iter().any(|(left, running)| *left > 0 || running.is_some()) {
        let session = stage.below(u32::from(CLIENTS)) as u16;
        let (left, running) = &mut clients[usize::from(session)];
        match running.take() {
            None if *left == 0 => {}
            None => {
                *left -= 1;
                let begin = stage.tick();
                let mut snapshot = stage.commits.len();
                if snapshot > 30 && stage.defects(Defect::Stale) {
                    snapshot -= 25;
                }
                let steps = 3 + stage.below(4);
                *running = Some(Running { session, begin, snapshot, did: Vec::new(), steps });
            }
            Some(mut txn) if txn.steps > 0 => {
                txn.steps -= 1;
                stage.step(&mut txn);
                *running = Some(txn);
            }
            Some(txn) => stage.end(txn),
        }
    }
    let mut history = History::new();
    stage.ended.sort_by_key(|(running, ..)| running.begin);
    for (Running { session, begin, did, .. }, outcome, asked, end) in stage.ended {
        history.begin(session, begin);
        for did in did {
            match did {
                Did::Set(key, elements) => history.set(key, &elements),
                Did::Add(key, element) => history.add(key, element),
            }
        }
        history.end(outcome, asked, end);
    }
    (history, stage.defects)
}

#[test]
fn an_honest_store_of_sets_is_never_accused() {
    for seed in 0..300 {
        let report = check(&play(None, seed).0).expect("recorded by the rules");
        assert!(report.is_clean(), "seed {seed}: {:?}", report.violations);
    }
}

#[test]
fn every_sin_against_a_set_is_caught_by_its_name() {
    for (defect, names) in [
        (Defect::Aborted, &[Anomaly::AbortedRead][..]),
        (Defect::Never, &[Anomaly::NeverWritten]),
        (Defect::Twice, &[Anomaly::NeverWritten]),
        (Defect::Own, &[Anomaly::Internal]),
        // The set that lacks an element and a set that another transaction read may not include
        // each other.
        (Defect::Fractured, &[Anomaly::FracturedRead, Anomaly::LongFork]),
        (Defect::Stale, &[Anomaly::SessionOrder, Anomaly::RealTimeOrder, Anomaly::GSingle]),
    ] {
        let mut judged = 0;
        let mut caught = 0;
        for seed in 0..PLAYS {
            let (history, defects) = play(Some(defect), seed);
            let report = check(&history).expect("recorded by the rules");
            let named = names.iter().any(|name| report.found(*name));
            assert!(
                defects > 0 || report.is_clean(),
                "{defect:?}, seed {seed}: {:?}",
                report.counts
            );
            assert!(named || report.is_clean(), "{defect:?}, seed {seed}: {:?}", report.counts);
            judged += defects;
            caught += u32::from(named);
        }
        // A client that was refused, or would have seen the same without the defect, proves
        // nothing.
        assert!(judged >= 20 && 2 * caught >= judged, "{defect:?}: {caught} of {judged}");
    }
}

/// Two clients read both sets before either of them added to one. Each missed the other's element.
#[test]
fn write_skew_between_sets_is_counted() {
    let told_at = |second_sees: &[u32], level: Level| {
        let mut history = History::new();
        let mut txn = |session: u16, begin: u32, seen: [&[u32]; 2], adds: Option<(u32, u32)>| {
            history.begin(session, begin);
            history.set(0, seen[0]);
            history.set(1, seen[1]);
            if let Some((key, element)) = adds {
                history.add(key, element);
            }
            history.end(Outcome::Committed, begin + 10, begin + 11);
        };
        txn(0, 1, [&[], &[]], Some((0, 0)));
        let begin = if second_sees.is_empty() { 2 } else { 20 };
        txn(1, begin, [second_sees, &[]], Some((1, 1)));
        txn(2, 50, [&[0], &[1]], None);
        check_at(&history, level).expect("it follows the rules")
    };
    let told = |second_sees: &[u32]| told_at(second_sees, Level::StrongSnapshotIsolation);
    let skewed = told(&[]);
    assert!(skewed.is_clean(), "{skewed:?}");
    assert_eq!(skewed.seen.write_skews, 1);
    assert_eq!(told(&[0]).seen.write_skews, 0);
    // The first client reads the set that it adds to, and is on no cycle by that.
    let serial = told_at(&[0], Level::Serialisable);
    assert!(serial.is_clean(), "{serial:?}");
    let forbidden = told_at(&[], Level::Serialisable);
    let is_cycle = |found: &Violation| {
        let Evidence::Cycle(cycle) = &found.evidence else { return false };
        found.anomaly == Anomaly::AntiDependencyCycle && cycle.len() == 2
    };
    assert!(forbidden.violations.iter().any(is_cycle), "{forbidden:?}");
}
