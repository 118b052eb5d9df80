//! Power loss and failing disks for embedded storage engines. Knows neither an engine nor a test
//! suite: a caller runs a store under a session, explores the crash states of its folder, and
//! judges each of them.
//!
#![cfg_attr(all(target_os = "linux", target_env = "gnu"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(target_os = "linux", target_env = "gnu")),
    expect(dead_code, reason = "traces can be read everywhere and recorded on glibc only")
)]
#![deny(missing_docs)]

mod build;
mod content;
mod crash;
mod describe;
mod error;
mod finding;
mod frame;
mod image;
mod judge;
mod names;
mod op;
mod persist;
mod plan;
mod report;
mod session;
mod state;
mod trace;
mod unsynced;
mod volume;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod armed;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod explore;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod fault;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod fd;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "libc's lengths and offsets change sign from call to call; the kernel reads the bits"
)]
mod hook;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod next_symbol;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod record;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod shrink;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod worker;

pub use error::{Error, Result};
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub use explore::Explore;
pub use finding::Finding;
pub use image::Image;
pub use judge::{Case, Outcome, command};
pub use op::{Call, Event, Ino, Kind, Mark, MarkKind, Name, Op, Scope};
pub use persist::Profile;
pub use plan::{Plan, Rule, VARIABLE};
pub use report::{Report, Tally};
pub use session::{Recording, Session, acked, begun, note};
pub use state::{Garbage, State, Step, Tear};
pub use trace::{Refusal, RuleHits, Summary, Trace};
pub use unsynced::{Pending, Unsynced};
pub use volume::Volume;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub use worker::Fork;
