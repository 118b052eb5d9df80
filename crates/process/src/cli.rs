//! The command line of a program: read by clap, refused in the one form that every refusal has,
//! and carried out with signals in hand. Knows no command.

use crate::{Error, Interrupts, Outcome, Result, console};
use clap::{Args, Parser, error::ErrorKind};
use std::{env, ffi::OsString, process::ExitCode};

/// A program: reads the command line as `C`, hands it to `dispatch`, and turns what comes back
/// into the exit code, with one line when it cannot go on.
pub fn main<C: Parser>(dispatch: impl FnOnce(&C, &Interrupts) -> Result<Outcome>) -> ExitCode {
    let outcome = match parse::<C>(env::args_os()) {
        Ok(Parsed::Command(cli)) => listen().and_then(|interrupts| {
            let ended = dispatch(&cli, &interrupts);
            unless_interrupted(ended, interrupts.outcome())
        }),
        Ok(Parsed::Text(text)) => {
            console::page(&text);
            Ok(Outcome::Passed)
        }
        Err(error) => Err(error),
    };
    outcome
        .unwrap_or_else(|error| {
            console::refuse(C::command().get_name(), &error);
            Outcome::Broken
        })
        .into()
}

/// A terminal sends its signal to our children as well: what fails because one of them died of it is
/// no error.
fn unless_interrupted(ended: Result<Outcome>, signal: Option<Outcome>) -> Result<Outcome> {
    match (ended, signal) {
        (Err(error), Some(outcome)) => {
            console::note(&format!("interrupted at: {error}"));
            Ok(outcome)
        }
        (ended, _) => ended,
    }
}

fn listen() -> Result<Interrupts> {
    Interrupts::install().map_err(|error| {
        let what = format!("cannot listen for signals ({error})");
        Error::new(what, "this process", "raise the limit on threads or files").because(error)
    })
}

/// What to do about the command line.
#[derive(Debug)]
pub enum Parsed<C> {
    /// Carry it out.
    Command(C),
    /// Help or version, asked for: to be printed, and nothing else to be done.
    Text(String),
}

/// Reads the command line; clap's own refusals are put into the form of ours.
pub fn parse<C: Parser>(args: impl IntoIterator<Item = OsString>) -> Result<Parsed<C>> {
    let error = match C::try_parse_from(args) {
        Ok(cli) => return Ok(Parsed::Command(cli)),
        Err(error) => error,
    };
    let program = C::command().get_name().to_owned();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Ok(Parsed::Text(error.render().to_string()))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let remedy = format!("`{program} --help` lists them");
            Err(Error::new("no command", "command line", remedy))
        }
        _ => {
            // clap's first paragraph is the finding; usage and tips follow after a blank line.
            let text = error.render().to_string();
            let what = text.split("\n\n").next().unwrap_or_default();
            let what = what.trim_start_matches("error: ").split_whitespace();
            let what = what.collect::<Vec<_>>().join(" ");
            let remedy = format!("`{program} --help` shows the usage");
            Err(Error::new(what, "command line", remedy).because(error))
        }
    }
}

/// The flags that every program has.
#[derive(Debug, Args)]
pub struct Flags {
    /// Set a knob for this run, over the environment and the files (`just knobs` lists them)
    #[arg(long = "set", value_name = "NAME=VALUE", global = true)]
    set: Vec<String>,
}

impl Flags {
    /// The `--set` flags as (knob, value).
    pub fn settings(&self) -> Result<Vec<(&str, &str)>> {
        let split = |flag| {
            str::split_once(flag, '=').ok_or_else(|| {
                let what = format!("`--set {flag}` has no value");
                Error::new(what, "command line", "write --set NAME=VALUE")
            })
        };
        self.set.iter().map(|flag| split(flag.as_str())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::unless_interrupted;
    use crate::{Error, Outcome};

    #[test]
    fn what_fails_because_of_a_signal_is_an_interruption() {
        let error = || Err(Error::new("cannot run git", "here", "look"));
        let signal = Outcome::Interrupted(2);
        assert_eq!(unless_interrupted(error(), Some(signal)).unwrap(), signal);
        assert!(unless_interrupted(error(), None).is_err());
        let passed = unless_interrupted(Ok(Outcome::Passed), Some(signal));
        assert_eq!(passed.unwrap(), Outcome::Passed, "it was over before");
    }
}
