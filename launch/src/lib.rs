//! What the programs of this repository share: how they read their command line, start and end
//! children, write files that survive a kill, name the one reason why they cannot go on, and make sure
//! which engine cargo builds.
//!
//! It knows no layer, no bench and no engine but its name, and decides nothing about results.

pub mod cli;
pub mod console;
pub mod engine;
mod error;
pub mod folder;
mod manifest;
mod outcome;
mod process;
pub mod store;
pub mod wanted;
pub mod workspace;

pub use error::{Error, Result};
pub use outcome::Outcome;
pub use process::{Companion, Interrupts, Silence};
