//! Who must catch which defect: for each one the scene it is committed in, the oracle in charge, and
//! words of the promise that it must say was broken.

use crate::stage::{self, Outcome, Play};
use mace_prod::engine::faulty::{Death, Defect, Loss};
use mace_prod::oracle::OracleName;

/// Who must catch a defect, and where.
pub(crate) struct Charge {
    /// The scene.
    pub(crate) play: fn(Play) -> Outcome,
    /// The oracle in charge.
    pub(crate) oracle: OracleName,
    /// Words of the broken promise.
    pub(crate) promise: &'static str,
}

/// The charge of a defect.
pub(crate) fn charge(defect: Defect) -> Charge {
    let (play, oracle, promise): (fn(Play) -> Outcome, _, _) = match defect {
        Defect::AcknowledgedDropped => {
            (closed, OracleName::Durability, "acknowledged commit survives")
        }
        Defect::LastWriteDropped | Defect::FirstWriteDropped | Defect::OperandDropped => {
            (closed, OracleName::Atomicity, "whole or absent")
        }
        Defect::MiddleDropped | Defect::ReadFromDropped => (closed, OracleName::Order, "prefix"),
        Defect::SeenDropped => (stage::looking_unsure, OracleName::Isolation, ""),
        Defect::AbortedRevived => (closed, OracleName::Contents, "aborted versions"),
        Defect::UncommittedKept => (dead_and_lost, OracleName::Contents, "aborted versions"),
        Defect::InFlightTorn => (dead_and_lost, OracleName::Atomicity, "whole or absent"),
        Defect::LostFlips => (dead_and_lost, OracleName::Stability, "stays"),
        Defect::KeptFlips => (dead_and_kept, OracleName::Stability, "stays"),
        Defect::SecondReopeningDiffers => (closed, OracleName::Stability, "stays"),
        Defect::NeverWritten | Defect::Truncated | Defect::OfAnotherKey => {
            (closed, OracleName::Contents, "at this key, in full")
        }
        Defect::ReplacedWriteKept => (closed, OracleName::Contents, "last writes"),
        Defect::OperandTwice => (closed, OracleName::Contents, "operand counts once"),
        Defect::BucketDropped => (deleted, OracleName::Durability, "creation of a bucket"),
        Defect::BucketRevived => (deleted, OracleName::Durability, "delete is durable"),
        Defect::SuccessorSeesFormer => (followed, OracleName::Contents, "fresh id"),
        Defect::BarrierDoesNothing => {
            (powerless, OracleName::Durability, "acknowledged commit survives")
        }
        Defect::CheckpointDrops => {
            (stage::checkpoint, OracleName::Durability, "acknowledged commit survives")
        }
        Defect::CopyDrops => (stage::copy, OracleName::Durability, "acknowledged commit survives"),
        Defect::StaleRead | Defect::AcknowledgedThenDropped => {
            (closed, OracleName::Reads, "before it began")
        }
        Defect::DirtyRead | Defect::ReplacedWriteRead => {
            (closed, OracleName::Reads, "committed work only")
        }
        Defect::ConflictMissed => (closed, OracleName::Reads, "first writer"),
        Defect::ScanSkips
        | Defect::ScanRepeats
        | Defect::BackwardDisordered
        | Defect::BoundExcluded
        | Defect::EndsOverlap
        | Defect::PointReadMisses => (stage::scans, OracleName::Scan, "without duplicates"),
        Defect::ViewMoves => (stage::views, OracleName::Reads, "exactly their snapshot"),
        Defect::ViewTorn => (stage::bank, OracleName::Conservation, "all of a transaction"),
        Defect::FileStays => (stage::files, OracleName::Space, "without live data"),
        Defect::FileGrows => (stage::files, OracleName::Space, "garbage ratio"),
        Defect::AccountsDiffer => (stage::checked, OracleName::Accounting, "physically reachable"),
        Defect::ErrorLogged => (stage::checked, OracleName::Logged, "no error"),
        Defect::LockLeaks => (stage::threads, OracleName::Progress, "succeeds"),
    };
    Charge { play, oracle, promise }
}

fn closed(play: Play) -> Outcome {
    stage::crash(play, None, None)
}

fn dead_and_lost(play: Play) -> Outcome {
    stage::crash(play, Some(Death { at_commit: 9, kept: false, loss: Loss::Nothing }), None)
}

fn dead_and_kept(play: Play) -> Outcome {
    stage::crash(play, Some(Death { at_commit: 9, kept: true, loss: Loss::Nothing }), None)
}

fn powerless(play: Play) -> Outcome {
    stage::power(play, Loss::Nothing)
}

fn deleted(play: Play) -> Outcome {
    stage::buckets(play, false)
}

fn followed(play: Play) -> Outcome {
    stage::buckets(play, true)
}
