//! The command line, as typed.

use clap::{Parser, Subcommand};
use process::cli::Flags;

/// Measures the engine, compares two versions of it, and proves that the comparison can be believed.
#[derive(Debug, Parser)]
#[command(name = "perf", version, disable_help_subcommand = true, args_override_self = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measure every case once and write `head_snapshot.json`
    Snapshot {
        /// Only the cases whose name contains this
        filter: Option<String>,
    },
    /// Compare this tree with its base; exit 1 when it is slower, 3 when that cannot be told
    Compare {
        /// The base, instead of `MACE_PERF_BASE_REF`
        base: Option<String>,
        /// Measure even when both sides are the same machine code
        #[arg(long)]
        measure: bool,
    },
    /// Compare two engines: published versions, or paths of checkouts
    Engines { base: String, head: String },
    /// Prove the gate here: the same code twice, other link orders, planted slowdowns; records the rates
    Selftest {
        /// Complete comparisons of each of the five kinds
        #[arg(long, default_value_t = 2)]
        runs: usize,
        /// Rounds of real runs in the pool to draw from; 0 uses the pool that is there
        #[arg(long, default_value_t = 48)]
        pool: usize,
        /// Comparisons of each kind drawn from the pool
        #[arg(long, default_value_t = 500)]
        draws: usize,
    },
    /// Measure this machine's noise and propose the thresholds for .config/perf.toml
    Calibrate {
        /// Comparisons of the same code, 3 to 5
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Write the proposal
        #[arg(long)]
        write: bool,
    },
    /// Print the trend of a case from the snapshots and comparisons made here
    History { case: String },
    /// Write the last snapshot for another tool: `bencher` (JSON on standard output) or
    /// `criterion NAME` (a baseline below target/criterion, for critcmp)
    Export { format: String, name: Option<String> },
}
