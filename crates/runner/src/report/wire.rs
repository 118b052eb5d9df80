//! The record of a run, `target/prod/run.json`, which `prod` writes beside the merged report:
//! what that format has no place for. Data only. Units stand in the names; a seed is text, because
//! readers in other languages round numbers of 64 bits.

use serde::{Deserialize, Serialize};

/// The version of the format that is written; readers refuse others.
pub const FORMAT: u32 = 1;

/// A run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Run {
    /// [`FORMAT`].
    pub format: u32,
    /// The engine under test: name, version, and where it is from.
    pub engine: String,
    /// The root seed.
    pub root_seed: String,
    /// When it started, in seconds since 1970.
    pub started_unix_s: u64,
    /// From its start to its end.
    pub wall_s: f64,
    /// `passed`, `failed`, `broken` or `interrupted`.
    pub outcome: String,
    /// The exit code that says the same.
    pub exit_code: u8,
    /// How many shards it was put together from; 0 for a run on one machine.
    #[serde(default)]
    pub shards: u32,
    /// What failed besides cases, one line each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Where it ran.
    pub machine: Machine,
    /// Its layers, in the order in which they ran.
    pub layers: Vec<Layer>,
    /// The effective knobs.
    pub knobs: Vec<Setting>,
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

/// One layer of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// How the layer is called in the reports.
    pub label: String,
    /// `failpoints` or `plain`.
    pub build: String,
    /// From the start of nextest to its end; of shards, the sum.
    pub wall_s: f64,
    /// As for the run.
    pub outcome: String,
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

impl Setting {
    /// All knobs of `knobs`, files relative to the workspace.
    pub fn all(knobs: &knobs::Knobs) -> Vec<Self> {
        let setting = |setting: &knobs::Setting| {
            let source = match &setting.source {
                knobs::Source::File(file) => {
                    file.strip_prefix(knobs.root()).unwrap_or(file).display().to_string()
                }
                other => other.to_string(),
            };
            Self { name: setting.knob.name.to_owned(), value: setting.value.clone(), source }
        };
        knobs.settings().iter().map(setting).collect()
    }
}

/// What [`Run::new`] needs beside the layers and knobs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// [`Run::engine`].
    pub engine: String,
    /// [`Run::root_seed`].
    pub root_seed: u64,
    /// [`Run::started_unix_s`].
    pub started_unix_s: u64,
    /// [`Run::wall_s`].
    pub wall_s: f64,
    /// [`Run::outcome`].
    pub outcome: &'static str,
    /// [`Run::exit_code`].
    pub exit_code: u8,
    /// [`Run::shards`].
    pub shards: u32,
    /// [`Run::notes`].
    pub notes: Vec<String>,
}

impl Run {
    /// The record of a run on this machine, in the current format.
    pub fn new(facts: Facts, layers: Vec<Layer>, knobs: Vec<Setting>) -> Self {
        Self {
            format: FORMAT,
            engine: facts.engine,
            root_seed: facts.root_seed.to_string(),
            started_unix_s: facts.started_unix_s,
            wall_s: facts.wall_s,
            outcome: facts.outcome.to_owned(),
            exit_code: facts.exit_code,
            shards: facts.shards,
            notes: facts.notes,
            machine: Machine::here(),
            layers,
            knobs,
        }
    }
}
