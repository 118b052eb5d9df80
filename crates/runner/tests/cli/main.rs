//! The `prod` binary as a user meets it: what it refuses, what it runs, how it ends. One binary;
//! each theme has a module. Cases named `cargo_…` build a small workspace with the real cargo and
//! nextest, and so run one at a time. Scripts for `sh` and signals stand in for users and machines here,
//! so they need Unix.

#![cfg(unix)]

mod again;
mod bad_input;
mod bootstrap;
mod checker;
mod consumers;
mod coverage;
mod detection;
mod drop_in;
mod engines;
mod features;
mod findings;
mod fixes;
mod fixture;
mod layers;
mod mutants;
mod packages;
mod runs;
mod shards;
mod signals;
mod soak;
mod soak_input;
mod tell;
mod upgrade;
mod workflows;
