//! What the programs of this repository share: how they read their command line, start and end
//! children, read what a child holds, write files that survive a kill, name the one reason why they
//! cannot continue, and make sure which engine cargo builds.
//!
//! It knows no layer, no bench and no engine but its name, and decides nothing about results.

mod children;
pub mod cli;
pub mod console;
pub mod engine;
mod error;
pub mod fixes;
pub mod folder;
mod manifest;
pub mod miniature;
pub mod sample;
pub mod scratch;
pub mod store;
pub mod wanted;
pub mod workspace;

pub use children::{Companion, Interrupts, Silence};
pub use error::{Error, Result};
pub use results::Outcome;
