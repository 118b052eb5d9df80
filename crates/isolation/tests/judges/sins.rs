//! Every anomaly is caught by its name, from a store that has only that defect. A correct store is
//! never accused.

use crate::{play::Play, store::Defect};
use isolation::{Anomaly, Level, check, check_at};

/// Plays for each defect.
const PLAYS: u64 = 40;

/// Plays in which the defect has to show.
const SINNED: u64 = 5;

fn anomaly(defect: Defect) -> Anomaly {
    match defect {
        Defect::Internal => Anomaly::Internal,
        Defect::RangeRead => Anomaly::RangeRead,
        Defect::DirtyWrite => Anomaly::DirtyWrite,
        Defect::AbortedRead => Anomaly::AbortedRead,
        Defect::IntermediateRead => Anomaly::IntermediateRead,
        Defect::CyclicInformationFlow => Anomaly::CyclicInformationFlow,
        Defect::LostUpdate => Anomaly::LostUpdate,
        Defect::FracturedRead => Anomaly::FracturedRead,
        Defect::GSingle => Anomaly::GSingle,
        Defect::LongFork => Anomaly::LongFork,
        Defect::GNonadjacent => Anomaly::GNonadjacent,
        Defect::Phantom => Anomaly::Phantom,
        Defect::SessionOrder => Anomaly::SessionOrder,
        Defect::RealTimeOrder => Anomaly::RealTimeOrder,
    }
}

fn must_be_caught(defect: Defect, lists: bool) {
    let mut sinned = 0;
    let mut named = 0;
    for seed in 0..PLAYS {
        let played = Play { lists, ..Play::new(Some(defect), seed) }.run();
        let report = check(&played.history).expect("the play records by the rules");
        if played.defects == 0 {
            assert!(
                report.is_clean(),
                "{defect:?}, seed {seed}: {:?} without a defect",
                report.counts
            );
            continue;
        }
        sinned += 1;
        let name = anomaly(defect);
        named += u64::from(report.found(name));
        // A later reader may make the cycle shorter, and the shortest cycle gives the name.
        let shorter = defect == Defect::GNonadjacent && report.found(Anomaly::LongFork);
        let caught = report.found(name) || shorter;
        assert!(caught, "{defect:?}, seed {seed}: no {name}, {:?}", report.counts);
    }
    assert!(sinned >= SINNED, "{defect:?} was committed in {sinned} of {PLAYS} plays only");
    assert!(named >= SINNED, "{defect:?} was named in {named} of {sinned} plays only");
}

#[test]
fn every_sin_is_caught_by_its_name() {
    for defect in Defect::ALL {
        must_be_caught(defect, false);
    }
}

#[test]
fn every_sin_is_caught_by_its_name_in_lists() {
    for defect in Defect::ALL
        .into_iter()
        .filter(|defect| !matches!(defect, Defect::RangeRead | Defect::Phantom))
    {
        must_be_caught(defect, true);
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

/// A store that keeps snapshot isolation is no serialisable one: its write skew is found, and one client
/// after the other has none.
#[test]
fn write_skew_is_found_where_it_is_forbidden() {
    let mut skewed = 0;
    for seed in 0..400 {
        let lists = seed % 3 == 0;
        let clients = 1 + (seed % 8) as u16;
        let played = Play { clients, lists, ..Play::new(None, seed) }.run();
        let report = check_at(&played.history, Level::Serialisable);
        let report = report.expect("the play records by the rules");
        assert!(clients > 1 || report.is_clean(), "seed {seed}: {:?}", report.violations);
        assert!(
            report.counts.keys().all(|found| *found == Anomaly::AntiDependencyCycle),
            "seed {seed}"
        );
        let skew = report.seen.write_skews > 0;
        assert!(
            !skew || report.found(Anomaly::AntiDependencyCycle),
            "seed {seed}: write skew was missed"
        );
        skewed += u64::from(skew);
    }
    assert!(skewed >= SINNED, "{skewed} plays had write skew");
}
