//! A power loss: the work is recorded, what a crash may leave of it is rebuilt, opened and judged.

use crate::power::record::{Places, crash, live_on, record, recorded_after, set_up, trace};
use faultfs::{Case as State, Explore, Finding, Op, Outcome, Plan, Report, Step, Trace};
use knobs::budget::Unit;
use mace_prod::{
    engine::{Driver, mace::MaceDriver},
    oracle::{OracleName, Violation},
    report::{Figures, say},
    scenario::{
        Case,
        chaos::recipes::Stages,
        database::Stage,
        power::{
            Recorded, SecondCrashes,
            known::{REVIVED_COMMIT, UNSYNCED_LOG_NAME},
            known_id, other_engines,
            workloads::Workload,
        },
        run::concluded,
    },
    settings::{FindingId, Seed, Settings, excludes},
    verdict::Verdict,
};
use results::absorbed;
use std::{collections::BTreeMap, path::Path, thread};

const KEPT: &str = "what a power loss leaves keeps every promise";

/// The steps of the exploration that share a budget, of the work and of its recoveries.
const STEPS: u64 = 6;

/// Records a work and judges what a power loss may leave of it; or one stored finding again.
pub(crate) fn power_loss(case: &mut Case, driver: &dyn Driver, work: Workload) -> Verdict {
    if let Some(finding) = &Settings::get().power_replay {
        return replayed(driver, work, finding);
    }
    let places = Places::new(case.dir());
    let recorded = record(&places, driver, &work.stages(), case.seed(), &Plan::default());
    let recorded = recorded.unwrap_or_else(|error| panic!("{error}"));
    if recorded.outcome != Outcome::Sound {
        return Verdict::Crashed(format!("while it was recorded: {}", recorded.outcome));
    }
    let run = recorded.run;
    let report = explored(case, &places, &run, names_kept(trace(&places), driver));
    let mut violations = concluded(run.live(), places.root(), &mut case.figures);
    violations.extend(found(case, &report));
    let wanted = Settings::get().power_states / 20 / u64::from(Settings::get().power_shard.1);
    if violations.is_empty() && report.judged() < wanted {
        let judged = report.judged();
        return Verdict::Inconclusive(format!(
            "{judged} states were judged, at least {wanted} were to be"
        ));
    }
    Verdict::from_violations(violations)
}

/// What becomes of a trace before it is explored.
pub(crate) type TraceFilter = fn(Trace, &dyn Driver) -> Trace;

/// What is looked for in a recording, and under which faults it was made.
pub(crate) struct Search<'a> {
    /// What a crash may do to the files.
    pub(crate) steps: &'a [Step],
    /// The faults that the recorded process meets.
    pub(crate) plan: &'a Plan,
    /// What becomes of the trace before it is explored.
    pub(crate) seen_as: TraceFilter,
}

/// The trace without what another engine's findings about names would hide.
pub(crate) fn names_kept(trace: Trace, driver: &dyn Driver) -> Trace {
    match other_engines::unsynced_names(&driver.identity().name) {
        None => trace,
        Some(names) => trace.keeping(names),
    }
}

/// Records processes and says in whose words the crash states of these steps break promises.
pub(crate) fn shown(
    case: &mut Case,
    stages: &Stages,
    steps: &[Step],
) -> Result<Vec<Outcome>, Verdict> {
    shown_by(&MaceDriver, case, stages, steps, "")
}

/// The same under fault rules, which may end the recorded process.
pub(crate) fn shown_under(
    case: &mut Case,
    stages: &Stages,
    steps: &[Step],
    faults: &str,
) -> Result<Vec<Outcome>, Verdict> {
    shown_by(&MaceDriver, case, stages, steps, faults)
}

/// The same of another engine.
pub(crate) fn shown_by(
    driver: &dyn Driver,
    case: &mut Case,
    stages: &Stages,
    steps: &[Step],
    faults: &str,
) -> Result<Vec<Outcome>, Verdict> {
    found_by(driver, case, stages, steps, faults).map(|found| outcomes(&found))
}

/// The findings themselves, with what each lost.
pub(crate) fn found_by(
    driver: &dyn Driver,
    case: &mut Case,
    stages: &Stages,
    steps: &[Step],
    faults: &str,
) -> Result<Vec<Finding>, Verdict> {
    let places = Places::new(case.dir());
    let plan: Plan = faults.parse().unwrap_or_else(|error| panic!("{error}"));
    set_up(&places, driver, stages, case.seed()).unwrap_or_else(|error| panic!("{error}"));
    findings(driver, case, stages, &[], &Search { steps, plan: &plan, seen_as: names_kept })
}

