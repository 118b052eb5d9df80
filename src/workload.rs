//! Streams of operations, drawn from a seed. Pure generation: no engine, no thread, no clock.

pub mod value;

pub use value::{TxnId, Version};
