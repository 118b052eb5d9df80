//! A second opinion: the crate `adya` on the same histories, exported in Elle's format.

use crate::play::Play;
use adya::{History as Theirs, Opts, Valid, Workload, check as their_check};
use isolation::{Shape, check, elle, store::Sin};

fn their_verdict(play: Play) -> (bool, Vec<String>) {
    let history = play.run().history;
    let (shape, workload) = if play.lists {
        (Shape::Lists, Workload::ListAppend)
    } else {
        (Shape::Registers, Workload::RwRegister)
    };
    let text = elle(&history, shape).expect("the play records by the rules");
    let theirs = Theirs::from_json(&text).expect("Elle's format");
    let opts = Opts {
        models: vec!["strong-snapshot-isolation".to_owned()],
        wfr_keys: true,
        ..Opts::default()
    };
    let report = their_check(&theirs, workload, &opts);
    (report.valid == Valid::False, report.anomaly_types)
}

#[test]
fn both_condemn_every_sin() {
    // Elle knows no scans: as reads, one that lacks a key says nothing about that key.
    for sin in Sin::ALL.into_iter().filter(|&sin| sin != Sin::RangeRead) {
        for lists in [false, true] {
            if lists && sin == Sin::Phantom {
                continue;
            }
            for seed in 0..12 {
                let play = Play { lists, ..Play::new(Some(sin), seed) };
                let ours = check(&play.run().history).expect("the play records by the rules");
                let (condemned, why) = their_verdict(play);
                let counts = &ours.counts;
                assert_eq!(
                    condemned,
                    !ours.is_clean(),
                    "{sin:?}, lists {lists}, seed {seed}: we say {counts:?}, they say {why:?}"
                );
            }
        }
    }
}

#[test]
fn both_acquit_an_honest_store() {
    for seed in 0..60 {
        let (lists, unknown) = (seed % 2 == 0, [0, 10][seed as usize % 2]);
        let play = Play { clients: 6, lists, unknown, ..Play::new(None, seed) };
        let (condemned, why) = their_verdict(play);
        assert!(!condemned, "seed {seed}: {why:?}");
    }
}
