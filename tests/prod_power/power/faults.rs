//! A failing disk: the n-th call of each kind fails, once or from then on, and what the engine left
//! behind is opened and judged. It may refuse or stop; it may never lie afterwards. A sync that
//! failed is followed by a power loss as well: an acknowledgement behind it was worth nothing.

use crate::power::{
    explore::{keep, known_of, met, names_kept, without_sync},
    record::{Places, Recording, crash, recorded, set_up, trace},
};
use faultfs::{
    Call, Case as State, Explore, Finding, Fork, Op, Outcome, Plan, Profile, Step, Trace,
};
use knobs::budget::Unit;
use mace_prod::{
    engine::{Driver, Merge, Outcome as Answer, mace::MaceDriver},
    history::script::buckets_named,
    oracle::{
        OracleName, Violation,
        judge::of_crash_states,
        promise::{After, promises},
    },
    report::say,
    scenario::{
        Case,
        chaos::recipes::Stages,
        power::{
            DATABASE, Passed, Recorded, forking::on_threads, known::FAILED_SYNC, other_engines,
            put_down_to, workloads::Workload,
        },
    },
    settings::{FindingId, Seed, Settings, excludes},
    testdir,
    verdict::Verdict,
};
use results::absorbed;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

const KEPT: &str = "an engine that met a failing disk keeps every promise, or stops";

/// The first so many calls of each kind fail in every run of the suite, the later ones by the seed.
const ALWAYS: u64 = 3;

/// States in which everything unsynced is lost, of each run whose sync failed.
const SAMPLE: u64 = 12;

/// How many more calls than twice those of a run without faults a run with one may make.
const BEYOND: u64 = 20;

const CLEANED: &str = "a clean-up that failed is finished after the next opening";

/// After which a run counts as hung.
const DEADLINE: Duration = Duration::from_secs(30);

/// What the removal of a file meets.
const REMOVAL_MEETS: [&str; 2] = ["EIO", "EACCES"];

/// Rounds of collection after which a clean-up will not be finished.
const ROUNDS: u32 = 50;

/// What calls meet, as far as a plan allows it of the call.
const MEETS: &[&str] = &["EIO", "ENOSPC", "EMFILE", "EINTR", "short=1", "torn"];

/// What a call of this kind can meet. Whatever the run without faults called is here: of which calls
/// can fail, and how, only the plan knows.
fn meets(call: Call) -> Vec<&'static str> {
    let allowed = |what: &&&str| Plan::from_str(&format!("{call}=return({what})")).is_ok();
    MEETS.iter().filter(allowed).copied().collect()
}

/// One fault to meet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    call: Call,
    what: &'static str,
    nth: u64,
    sticky: bool,
}

impl Fault {
    fn rule(&self) -> String {
        let Self { call, what, nth, sticky } = self;
        // A byte at a time, a run takes longer than its deadline without hanging.
        let what = if *sticky && *what == "short=1" { "short=512" } else { what };
        let off = if *nth > 1 { format!("{}*off->", nth - 1) } else { String::new() };
        let once = if *sticky { "" } else { "1*" };
        format!("{call}={off}{once}return({what})")
    }
}

/// What came of the runs.
#[derive(Default)]
struct Score {
    runs: u64,
    /// Where failures went on longer than a run can.
    endless: Vec<String>,
    fired: BTreeMap<String, u64>,
    ended: BTreeMap<&'static str, u64>,
    /// Runs that are put down to known findings.
    known: BTreeMap<FindingId, u64>,
    passed: Passed,
    violations: Vec<Violation>,
    /// Runs of which a file stayed that was to go, and was looked for after the next opening.
    cleaned: u64,
}

/// A work that meets faults, and what comes of it.
struct Disk<'a> {
    case: &'a Case,
    driver: &'static dyn Driver,
    stages: Stages,
    seed: Seed,
    /// What the processes before the recorded one left.
    base: Places,
    score: Mutex<Score>,
}

