//! The workload on the toy store and the judge of its crash states. Verifies: every acknowledged
//! transaction is there; every transaction that is there was begun; there are no holes (the state
//! is one after some transaction); values are whole; the reopened store takes and keeps new work.
//! Does not verify time: the worker's deadline catches a hang.

use super::store::{Defect, KEYS, Store, value_of};
use faultfs::{Case, Plan, Result, Session, Trace, acked, begun};
use std::{collections::BTreeMap, path::Path};

/// Puts this many transactions under a session and returns the trace. A put that fails ends the
/// workload, as it would end the work of a client.
pub(crate) fn traced(defect: Defect, puts: u64, faults: &Plan, dir: &Path) -> Result<Trace> {
    let recording = Session::new().plan(faults.clone()).start(dir)?;
    if let Ok(mut store) = Store::open(recording.root(), defect) {
        for _ in 0..puts {
            begun(store.last() + 1);
            if store.put(acked).is_err() {
                break;
            }
        }
    }
    recording.finish()
}

/// Reopens the folder and compares it with the promises.
pub(crate) fn judge(defect: Defect, case: &Case) -> std::result::Result<(), String> {
    let mut store = reopen(defect, case.dir())?;
    let begun_last = case.begun().iter().max().copied().unwrap_or(0);
    let acked_last = case.acked().iter().max().copied().unwrap_or(0);
    check(&store, acked_last, begun_last)?;
    let next = store.last() + 1;
    begun(next);
    store.put(acked).map_err(|error| format!("the reopened store refuses work: {error}"))?;
    drop(store);
    check(&reopen(defect, case.dir())?, next, next)
}

fn reopen(defect: Defect, dir: &Path) -> std::result::Result<Store, String> {
    Store::open(dir, defect).map_err(|error| format!("it does not open: {error}"))
}

fn check(store: &Store, acked: u64, begun: u64) -> std::result::Result<(), String> {
    let last = store.last();
    if last < acked {
        return Err(format!("acknowledged transaction {acked} is gone, the last is {last}"));
    }
    if last > begun {
        return Err(format!("transaction {last} was never begun"));
    }
    let mut expected = BTreeMap::new();
    for txn in 1..=last {
        expected.insert(txn % KEYS, txn);
    }
    for (key, txn) in &expected {
        match store.map().get(key) {
            Some(value) if *value == value_of(*txn) => {}
            Some(_) => return Err(format!("key {key} does not hold the value of {txn}")),
            None => return Err(format!("key {key} of {txn} is gone")),
        }
    }
    Ok(())
}
