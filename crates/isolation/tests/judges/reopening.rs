//! Missing work is named by where it was lost: at a reopening, or before it.

use isolation::{Anomaly, History, Outcome, check};

/// Client 0 writes a key; then another client finds nothing there.
fn lost(reader: u16, reopened: bool) -> History {
    let mut history = History::new();
    history.begin(0, 1);
    history.read(0, None);
    history.write(0, 0);
    history.end(Outcome::Committed, 2, 3);
    if reopened {
        history.reopened(4);
    }
    history.begin(reader, 5);
    history.read(0, None);
    history.end(Outcome::Committed, 6, 7);
    history
}

#[test]
fn loss_over_a_reopening_is_found() {
    for (reader, reopened, name) in [
        (0, false, Anomaly::SessionOrder),
        (1, false, Anomaly::RealTimeOrder),
        (0, true, Anomaly::NotExtended),
        (1, true, Anomaly::NotExtended),
    ] {
        let report = check(&lost(reader, reopened)).expect("recorded by the rules");
        let names: Vec<Anomaly> = report.counts.into_keys().collect();
        assert_eq!(names, [name], "reader {reader}, reopened {reopened}");
    }
}
