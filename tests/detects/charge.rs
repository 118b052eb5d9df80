//! Who must catch which sin: for each one the scene it is committed in, the oracle in charge, and
//! words of the promise that it must say was broken.

use crate::stage::{self, Outcome, Play};
use mace_prod::engine::lying::{Death, Loss, Sin};
use mace_prod::oracle::OracleName;

/// Who must catch a sin, and where.
pub(crate) struct Charge {
    /// The scene.
    pub(crate) play: fn(Play) -> Outcome,
    /// The oracle in charge.
    pub(crate) oracle: OracleName,
    /// Words of the broken promise.
    pub(crate) promise: &'static str,
}

/// The charge of a sin.
pub(crate) fn charge(sin: Sin) -> Charge {
    let (play, oracle, promise): (fn(Play) -> Outcome, _, _) = match sin {
        Sin::AcknowledgedDropped => {
            (closed, OracleName::Durability, "acknowledged commit survives")
        }
        Sin::LastWriteDropped | Sin::FirstWriteDropped | Sin::OperandDropped => {
            (closed, OracleName::Atomicity, "whole or absent")
        }
        Sin::MiddleDropped | Sin::ReadFromDropped => (closed, OracleName::Order, "prefix"),
        Sin::AbortedRevived => (closed, OracleName::Contents, "aborted versions"),
        Sin::UncommittedKept => (dead_and_lost, OracleName::Contents, "aborted versions"),
        Sin::InFlightTorn => (dead_and_lost, OracleName::Atomicity, "whole or absent"),
        Sin::LostFlips => (dead_and_lost, OracleName::Stability, "stays"),
        Sin::KeptFlips => (dead_and_kept, OracleName::Stability, "stays"),
        Sin::SecondReopeningDiffers => (closed, OracleName::Stability, "stays"),
        Sin::NeverWritten | Sin::Truncated | Sin::OfAnotherKey => {
            (closed, OracleName::Contents, "at this key, in full")
        }
        Sin::ReplacedWriteKept => (closed, OracleName::Contents, "last writes"),
        Sin::OperandTwice => (closed, OracleName::Contents, "operand counts once"),
        Sin::BucketDropped => (deleted, OracleName::Durability, "creation of a bucket"),
        Sin::BucketRevived => (deleted, OracleName::Durability, "delete is durable"),
        Sin::SuccessorSeesFormer => (followed, OracleName::Contents, "fresh id"),
        Sin::BarrierDoesNothing => {
            (powerless, OracleName::Durability, "acknowledged commit survives")
        }
        Sin::CheckpointDrops => {
            (stage::checkpoint, OracleName::Durability, "acknowledged commit survives")
        }
        Sin::CopyDrops => (stage::copy, OracleName::Durability, "acknowledged commit survives"),
        Sin::StaleRead | Sin::AcknowledgedThenDropped => {
            (closed, OracleName::Reads, "before it began")
        }
        Sin::DirtyRead | Sin::ReplacedWriteRead => {
            (closed, OracleName::Reads, "committed work only")
        }
        Sin::ConflictMissed => (closed, OracleName::Reads, "first writer"),
        Sin::ScanSkips
        | Sin::ScanRepeats
        | Sin::BackwardDisordered
        | Sin::BoundExcluded
        | Sin::EndsOverlap
        | Sin::PointReadMisses => (stage::scans, OracleName::Scan, "without duplicates"),
        Sin::ViewMoves => (stage::views, OracleName::Reads, "exactly their snapshot"),
        Sin::ViewTorn => (stage::bank, OracleName::Conservation, "all of a transaction"),
        Sin::FileStays => (stage::files, OracleName::Space, "without live data"),
        Sin::FileGrows => (stage::files, OracleName::Space, "garbage ratio"),
        Sin::LockLeaks => (stage::threads, OracleName::Progress, "succeeds"),
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
