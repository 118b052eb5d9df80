//! The validation suite for an embedded key-value storage engine.
//!
//! Settings choose a scenario, a scenario drives a real engine, what happened becomes a history,
//! oracles judge the history, a verdict becomes a report. The modules stand in that order and a
//! module uses only what stands above it; `tests/tidy.rs` enforces it. See ARCHITECTURE.md.