/// The verdict of a regression whose finding these outcomes do not show: what else they break, or how often
/// the run came to what shows it.
pub(crate) fn shows_nothing(
    case: &mut Case,
    outcomes: &[Outcome],
    window: &str,
    times: u64,
) -> Verdict {
    let is_other = |outcome: &&Outcome| !outcome.is_sound() && known_of(outcome).is_none();
    let others = outcomes.iter().filter(is_other);
    let others = others.map(|found| Violation::new(OracleName::Power, KEPT, found.to_string()));
    case.shows_nothing(window, times, others.collect())
}

/// How many events of the recording are of a kind.
pub(crate) fn recorded_events(case: &Case, is_it: impl Fn(&Op) -> bool) -> u64 {
    let trace = trace(&Places::new(case.dir()));
    trace.events().iter().filter(|event| is_it(&event.op)).count() as u64
}

/// Whether a log file gets its name.
pub(crate) fn makes_a_log(op: &Op) -> bool {
    matches!(op, Op::Create { name, .. } if name.contains("wal"))
}

/// Whether a call fails.
pub(crate) fn fails(op: &Op) -> bool {
    matches!(op, Op::Fault { .. })
}

/// What each finding came to.
fn outcomes(findings: &[Finding]) -> Vec<Outcome> {
    findings.iter().map(|finding| finding.outcome.clone()).collect()
}

/// The same of openings that come before, within the recording.
pub(crate) fn shown_of(
    driver: &dyn Driver,
    case: &mut Case,
    stages: &Stages,
    first: &[Stage],
    steps: &[Step],
    plan: &Plan,
) -> Result<Vec<Outcome>, Verdict> {
    let search = Search { steps, plan, seen_as: |trace, _| trace };
    findings(driver, case, stages, first, &search).map(|found| outcomes(&found))
}

/// What is found in what becomes of the trace, each finding as it is.
pub(crate) fn findings(
    driver: &dyn Driver,
    case: &mut Case,
    stages: &Stages,
    first: &[Stage],
    search: &Search<'_>,
) -> Result<Vec<Finding>, Verdict> {
    let Search { steps, plan, seen_as } = *search;
    let places = Places::new(case.dir());
    let recorded = recorded_after(&places, driver, stages, first, case.seed(), plan);
    let recorded = recorded.unwrap_or_else(|error| panic!("{error}"));
    if plan.rules().is_empty() && recorded.outcome != Outcome::Sound {
        return Err(Verdict::Crashed(format!("while it was recorded: {}", recorded.outcome)));
    }
    let run = recorded.run;
    let lives = places.lives();
    let judge = |state: &State| run.judge(&crash(state), &lives);
    let explore = Explore::new().steps(steps).nested(0).questions(0).folder(case.dir());
    let trace = seen_as(trace(&places), driver);
    let report = explore.run(trace, &judge).unwrap_or_else(|error| panic!("{error}"));
    report.to_string().lines().for_each(say);
    run.notes.passed().report(&mut case.figures);
    Ok(report.findings)
}

/// Workers are more than cores: an engine that opens and closes waits for its threads and timers.
fn explored(case: &mut Case, places: &Places, run: &Recorded<'_>, trace: Trace) -> Report {
    let states = Settings::get().power_states;
    let (shard, of) = Settings::get().power_shard;
    let explore = Explore::new()
        .seed(case.seed().number())
        .limit(states / STEPS / 2)
        .shard(shard, of)
        .nested(8)
        .nested_limit(states / STEPS / 8)
        .workers(2 * thread::available_parallelism().map_or(1, usize::from))
        .folder(case.dir())
        .store(places.findings());
    let lives = places.lives();
    let judge = |state: &State| of_lives(run, state, &lives);
    let report = explore.run(trace, &judge).unwrap_or_else(|error| panic!("{error}"));
    report.to_string().lines().for_each(say);
    count(&report, &mut case.figures);
    run.notes.passed().report(&mut case.figures);
    report
}

/// Judges a crash state, of the recording or of a life after it; where a life begins, leads it.
fn of_lives(run: &Recorded<'_>, state: &State, lives: &SecondCrashes) -> Result<(), String> {
    // What is recorded was found sound before. The opening that recovers is the one that writes,
    // as long as an opening that only reads spoils the next one.
    if !state.is_recorded() || !excludes(UNSYNCED_LOG_NAME) {
        run.judge(&crash(state), lives)?;
    }
    if state.is_recorded() { live_on(run, state, lives) } else { Ok(()) }
}

