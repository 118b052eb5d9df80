//! The perf gate behind `just perf`: measures the engine, compares two versions of it, and proves
//! that the comparison can be believed. It knows no engine but its name and opens none.

mod bench;
mod build;
mod calibrate;
mod cli;
mod compare;
mod criterion;
mod estimate;
mod export;
mod files;
mod gate;
mod git;
mod history;
mod identical;
mod instructions;
mod machine;
mod proof;
mod render;
mod revisions;
mod selftest;
mod settings;
mod snapshot;
mod testbed;

use cli::{Cli, Command};
use process::{Interrupts, Outcome, Result};
use settings::Settings;
use std::process::ExitCode;

fn main() -> ExitCode {
    process::cli::main(dispatch)
}

fn dispatch(cli: &Cli, interrupts: &Interrupts) -> Result<Outcome> {
    let settings = &Settings::load(&cli.flags.settings()?)?;
    let only_reads = matches!(cli.command, Command::History { .. } | Command::Export { .. });
    let _claim = if only_reads { None } else { Some(settings.claim()?) };
    let ended = match &cli.command {
        Command::Snapshot { filter } => snapshot::snapshot(settings, filter.as_deref(), interrupts),
        Command::Compare { base, measure } => {
            compare::with_base(settings, base.as_deref(), *measure, interrupts)
        }
        Command::Engines { base, head } => compare::engines(settings, base, head, interrupts),
        Command::Selftest { runs } => selftest::selftest(settings, *runs, interrupts),
        Command::Calibrate { rounds, write } => {
            calibrate::calibrate(settings, *rounds, *write, interrupts)
        }
        Command::History { case } => history::history(settings, case).map(Some),
        Command::Export { format, name } => {
            export::export(settings, format, name.as_deref()).map(Some)
        }
    };
    let no_result = || interrupts.outcome().expect("only a signal ends a run without a result");
    Ok(ended?.unwrap_or_else(no_result))
}
