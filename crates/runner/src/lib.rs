//! The runner behind `just prod`: validates, builds, runs the layers with nextest, judges their
//! reports and returns one exit code. It knows no engine but its name and opens none.

mod again;
mod alone;
mod balance;
mod bootstrap;
mod budgets;
mod by_engine;
mod cli;
mod config;
mod coverage;
mod detection;
mod exit;
mod files;
mod findings;
mod fixes;
mod judge;
mod junit;
mod left_out;
mod leftovers;
mod merge_shards;
mod mutants;
mod nextest;
mod note;
mod origin;
mod overlap;
mod own_tests;
mod part;
mod plan;
mod progress;
mod record;
mod recording;
pub mod report;
mod repro;
mod run;
mod session;
mod shard;
mod soaking;
mod standing;
mod stored;
mod trials;
mod upgrade;
mod waits;
mod yardstick;

use cli::{Cli, Command, FixesVerb, Way};
use knobs::Knobs;
use part::Mode;
use process::{Interrupts, Outcome, Result, console};
use run::Order;
use session::Session;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Runs the program: its command line in, its exit code out.
pub fn main() -> ExitCode {
    recording::compiled().unwrap_or_else(|| process::cli::main(dispatch))
}

fn dispatch(cli: &Cli, interrupts: &Interrupts) -> Result<Outcome> {
    let flags = cli.flags.settings()?;
    match &cli.command {
        Command::Run { mode, threads, failed } => {
            let session = Session::open(&flags)?;
            let only = failed.then(|| again::of_last_report(&session, *mode)).transpose()?;
            let mode = mode.unwrap_or(Mode::Fast);
            let complete = only.is_none() && mode == Mode::All;
            let parts = match &only {
                Some(only) => again::parts(only),
                None => part::parts(mode, session.knobs.features()),
            };
            let order = Order { parts, threads: *threads, complete, counts: false, only };
            run::run(&session, &order, interrupts)
        }
        Command::Test { own, threads } => {
            let session = Session::open(&flags)?;
            let mut parts = vec![part::own()];
            if !*own {
                parts.extend(part::parts(Mode::All, session.knobs.features()));
            }
            let complete = !own;
            let order = Order { parts, threads: *threads, complete, counts: true, only: None };
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
        Command::Soak { resume, shard } => soaking::soak(&flags, *resume, *shard, interrupts),
        Command::Ledger { out, ledgers } => soaking::merge_ledgers(out, ledgers),
        Command::Archive { mode, archives } => {
            let session = Session::open(&flags)?;
            let folder = archive_folder(&session, archives.as_deref());
            shard::archive(&session, *mode, &folder, interrupts)
        }
        Command::Shard { slice, threads, archives } => {
            let session = Session::open(&flags)?;
            let folder = archive_folder(&session, archives.as_deref());
            shard::shard(session, *slice, *threads, &folder, interrupts)
        }
        Command::Merge { folders } => merge_shards::merge_shards(&flags, folders),
        Command::Upgrade { old, new, threads, no_speed } => {
            upgrade::upgrade(&flags, [old, new], *threads, !no_speed, interrupts)
        }
        Command::ByEngine { reports } => by_engine::by_engine(&flags, reports),
        Command::Judge { folder } => stored::judge(&flags, folder, interrupts),
        Command::Report { out, annotations } => report::write(&flags, out.as_deref(), *annotations),
        Command::Detection { names, way, resume, threads } => {
            let order = trials::Order { threads: *threads, resume: *resume };
            detection_by(way, &flags, names, order, interrupts)
        }
        Command::Coverage { layers, threads } => {
            coverage::coverage(&flags, layers, *threads, interrupts)
        }
        Command::Fixes { verb } => our_fixes(&flags, verb.as_ref(), interrupts),
        Command::Findings { verb } => findings::findings(&flags, verb.as_ref()),
        Command::Bootstrap { all } => bootstrap::bootstrap(*all, interrupts),
    }
}

fn detection_by(
    way: &Way,
    flags: &[(&str, &str)],
    names: &[String],
    order: trials::Order,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    if way.list {
        detection::list(flags, names)
    } else if way.left_out {
        let asked = left_out::Asked { names, runs: way.runs };
        left_out::left_out(flags, &asked, order, interrupts)
    } else if let Some(count) = way.mutants {
        let asked = mutants::Asked { count, seed: way.seed, shard: way.shard };
        mutants::mutants(flags, asked, order, interrupts)
    } else {
        detection::detection(flags, names, order, interrupts)
    }
}

fn our_fixes(
    flags: &[(&str, &str)],
    verb: Option<&FixesVerb>,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    match verb {
        None | Some(FixesVerb::List) => fixes::list(flags),
        Some(FixesVerb::Show { id }) => fixes::show(flags, id),
        Some(FixesVerb::Export { folder }) => fixes::export(flags, folder),
        Some(FixesVerb::Try { ids, resume }) => {
            let order = trials::Order { threads: 1, resume: *resume };
            alone::try_each(flags, ids, order, interrupts)
        }
        Some(FixesVerb::Test) => own_tests::compare(flags, interrupts),
        Some(FixesVerb::Overlap { rounds }) => overlap::overlap(flags, *rounds, interrupts),
    }
}

fn archive_folder(session: &Session, stated: Option<&Path>) -> PathBuf {
    stated.map_or_else(|| session.out.join("archive"), Path::to_owned)
}
