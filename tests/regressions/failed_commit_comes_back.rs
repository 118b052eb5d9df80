//! Cause: a durable commit writes its record to the log and then waits for the sync. When the sync
//! fails, `commit` answers with `IoError` and the transaction is dropped, which writes an abort record
//! behind the commit record and undoes the work in memory (`TxnKV::commit` and `Drop`,
//! `src/index/txn.rs`). Recovery meets the commit record first and forgets where the transaction's
//! updates end (`mark_committed`, `src/store/recovery.rs`), so that the abort record behind it finds
//! nothing to undo (`mark_aborted`). Redo passes the work over, but pages that a checkpoint wrote in
//! between hold it, and nothing says any more that it was aborted.
//!
//! Sequence: on the durable route, commit; let the `fsync` of the log fail once while another commit
//! waits for it; a checkpoint; the same client goes on, sees its last commit undone and replaces the
//! version that it had replaced, which is acknowledged; the process ends, and the database is opened
//! again. No power is lost.
//!
//! Symptom: what the failed commit wrote is there again, beside the work of those who were shown that
//! it had not happened and who replaced the same version.
//!
//! Broken promise: of two transactions that replace one version, one is refused.

use crate::explore::shown_under;
use faultfs::Step as Explored;
use mace_prod::{
    engine::Family,
    history::{drive::Traffic, script::Step},
    scenario::{Case, chaos::recipes::Stages, database::Stage, power::known::REVIVED_COMMIT},
    verdict::Verdict,
    workload::{Source, Sweep},
};

const REPLACED: &str = "isolation: of two transactions that replace one version, one is refused";

/// The second commit's sync of the log fails, and no other.
const RULE: &str = "fsync[wal]=1*off->1*return(EIO)";

/// Runs the case.
pub(crate) fn judge(case: &mut Case) -> Verdict {
    let family = Family::OneWriter;
    let options = family.engine().one_log_file();
    let bucket = || "a".to_owned();
    let writes = |first_client, first, length| {
        let source = Source::Sweep(Sweep { first, ..Sweep::fill(first + 4, length, 2) });
        let traffic = Traffic { first_client, clients: 1, source, txns: 0 };
        Step::Traffic { bucket: bucket(), traffic }
    };
    let steps = vec![
        Step::Open { bucket: bucket(), options: family.bucket().checkpoints_when_asked() },
        writes(1, 0, 1000),
        writes(0, 20, 100),
        Step::Checkpoint { bucket: bucket() },
        writes(1, 10, 100),
    ];
    let stages = Stages { setup: Vec::new(), armed: Stage::closing(&options, steps) };
    // Prefixes of what was done are what an end of the process leaves, at the last of them all of it.
    match shown_under(case, &stages, &[Explored::Prefix], RULE) {
        Err(verdict) => verdict,
        Ok(words) if words.iter().any(|words| words.contains(REPLACED)) => {
            case.known_finding(REVIVED_COMMIT)
        }
        Ok(_) => Verdict::Pass,
    }
}
