//! The command line. What clap has no words of ours for is read here, so that every refusal has the
//! same form.

use crate::part::Mode;
use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use process::{Error, Result, cli::Flags};
use results::seeds::Shard;
use std::path::PathBuf;

/// Production validation of an embedded key-value engine: runs the layers and judges their reports.
#[derive(Debug, Parser)]
#[command(name = "prod", version, disable_help_subcommand = true, args_override_self = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) flags: Flags,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a layer: fast, stress, chaos, or all of them and the plain engine
    Run {
        /// fast, stress, chaos or all [default: fast; with --failed what the last report is of]
        #[arg(value_parser = self::mode)]
        mode: Option<Mode>,
        /// Cases at a time
        #[arg(default_value = "8", allow_hyphen_values = true, value_parser = self::threads)]
        threads: u32,
        /// Only the cases that failed in the last report, with the seeds they failed with
        #[arg(long)]
        failed: bool,
    },
    /// Run the project's own tests and everything that `run all` runs
    Test {
        /// The project's own tests alone
        #[arg(long)]
        own: bool,
        /// Cases at a time
        #[arg(default_value = "8", allow_hyphen_values = true, value_parser = self::threads)]
        threads: u32,
    },
    /// Print every knob, its effective value and where it came from
    Knobs,
    /// Run one case again, with its output
    Repro {
        /// The case's full name, as the list of failures has it
        case: String,
        /// The root seed it failed with
        seed: String,
        /// Against the plain engine, like the second pass of `run all`
        #[arg(long)]
        plain: bool,
    },
    /// Run for long: stress each cycle, chaos and perf snapshots at their cadence, then fast
    Soak {
        /// Go on where an earlier soak was killed or interrupted
        #[arg(long)]
        resume: bool,
        /// Take the k-th of n parts of the sequence of seeds
        #[arg(long, value_name = "K/N", default_value_t = Shard::WHOLE, hide_default_value = true, value_parser = self::shard)]
        shard: Shard,
    },
    /// Put the seed ledgers of several soaks together: OUT IN…
    Ledger {
        /// Where the whole ledger goes
        out: PathBuf,
        /// The ledgers
        #[arg(required = true)]
        ledgers: Vec<PathBuf>,
    },
    /// Build the layers once, into archives that shards run
    Archive {
        /// fast, stress, chaos or all
        #[arg(default_value = "all", value_parser = self::mode)]
        mode: Mode,
        /// Where to write; `target/prod/archive` unless said otherwise
        #[arg(long = "to", value_name = "FOLDER")]
        archives: Option<PathBuf>,
    },
    /// Run one slice of the archives: K/N, such as 2/4
    Shard {
        /// Which slice of how many
        #[arg(value_parser = self::shard)]
        slice: Shard,
        /// Cases at a time
        #[arg(default_value = "8", allow_hyphen_values = true, value_parser = self::threads)]
        threads: u32,
        /// Where the archives are; `target/prod/archive` unless said otherwise
        #[arg(long = "archive", value_name = "FOLDER")]
        archives: Option<PathBuf>,
    },
    /// Judge the results of all shards of one run as if one machine had run it
    Merge {
        /// What each shard left, `target/prod/shard` there; or a folder that holds nothing else
        #[arg(required = true)]
        folders: Vec<PathBuf>,
    },
    /// Say what got better and what got worse from one version of the engine to another one
    Upgrade {
        /// A published version such as 0.1.2, or the path of a checkout
        old: String,
        /// The same
        new: String,
        /// Cases at a time
        #[arg(default_value = "8", allow_hyphen_values = true, value_parser = self::threads)]
        threads: u32,
        /// Leave out the benches (`just perf engines`), which take about a quarter of an hour
        #[arg(long)]
        no_speed: bool,
    },
    /// Write docs/engines.md: which cases ran on which engine, from the merged reports of runs
    ByEngine {
        /// Merged reports, `target/prod/junit.xml` of a run; of a case that is in two reports that of the later one counts
        #[arg(required = true)]
        reports: Vec<PathBuf>,
    },
    /// Judge what a case left by today's oracles, without running anything
    Judge {
        /// What the case left, such as `target/prod/artifacts/CASE`
        folder: PathBuf,
    },
    /// Show what the last runs left: one HTML page, Markdown, `OpenMetrics`, Bencher's JSON
    Report {
        /// Where to write; `target/prod` unless said otherwise
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
        /// Print each failure as an annotation of the change, as GitHub takes it
        #[arg(long)]
        annotations: bool,
    },
    /// Break the engine on purpose, in one way after the other, and see whether the suite says so
    Detection {
        /// The defects to plant, or the findings whose fixes are left out; all of them unless named
        names: Vec<String>,
        #[command(flatten)]
        way: Way,
        /// Go on where an earlier run was interrupted
        #[arg(long)]
        resume: bool,
        /// Cases at a time
        #[arg(long, default_value = "4", allow_hyphen_values = true, value_parser = self::threads)]
        threads: u32,
    },
    /// Run layers and say which functions and regions of the engine none of their cases reaches
    Coverage {
        /// fast, stress, chaos or all
        #[arg(default_value = "fast", value_parser = self::mode)]
        layers: Vec<Mode>,
        /// Cases at a time
        #[arg(long, default_value = "8", allow_hyphen_values = true, value_parser = self::threads)]
        threads: u32,
    },
    /// Our fixes for confirmed defects of the engine: their state, a diff, patches for a checkout
    Fixes {
        /// `list` (the default), `show`, `export`, `try`, `test` or `overlap`
        #[command(subcommand)]
        verb: Option<FixesVerb>,
    },
    /// The pages of the confirmed findings: write them, or print one as the text of an issue
    Findings {
        /// `issue`; without it the pages are written
        #[command(subcommand)]
        verb: Option<FindingsVerb>,
    },
    /// Fetch cargo-nextest when it is missing
    Bootstrap {
        /// Fetch as well what some of the project's own tests ask, and cargo-mutants, below target/tools
        #[arg(long)]
        all: bool,
    },
}

