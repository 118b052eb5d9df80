//! The `prod` binary as a user meets it: what it refuses, what it runs, how it ends. One binary;
//! each theme has a module. Cases named `cargo_…` build a small workspace with the real cargo and
//! nextest, and so run one at a time. Scripts for `sh` and signals stand in for users and machines here,
//! so they need Unix.

#![cfg(unix)]

#[path = "cli/bad_input.rs"]
mod bad_input;
#[path = "cli/bootstrap.rs"]
mod bootstrap;
#[path = "cli/consumers.rs"]
mod consumers;
#[path = "cli/engines.rs"]
mod engines;
#[path = "cli/features.rs"]
mod features;
#[path = "cli/fixture.rs"]
mod fixture;
#[path = "cli/layers.rs"]
mod layers;
#[path = "cli/runs.rs"]
mod runs;
#[path = "cli/shards.rs"]
mod shards;
#[path = "cli/signals.rs"]
mod signals;
#[path = "cli/soak.rs"]
mod soak;
#[path = "cli/soak_input.rs"]
mod soak_input;
#[path = "cli/workflows.rs"]
mod workflows;
