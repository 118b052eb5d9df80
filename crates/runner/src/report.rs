//! What runs leave behind, shown to a person: the text at the end of a run, one HTML page, Markdown
//! for a job summary, `OpenMetrics` text, Bencher's JSON. It runs nothing and judges nothing anew.
//!
//! An absent file is named once and is no error. A malformed one becomes a [`Problem`]: shown on the
//! page, and one line for the console.
//!
//! Files become a [`Model`] (`read`), and the model becomes text (`text`, `html`, `markdown`,
//! `metrics`, `bencher`); nothing else reads a file, nothing else knows a format.

mod absorbed;
mod annotations;
mod bencher;
mod coverage;
mod html;
mod markdown;
mod metrics;
mod model;
mod number;
mod read;
mod standing;
mod svg;
mod text;
mod waits;
mod write;

pub(crate) use absorbed::said;
pub use annotations::annotations;
pub use bencher::bencher;
pub use html::html;
pub use markdown::markdown;
pub use metrics::openmetrics;
pub use model::{Cycle, Known, Model, Perf, PerfCase, Point, Problem, Results, Soak, Source};
pub use read::{Places, read};
pub(crate) use standing::verdicts;
pub(crate) use text::{counts, summary};
pub(crate) use write::write;