/// The figure that counts the clean-ups that failed and were judged.
const CLEANUPS: &str = "cleanups.judged";

/// The calls of a run without faults.
type Calls = BTreeMap<Call, u64>;

/// Runs a work once for each fault of a sample and judges what is left.
pub(crate) fn failing_disk(
    case: &mut Case,
    driver: &'static dyn Driver,
    work: Workload,
) -> Verdict {
    on_disk(case, driver, work.stages(), |case, calls| {
        chosen(case, calls).into_iter().map(Lane::of).collect()
    })
}

/// Runs a short work with its first call of each kind failing, its second, its third, until a run
/// meets no failure: once, and from that call on.
pub(crate) fn each_call(case: &mut Case, driver: &'static dyn Driver, work: Workload) -> Verdict {
    on_disk(case, driver, work.brief(), |_, calls| lanes(calls))
}

/// Runs a work in which the removal of a file fails in the middle of a clean-up: once, and from there on. What was to
/// go must be gone when the next opening is at work, whoever died of the failure.
pub(crate) fn failing_cleanup(
    case: &mut Case,
    driver: &'static dyn Driver,
    work: Workload,
) -> Verdict {
    let verdict = on_disk(case, driver, work.stages(), |_, calls| {
        removals(calls).into_iter().map(Lane::of).collect()
    });
    if verdict == Verdict::Pass && case.figures.get(CLEANUPS) == 0 {
        return Verdict::Inconclusive("no removal of a collected file failed".to_owned());
    }
    verdict
}

/// What the middle one of the removals meets, of each kind of call.
fn removals(calls: &Calls) -> Vec<String> {
    let mut rules = Vec::new();
    for (call, met) in calls.iter().filter(|(call, _)| removes(**call)) {
        for what in REMOVAL_MEETS {
            for sticky in [false, true] {
                rules.push(Fault { call: *call, what, nth: met.div_ceil(2), sticky }.rule());
            }
        }
    }
    rules
}

/// Whether a call takes a file away.
fn removes(call: Call) -> bool {
    matches!(call, Call::Unlink | Call::Unlinkat)
}

/// Whether collection takes files of this name away, and no other file ever gets it.
fn is_collected(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.starts_with(DATABASE)
        && ["data_", "blob_", "wal_", "group_wal_"].iter().any(|start| name.starts_with(start))
}

/// Rules that are tried one after the other.
struct Lane {
    rules: Vec<String>,
    /// How many of them must be tried; the others are until one is not met.
    least: usize,
}

impl Lane {
    fn of(rule: String) -> Self {
        Self { rules: vec![rule], least: 1 }
    }
}

/// Each lane is one kind of fault at one call after the other, the earliest first.
fn lanes(calls: &Calls) -> Vec<Lane> {
    let all = Settings::get().power_faults == 0;
    let mut lanes = Vec::new();
    for (call, met) in calls {
        let meets = meets(*call);
        let met = *met;
        // What kind of error it is matters less than where it is.
        for what in meets.iter().take(if all { meets.len() } else { 1 }) {
            for sticky in kinds(what) {
                let at = |nth| Fault { call: *call, what, nth, sticky: *sticky }.rule();
                // A run that fails may make more calls than one that does not.
                let rules = (1..=met * 2 + BEYOND).map(at).collect();
                lanes.push(Lane { rules, least: met as usize });
            }
        }
    }
    lanes
}

/// Whoever is always interrupted may try for ever.
fn kinds(what: &str) -> &'static [bool] {
    if what == "EINTR" { &[false] } else { &[false, true] }
}

