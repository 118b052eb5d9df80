//! Runs the bench program: which cases it has, one short run of one case, or all cases at length.
//! With `machine` the only module that measures; what comes back are records.

use crate::{
    build::Program,
    criterion,
    gate::{self, Limits},
    machine,
    session::Session,
};
use knobs::knob;
use process::{Error, Result, console};
use results::{
    gate::{Judged, Place, Run, Sampled, Side},
    stats,
};
use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    io,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Tells the bench program by how many steps to slow the engine down; see `benches/perf.rs`.
const SLOW: &str = "MACE_PROD_INTERNAL_BENCH_SLOW";

/// A short run that takes longer than this hangs.
const LIMIT: Duration = Duration::from_mins(1);

/// What takes as long as it takes.
pub(crate) const NO_LIMIT: Duration = Duration::from_hours(24 * 365);

impl Program {
    /// Takes away the knobs that this process was given, and sets those of the benches as they are
    /// resolved here: the program's own tree can have another file of them.
    pub(crate) fn prepare(&self, command: &mut Command, session: &Session) {
        for setting in session.knobs.settings() {
            let name = setting.knob.name;
            command.env_remove(name);
            if name.starts_with("MACE_BENCH_") {
                command.envs(setting.value.as_ref().map(|value| (name, value)));
            }
        }
        let folder = self.tree.manifest.parent().expect("a manifest is in a folder");
        command.env("CARGO_MANIFEST_DIR", folder).current_dir(folder);
    }

    /// Appends what the command prints to the log.
    pub(crate) fn log_output(&self, command: &mut Command) -> io::Result<()> {
        let log = OpenOptions::new().append(true).create(true).open(&self.log)?;
        command.stdout(log.try_clone()?).stderr(log);
        Ok(())
    }

    fn cannot_run(&self, error: io::Error) -> Error {
        Error::io("run the bench program", &self.layouts[0], "build it again", error)
    }

    /// The names of the cases that the program has.
    pub(crate) fn list(&self, session: &Session) -> Result<Vec<String>> {
        let mut command = Command::new(&self.layouts[0]);
        self.prepare(&mut command, session);
        command.args(["--bench", "--list", "--format", "terse"]);
        let listed = session.interrupts.capture(&mut command);
        let (status, output) = listed.map_err(|error| self.cannot_run(error))?;
        session.check()?;
        let text = String::from_utf8_lossy(&output);
        let names = text.lines().filter_map(|line| line.strip_suffix(": benchmark"));
        let names: Vec<String> = names.map(str::to_owned).collect();
        if names.is_empty() || !status.success() {
            let what = format!("the bench program lists no case ({status})");
            let remedy = "run it with --list to see why";
            return Err(Error::new(what, self.layouts[0].display(), remedy));
        }
        Ok(names)
    }

    /// Runs every case that the filter matches as long as the knobs say.
    pub(crate) fn measure_all(
        &self,
        filter: Option<&str>,
        session: &Session,
    ) -> Result<BTreeMap<String, Sampled>> {
        let mut command = Command::new(&self.layouts[0]);
        self.prepare(&mut command, session);
        command.args(completed(&theirs(session), &[("--bench", None)])).args(filter);
        self.measure(&mut command, "the benches", NO_LIMIT, session)
    }

    /// What Criterion writes in this run of the program, into a folder of its own.
    fn measure(
        &self,
        command: &mut Command,
        what: &str,
        limit: Duration,
        session: &Session,
    ) -> Result<BTreeMap<String, Sampled>> {
        let home = tempfile::tempdir().map_err(|error| {
            let what = format!("cannot create a folder ({error})");
            Error::new(what, "the folder for temporary files", "make room there").because(error)
        })?;
        command.env("CRITERION_HOME", home.path());
        let logged = self.log_output(command);
        let status = logged.and_then(|()| session.interrupts.run_within(command, limit));
        let how = match status.map_err(|error| self.cannot_run(error))? {
            Some(status) if status.success() => return criterion::read(home.path()),
            Some(status) => format!("failed ({status})"),
            None => format!("hung for {} s", limit.as_secs()),
        };
        Err(self.failed(what, &how))
    }

    fn failed(&self, what: &str, how: &str) -> Error {
        Error::new(format_args!("{what} {how}"), self.log.display(), "read the end of that log")
    }
}

/// What the user passes on to Criterion.
fn theirs(session: &Session) -> Vec<&str> {
    session.knobs.get(knob::MACE_PERF_BENCH_ARGS).split_whitespace().collect()
}

/// The same with those of our options that the user has not chosen: Criterion takes none of them
/// twice.
fn completed<'a>(theirs: &[&'a str], ours: &[(&'a str, Option<&'a str>)]) -> Vec<&'a str> {
    let is_theirs = |name: &str| theirs.iter().any(|arg| arg.split('=').next() == Some(name));
    let ours = ours.iter().filter(|(name, _)| !is_theirs(name));
    let ours = ours.flat_map(|(name, value)| [*name].into_iter().chain(*value));
    theirs.iter().copied().chain(ours).collect()
}

/// The program with a real-time priority, the lowest: other work of the machine waits while the
/// run lasts. Round robin, so that two threads of it cannot wait for each other for ever; the
/// kernel leaves the others a twentieth of the time whatever happens.
fn with_priority(program: &Path) -> Command {
    let mut command = Command::new("chrt");
    command.args(["--rr", "1"]).arg(program);
    command
}

