//! Streams of operations, drawn from a seed. Pure generation: no engine, no thread, no clock.

pub mod bank;
pub mod churn;
pub mod elements;
pub mod lists;
pub mod plan;
pub mod records;
mod source;
pub mod value;
mod version;

pub use bank::Bank;
pub use lists::Lists;
pub use plan::{Access, Mix, Op, Sweep, TxnPlan};
pub use source::Source;
pub use value::marker_key;
pub use version::{TxnId, Version};
