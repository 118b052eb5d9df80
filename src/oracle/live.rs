//! Runs the oracles of a running engine over a history: what clients saw on the spot, and reads.
//!
//! What is verified stands with each oracle. A history may span several processes, as long as
//! acknowledged work survived between them; after a power loss on the relaxed route it may not
//! have, and this judge is not to be asked.

use super::{Judged, Violation, ledger::Ledger, reads};
use crate::{
    engine::Writers,
    history::{Event, History},
};

const ON_THE_SPOT: &str = "a client of the running engine may rely on what it was told";

/// Judges all transactions of a history while the engine ran.
pub(super) fn judge(history: &History, writers: Writers) -> Judged {
    let ledger = Ledger::new(&history.events, &[]);
    let transactions_judged = ledger.records.len() as u64;
    let mut judged = Judged { transactions_judged, ..Judged::default() };
    let wrong = history.events.iter().filter_map(|event| match event {
        Event::Wrong { oracle, witness } => Some((*oracle, witness)),
        _ => None,
    });
    for (oracle, witness) in wrong {
        judged.add(vec![Violation::new(oracle, ON_THE_SPOT, witness)]);
    }
    judged.add(reads::judge(&ledger, writers));
    judged.shortened()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::OracleName;
    use crate::oracle::history_builder::{Script, W};

    #[test]
    fn rejects_what_a_client_saw_on_the_spot() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]);
        assert_eq!(judge(&script.history(), Writers::FirstWins).violations, []);
        let oracle = OracleName::Scan;
        let witness = "T0.1: a scan skipped a".to_owned();
        let judged =
            judge(&script.event(Event::Wrong { oracle, witness }).history(), Writers::FirstWins);
        assert_eq!(judged.violations[0].oracle, OracleName::Scan);
        assert_eq!(judged.transactions_judged, 1);
    }
}
