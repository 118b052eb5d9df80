//! Runs the bench program: which cases it has, one short run of one case, or all cases at length.
//! With `machine` the only module that measures; what comes back are records.

use crate::{
    build,
    criterion::{self, Sampled},
    gate::{Measure, Place},
    machine,
    run::{Run, Side},
    settings::Settings,
    stats,
};
use knobs::{Setting, knob};
use process::{Error, Interrupts, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A bench program of one side.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// The same program in its link layouts, the default one first.
    pub(crate) layouts: Vec<PathBuf>,
    /// The manifest that it was built from.
    pub(crate) manifest: PathBuf,
    /// Where what it prints goes.
    pub(crate) log: PathBuf,
    /// The case that is slowed down, and by how many steps of the constant loop for each client in a
    /// batch.
    pub(crate) slow: Option<(String, u64)>,
}

/// Tells the bench program by how many steps to slow the engine down; see `benches/perf.rs`.
const SLOW: &str = "MACE_PROD_INTERNAL_BENCH_SLOW";

/// A short run that takes longer than this hangs.
const LIMIT: Duration = Duration::from_mins(1);

impl Program {
    fn exe(&self, layout: usize) -> &Path {
        &self.layouts[layout.min(self.layouts.len() - 1)]
    }

    fn command(&self, settings: &Settings) -> Command {
        let mut command = Command::new(self.exe(0));
        self.prepare(&mut command, settings);
        command
    }

    /// Takes away the knobs that this process was given, and says those of the benches as they are
    /// resolved here: the program's own tree can have another file of them.
    pub(crate) fn prepare(&self, command: &mut Command, settings: &Settings) {
        build::clean(command, settings, &self.manifest);
        let benches = |knob: &&Setting| knob.knob.name.starts_with("MACE_BENCH_");
        for setting in settings.knobs.settings().iter().filter(benches) {
            command.envs(setting.value.as_ref().map(|value| (setting.knob.name, value)));
        }
    }

    /// Starts the log anew and returns it.
    pub(crate) fn open_log(&self) -> Result<File> {
        let remedy = "make the output folder writable";
        File::create(&self.log)
            .map_err(|error| Error::io("write the log", &self.log, remedy, error))
    }

    /// The names of the cases that the program has.
    pub(crate) fn list(&self, settings: &Settings, interrupts: &Interrupts) -> Result<Vec<String>> {
        let mut command = self.command(settings);
        command.args(["--bench", "--list", "--format", "terse"]);
        let (status, output) =
            interrupts.capture(&mut command).map_err(|error| cannot_run(self, &error))?;
        let text = String::from_utf8_lossy(&output);
        let names: Vec<String> = text
            .lines()
            .filter_map(|line| line.strip_suffix(": benchmark").map(str::to_owned))
            .collect();
        if interrupts.outcome().is_none() && (names.is_empty() || !status.success()) {
            let what = format!("the bench program lists no case ({status})");
            let remedy = "run it with --list to see why";
            return Err(Error::new(what, self.layouts[0].display(), remedy));
        }
        Ok(names)
    }

    /// Runs every case whose name contains `filter` as long as the knobs say; `None` when a signal
    /// came.
    pub(crate) fn measure_all(
        &self,
        filter: Option<&str>,
        settings: &Settings,
        interrupts: &Interrupts,
    ) -> Result<Option<BTreeMap<String, Sampled>>> {
        let home = home()?;
        let log = self.open_log()?;
        let errors = log.try_clone().map_err(|error| cannot_run(self, &error))?;
        let mut command = self.command(settings);
        command.args(completed(&settings.bench_args, &[("--bench", None)])).args(filter);
        command.env("CRITERION_HOME", home.path()).stdout(log).stderr(errors);
        let status = interrupts.run(&mut command).map_err(|error| cannot_run(self, &error))?;
        if interrupts.outcome().is_some() {
            return Ok(None);
        }
        if !status.success() {
            let what = format!("the benches failed ({status})");
            return Err(Error::new(what, self.log.display(), "read the end of that log"));
        }
        criterion::read(home.path()).map(Some)
    }
}

/// What the user passes on, with those of our options that the user has not chosen: Criterion takes
/// none of them twice.
fn completed<'a>(theirs: &'a [String], ours: &[(&'a str, Option<&'a str>)]) -> Vec<&'a str> {
    let is_theirs = |name: &str| theirs.iter().any(|arg| arg.split('=').next() == Some(name));
    let ours = ours.iter().filter(|(name, _)| !is_theirs(name));
    let ours = ours.flat_map(|(name, value)| [*name].into_iter().chain(*value));
    theirs.iter().map(String::as_str).chain(ours).collect()
}

fn home() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|error| {
        let what = format!("cannot create a folder ({error})");
        Error::new(what, "the folder for temporary files", "make room there").because(error)
    })
}

fn cannot_run(program: &Program, error: &std::io::Error) -> Error {
    Error::io(
        "run the bench program",
        &program.layouts[0],
        "build it again",
        std::io::Error::new(error.kind(), error.to_string()),
    )
}

/// The program with a real-time priority, the lowest: other work of the machine waits while the
/// run lasts. Round robin, so that two threads of it cannot wait for each other for ever; the
/// kernel leaves the others a twentieth of the time whatever happens.
fn first(program: &Path) -> Command {
    let mut command = Command::new("chrt");
    command.args(["--rr", "1"]).arg(program);
    command
}

/// Whether this machine lets us have such a priority.
pub(crate) fn realtime() -> bool {
    let mut probe = first(Path::new("true"));
    let probe = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}

