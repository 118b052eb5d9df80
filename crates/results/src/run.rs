//! The record of a run, `target/prod/run.json`, which `prod` writes beside the merged report: what
//! that format has no place for. Data only. Units stand in the names; a seed is text, because readers
//! in other languages round numbers of 64 bits.

use crate::{
    absorbed::Absorbed,
    document::Document,
    outcome::{Outcome, word},
    standing::Standing,
};
use serde::{Deserialize, Serialize};

/// A run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`Document::FORMAT`].
    pub format: u32,
    /// The engine under test: name, version, and where it is from.
    pub engine: String,
    /// The root seed.
    pub root_seed: String,
    /// When it started, in seconds since 1970.
    pub started_unix_s: u64,
    /// From its start to its end.
    pub wall_s: f64,
    /// How it ended.
    #[serde(with = "word")]
    pub outcome: Outcome,
    /// The exit code: the outcome's, or that of a failure where known findings fail the run.
    pub exit_code: u8,
    /// How many shards it was put together from; 0 for a run on one machine.
    #[serde(default)]
    pub shards: u32,
    /// What failed besides cases, one line each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The known findings that fail it (`MACE_PROD_KNOWN`), one line each. The outcome is without them.
    #[serde(default)]
    pub counted: Vec<String>,
    /// What it put down to known findings.
    #[serde(default)]
    pub absorbed: Vec<Absorbed>,
    /// How it stands with the engine's promises. Whether anything got worse is the outcome.
    #[serde(default)]
    pub promises: Vec<Standing>,
    /// Where it ran.
    pub machine: Machine,
    /// Its layers, in the order in which they ran.
    pub layers: Vec<LayerRun>,
    /// The effective knobs.
    pub knobs: Vec<Setting>,
}

impl Document for Run {
    const FORMAT: u32 = 1;
}

/// A machine, as far as figures depend on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system, as Rust calls it.
    pub os: String,
    /// The processor's architecture, as Rust calls it.
    pub arch: String,
    /// How many threads run at once.
    pub cores: usize,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        }
    }
}

/// One layer of a run, without its cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerRun {
    /// How the layer is called in the reports.
    pub label: String,
    /// `failpoints` or `plain`.
    pub build: String,
    /// From the start of nextest to its end; of shards, the sum.
    pub wall_s: f64,
    /// How it ended.
    #[serde(with = "word")]
    pub outcome: Outcome,
    /// The longest that a yardstick saw the machine away while it ran, in microseconds; of shards, the longest of
    /// all; absent where nobody measured.
    #[serde(default)]
    pub machine_away_us: Option<u64>,
}

/// A knob with its effective value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The knob's name.
    pub name: String,
    /// Its value; `None` where it has none.
    pub value: Option<String>,
    /// Where the value came from, in words.
    pub source: String,
}