/// Runs a work under the rules of each lane in turn; a lane of several ends with the first run that
/// meets no failure.
fn on_disk(
    case: &mut Case,
    driver: &'static dyn Driver,
    stages: Stages,
    lanes: impl FnOnce(&mut Case, &Calls) -> Vec<Lane>,
) -> Verdict {
    let seed = case.seed();
    let base = Places::new(&case.dir().join("base"));
    set_up(&base, driver, &stages, seed).unwrap_or_else(|error| panic!("{error}"));
    let dry = Places::new(&case.dir().join("dry"));
    copy(&base, &dry);
    let whole = run(&dry, driver, &stages, seed, "");
    if whole.outcome != Outcome::Sound {
        return Verdict::Crashed(format!("without a fault: {}", whole.outcome));
    }
    let calls = trace(&dry).summary().calls.clone();
    for (call, count) in &calls {
        case.figures.add(format!("syscalls.{call}"), *count);
    }
    let lanes = match &Settings::get().power_rule {
        Some(rule) => vec![Lane::of(rule.clone())],
        None => lanes(case, &calls),
    };
    let disk = Disk { case, driver, stages, seed, base, score: Mutex::new(Score::default()) };
    let queue = Mutex::new(lanes.iter().enumerate());
    // A run waits for its processes about half of its time.
    let workers = 2 * thread::available_parallelism().map_or(1, usize::from);
    on_threads(workers, || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some((number, lane)) = next else { break };
            disk.along(number, lane);
        }
    });
    let score = disk.score.into_inner().unwrap_or_else(PoisonError::into_inner);
    concluded(case, score)
}

impl Disk<'_> {
    /// One run after the other, those of this machine.
    fn along(&self, number: usize, lane: &Lane) {
        let (shard, of) = Settings::get().power_shard;
        for (at, rule) in lane.rules.iter().enumerate() {
            if (number + at) as u64 % u64::from(of) != u64::from(shard - 1) {
                continue;
            }
            let places = Places::new(&self.case.dir().join(format!("fault-{number}-{at}")));
            copy(&self.base, &places);
            let is_met = self.one(&places, rule);
            if !is_met && at + 1 > lane.least {
                return;
            }
        }
        if lane.rules.len() > lane.least {
            self.score().endless.push(lane.rules[0].clone());
        }
    }

    fn score(&self) -> MutexGuard<'_, Score> {
        self.score.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One run and its judgement; whether it met its fault.
    fn one(&self, places: &Places, rule: &str) -> bool {
        let recording = run(places, self.driver, &self.stages, self.seed, rule);
        let traced = trace(places);
        let fired = traced.events().iter().find_map(|event| match &event.op {
            Op::Fault { what, path, .. } => Some((event.call, what.clone(), path.clone())),
            _ => None,
        });
        let left = not_removed(&traced);
        let syncs = fired.as_ref().is_some_and(|f| matches!(f.0, Call::Fsync | Call::Fdatasync));
        let look = Fork::new(places.root().join("looked")).deadline(DEADLINE);
        // Only a fork may open a store here.
        let storing = recording.run.storing(places.notes());
        let found = look.run(|| storing.judge_death(&places.disk()));
        let mut found = found.unwrap_or_else(|error| panic!("{error}"));
        if syncs && found.is_sound() {
            found = without_power(places, &recording, names_kept(traced, self.driver));
        } else if !syncs {
            found = without_sync(found);
        }
        if !left.is_empty() && found.is_sound() {
            self.score().cleaned += 1;
            found = self.cleaned(places, &recording, &left);
        }
        self.score().passed.join(storing.notes.passed());
        if let Some((call, what, _)) = &fired {
            let label = format!("faults.{call}.{}", what.replace('=', "_"));
            *self.score().fired.entry(label).or_default() += 1;
        }
        if let Some(what) = self.violation(places, rule, &recording.outcome, &found) {
            // What a state that was read shows is there already.
            storing.keep_words(&storing.history, &[], &[what]);
        } else {
            fs::remove_dir_all(places.root()).expect("the case's folder can be emptied");
        }
        fired.is_some()
    }

    /// Whether the files that could not be removed are gone once the database was opened again.
    fn cleaned(&self, places: &Places, recording: &Recording<'_>, left: &[PathBuf]) -> Outcome {
        let Recorded { options, history, .. } = &recording.run;
        let disk = places.disk();
        let stays = || left.iter().filter(|path| disk.join(path).exists()).collect::<Vec<_>>();
        let cleans = || -> Answer<()> {
            let engine = self.driver.open(&disk.join(DATABASE), options)?;
            let names = buckets_named(history).into_iter();
            let open = names.filter_map(|name| engine.open_bucket(&name, Merge::Sum).ok());
            let buckets: Vec<_> = open.collect();
            for _ in 0..ROUNDS {
                if stays().is_empty() {
                    break;
                }
                for bucket in &buckets {
                    bucket.checkpoint_and_wait();
                }
                engine.collect_garbage();
            }
            Ok(())
        };
        let look = Fork::new(places.root().join("cleaned")).deadline(DEADLINE);
        let done = look.run(|| {
            cleans().map_err(|denial| format!("the opening answers {denial}"))?;
            let stays = stays();
            if stays.is_empty() {
                return Ok(());
            }
            Err(format!("space: {CLEANED}\n      {stays:?} could not be removed, and stay"))
        });
        done.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Counts how a run ended and what was found; the promise that is broken in a way that is not
    /// known.
    fn violation(
        &self,
        places: &Places,
        rule: &str,
        said: &Outcome,
        found: &Outcome,
    ) -> Option<Violation> {
        let ended = match said {
            Outcome::Sound => "served",
            Outcome::Broken(_) => "refused",
            Outcome::Panicked(_) => "panicked",
            Outcome::Died(_) => "stopped",
            Outcome::Hung => "hung",
        };
        let hung = (ended == "hung").then(|| places.hung());
        let broken = (!found.is_sound()).then(|| found.to_string());
        let known = known_of(found);
        let mut score = self.score();
        score.runs += 1;
        *score.ended.entry(ended).or_default() += 1;
        if let (None, Some(id)) = (&hung, known) {
            *score.known.entry(id).or_default() += 1;
            return None;
        }
        let what = hung.or(broken)?;
        let name = self.case.name();
        let root = Settings::get().root_seed;
        let witness = format!(
            "{what}\n      under `{rule}`, which ended: {said}\n      again: MACE_POWER_RULE='{rule}' just repro '{name}' {root}"
        );
        let violation = Violation::new(OracleName::Power, KEPT, witness);
        score.violations.push(violation.clone());
        Some(violation)
    }
}

