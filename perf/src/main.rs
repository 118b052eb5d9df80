//! The perf gate behind `just perf`: measures the engine, compares two versions of it, and proves
//! that the comparison can be believed. It knows no engine but its name and opens none.

mod bed;
mod bench;
mod build;
mod calibrate;
mod cli;
mod compare;
mod criterion;
mod export;
mod files;
mod gate;
mod git;
mod history;
mod identical;
mod instructions;
mod machine;
mod page;
mod past;
mod pool;
mod run;
mod selftest;
mod settings;
mod sides;
mod snapshot;
mod stats;

use cli::{Cli, Command};
use process::{Interrupts, Outcome, Result};
use settings::Settings;
use std::process::ExitCode;

fn main() -> ExitCode {
    process::cli::main(dispatch)
}

fn dispatch(cli: &Cli, interrupts: &Interrupts) -> Result<Outcome> {
    let settings = Settings::load(&cli.flags.settings()?)?;
    let reads = matches!(cli.command, Command::History { .. } | Command::Export { .. });
    let _claim = if reads { None } else { Some(settings.claim()?) };
    match &cli.command {
        Command::Snapshot { filter } => {
            snapshot::snapshot(&settings, filter.as_deref(), interrupts)
        }
        Command::Compare { base, measure } => {
            compare::with_base(&settings, base.as_deref(), *measure, interrupts)
        }
        Command::Engines { base, head } => compare::engines(&settings, base, head, interrupts),
        Command::Selftest { runs, pool, draws } => {
            let extent = selftest::Extent { runs: *runs, pool: *pool, draws: *draws };
            selftest::selftest(&settings, extent, interrupts)
        }
        Command::Calibrate { rounds, write } => {
            calibrate::calibrate(&settings, *rounds, *write, interrupts)
        }
        Command::History { case } => history::history(&settings, case),
        Command::Export { format, name } => export::export(&settings, format, name.as_deref()),
    }
}
