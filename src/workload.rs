//! Streams of operations, drawn from a seed. Pure generation: no engine, no thread, no clock.

pub mod bank;
pub mod churn;
pub mod elements;
pub mod lists;
pub mod plan;
pub mod records;
pub mod value;

pub use bank::Bank;
pub use lists::Lists;
pub use plan::{Access, Mix, Op, Source, Sweep, TxnPlan};
pub use value::{TxnId, Version, marker_key};
