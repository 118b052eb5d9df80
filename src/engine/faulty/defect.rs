//! What a faulty engine does wrong, and how it dies. Names only; does nothing.

/// The one thing that the engine does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// A reopening loses the last acknowledged commit.
    AcknowledgedDropped,
    /// A reopening loses the last write of a commit.
    LastWriteDropped,
    /// A reopening loses the first write of a commit.
    FirstWriteDropped,
    /// A reopening loses a commit in the middle and keeps later ones.
    MiddleDropped,
    /// A reopening loses a commit and keeps one that read it.
    ReadFromDropped,
    /// A reopening loses a commit that was never acknowledged and that one saw who only read.
    SeenDropped,
    /// A reopening brings back work that was dropped.
    AbortedRevived,
    /// A reopening brings back work that nobody had asked to commit when the process died.
    UncommittedKept,
    /// A commit that was under way at death is kept in half.
    InFlightTorn,
    /// A commit that was lost at death is there at the third opening.
    LostFlips,
    /// A commit that was kept at death is gone at the third opening.
    KeptFlips,
    /// The third opening shows an older state than the second.
    SecondReopeningDiffers,
    /// A reopening shows a value that nobody wrote.
    NeverWritten,
    /// A reopening shows a value that lacks its last byte.
    Truncated,
    /// A reopening shows a key's value at another key.
    OfAnotherKey,
    /// A reopening shows a write that its own transaction replaced.
    ReplacedWriteKept,
    /// A reopening loses an operand.
    OperandDropped,
    /// A reopening counts an operand twice.
    OperandTwice,
    /// A created bucket is not there after a reopening.
    BucketDropped,
    /// A deleted bucket is there after a reopening.
    BucketRevived,
    /// A bucket has data of its deleted namesake.
    SuccessorSeesFormer,
    /// The barrier returns without having done anything.
    BarrierDoesNothing,
    /// A checkpoint loses the last commit.
    CheckpointDrops,
    /// A copy lacks the last commit.
    CopyDrops,
    /// A commit is acknowledged and then dropped.
    AcknowledgedThenDropped,
    /// A transaction does not see the last commit.
    StaleRead,
    /// A transaction sees what another one has not committed.
    DirtyRead,
    /// A transaction sees a write that its own transaction replaced.
    ReplacedWriteRead,
    /// Two transactions write over the same version.
    ConflictMissed,
    /// An ascending scan leaves a key out.
    ScanSkips,
    /// An ascending scan meets a key twice.
    ScanRepeats,
    /// A descending scan has two keys the wrong way round.
    BackwardDisordered,
    /// A scan leaves out the key that its lower bound includes.
    BoundExcluded,
    /// A scan from both ends meets the key in the middle twice.
    EndsOverlap,
    /// A point read does not find a key that scans meet.
    PointReadMisses,
    /// A view shows work that was committed after it was opened.
    ViewMoves,
    /// A scan of a view is made of two moments.
    ViewTorn,
    /// Files of replaced checkpoints stay.
    FileStays,
    /// The one file of checkpoints only grows.
    FileGrows,
    /// A key stays locked after its writer committed, so its next writer never gets on.
    LockLeaks,
    /// The engine's account of its files is not what the files hold.
    AccountsDiffer,
    /// An error is logged, and the call answered as if nothing had been.
    ErrorLogged,
}

impl Defect {
    /// All of them.
    pub const ALL: [Self; 42] = [
        Self::AcknowledgedDropped,
        Self::LastWriteDropped,
        Self::FirstWriteDropped,
        Self::MiddleDropped,
        Self::ReadFromDropped,
        Self::SeenDropped,
        Self::AbortedRevived,
        Self::UncommittedKept,
        Self::InFlightTorn,
        Self::LostFlips,
        Self::KeptFlips,
        Self::SecondReopeningDiffers,
        Self::NeverWritten,
        Self::Truncated,
        Self::OfAnotherKey,
        Self::ReplacedWriteKept,
        Self::OperandDropped,
        Self::OperandTwice,
        Self::BucketDropped,
        Self::BucketRevived,
        Self::SuccessorSeesFormer,
        Self::BarrierDoesNothing,
        Self::CheckpointDrops,
        Self::CopyDrops,
        Self::AcknowledgedThenDropped,
        Self::StaleRead,
        Self::DirtyRead,
        Self::ReplacedWriteRead,
        Self::ConflictMissed,
        Self::ScanSkips,
        Self::ScanRepeats,
        Self::BackwardDisordered,
        Self::BoundExcluded,
        Self::EndsOverlap,
        Self::PointReadMisses,
        Self::ViewMoves,
        Self::ViewTorn,
        Self::FileStays,
        Self::FileGrows,
        Self::LockLeaks,
        Self::AccountsDiffer,
        Self::ErrorLogged,
    ];
}

/// How and when an engine stops answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// It dies in this commit, counted from 1 over all openings, or in the first one after it
    /// that wrote more than one key.
    pub at_commit: u64,
    /// Whether the commits under way take effect.
    pub kept: bool,
    /// What is lost besides.
    pub loss: Loss,
}

/// What a death takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing that was acknowledged: the process died.
    Nothing,
    /// The last commits of the one log, as many as this but none before the last barrier.
    Tail(usize),
    /// The same of each of two logs, to which commits go in turn.
    Tails(usize, usize),
}
