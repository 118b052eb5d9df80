//! Durability: acknowledged work survives.
//!
//! Verifies, at each reopening: every transaction whose acknowledgement the promise covers took
//! effect (its client's marker is not older than it, and the state does not deny it); a bucket
//! whose creation was acknowledged is there, and one whose deletion was acknowledged is not.
//!
//! Does not verify:
//! - an acknowledged transaction all of whose writes were overwritten since, when its client's
//!   marker is newer too: the state cannot say whether it was there, and nobody can tell;
//! - that every write of a survivor is there: that is atomicity's;
//! - that acknowledged work outlives a power loss: the promise says which acknowledgements count,
//!   and who loses the power says the promise.

use super::{
    OracleName, Violation,
    recovered::Recovered,
    terms::{Terms, broken},
};

/// The oracle's name.
pub const NAME: OracleName = OracleName::Durability;

const PROMISE: &str = "an acknowledged commit survives";
const PROMISE_CREATED: &str = "an acknowledged creation of a bucket survives";
const PROMISE_DELETED: &str = "logical delete is durable at return";

/// Judges the transactions of one bucket at one reopening.
pub fn judge(recovered: &Recovered) -> Vec<Violation> {
    let terms = &recovered.terms;
    let owed = recovered.work.iter().filter(|record| terms.promised(record));
    owed.filter_map(|record| {
        let how = recovered.lost.get(&record.id)?;
        let witness = format!("{} was acknowledged and is lost: {how}", record.id);
        Some(broken(NAME, PROMISE, terms, &witness))
    })
    .collect()
}

/// Judges whether a bucket is there.
pub fn bucket(terms: &Terms, there: bool) -> Vec<Violation> {
    let owed = |stamp: Option<u64>| stamp.is_some_and(|stamp| stamp < terms.cutoff);
    let mut violations = Vec::new();
    if owed(terms.life.created) && !terms.life.deleting && !there {
        let witness = "its creation was acknowledged and it is not there";
        violations.push(broken(NAME, PROMISE_CREATED, terms, witness));
    }
    if owed(terms.life.deleted) && there {
        let witness = "its deletion was acknowledged and it is there";
        violations.push(broken(NAME, PROMISE_DELETED, terms, witness));
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        history::{BucketChange, Event, dump::Pairs},
        oracle::history_builder::{Script, W, found, raised, raised_after_power_loss},
    };

    #[test]
    fn accepts_what_is_there_and_either_unknown_outcome() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]).unknown("b", 1, &[("c", W::Set)]);
        assert_eq!(raised(&script, &[found(&script, script.state("b"))]), [NAME; 0]);
        let with = script.clone().took_effect(1);
        assert_eq!(raised(&with, &[found(&with, with.state("b"))]), [NAME; 0]);
    }

    #[test]
    fn rejects_a_lost_acknowledgement() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]);
        let before = script.state("b");
        let script = script.txn("b", 0, &[("a", W::Set)]);
        assert_eq!(raised(&script, &[found(&script, before)]), [NAME]);
        assert_eq!(raised(&script, &[found(&script, Pairs::new())]), [NAME, NAME]);
    }

    #[test]
    fn accepts_a_loss_that_no_barrier_covers() {
        let script = Script::new().txn("b", 0, &[("a", W::Set)]);
        assert_eq!(raised_after_power_loss(&script, Pairs::new()), (vec![], vec![]));
        let script = script.event(Event::Synced { asked: 100, stamp: 101 });
        assert_eq!(raised_after_power_loss(&script, Pairs::new()), (vec![NAME], vec![]));
    }

    #[test]
    fn rejects_lost_buckets_and_deleted_ones_that_stay() {
        let script = Script::new().changed("x", BucketChange::Created);
        assert_eq!(raised(&script, &[found(&script, Pairs::new())]), [NAME]);
        let script = script.changed("x", BucketChange::Deleting);
        assert_eq!(raised(&script, &[found(&script, Pairs::new())]), [NAME; 0]);
        let script = Script::new().txn("b", 0, &[]).deleted("b");
        assert_eq!(raised(&script, &[found(&script, Pairs::new())]), [NAME]);
    }
}