/// The collected files that a failing call did not remove.
fn not_removed(traced: &Trace) -> Vec<PathBuf> {
    let failed = traced.events().iter().filter(|event| removes(event.call));
    let paths = failed.filter_map(|event| match &event.op {
        Op::Fault { path, .. } => Some(PathBuf::from(path)),
        _ => None,
    });
    paths.filter(|path| is_collected(path)).collect()
}

/// The rules: every call of each kind until none is left, as far as the budget goes.
fn chosen(case: &mut Case, calls: &Calls) -> Vec<String> {
    let mut all = Vec::new();
    for (call, met) in calls {
        let meets = meets(*call);
        for nth in 1..=*met {
            for what in &meets {
                let fault = |sticky: &bool| Fault { call: *call, what, nth, sticky: *sticky };
                all.extend(kinds(what).iter().map(fault));
            }
        }
    }
    let budget = match Settings::get().power_faults as usize {
        0 => all.len(),
        budget => budget,
    };
    case.figures.add("faults.possible", all.len() as u64);
    let mut rng = case.seed().derive("faults").rng();
    rng.shuffle(&mut all);
    // The early ones first, one of each kind before the second of any.
    all.sort_by_key(|fault| if fault.nth <= ALWAYS { fault.nth } else { ALWAYS + 1 });
    let early = all.iter().filter(|fault| fault.nth <= ALWAYS).count().min(budget / 2);
    let mut chosen: Vec<Fault> = all[..early].to_vec();
    let rest: Vec<Fault> = all[early..].to_vec();
    let late = rest.iter().filter(|fault| fault.nth > ALWAYS).cloned();
    let others = rest.iter().filter(|fault| fault.nth <= ALWAYS).cloned();
    chosen.extend(late.chain(others).take(budget - early));
    case.figures.add("faults.left_out", (all.len() - chosen.len()) as u64);
    chosen.iter().map(Fault::rule).collect()
}

