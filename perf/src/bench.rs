//! Runs the bench program: which cases it has, one short run of one case, or all cases at length.
//! With `machine` the only module that measures; what comes back are records.

use crate::{
    build::{self, Tree},
    criterion,
    gate::{self, Limits, Measure},
    machine,
    settings::Settings,
};
use knobs::{Setting, knob};
use process::{Error, Interrupts, Result, console};
use results::{
    gate::{Judged, Place, Run, Sampled, Side},
    stats,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// A bench program of one revision.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// What it is built from.
    pub(crate) tree: Tree,
    /// The program in its link layouts, the default one first.
    pub(crate) layouts: Vec<PathBuf>,
    /// Where what it prints goes.
    pub(crate) log: PathBuf,
    pub(crate) plant: Option<Plant>,
}

/// A slowdown of the engine in one case.
#[derive(Debug, Clone)]
pub(crate) struct Plant {
    pub(crate) case: String,
    /// Steps of the constant loop for each client in a batch.
    pub(crate) steps: u64,
}

/// Tells the bench program by how many steps to slow the engine down; see `benches/perf.rs`.
const SLOW: &str = "MACE_PROD_INTERNAL_BENCH_SLOW";

/// A short run that takes longer than this hangs.
const LIMIT: Duration = Duration::from_mins(1);

impl Program {
    /// Builds the tree's program in the default layout; `None` when a signal came.
    pub(crate) fn build(tree: Tree, log: PathBuf, interrupts: &Interrupts) -> Result<Option<Self>> {
        let exe = tree.build(interrupts)?;
        Ok(exe.map(|exe| Self { tree, layouts: vec![exe], log, plant: None }))
    }

    /// Links the program in so many layouts, and says why there are fewer.
    pub(crate) fn link(
        &mut self,
        count: usize,
        settings: &Settings,
        interrupts: &Interrupts,
    ) -> Result<Option<String>> {
        let folder = settings.file("layouts");
        let linked = self.tree.linked(&self.layouts[0], count, &folder, interrupts)?;
        self.layouts = linked.programs;
        Ok(linked.lacking)
    }

    fn exe(&self, layout: usize) -> &Path {
        &self.layouts[layout.min(self.layouts.len() - 1)]
    }

    fn command(&self, settings: &Settings) -> Command {
        let mut command = Command::new(self.exe(0));
        self.prepare(&mut command, settings);
        command
    }

    /// Takes away the knobs that this process was given, and sets those of the benches as they are
    /// resolved here: the program's own tree can have another file of them.
    pub(crate) fn prepare(&self, command: &mut Command, settings: &Settings) {
        build::clean(command, settings, &self.tree.manifest);
        let benches = |knob: &&Setting| knob.knob.name.starts_with("MACE_BENCH_");
        for setting in settings.knobs.settings().iter().filter(benches) {
            command.envs(setting.value.as_ref().map(|value| (setting.knob.name, value)));
        }
    }

    /// Starts the log anew.
    pub(crate) fn start_log(&self) -> Result<()> {
        let remedy = "make the output folder writable";
        let file = File::create(&self.log);
        file.map(drop).map_err(|error| Error::io("write the log", &self.log, remedy, error))
    }

    /// Appends what the command prints to the log.
    pub(crate) fn log_output(&self, command: &mut Command) -> io::Result<()> {
        let log = OpenOptions::new().append(true).create(true).open(&self.log)?;
        command.stdout(log.try_clone()?).stderr(log);
        Ok(())
    }

