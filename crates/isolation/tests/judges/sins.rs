//! Every anomaly by its name, from a store that commits just that one; and an honest store, which
//! is never accused.

use crate::play::Play;
use isolation::{Anomaly, check, store::Sin};

/// Plays of each sin.
const PLAYS: u64 = 40;

/// Plays in which it has to be committed.
const SINNED: u64 = 5;

fn anomaly(sin: Sin) -> Anomaly {
    match sin {
        Sin::Internal => Anomaly::Internal,
        Sin::RangeRead => Anomaly::RangeRead,
        Sin::DirtyWrite => Anomaly::DirtyWrite,
        Sin::AbortedRead => Anomaly::AbortedRead,
        Sin::IntermediateRead => Anomaly::IntermediateRead,
        Sin::CyclicInformationFlow => Anomaly::CyclicInformationFlow,
        Sin::LostUpdate => Anomaly::LostUpdate,
        Sin::FracturedRead => Anomaly::FracturedRead,
        Sin::GSingle => Anomaly::GSingle,
        Sin::LongFork => Anomaly::LongFork,
        Sin::GNonadjacent => Anomaly::GNonadjacent,
        Sin::Phantom => Anomaly::Phantom,
        Sin::SessionOrder => Anomaly::SessionOrder,
        Sin::RealTimeOrder => Anomaly::RealTimeOrder,
    }
}

fn must_be_caught(sin: Sin, lists: bool) {
    let mut sinned = 0;
    let mut named = 0;
    for seed in 0..PLAYS {
        let played = Play { lists, ..Play::new(Some(sin), seed) }.run();
        let report = check(&played.history).expect("the play records by the rules");
        if played.sins == 0 {
            assert!(report.is_clean(), "{sin:?}, seed {seed}: {:?} without a sin", report.counts);
            continue;
        }
        sinned += 1;
        let name = anomaly(sin);
        named += u64::from(report.found(name));
        // A later reader may turn the circle into a shorter one, and the shortest gives the name.
        let shorter = sin == Sin::GNonadjacent && report.found(Anomaly::LongFork);
        let caught = report.found(name) || shorter;
        assert!(caught, "{sin:?}, seed {seed}: no {name}, {:?}", report.counts);
    }
    assert!(sinned >= SINNED, "{sin:?} was committed in {sinned} of {PLAYS} plays only");
    assert!(named >= SINNED, "{sin:?} was named in {named} of {sinned} plays only");
}

#[test]
fn every_sin_is_caught_by_its_name() {
    for sin in Sin::ALL {
        must_be_caught(sin, false);
    }
}

#[test]
fn every_sin_is_caught_by_its_name_in_lists() {
    for sin in Sin::ALL.into_iter().filter(|sin| !matches!(sin, Sin::RangeRead | Sin::Phantom)) {
        must_be_caught(sin, true);
    }
}

#[test]
fn an_honest_store_is_never_accused() {
    for seed in 0..1000 {
        let lists = seed % 3 == 0;
        let unknown = [0, 10, 40][seed as usize % 3];
        let clients = 1 + (seed % 8) as u16;
        let played = Play { clients, lists, unknown, ..Play::new(None, seed) }.run();
        let report = check(&played.history).expect("the play records by the rules");
        assert!(report.is_clean(), "seed {seed}: {:?}", report.violations);
    }
}