/// Whether runs get a real-time priority: where this machine allows it and nobody switched it off.
pub(crate) fn is_realtime(session: &Session) -> bool {
    session.knobs.get(knob::MACE_PERF_REALTIME)
        && with_priority(Path::new("true")).output().is_ok_and(|probe| probe.status.success())
}

/// What a comparison runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'p> {
    pub(crate) base: &'p Program,
    pub(crate) head: &'p Program,
}

impl Pair<'_> {
    /// In how many link layouts both are there.
    pub(crate) fn layouts(&self) -> usize {
        self.base.layouts.len().min(self.head.layouts.len())
    }
}

/// The whole path from programs to judged cases, of which `more` are known to do more work in head.
/// After a signal it has the runs until then.
pub(crate) fn compare(
    session: &Session,
    pair: Pair<'_>,
    cases: &[String],
    more: &[&str],
    seed: u64,
) -> Result<Vec<Judged>> {
    let layouts = pair.layouts();
    let budget = session.knobs.get(knob::MACE_PERF_BUDGET_SECS);
    console::note(&format!(
        "perf: measuring {} cases over {layouts} layouts, seed {seed}, at most {} s",
        cases.len(),
        budget.as_secs()
    ));
    let limits = Limits { layouts, ..session.limits.clone() };
    let mut clock = Clock::new(session, budget);
    let mut measure = |case: &str, place: Place| {
        let program = if place.side == Side::Base { pair.base } else { pair.head };
        clock.once(program, case, place)
    };
    gate::compare(&mut measure, cases, more, &limits, &mut fastrand::Rng::with_seed(seed))
}

/// Gives single runs of cases, until its time is over.
pub(crate) struct Clock<'s> {
    session: &'s Session,
    deadline: Instant,
    realtime: bool,
    /// Samples for a case, once it is known how long an iteration of it takes.
    samples: BTreeMap<String, usize>,
}

/// The fewest and the most samples of a run: as many as give a low quantile that is worth its name.
const SAMPLES: (usize, usize) = (40, 100);

/// Far less than any batch takes, so that Criterion gives each sample one batch. A sample has to be
/// shorter than what the scheduler lets a process run at a stretch, or none is undisturbed.
const MEASURE_SECS: &str = "0.001";
const WARM_UP_SECS: &str = "0.01";

impl<'s> Clock<'s> {
    pub(crate) fn new(session: &'s Session, budget: Duration) -> Self {
        let deadline = Instant::now() + budget;
        Self { session, deadline, realtime: is_realtime(session), samples: BTreeMap::new() }
    }

    fn command(&self, program: &Program, case: &str, layout: usize) -> Command {
        let exe = &program.layouts[layout];
        let mut command = if self.realtime { with_priority(exe) } else { Command::new(exe) };
        program.prepare(&mut command, self.session);
        let items = self.session.knobs.get(knob::MACE_PERF_COMPARE_ITEMS);
        command.env("MACE_BENCH_TOTAL_ITEMS", items.to_string());
        if let Some(plant) = program.plant.as_ref().filter(|plant| plant.case == case) {
            command.env(SLOW, plant.steps.to_string());
        }
        let samples = self.samples.get(case).copied().unwrap_or(SAMPLES.0).to_string();
        // The bootstrap is ours; Criterion's own would take longer than the run.
        let ours = [
            ("--bench", None),
            ("--warm-up-time", Some(WARM_UP_SECS)),
            ("--nresamples", Some("1001")),
            ("--measurement-time", Some(MEASURE_SECS)),
            ("--sample-size", Some(samples.as_str())),
            ("--exact", None),
        ];
        command.args(completed(&theirs(self.session), &ours)).arg(case);
        command
    }

    /// One run of a case in a program; `None` when the time is over, or a signal came.
    pub(crate) fn once(
        &mut self,
        program: &Program,
        case: &str,
        place: Place,
    ) -> Result<Option<Run>> {
        if self.session.is_over() || Instant::now() >= self.deadline {
            return Ok(None);
        }
        let mut command = self.command(program, case, place.layout);
        let what = format!("case {case}");
        let start = Instant::now();
        let measured = program.measure(&mut command, &what, LIMIT, self.session);
        let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
        if self.session.is_over() {
            return Ok(None);
        }
        let sampled =
            measured?.remove(case).ok_or_else(|| program.failed(&what, "gave no samples"))?;
        // Most of a batch can be what the clock does not cover, such as making its database.
        let each_ms = wall_ms / sampled.samples as f64;
        let run_ms = self.session.knobs.get(knob::MACE_PERF_RUN_MS);
        let fit = stats::whole(run_ms as f64 / each_ms) as usize;
        self.samples.entry(case.to_owned()).or_insert(fit.clamp(SAMPLES.0, SAMPLES.1));
        let Sampled { low_ns, median_ns, mean_ns, samples, .. } = sampled;
        let load = machine::load();
        Ok(Some(Run { place, low_ns, median_ns, mean_ns, samples, wall_ms, load }))
    }
}

#[cfg(test)]
mod tests {
    use super::completed;

    #[test]
    fn an_option_of_the_user_replaces_ours() {
        let ours = [("--bench", None), ("--sample-size", Some("40")), ("--exact", None)];
        for (theirs, args) in [
            ("--noplot", "--noplot --bench --sample-size 40 --exact"),
            ("--sample-size 20", "--sample-size 20 --bench --exact"),
            ("--sample-size=20 --exact", "--sample-size=20 --exact --bench"),
        ] {
            let theirs: Vec<_> = theirs.split(' ').collect();
            assert_eq!(completed(&theirs, &ours).join(" "), args);
        }
    }
}
