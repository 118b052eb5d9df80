//! Cause: a durable commit writes its record to the log and then waits for the sync. When the sync
//! fails, `commit` answers with `IoError` and the transaction is dropped, which writes an abort record
//! behind the commit record and undoes the work in memory (`TxnKV::commit` and `Drop`,
//! `src/index/txn.rs`). Recovery meets the commit record first and forgets where the transaction's
//! updates end (`mark_committed`, `src/store/recovery.rs`), so that the abort record behind it finds
//! nothing to undo (`mark_aborted`). Redo passes the work over, but pages that a checkpoint wrote in
//! between hold it, and nothing says any more that it was aborted.
//!
//! Sequence: on the durable route, commit; the `fsync` of the log fails once, under a commit to two
//! leaves; a checkpoint; the same client goes on, sees that commit undone, replaces the version that
//! it had replaced and writes more to one of the leaves, until the engine folds it and drops what was
//! aborted there; a checkpoint; the process ends, and the database is opened again. No power is lost.
//!
//! Symptom: what the failed commit wrote is there again, beside the work of those who were shown that
//! it had not happened and who replaced the same version. From the second checkpoint on the folded
//! leaf does not show it, and the other one does: half of a transaction.
//!
//! Broken promises: of two transactions that replace one version, one is refused; a transaction is
//! whole or absent.

use crate::power::search::Search;
use faultfs::Step as Explored;
use mace_prod::{
    engine::Preset,
    history::clients::Traffic,
    scenario::{
        chaos::recipes::Stages,
        database::Stage,
        regression::Regression,
        run::{
            Judging,
            session::{Script, Verbs},
        },
    },
    verdict::Verdict,
    workload::{Source, Sweep},
};

/// Both symptoms.
const SHOWN: [&str; 2] = [
    "isolation: of two transactions that replace one version, one is refused",
    "atomicity: a transaction is whole or absent",
];

/// Transactions before the one that fails.
const BEFORE: u64 = 10;

pub(crate) fn body(finding: &mut Regression<'_>) -> Judging<()> {
    let preset = Preset::OneWriter;
    let options = preset.engine().one_log_file();
    let writes = |sweep: Sweep| {
        let source = Source::Sweep(sweep);
        Traffic { first_client: 0, clients: 1, source, txns: 0 }
    };
    let steps = Script::of(&preset.bucket().checkpoints_when_asked(), |s| {
        s.open("a");
        s.work("a", writes(Sweep::fill(20 * BEFORE, 100, 20)));
        s.work("a", writes(Sweep { first: 10, step: 140, ..Sweep::fill(151, 100, 2) }));
        s.checkpoint("a");
        s.work("a", writes(Sweep { first: 20, ..Sweep::fill(60, 100, 10) }));
        s.checkpoint("a");
    });
    let stages = Stages { setup: Vec::new(), armed: Stage::closing(&options, steps) };
    let rule = format!("fsync[wal]={BEFORE}*off->1*return(EIO)");
    // Prefixes of what was done are what an end of the process leaves, at the last of them all of it.
    let search = Search { faults: &rule, ..Search::new(&stages, &[Explored::Prefix]) };
    let found = search.run(finding.case)?;
    let shown = SHOWN.map(|symptom| found.says(symptom));
    finding.shows(shown == [true; 2])?;
    if shown != [false; 2] {
        let why = format!("one symptom of two shows: {:?}", found.findings);
        return Err(Verdict::Inconclusive(why));
    }
    finding.came_to("a failed sync of the log", found.faults());
    found.tell(finding);
    Ok(())
}