/// How the engine is broken; with the defects of `.config/defects` unless said otherwise.
#[derive(Debug, Args)]
pub(crate) struct Way {
    /// Say which defects there are, and run nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// Leave one of our fixes out at a time instead, and exclude nothing for its finding
    #[arg(long, conflicts_with = "list")]
    pub(crate) left_out: bool,
    /// Runs, with a seed of its own each, for each fix that is left out
    #[arg(long, default_value = "1", requires = "left_out", value_name = "COUNT",
        value_parser = value_parser!(u32).range(1..))]
    pub(crate) runs: u32,
    /// Try so many mutants of the engine instead, drawn from those that cargo-mutants lists
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["names", "list", "left_out"],
        value_parser = value_parser!(u32).range(1..))]
    pub(crate) mutants: Option<u32>,
    /// What the draw and the cases follow from
    #[arg(long, default_value = "1", requires = "mutants", value_name = "NUMBER")]
    pub(crate) seed: u64,
    /// Try the k-th of n parts of the draw
    #[arg(long, requires = "mutants", value_name = "K/N", default_value_t = Shard::WHOLE, hide_default_value = true, value_parser = self::shard)]
    pub(crate) shard: Shard,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FixesVerb {
    /// Say of each fix whether it applies to the engine, and why not
    List,
    /// Print what a fix changes, as a diff
    Show {
        /// The finding that it closes
        id: String,
    },
    /// Write a patch for each fix, as `git apply` takes it
    Export {
        /// Where to
        folder: PathBuf,
    },
    /// Build the engine with one fix at a time and run the regression of its finding, which has to come to its window and show nothing
    Try {
        /// The findings; all that have a fix unless named
        ids: Vec<String>,
        /// Go on where an earlier run was interrupted
        #[arg(long)]
        resume: bool,
    },
    /// Run the tests that the engine's package ships without any fix and with those of `MACE_PROD_FIXES`, and compare
    Test,
    /// Compare the calls that go on beside a checkpoint, a rewrite, a copy and an unloading, without any fix and with those of `MACE_PROD_FIXES`
    Overlap {
        /// Runs of each engine, in turns
        #[arg(default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
        rounds: u32,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum FindingsVerb {
    /// Print a finding as the text of an issue for the engine's tracker, with its program and its patch
    Issue {
        /// Which
        id: String,
    },
}

fn mode(text: &str) -> Result<Mode> {
    Mode::from_str(text, false).map_err(|_| {
        let what = format!("unknown layer {text:?}");
        Error::new(what, "command line", "use fast, stress, chaos or all")
    })
}

/// A thread count: a positive whole number.
fn threads(text: &str) -> Result<u32> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(threads) if digits && threads > 0 => Ok(threads),
        _ => Err(Error::new(
            format_args!("thread count {text:?}"),
            "command line",
            "use a whole number of at least 1",
        )),
    }
}

fn shard(text: &str) -> Result<Shard> {
    let read = knobs::shard(text).map(|(number, of)| Shard { number, of });
    read.ok_or_else(|| {
        let what = format_args!("shard {text:?}");
        Error::new(what, "command line", "use K/N with K from 1 to N, such as 2/4")
    })
}

#[cfg(test)]
mod tests {
    use super::{Shard, shard, threads};

    #[test]
    fn a_thread_count_is_a_positive_whole_number() {
        assert_eq!(threads("8").unwrap(), 8);
        for text in ["0", "-1", "abc", "+1", "", "1.5", "4294967296", "num-cpus"] {
            assert!(threads(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_shard_is_one_of_so_many() {
        assert_eq!(shard("2/4").unwrap(), Shard { number: 2, of: 4 });
        assert!(shard("5/4").is_err());
    }
}
