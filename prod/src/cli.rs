//! The command line, as typed. Arguments that clap takes for text are judged in `settings`, so
//! that every refusal has the same form; clap's own refusals are put into that form here.

use crate::error::{Error, Result};
use clap::{Parser, Subcommand, error::ErrorKind};
use std::ffi::OsString;

/// Production validation of an embedded key-value engine: runs the layers and judges their reports.
#[derive(Debug, Parser)]
#[command(name = "prod", version, disable_help_subcommand = true, args_override_self = true)]
pub(crate) struct Cli {
    /// Set a knob for this run, over the environment and the files (`prod knobs` lists them)
    #[arg(long = "set", value_name = "NAME=VALUE", global = true)]
    pub(crate) set: Vec<String>,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a layer: fast, stress, chaos, or all of them and the plain engine
    Run {
        /// fast, stress, chaos or all
        #[arg(default_value = "fast")]
        mode: String,
        /// Cases at a time
        #[arg(default_value = "8", allow_hyphen_values = true)]
        threads: String,
    },
    /// Run the project's own tests and everything that `run all` runs
    Test {
        /// Cases at a time
        #[arg(default_value = "8", allow_hyphen_values = true)]
        threads: String,
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
    /// Fetch cargo-nextest when it is missing
    Bootstrap,
}

/// What to do about the command line.
pub(crate) enum Parsed {
    Command(Cli),
    /// Help or version, asked for: to be printed, and nothing else to be done.
    Text(String),
}

pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Parsed> {
    let error = match Cli::try_parse_from(args) {
        Ok(cli) => return Ok(Parsed::Command(cli)),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            Ok(Parsed::Text(error.render().to_string()))
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Error::new("no command", "command line", "`prod --help` lists them"))
        }
        _ => {
            // clap's first paragraph is the finding; usage and tips follow after a blank line.
            let text = error.render().to_string();
            let what = text.split("\n\n").next().unwrap_or_default();
            let what = what.trim_start_matches("error: ").split_whitespace();
            let what = what.collect::<Vec<_>>().join(" ");
            Err(Error::new(what, "command line", "`prod --help` shows the usage").because(error))
        }
    }
}

impl Cli {
    /// The `--set` flags as (knob, value).
    pub(crate) fn flags(&self) -> Result<Vec<(&str, &str)>> {
        let split = |flag| {
            str::split_once(flag, '=').ok_or_else(|| {
                let what = format!("`--set {flag}` has no value");
                Error::new(what, "command line", "write --set NAME=VALUE")
            })
        };
        self.set.iter().map(|flag| split(flag.as_str())).collect()
    }
}
