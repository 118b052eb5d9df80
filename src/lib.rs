//! The validation suite for an embedded key-value storage engine.
//!
//! Settings choose a scenario, a scenario drives a real engine, what happened becomes a history,
//! oracles judge the history, a verdict becomes a report. The modules stand in that order and a
//! module uses only what stands above it; `tests/tidy.rs` enforces it. See ARCHITECTURE.md.

pub mod error;
pub mod testdir;

pub mod settings;

pub mod engine;

pub mod workload;

pub mod history;

pub mod oracle;

pub mod verdict;

pub mod report;

pub mod scenario;
