//! Every knob of the suite: its home, its parsing and where its value came from.
//!
//! The only crate that reads the process environment. It knows no engine, opens no database and
//! starts no process; it reads the environment and the files in `.config/`, nothing else.
//!
//! A value comes from the first of: command-line flag, environment, the full profile of the benches
//! where that is asked for, the knob's file in `.config/`, built-in default. A value that does not parse is an error that names the knob, the value and
//! the place it came from; there is no fallback.

pub mod budget;
pub mod engines;
mod env;
mod error;
pub mod findings;
mod home;
mod kind;
mod render;
mod resolve;
mod row;
pub mod runtime;
mod shell;
mod table;
pub mod value;

pub use env::Environment;
pub use error::KnobError;
pub use home::{NextestKey, find_root, nextest_keys};
pub use kind::{Kind, shard};
pub use resolve::{Knobs, Setting, Source};
pub use row::{Home, Knob};
pub use table::knob;
pub use value::Handle;