    /// The names of the cases that the program has.
    pub(crate) fn list(&self, settings: &Settings, interrupts: &Interrupts) -> Result<Vec<String>> {
        self.start_log()?;
        let mut command = self.command(settings);
        command.args(["--bench", "--list", "--format", "terse"]);
        let (status, output) =
            interrupts.capture(&mut command).map_err(|error| cannot_run(self, error))?;
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

    /// Runs every case that the filter matches as long as the knobs say; `None` when a signal came.
    pub(crate) fn measure_all(
        &self,
        filter: Option<&str>,
        settings: &Settings,
        interrupts: &Interrupts,
    ) -> Result<Option<BTreeMap<String, Sampled>>> {
        let home = home()?;
        self.start_log()?;
        let mut command = self.command(settings);
        command.args(completed(&settings.bench_args, &[("--bench", None)])).args(filter);
        command.env("CRITERION_HOME", home.path());
        let status = self.log_output(&mut command).and_then(|()| interrupts.run(&mut command));
        let status = status.map_err(|error| cannot_run(self, error))?;
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

fn cannot_run(program: &Program, error: io::Error) -> Error {
    Error::io("run the bench program", &program.layouts[0], "build it again", error)
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
pub(crate) fn is_realtime(settings: &Settings) -> bool {
    let mut probe = with_priority(Path::new("true"));
    let probe = probe.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    settings.knobs.get(knob::MACE_PERF_REALTIME)
        && probe.status().is_ok_and(|status| status.success())
}

/// What a comparison runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<'p> {
    pub(crate) base: &'p Program,
    pub(crate) head: &'p Program,
}

/// The whole path from programs to judged cases, of which `more` are known to do more work in head.
pub(crate) fn compare(
    pair: Pair<'_>,
    cases: &[String],
    more: BTreeSet<String>,
    settings: &Settings,
    interrupts: &Interrupts,
    seed: u64,
) -> Result<Vec<Judged>> {
    let layouts = pair.base.layouts.len().min(pair.head.layouts.len());
    console::note(&format!(
        "perf: measuring {} cases over {layouts} layouts, seed {seed}, at most {} s",
        cases.len(),
        settings.budget.as_secs()
    ));
    let limits = Limits { layouts, ..settings.limits.clone() };
    let mut clock = Clock::new(pair, settings, interrupts, settings.budget);
    clock.more = more;
    gate::compare(&mut clock, cases, &limits, &mut fastrand::Rng::with_seed(seed))
}

/// The clock: gives the gate its runs.
pub(crate) struct Clock<'c> {
    pair: Pair<'c>,
    settings: &'c Settings,
    interrupts: &'c Interrupts,
    deadline: Instant,
    realtime: bool,
    /// Cases that are known to do more work in head.
    more: BTreeSet<String>,
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
        pair: Pair<'c>,
        settings: &'c Settings,
        interrupts: &'c Interrupts,
        budget: Duration,
    ) -> Self {
        Self {
            pair,
            settings,
            interrupts,
            deadline: Instant::now() + budget,
            realtime: is_realtime(settings),
            more: BTreeSet::new(),
            samples: BTreeMap::new(),
        }
    }

    fn command(&self, program: &Program, case: &str, layout: usize, home: &Path) -> Command {
        let exe = program.exe(layout);
        let mut command = if self.realtime { with_priority(exe) } else { Command::new(exe) };
        program.prepare(&mut command, self.settings);
        command.env("MACE_BENCH_TOTAL_ITEMS", self.settings.compare_items.to_string());
        command.env("CRITERION_HOME", home);
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
        command.args(completed(&self.settings.bench_args, &ours)).arg(case);
        command
    }

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
        let mut command = self.command(program, case, place.layout, home.path());
        let logged = program.log_output(&mut command);
        let start = Instant::now();
        let status = logged.and_then(|()| self.interrupts.run_within(&mut command, LIMIT));
        let status = status.map_err(|error| cannot_run(program, error))?;
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
        let load = machine::load();
        Ok(Some(Run { place, low_ns, median_ns, mean_ns, samples, wall_ms, load }))
    }
}

impl Measure for Clock<'_> {
    fn run(&mut self, case: &str, place: Place) -> Result<Option<Run>> {
        let program = if place.side == Side::Base { self.pair.base } else { self.pair.head };
        self.once(program, case, place)
    }

    fn does_more(&self, case: &str) -> bool {
        self.more.contains(case)
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
            let theirs: Vec<_> = theirs.split(' ').map(str::to_owned).collect();
            assert_eq!(completed(&theirs, &ours).join(" "), args);
        }
    }
}
