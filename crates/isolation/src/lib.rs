//! Checks recorded histories of transactions for snapshot isolation, or for serialisability
//! ([`check_at`]), in linear time, and explains each violation.
//!
//! A workload that this crate can check gives every written value a unique number and reads a key
//! before it writes it. Then each write names the version that it replaced, the versions of a key
//! form a chain, and no solver is needed. In lists that only grow, the value holds the chain
//! itself. Sets whose additions commute are the exception: they have an order of their own.
//!
//! ```
//! use isolation::{Anomaly, History, Outcome, check};
//!
//! let mut history = History::new();
//! // Two transactions read key 0 as absent, and both write it.
//! for (session, begin) in [(0, 1), (1, 2)] {
//!     history.begin(session, begin);
//!     history.read(0, None);
//!     history.write(0, session.into());
//!     history.end(Outcome::Committed, begin + 10, begin + 20);
//! }
//! let report = check(&history)?;
//! assert!(report.found(Anomaly::LostUpdate));
//! # Ok::<(), isolation::Malformed>(())
//! ```
//!
//! The crate knows no engine and no test suite. It reads no clock, no file and no environment, and
//! never panics on a history that its own methods accepted.

mod anomaly;
mod check;
mod component;
mod cycle;
pub mod explain;
mod export;
mod form;
mod graph;
mod history;
mod infer;
mod jepsen;
mod level;
mod resolve;
pub mod synthetic;
mod verdict;

pub use anomaly::{Anomaly, Edge, Evidence, Malformed, Violation, Why};
pub use check::{Report, Seen, check, check_at};
pub use export::{Shape, elle};
pub use form::Unreadable;
pub use history::{Direction, History, Items, Key, Op, Outcome, Txn, Version};
pub use level::Level;
pub use verdict::{Judgement, judge};