fn copy(from: &Places, to: &Places) {
    testdir::copy_tree(from.root(), to.root()).unwrap_or_else(|error| panic!("{error}"));
}

/// The processes of an engine, what they draw from, and the rule that they meet.
fn run(
    places: &Places,
    driver: &'static dyn Driver,
    stages: &Stages,
    seed: Seed,
    rule: &str,
) -> Recording<'static> {
    let plan: Plan = rule.parse().unwrap_or_else(|error| panic!("{error}"));
    let recording = recorded(places, driver, stages, seed, &plan);
    recording.unwrap_or_else(|error| panic!("{error}"))
}

/// Whether what was acknowledged behind a failed sync survives the loss of everything unsynced. What
/// would survive had that sync cleaned nothing is lost by believing the next one.
fn without_power(places: &Places, recording: &Recording<'_>, traced: Trace) -> Outcome {
    let judge = |state: &State| recording.run.judge(&crash(state), &places.lives());
    let explore = Explore::new().profile(Profile::StrictLoss).steps(&[Step::DropAll]);
    let explore = explore.workers(1).points(0).nested(0).questions(0).folder(places.root());
    let explore = explore.store(places.findings());
    let shown = |explore: &Explore, traced: Trace| {
        let report = explore.run(traced, &judge).unwrap_or_else(|error| panic!("{error}"));
        let found = report.findings.into_iter();
        found.max_by_key(|finding| known_of(&finding.outcome).is_none())
    };
    let said = |found: Option<Finding>| {
        let Some(finding) = found else { return Outcome::Sound };
        if known_of(&finding.outcome).is_none() {
            keep(&recording.run, places, &finding, &places.notes());
        }
        finding.outcome
    };
    let found = shown(&explore.clone().limit(SAMPLE), traced.clone());
    // Each engine's is a finding of its own.
    let engine = recording.run.driver.identity().name;
    let known = if engine == MaceDriver.identity().name {
        Some(FAILED_SYNC).filter(|&id| excludes(id))
    } else {
        other_engines::failed_sync(&engine)
    };
    match (known, found) {
        (Some(known), Some(found)) => match shown(&explore, traced.forgiving()) {
            None => Outcome::Broken(put_down_to(known, &found.outcome.to_string())),
            other => said(other),
        },
        (_, found) => said(found),
    }
}

fn concluded(case: &mut Case, score: Score) -> Verdict {
    let fired = score.fired.values().sum::<u64>();
    let runs = score.runs;
    case.figures.add(absorbed::judged(Unit::FaultRuns), runs);
    case.figures.tries(promises(of_crash_states(), After::FailingDisk));
    for (label, count) in score.fired {
        case.figures.add(label, count);
    }
    for (how, count) in &score.ended {
        say(&format!("{count} runs {how}"));
        case.figures.add(format!("faults.{how}"), *count);
    }
    score.passed.report(&mut case.figures);
    case.figures.add(CLEANUPS, score.cleaned);
    for (id, runs) in &score.known {
        met(case, *id, Unit::FaultRuns, *runs);
    }
    if !score.violations.is_empty() {
        return Verdict::from_violations(score.violations);
    }
    if let [rule, ..] = &score.endless[..] {
        return Verdict::Inconclusive(format!("failures from `{rule}` on had no end"));
    }
    // A plan that allows nothing of any call would leave nothing to meet.
    if fired == 0 || fired * 2 < runs {
        return Verdict::Inconclusive(format!("{fired} of {runs} faults were met"));
    }
    Verdict::Pass
}
