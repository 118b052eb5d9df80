//! The `perf` binary as a user meets it. The benches of the fixture are a program that writes down
//! times instead of taking them, so that the whole path runs and nothing is measured. Cases named
//! `cargo_…` build something, and so run one at a time.

mod costs;
#[cfg(unix)]
mod counting;
mod drop_in;
mod engines;
mod fixture;
mod gate;
#[cfg(unix)]
mod lacking;
mod plain;
mod proof;
mod refused;
#[cfg(unix)]
mod signals;
