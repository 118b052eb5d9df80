//! The `perf` binary as a user meets it. The benches of the fixture are a program that writes down
//! times instead of taking them, so that the whole path runs and nothing is measured. Cases named
//! `cargo_…` build something, and so run one at a time.

#[cfg(unix)]
#[path = "cli/counting.rs"]
mod counting;
#[path = "cli/engines.rs"]
mod engines;
#[path = "cli/fixture.rs"]
mod fixture;
#[path = "cli/gate.rs"]
mod gate;
#[cfg(unix)]
#[path = "cli/lacking.rs"]
mod lacking;
#[path = "cli/plain.rs"]
mod plain;
#[path = "cli/proof.rs"]
mod proof;
#[path = "cli/refused.rs"]
mod refused;
#[cfg(unix)]
#[path = "cli/signals.rs"]
mod signals;