/// The clock: gives the gate its runs.
pub(crate) struct Clock<'c> {
    pub(crate) base: &'c Program,
    pub(crate) head: &'c Program,
    pub(crate) settings: &'c Settings,
    pub(crate) interrupts: &'c Interrupts,
    pub(crate) deadline: Instant,
    /// Whether runs get a real-time priority.
    pub(crate) realtime: bool,
    /// Cases that are known to do more work in head.
    pub(crate) more: BTreeSet<String>,
    /// Samples for a case, once it is known how long an iteration of it takes.
    samples: BTreeMap<String, usize>,
}

/// The fewest and the most samples of a run: as many as give a low quantile that is worth its name.
const SAMPLES: (usize, usize) = (40, 100);

/// Far less than any batch takes, so that Criterion gives each sample one batch. A sample has to be
/// shorter than what the scheduler lets a process run at a stretch, or none is undisturbed.
const MEASURE_SECS: &str = "0.001";
const WARM_UP_SECS: &str = "0.01";

impl<'c> Clock<'c> {
    pub(crate) fn new(
        (base, head): (&'c Program, &'c Program),
        settings: &'c Settings,
        interrupts: &'c Interrupts,
        budget: Duration,
    ) -> Self {
        let deadline = Instant::now() + budget;
        let realtime = settings.knobs.get(knob::MACE_PERF_REALTIME) && realtime();
        let samples = BTreeMap::new();
        let more = BTreeSet::new();
        Self { base, head, settings, interrupts, deadline, realtime, more, samples }
    }

    fn command(&self, program: &Program, case: &str, layout: usize, home: &Path) -> Command {
        let exe = program.exe(layout);
        let mut command = if self.realtime { first(exe) } else { Command::new(exe) };
        program.prepare(&mut command, self.settings);
        let samples = self.samples.get(case).copied().unwrap_or(SAMPLES.0);
        command.env(knob::MACE_BENCH_TOTAL_ITEMS.name(), self.settings.compare_items.to_string());
        command.env("CRITERION_HOME", home);
        if let Some((_, steps)) = program.slow.as_ref().filter(|(slow, _)| slow == case) {
            command.env(SLOW, steps.to_string());
        }
        let samples = samples.to_string();
        // The bootstrap is ours; Criterion's own would take longer than the run.
        let ours = [
            ("--bench", None),
            ("--warm-up-time", Some(WARM_UP_SECS)),
            ("--nresamples", Some("1001")),
            ("--measurement-time", Some(MEASURE_SECS)),
            ("--sample-size", Some(samples.as_str())),
            ("--exact", None),
        ];
        command.args(completed(&self.settings.bench_args, &ours)).arg(case);
        command
    }
}

impl Measure for Clock<'_> {
    fn run(&mut self, case: &str, place: Place) -> Result<Option<Run>> {
        let program = if place.side == Side::Base { self.base } else { self.head };
        self.once(program, case, place)
    }

    fn does_more(&self, case: &str) -> bool {
        self.more.contains(case)
    }
}

impl Clock<'_> {
    /// One run of a case in a program.
    pub(crate) fn once(
        &mut self,
        program: &Program,
        case: &str,
        place: Place,
    ) -> Result<Option<Run>> {
        if self.interrupts.outcome().is_some() || Instant::now() >= self.deadline {
            return Ok(None);
        }
        let home = home()?;
        let log = OpenOptions::new().append(true).create(true).open(&program.log);
        let log = log.and_then(|log| Ok((log.try_clone()?, log)));
        let (output, errors) = log.map_err(|error| cannot_run(program, &error))?;
        let mut command = self.command(program, case, place.layout, home.path());
        command.stdout(output).stderr(errors);
        let start = Instant::now();
        let status = self.interrupts.run_within(&mut command, LIMIT);
        let status = status.map_err(|error| cannot_run(program, &error))?;
        let wall_ms = start.elapsed().as_secs_f64() * 1000.0;
        if self.interrupts.outcome().is_some() {
            return Ok(None);
        }
        let failed = |how: &str| {
            let what = format!("case {case} {how}");
            Err(Error::new(what, program.log.display(), "read the end of that log"))
        };
        match status {
            None => return failed("hung for a minute"),
            Some(status) if !status.success() => return failed(&format!("failed ({status})")),
            Some(_) => {}
        }
        let Some(sampled) = criterion::read(home.path())?.remove(case) else {
            return failed("gave no samples");
        };
        // Most of a batch can be what the clock does not cover, such as making its database.
        let each_ms = wall_ms / sampled.samples as f64;
        let fit = stats::whole(self.settings.run_ms as f64 / each_ms) as usize;
        self.samples.entry(case.to_owned()).or_insert(fit.clamp(SAMPLES.0, SAMPLES.1));
        let Sampled { low_ns, median_ns, mean_ns, samples, .. } = sampled;
        let Place { side, round, slot, layout } = place;
        let load = machine::load();
        Ok(Some(Run {
            side,
            round,
            slot,
            layout,
            low_ns,
            median_ns,
            mean_ns,
            samples,
            wall_ms,
            load,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::completed;

    #[test]
    fn an_option_of_the_users_takes_the_place_of_ours() {
        let ours = [("--bench", None), ("--sample-size", Some("40")), ("--exact", None)];
        for (theirs, args) in [
            ("--noplot", "--noplot --bench --sample-size 40 --exact"),
            ("--sample-size 20", "--sample-size 20 --bench --exact"),
            ("--sample-size=20 --exact", "--sample-size=20 --exact --bench"),
        ] {
            let theirs: Vec<_> = theirs.split(' ').map(str::to_owned).collect();
            assert_eq!(completed(&theirs, &ours).join(" "), args);
        }
    }
}
