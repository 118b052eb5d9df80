//! The command line, as typed.

use clap::{Parser, Subcommand};
use process::cli::Flags;
use std::path::PathBuf;

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
    /// Measure every case once and write the snapshot
    ///
    /// The file is `MACE_PERF_OUTPUT`, by default `head_snapshot.json` in `MACE_PERF_OUT_DIR`.
    Snapshot {
        /// Only the cases whose names match this regular expression [default: all]
        filter: Option<String>,
    },
    /// Compare this tree with its base
    ///
    /// The base is the merge-base of HEAD and the reference. With `MACE_ENGINE_PATH` both are commits of
    /// that checkout of the engine, and the benches are ours on both sides.
    Compare {
        /// A reference of git [default: `MACE_PERF_BASE_REF`]
        base: Option<String>,
        /// Measure even when base and head are the same machine code
        #[arg(long)]
        measure: bool,
        /// Show an inconclusive comparison as a warning of GitHub's and exit with 0: a hosted runner's noise is nobody's change
        #[arg(long)]
        warn_inconclusive: bool,
    },
    /// Count what an operation of each bench costs: file calls, bytes and memory
    ///
    /// With one client, and nothing in the background. The same code has the same counts of calls and
    /// bytes, and nearly the same of memory: no quiet machine is needed. Writes `costs.json` in `MACE_PERF_OUT_DIR`; `compare` counts both of its sides.
    Costs {
        /// Compare with the file of an earlier count; ends with 1 when something costs more than
        /// `MACE_PERF_COSTS_…_PCT` allow
        #[arg(long, value_name = "FILE")]
        against: Option<PathBuf>,
        /// Prove it instead: count this tree so many times more, and each engine of `.config/costs`, which costs
        /// more in one way, five times
        #[arg(long, value_name = "RUNS", conflicts_with = "against", value_parser = clap::value_parser!(u32).range(1..))]
        prove: Option<u32>,
    },
    /// Compare two engines with these benches
    Engines {
        /// A published version such as 0.1.2, or the path of a checkout; `+all` behind it applies our fixes,
        /// any choice in the words of `MACE_PROD_FIXES`
        base: String,
        /// The same
        head: String,
    },
    /// Prove the gate on this machine and record how often it is right
    ///
    /// Compares the same code built twice, the same code in another link order, and slowdowns of about 5,
    /// 10 and 20 per cent planted in one case after the other. Each comparison goes the whole path.
    Selftest {
        /// Comparisons of each of the five kinds, at least 1
        #[arg(long, default_value_t = 2)]
        runs: usize,
    },
    /// Measure the noise of this machine and propose thresholds for .config/perf.toml
    Calibrate {
        /// Comparisons of the same code, 3 to 5
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Write the proposal to the file [default: print the difference]
        #[arg(long)]
        write: bool,
    },
    /// Print the trend of a case over the snapshots and comparisons made here
    History {
        /// The full name of the case, such as Put/K16-V16/1
        case: String,
    },
    /// Write the last snapshot for another tool
    Export {
        /// `bencher`: JSON on standard output; `criterion`: a baseline below target/criterion, for critcmp
        format: String,
        /// The name of the baseline; for `criterion` alone
        name: Option<String>,
    },
}
