//! The case of a power loss. What is explored: one work, recorded in a process of its own, by all steps
//! of a crash that `faultfs` knows (prefixes, losses, torn writes) and on all its disk profiles, as many
//! states as the knob of the layer allows; the first ones that are sound are gone on with, and lose
//! their power again. What must hold in every state: it opens, keeps every promise that the engine had
//! made by then, passes the engine's checker, and is read alike in every way; its copies too. What a
//! known finding explains is said and does not count; a case that judged too few states is inconclusive.

use crate::power::record::{Places, crash, live_on, record, trace};
use faultfs::{Case as State, Explore, Finding, Outcome, Plan, Report, Trace};
use knobs::budget::Unit;
use mace_prod::{
    engine::{Driver, Preset},
    history::Event,
    oracle::{
        OracleName, Violation,
        judge::of_crash_states,
        promise::{After, promises},
    },
    report::{Figures, say},
    scenario::{
        Case,
        chaos::recipes::{HELD_POINTS, Recipe},
        power::{
            DATABASE, Recorded, SecondCrashes,
            known::{REVIVED_COMMIT, UNSYNCED_LOG_NAME},
            known_id, other_engines,
            workloads::Workload,
        },
        run::{concluded, goals::Depth},
    },
    settings::{FindingId, Settings, excludes},
    verdict::Verdict,
};
use results::absorbed;
use std::{collections::BTreeMap, path::Path, thread};

const KEPT: &str = "what a power loss leaves keeps every promise";

/// The steps of the exploration that share a budget, of the work and of its recoveries.
const STEPS: u64 = 6;

/// How many sound states are gone on with.
const LIVES: usize = 8;

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
    let states = work.share(Settings::get().power_states);
    let report = explored(case, &places, &run, names_kept(trace(&places), driver), states);
    let after = After::PowerLoss;
    case.figures.tries(promises(of_crash_states(), after));
    let live = run.storing(places.notes()).live();
    let mut violations = concluded(live, after, places.root(), &mut case.figures);
    violations.extend(found(case, &report));
    for finding in report.findings.iter().filter(|it| known_of(&it.outcome).is_none()) {
        if let Some(file) = &finding.file {
            keep(&run, &places, finding, &file.with_extension("judged"));
        }
    }
    Verdict::from_violations(violations)
        .and(enough(&report, states))
        .and(depth(case, work, &run))
        .and(held(work, &run))
}

/// A work in which checkpoints are held says nothing when they were not.
fn held(work: Workload, run: &Recorded<'_>) -> Verdict {
    let is_held = |event: &&Event| matches!(event, Event::Milestone(it) if it.is_held());
    let times = run.history.events.iter().filter(is_held).count();
    if work.recipe != Recipe::Held || times >= HELD_POINTS.len() {
        return Verdict::Pass;
    }
    Verdict::Inconclusive(format!("{times} of {} checkpoints were held", HELD_POINTS.len()))
}

/// A deep work whose database was not deep says nothing.
fn depth(case: &mut Case, work: Workload, run: &Recorded<'_>) -> Verdict {
    if work.preset != Preset::Deep {
        return Verdict::Pass;
    }
    let dir = Places::new(case.dir()).disk().join(DATABASE);
    let depth = Depth::as_told(&run.history, work.preset.bucket().split_keys, &dir);
    let can = run.driver.capabilities();
    depth.count(&mut case.figures, can);
    depth.verdict(can)
}

/// A case that judged too few states says nothing.
fn enough(report: &Report, states: u64) -> Verdict {
    let wanted = states / 20 / u64::from(Settings::get().power_shard.1);
    let judged = report.judged();
    if judged >= wanted {
        return Verdict::Pass;
    }
    Verdict::Inconclusive(format!("{judged} states were judged, at least {wanted} were to be"))
}

/// Which states there are, and how many of them are judged. Workers are more than cores: an engine that
/// opens and closes waits for its threads and timers.
fn exploration(case: &Case, places: &Places, states: u64) -> Explore {
    let (shard, of) = Settings::get().power_shard;
    // Fewer lives where there are too few states for all of them.
    let lives = LIVES.min((states / STEPS / 2) as usize);
    Explore::new()
        .seed(case.seed().number())
        .limit(states / STEPS / 2)
        .shard(shard, of)
        .nested(lives)
        .nested_limit(states / STEPS / lives.max(1) as u64)
        .workers(2 * thread::available_parallelism().map_or(1, usize::from))
        .folder(case.dir())
        .store(places.findings())
}

fn explored(
    case: &mut Case,
    places: &Places,
    run: &Recorded<'_>,
    trace: Trace,
    states: u64,
) -> Report {
    let lives = places.lives();
    let judge = |state: &State| of_lives(run, state, &lives);
    let report = exploration(case, places, states).run(trace, &judge);
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    report.to_string().lines().for_each(say);
    count(&report, &mut case.figures);
    run.notes.passed().report(&mut case.figures);
    report
}

/// Judges a crash state, of the recording or of a life after it; where a life begins, leads it.
pub(crate) fn of_lives(
    run: &Recorded<'_>,
    state: &State,
    lives: &SecondCrashes,
) -> Result<(), String> {
    // What is recorded was found sound before. The opening that recovers is the one that writes,
    // as long as an opening that only reads spoils the next one.
    if !state.is_recorded() || !excludes(UNSYNCED_LOG_NAME) {
        run.judge(&crash(state), lives)?;
    }
    if state.is_recorded() { live_on(run, state, lives) } else { Ok(()) }
}

/// Judges what remains of a finding once more, and stores in `folder` what it is judged by.
pub(crate) fn keep(run: &Recorded<'_>, places: &Places, finding: &Finding, folder: &Path) {
    let Some(file) = &finding.file else { return };
    let storing = run.storing(folder);
    let lives = places.lives();
    let judge = |state: &State| storing.judge(&crash(state), &lives);
    let again = Explore::new().replay(file, &judge).unwrap_or_else(|error| panic!("{error}"));
    if !matches!(again, Outcome::Broken(_)) {
        let words = format!("{}; judged once more: {again}", finding.outcome);
        storing.keep_words(&run.history, &[], &[broken(words)]);
    }
}

/// The trace without what another engine's findings about names would hide.
pub(crate) fn names_kept(trace: Trace, driver: &dyn Driver) -> Trace {
    match other_engines::unsynced_names(&driver.identity().name) {
        None => trace,
        Some(names) => trace.keeping(names),
    }
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

/// A promise that does not hold in a crash state.
pub(crate) fn broken(witness: String) -> Violation {
    Violation::new(OracleName::Power, KEPT, witness)
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
            // One recovery that goes wrong may do so at many of its crashes.
            *known.entry(id).or_default() += finding.origins;
            continue;
        }
        let again = again(case, finding);
        violations.push(broken(format!("{finding}  again: {again}")));
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
        case.put_down_to(id, unit, count);
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
        found => Verdict::from_violations(vec![broken(found.to_string())]),
    }
}
