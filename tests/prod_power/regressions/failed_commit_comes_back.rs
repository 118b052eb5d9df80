//! Cause: a durable commit writes its record to the log and then waits for the sync. When the sync fails,
//! `commit` returns `IoError` and the transaction is dropped, which writes an abort record behind the commit
//! record and undoes the work in memory (`TxnKV::commit` and `Drop`, `src/index/txn.rs`). Recovery meets the
//! commit record first and forgets where the transaction's updates end (`mark_committed`,
//! `src/store/recovery.rs`), so the abort record behind it finds nothing to undo (`mark_aborted`). Redo skips
//! the work, but pages that a checkpoint wrote in between hold it, and nothing says any more that it was
//! aborted.
//!
//! This is a regression: in 0.1.0 and 0.1.1 a failed sync of the log panicked (`GatherWriter::sync`,
//! `src/utils/data.rs`: `must_ok!`). Since 0.1.2 it is an error value, and the engine goes on.
//!
//! Sequence:
//! 1. On the durable route, let the `fsync` of the log fail once, under a commit to two leaves, and write a
//!    checkpoint.
//! 2. With the same client, which sees that commit undone, replace the version that it had replaced.
//! 3. Write more to one of the two leaves, until the engine folds it and drops what was aborted there, and
//!    write a checkpoint.
//! 4. End the process, without a power loss, and open the database again.
//!
//! Symptom: what the failed commit wrote is there again. Beside it stands the work of clients that were shown
//! that it had not happened, and that replaced the same version. From the second checkpoint on the folded leaf
//! does not show it and the other one does: half of a transaction.
//!
//! Broken promises: of two transactions that replace one version, one is refused. A transaction is whole or
//! absent.
//!
//! Ruled out: a power loss, and the failed sync alone. Each state that is opened holds everything written up to
//! some point in time, so no byte is lost. After the same failed sync, without a checkpoint behind it, the
//! commit is still undone after the next opening.

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
