//! What runs leave behind, read back and shown to a person: one HTML page, Markdown for a job
//! summary, `OpenMetrics` text, Bencher's JSON. Reads files below the workspace; it runs nothing,
//! judges nothing anew and prints nothing.
//!
//! What is absent is said once and is no error. What is there and malformed becomes a
//! [`Problem`]: shown on the page, and one line for the console.
//!
//! Files become a [`Model`] (`read`), and the model becomes text (`html`, `markdown`, `metrics`,
//! `bencher`); nothing else reads a file, nothing else knows a format.

mod bencher;
mod coverage;
mod html;
mod markdown;
mod metrics;
mod model;
mod number;
mod read;
mod svg;
mod verdict;
pub mod wire;

pub use bencher::bencher;
pub use html::html;
pub use markdown::markdown;
pub use metrics::openmetrics;
pub use model::{
    Case, Cycle, Known, Layer, Model, Perf, PerfCase, Point, Problem, Results, Soak, SoakFailure,
    Source,
};
pub use read::{Places, read};
pub use verdict::Verdict;
