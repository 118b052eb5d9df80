//! Who must catch which sin: for each one the scene it is committed in, the oracle in charge, and
//! words of the promise that it must say was broken.

use crate::stage::{self, Outcome, Play};
use mace_prod::engine::lying::{Death, Loss, Sin};

/// Who must catch a sin, and where.
pub(crate) struct Charge {
    /// The scene.
    pub(crate) play: fn(Play) -> Outcome,
    /// The oracle in charge.
    pub(crate) oracle: &'static str,
    /// Words of the broken promise.
    pub(crate) promise: &'static str,
}

/// The charge of a sin.
pub(crate) fn charge(sin: Sin) -> Charge {
    let (play, oracle, promise): (fn(Play) -> Outcome, _, _) = match sin {
        Sin::AcknowledgedDropped => (closed, "durability", "acknowledged commit survives"),
        Sin::LastWriteDropped | Sin::FirstWriteDropped | Sin::OperandDropped => {
            (closed, "atomicity", "whole or absent")
        }
        Sin::MiddleDropped | Sin::ReadFromDropped => (closed, "order", "prefix"),
        Sin::AbortedRevived => (closed, "contents", "aborted versions"),
        Sin::UncommittedKept => (dead_and_lost, "contents", "aborted versions"),
        Sin::InFlightTorn => (dead_and_lost, "atomicity", "whole or absent"),
        Sin::LostFlips => (dead_and_lost, "stability", "stays"),
        Sin::KeptFlips => (dead_and_kept, "stability", "stays"),
        Sin::SecondReopeningDiffers => (closed, "stability", "stays"),
        Sin::NeverWritten | Sin::Truncated | Sin::OfAnotherKey => {
            (closed, "contents", "at this key, in full")
        }
        Sin::ReplacedWriteKept => (closed, "contents", "last writes"),
        Sin::OperandTwice => (closed, "contents", "operand counts once"),
        Sin::BucketDropped => (deleted, "durability", "creation of a bucket"),
        Sin::BucketRevived => (deleted, "durability", "delete is durable"),
        Sin::SuccessorSeesFormer => (followed, "contents", "fresh id"),
        Sin::BarrierDoesNothing => (powerless, "durability", "acknowledged commit survives"),
        Sin::CheckpointDrops => (stage::checkpoint, "durability", "acknowledged commit survives"),
        Sin::CopyDrops => (stage::copy, "durability", "acknowledged commit survives"),
        Sin::StaleRead | Sin::AcknowledgedThenDropped => (closed, "reads", "before it began"),
        Sin::DirtyRead | Sin::ReplacedWriteRead => (closed, "reads", "committed work only"),
        Sin::ConflictMissed => (closed, "reads", "first writer"),
        Sin::ScanSkips
        | Sin::ScanRepeats
        | Sin::BackwardDisordered
        | Sin::BoundExcluded
        | Sin::EndsOverlap
        | Sin::PointReadMisses => (stage::scans, "scan", "without duplicates"),
        Sin::ViewMoves => (stage::views, "reads", "exactly their snapshot"),
        Sin::ViewTorn => (stage::bank, "conservation", "all of a transaction"),
        Sin::FileStays => (stage::files, "space", "without live data"),
        Sin::FileGrows => (stage::files, "space", "garbage ratio"),
        Sin::LockLeaks => (stage::threads, "progress", "succeeds"),
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
