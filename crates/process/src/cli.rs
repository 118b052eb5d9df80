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
    let command = C::command().after_help(EXIT_CODES);
    let command = command.mut_subcommands(|command| command.after_help(EXIT_CODES));
    let parsed = command.try_get_matches_from(args).and_then(|found| C::from_arg_matches(&found));
    let error = match parsed {
        Ok(cli) => return Ok(Parsed::Command(cli)),
        Err(error) => error,
    };
    // A value that one of our own parsers refused: it has said what, where and what to do.
    let ours = std::error::Error::source(&error).filter(|source| source.is::<Error>());
    if let Some(line) = ours.map(ToString::to_string) {
        return Err(Error::line(line).because(error));
    }
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
            // clap's first paragraph is the finding; tips and usage follow after blank lines.
            let text = error.render().to_string();
            let mut paragraphs = text.split("\n\n");
            let what = paragraphs.next().unwrap_or_default().trim_start_matches("error: ");
            let what = what.split_whitespace().collect::<Vec<_>>().join(" ");
            let mut tips = paragraphs.flat_map(str::lines).map(str::trim);
            let tip = tips.find_map(|line| line.strip_prefix("tip: "));
            let tip = tip.map_or_else(String::new, |tip| format!("{tip}; "));
            let remedy = format!("{tip}`{program} --help` shows the usage");
            Err(Error::new(what, "command line", remedy).because(error))
        }
    }
}

/// At the end of every help text.
const EXIT_CODES: &str = "\
Exit codes:
  0         passed
  1         a case failed, timed out, was flaky or inconclusive, or the perf gate failed
  2         usage, configuration or build
  3         a measurement was inconclusive
  130, 143  interrupted";

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
    use super::{Parsed, parse, unless_interrupted};
    use crate::{Error, Outcome, Result};
    use clap::Parser;

    #[derive(Debug, Parser)]
    #[command(name = "sample")]
    enum Sample {
        Snapshot,
        Run {
            #[arg(value_parser = refused)]
            mode: String,
        },
    }

    fn refused(text: &str) -> Result<String> {
        Err(Error::new(format_args!("unknown mode {text:?}"), "command line", "use fast"))
    }

    fn typed(arguments: &str) -> Result<Parsed<Sample>> {
        parse(format!("sample {arguments}").split(' ').map(Into::into))
    }

    #[test]
    fn a_value_is_refused_in_its_parsers_words() {
        let line = typed("run fsat").unwrap_err().to_string();
        assert_eq!(line, "unknown mode \"fsat\": command line: use fast");
    }

    #[test]
    fn a_similar_subcommand_is_suggested() {
        let line = typed("snapshto").unwrap_err().to_string();
        assert!(line.contains("a similar subcommand exists: 'snapshot'"), "{line}");
        assert!(matches!(typed("snapshot").unwrap(), Parsed::Command(Sample::Snapshot)));
    }

    #[test]
    fn help_ends_with_the_exit_codes() {
        let Parsed::Text(help) = typed("--help").unwrap() else { panic!("no help") };
        assert!(help.trim_end().ends_with("130, 143  interrupted"), "{help}");
    }

    #[test]
    fn a_failure_after_a_signal_is_an_interruption() {
        let error = || Err(Error::new("cannot run git", "here", "look"));
        let signal = Outcome::Interrupted(2);
        assert_eq!(unless_interrupted(error(), Some(signal)).unwrap(), signal);
        assert!(unless_interrupted(error(), None).is_err());
        let passed = unless_interrupted(Ok(Outcome::Passed), Some(signal));
        assert_eq!(passed.unwrap(), Outcome::Passed, "it was over before");
    }
}
