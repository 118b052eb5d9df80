//! What is written and read: the marker lines of a case, cases and layers, the record of a run, what a
//! long run records and how its rows are judged, the words for outcomes, and statistics. Writers and
//! readers use the same types. Text and data only: it opens no file, starts no process and runs no
//! layer.

pub mod absorbed;
pub mod case;
pub mod contents;
pub mod costs;
pub mod detection;
pub mod document;
pub mod failing;
pub mod gate;
pub mod judge;
pub mod ledger;
pub mod limits;
pub mod marker;
pub mod outcome;
pub mod resident;
pub mod row;
pub mod run;
pub mod seeds;
pub mod snapshot;
pub mod standing;
pub mod state;
pub mod stats;
pub mod waits;

pub use case::{Case, CaseId, CaseOutcome, Layer};
pub use document::{Document, FormatError};
pub use outcome::Outcome;
