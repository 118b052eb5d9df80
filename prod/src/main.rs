//! The runner behind `just prod`: validates, builds, runs the layers with nextest, judges their
//! reports and returns one exit code. It knows no engine but its name and opens none.

mod bootstrap;
mod cli;
mod config;
mod console;
mod engine;
mod error;
mod exit;
mod judge;
mod manifest;
mod marker;
mod merge;
mod nextest;
mod part;
mod process;
mod record;
mod repro;
mod run;
mod session;
mod summary;
mod wanted;
mod workspace;

use cli::{Cli, Command, Parsed};
use error::{Error, Result};
use exit::Outcome;
use knobs::Knobs;
use part::Mode;
use process::Interrupts;
use run::Order;
use session::Session;
use std::{env, process::ExitCode};

fn main() -> ExitCode {
    let outcome = match cli::parse(env::args_os()) {
        Ok(Parsed::Command(cli)) => dispatch(&cli),
        Ok(Parsed::Text(text)) => {
            console::page(&text);
            Ok(Outcome::Passed)
        }
        Err(error) => Err(error),
    };
    outcome
        .unwrap_or_else(|error| {
            console::refuse(&error);
            Outcome::Broken
        })
        .into()
}

fn dispatch(cli: &Cli) -> Result<Outcome> {
    let interrupts = Interrupts::install().map_err(|error| {
        let what = format!("cannot listen for signals ({error})");
        Error::new(what, "this process", "raise the limit on threads or files").because(error)
    })?;
    let flags = cli.flags()?;
    match &cli.command {
        Command::Run { mode, threads } => {
            let (mode, threads) = (session::mode(mode)?, session::threads(threads)?);
            let session = Session::open(&flags)?;
            let parts = part::parts(mode, session.knobs.text("FEATURES"));
            let order = Order { parts, threads, complete: mode == Mode::All, counts: false };
            run::run(&session, &order, &interrupts)
        }
        Command::Test { threads } => {
            let threads = session::threads(threads)?;
            let session = Session::open(&flags)?;
            let mut parts = vec![part::own()];
            parts.extend(part::parts(Mode::All, session.knobs.text("FEATURES")));
            let order = Order { parts, threads, complete: true, counts: true };
            run::run(&session, &order, &interrupts)
        }
        Command::Knobs => {
            console::page(&Knobs::load_with(&flags)?.render());
            Ok(Outcome::Passed)
        }
        Command::Repro { case, seed, plain } => {
            let mut flags = flags;
            flags.extend(repro::seed_flag(seed));
            repro::repro(&Session::open(&flags)?, case, *plain, &interrupts)
        }
        Command::Bootstrap => bootstrap::bootstrap(&interrupts),
    }
}