/// The words of what is found where so many crash states of these steps are opened and written, and
/// lose their power again.
pub(crate) fn shown_in_lives(
    folder: &Path,
    seed: Seed,
    stages: &Stages,
    steps: &[Step],
    lives: usize,
) -> Vec<Outcome> {
    let places = Places::new(folder);
    let recorded = record(&places, &MaceDriver, stages, seed, &Plan::default());
    let run = recorded.unwrap_or_else(|error| panic!("{error}")).run;
    let explore = Explore::new().seed(seed.number()).steps(steps).nested(lives);
    let lives = places.lives();
    let judge = |state: &State| of_lives(&run, state, &lives);
    let report =
        explore.limit(60).nested_limit(25).questions(0).folder(folder).run(trace(&places), &judge);
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    report.to_string().lines().for_each(say);
    outcomes(&report.findings)
}

fn count(report: &Report, figures: &mut Figures) {
    figures.add(absorbed::judged(Unit::CrashStates), report.judged());
    figures.add("crash_states.left_out", report.left_out());
    figures.add("crash_states.elapsed_ms", report.elapsed.as_millis() as u64);
    for (profile, states) in &report.profiles {
        figures.add(format!("crash_states.under.{profile}"), *states);
    }
    for (call, times) in &report.trace.calls {
        figures.add(format!("syscalls.{call}"), *times);
    }
}

/// What was found: known findings are said, the others are violations with the command that
/// judges them again.
fn found(case: &mut Case, report: &Report) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut known = BTreeMap::new();
    for finding in &report.findings {
        let label =
            finding.mildest_profile().map_or_else(|| "nothing".to_owned(), |p| p.to_string());
        case.figures.add(format!("findings.{label}"), 1);
        if let Some(id) = known_of(&finding.outcome) {
            *known.entry(id).or_default() += finding.count;
            continue;
        }
        let again = again(case, finding);
        violations.push(Violation::new(
            OracleName::Power,
            KEPT,
            format!("{finding}  again: {again}"),
        ));
    }
    for (id, crash_states) in known {
        met(case, id, Unit::CrashStates, crash_states);
    }
    violations
}

/// Says that so much of what was judged is put down to a known finding; that of another engine has no
/// entry among those of this one, and no budget.
pub(crate) fn met(case: &mut Case, id: FindingId, unit: Unit, count: u64) {
    if FindingId::OF_OTHERS.contains(&id) {
        say(&format!("a finding of another engine: {id}"));
    } else {
        let _ = case.put_down_to(id, unit, count);
    }
}

/// The known finding that an outcome names.
pub(crate) fn known_of(outcome: &Outcome) -> Option<FindingId> {
    let Outcome::Broken(text) = outcome else { return None };
    known_id(text)
}

/// A commit comes back whose record is in the log, so one of which nothing but the sync failed: after
/// any other failure that finding explains nothing.
pub(crate) fn without_sync(found: Outcome) -> Outcome {
    match found {
        Outcome::Broken(words) if known_id(&words) == Some(REVIVED_COMMIT) => {
            Outcome::Broken(format!("and no sync had failed: {words}"))
        }
        other => other,
    }
}

fn again(case: &Case, finding: &Finding) -> String {
    let name = finding.file.as_deref().and_then(Path::file_name).unwrap_or_default();
    let file = case.evidence().join("findings").join(name);
    let file = file.display();
    let name = case.name();
    let seed = Settings::get().root_seed;
    format!("MACE_POWER_REPLAY='{file}' just repro '{name}' {seed}")
}

/// Judges a stored finding again, with the journal that lies beside it.
fn replayed(driver: &dyn Driver, work: Workload, file: &Path) -> Verdict {
    let root = file.parent().and_then(Path::parent).unwrap_or(file);
    let places = Places::new(root);
    let run = places.recorded(driver, &work.stages());
    let run = run.unwrap_or_else(|error| panic!("{error}"));
    let lives = places.lives();
    let judge = |state: &State| run.judge(&crash(state), &lives);
    let outcome = Explore::new().replay(file, &judge).unwrap_or_else(|error| panic!("{error}"));
    match outcome {
        Outcome::Sound => Verdict::Pass,
        found => Verdict::from_violations(vec![Violation::new(
            OracleName::Power,
            KEPT,
            found.to_string(),
        )]),
    }
}
