//! What a long run records and how it is judged: the rows of its cycles, the ledger of its seeds,
//! the state it resumes from, and judgements over rows and snapshots. It starts no process and runs
//! no layer; the loop that does is `prod soak`.

pub mod gate;
pub mod judge;
pub mod ledger;
pub mod limits;
pub mod resident;
pub mod row;
pub mod sample;
pub mod seeds;
pub mod snapshot;
pub mod stats;
pub mod summary;
