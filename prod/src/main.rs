//! The runner behind `just prod`: validates, builds, runs the layers with nextest, judges their
//! reports and returns one exit code. It knows no engine but its name and opens none.

mod bootstrap;
mod cli;
mod config;
mod exit;
mod judge;
mod marker;
mod merge;
mod nextest;
mod part;
mod progress;
mod record;
mod repro;
mod run;
mod session;
mod soaking;
mod summary;

use cli::{Cli, Command};
use knobs::Knobs;
use launch::{Interrupts, Outcome, Result, console};
use part::Mode;
use run::Order;
use session::Session;
use std::process::ExitCode;

fn main() -> ExitCode {
    launch::cli::main(dispatch)
}

fn dispatch(cli: &Cli, interrupts: &Interrupts) -> Result<Outcome> {
    let flags = cli.flags()?;
    match &cli.command {
        Command::Run { mode, threads } => {
            let (mode, threads) = (session::mode(mode)?, session::threads(threads)?);
            let session = Session::open(&flags)?;
            let parts = part::parts(mode, session.knobs.text("FEATURES"));
            let order = Order { parts, threads, complete: mode == Mode::All, counts: false };
            run::run(&session, &order, interrupts)
        }
        Command::Test { threads } => {
            let threads = session::threads(threads)?;
            let session = Session::open(&flags)?;
            let mut parts = vec![part::own()];
            parts.extend(part::parts(Mode::All, session.knobs.text("FEATURES")));
            let order = Order { parts, threads, complete: true, counts: true };
            run::run(&session, &order, interrupts)
        }
        Command::Knobs => {
            console::page(&Knobs::load_with(&flags)?.render());
            Ok(Outcome::Passed)
        }
        Command::Repro { case, seed, plain } => {
            let mut flags = flags;
            flags.extend(repro::seed_flag(seed));
            repro::repro(&Session::open(&flags)?, case, *plain, interrupts)
        }
        Command::Soak { resume, shard } => {
            soaking::soak(&flags, *resume, shard.as_deref(), interrupts)
        }
        Command::Ledger { out, ledgers } => soaking::merge_ledgers(out, ledgers),
        Command::Bootstrap => bootstrap::bootstrap(interrupts),
    }
}
