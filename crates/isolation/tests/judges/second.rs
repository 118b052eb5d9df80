//! A second opinion: the crate `adya` on the same histories, exported in Elle's format.

use crate::{play::Play, store::Defect};
use adya::{History as Theirs, Opts, Valid, Workload, check as their_check};
use isolation::{History, Level, Outcome, Shape, check, check_at, elle, synthetic::Synthetic};

fn their_verdict(play: Play) -> (bool, Vec<String>) {
    condemned(&play.run().history, play.lists, "strong-snapshot-isolation")
}

fn condemned(history: &History, lists: bool, model: &str) -> (bool, Vec<String>) {
    let (shape, workload) = if lists {
        (Shape::Lists, Workload::ListAppend)
    } else {
        (Shape::Registers, Workload::RwRegister)
    };
    let text = elle(history, shape).expect("recorded by the rules");
    let theirs = Theirs::from_json(&text).expect("Elle's format");
    let opts = Opts { models: vec![model.to_owned()], wfr_keys: true, ..Opts::default() };
    let report = their_check(&theirs, workload, &opts);
    (report.valid == Valid::False, report.anomaly_types)
}

#[test]
fn both_condemn_every_sin() {
    // Elle has no scans. As reads, a scan that lacks a key says nothing about that key.
    for defect in Defect::ALL.into_iter().filter(|&defect| defect != Defect::RangeRead) {
        for lists in [false, true] {
            if lists && defect == Defect::Phantom {
                continue;
            }
            for seed in 0..12 {
                let play = Play { lists, ..Play::new(Some(defect), seed) };
                let ours = check(&play.run().history).expect("the play records by the rules");
                let (condemned, why) = their_verdict(play);
                let counts = &ours.counts;
                assert_eq!(
                    condemned,
                    !ours.is_clean(),
                    "{defect:?}, lists {lists}, seed {seed}: we say {counts:?}, they say {why:?}"
                );
            }
        }
    }
}

#[test]
fn both_acquit_an_honest_store() {
    for seed in 0..60 {
        let lists = seed % 2 == 0;
        let unknown = [0, 10][seed as usize / 2 % 2];
        let play = Play { clients: 6, lists, unknown, ..Play::new(None, seed) };
        let (condemned, why) = their_verdict(play);
        assert!(!condemned, "seed {seed}: {why:?}");
    }
}

#[test]
fn both_agree_on_what_is_serialisable() {
    let mut condemned_in = 0;
    for seed in 0..60 {
        let lists = seed % 2 == 0;
        let clients = 1 + (seed % 4) as u16;
        let history = Play { clients, lists, ..Play::new(None, seed) }.run().history;
        let ours = check_at(&history, Level::Serialisable).expect("the play records by the rules");
        let (theirs, why) = condemned(&history, lists, "serializable");
        // Elle has no scans: it may miss a cycle of ours that has one, and finds no other.
        let agree = theirs != ours.is_clean() || (!lists && !theirs);
        assert!(agree, "seed {seed}, lists {lists}: {:?}, {why:?}", ours.counts);
        condemned_in += u64::from(theirs);
    }
    assert!(condemned_in > 10, "{condemned_in}");
}

/// Adds two transactions that both find nothing at a new key and write it: a lost update.
fn with_a_lost_update(mut history: History, lists: bool) -> History {
    let key = history.keys();
    let version = history.versions();
    let last = history.txns().iter().map(|txn| txn.end).max().unwrap_or_default();
    for number in 0..2 {
        history.begin(number as u16, last + 1 + number);
        if lists {
            history.list(key, &[]);
            history.extend(key, version + number);
        } else {
            history.read(key, None);
            history.write(key, version + number);
        }
        history.end(Outcome::Committed, last + 3 + 2 * number, last + 4 + 2 * number);
    }
    history
}

#[test]
fn both_checkers_agree_on_large_histories() {
    for (txns, defects) in [(1_000, true), (10_000, true), (10_000, false), (100_000, false)] {
        for list in [0, 8] {
            let lists = list > 0;
            let mut history = Synthetic { txns, keys: 1_000, list, seed: txns.into() }.history();
            if defects {
                history = with_a_lost_update(history, lists);
            }
            let report = check(&history).expect("recorded by the rules");
            let (condemned, why) = condemned(&history, lists, "strong-snapshot-isolation");
            let both = (!report.is_clean(), condemned);
            assert_eq!(
                both,
                (defects, defects),
                "{txns}, lists {lists}: {:?}, {why:?}",
                report.counts
            );
        }
    }
}
