//! The perf gate behind `just perf`: measures the engine, compares two versions of it, and proves
//! that the comparison can be believed. It knows no engine but its name and opens none.

mod bench;
mod build;
mod calibrate;
mod cli;
mod compare;
mod costs;
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
mod render;
mod revisions;
mod selftest;
mod session;
mod snapshot;
mod testbed;

use cli::{Cli, Command};
use process::{Interrupts, Outcome, Result};
use revisions::Revisions;
use session::Session;
use std::process::ExitCode;

fn main() -> ExitCode {
    process::cli::main(dispatch)
}

fn dispatch(cli: &Cli, interrupts: &Interrupts) -> Result<Outcome> {
    let session = &Session::new(&cli.flags.settings()?, interrupts)?;
    let only_reads = matches!(cli.command, Command::History { .. } | Command::Export { .. });
    let _claim = if only_reads { None } else { Some(session.claim()?) };
    match &cli.command {
        Command::Snapshot { filter } => snapshot::snapshot(session, filter.as_deref()),
        Command::Compare { base, measure, warn_inconclusive } => {
            let based = || Revisions::with_base(session, base.as_deref());
            let outcome = compare::compare(session, *measure, based)?;
            Ok(if *warn_inconclusive { gate::warned(outcome) } else { outcome })
        }
        Command::Costs { prove: Some(runs), .. } => costs::prove(session, *runs),
        Command::Costs { against, .. } => costs::costs(session, against.as_deref()),
        Command::Engines { base, head } => {
            compare::compare(session, false, || Revisions::engines(session, base, head))
        }
        Command::Selftest { runs } => selftest::selftest(session, *runs),
        Command::Calibrate { rounds, write } => calibrate::calibrate(session, *rounds, *write),
        Command::History { case } => history::history(session, case),
        Command::Export { format, name } => export::export(session, format, name.as_deref()),
    }
}
