//! A failing disk: the n-th call of each kind fails, once or from then on, and what the engine left
//! behind is opened and judged. It may refuse or stop; it may never lie afterwards. A sync that
//! failed is followed by a power loss as well: an acknowledgement behind it was worth nothing.

use crate::{
    explore::known_id,
    record::{Places, Recording, recorded, set_up, trace},
};
use faultfs::{Call, Case as State, Explore, Fork, Op, Outcome, Plan, Profile, Step};
use mace_prod::{
    engine::mace::MaceDriver,
    oracle::Violation,
    report::say,
    scenario::{
        Case,
        chaos::recipes::Stages,
        power::{known::FAILED_SYNC, works::Work},
    },
    settings::{Seed, Settings, leaves_out},
    testdir,
    verdict::Verdict,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

const KEPT: &str = "an engine that met a failing disk keeps every promise, or stops";

/// The first so many calls of each kind fail in every run of the suite, the later ones by the seed.
const ALWAYS: u64 = 3;

/// After which a run counts as hung.
const DEADLINE: Duration = Duration::from_secs(30);

/// What each kind of call can meet.
const MEETS: &[(Call, &[&str])] = &[
    (Call::Open, &["EIO", "ENOSPC", "EMFILE"]),
    (Call::Open64, &["EIO", "ENOSPC", "EMFILE"]),
    (Call::Read, &["EIO", "short=1"]),
    (Call::Pread, &["EIO", "short=1"]),
    (Call::Pread64, &["EIO", "short=1"]),
    (Call::Write, &["EIO", "ENOSPC", "EINTR", "short=1", "torn"]),
    (Call::Writev, &["EIO", "ENOSPC", "EINTR", "short=1", "torn"]),
    (Call::Pwrite64, &["EIO", "ENOSPC", "EINTR", "short=1", "torn"]),
    (Call::Fsync, &["EIO", "ENOSPC"]),
    (Call::Fdatasync, &["EIO", "ENOSPC"]),
    (Call::Ftruncate, &["EIO"]),
    (Call::Ftruncate64, &["EIO"]),
    (Call::Rename, &["EIO", "ENOSPC"]),
    (Call::Linkat, &["EIO", "ENOSPC"]),
    (Call::Link, &["EIO", "ENOSPC"]),
    (Call::Unlink, &["EIO"]),
    (Call::Unlinkat, &["EIO"]),
    (Call::Mkdir, &["EIO", "ENOSPC"]),
    (Call::CopyFileRange, &["EIO", "ENOSPC"]),
];

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
        let off = if *nth > 1 { format!("{}*off->", nth - 1) } else { String::new() };
        let once = if *sticky { "" } else { "1*" };
        format!("{call}={off}{once}return({what})")
    }
}

/// What came of the runs.
#[derive(Default)]
struct Score {
    fired: BTreeMap<String, u64>,
    ended: BTreeMap<&'static str, u64>,
    known: BTreeSet<String>,
    violations: Vec<Violation>,
}

/// Runs a work once for each fault and judges what is left.
pub(crate) fn failing_disk(case: &mut Case, work: Work) -> Verdict {
    let (stages, seed) = (work.stages(), case.seed());
    let base = Places::new(&case.dir().join("base"));
    set_up(&base, &stages, seed).unwrap_or_else(|error| panic!("{error}"));
    let dry = Places::new(&case.dir().join("dry"));
    copy(&base, &dry);
    let whole = run(&dry, &stages, seed, "");
    if whole.outcome != Outcome::Sound {
        return Verdict::Crashed(format!("without a fault: {}", whole.outcome));
    }
    let calls = trace(&dry).summary().calls.clone();
    let rules = match &Settings::get().power_rule {
        Some(rule) => vec![rule.clone()],
        None => chosen(case, &calls),
    };
    let score = Mutex::new(Score::default());
    let queue = Mutex::new(rules.iter().enumerate());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((number, rule)) = next else { break };
                    let places = Places::new(&case.dir().join(format!("fault-{number}")));
                    copy(&base, &places);
                    one(case, &places, (&stages, seed, rule), &score);
                }
            });
        }
    });
    concluded(case, score.into_inner().unwrap_or_else(PoisonError::into_inner), rules.len())
}

/// The rules: every call of each kind until none is left, as far as the budget goes.
fn chosen(case: &mut Case, calls: &BTreeMap<Call, u64>) -> Vec<String> {
    let mut all = Vec::new();
    for (call, meets) in MEETS {
        // One more than there were: a run that fails differently may go on longer.
        for nth in 1..=calls.get(call).copied().unwrap_or_default() {
            for what in *meets {
                for sticky in [false, true] {
                    // Whoever is always interrupted may try for ever.
                    if sticky && *what == "EINTR" {
                        continue;
                    }
                    all.push(Fault { call: *call, what, nth, sticky });
                }
            }
        }
    }
    let budget = Settings::get().power_faults as usize;
    case.figures.add("faults.possible", all.len() as u64);
    let mut draw = case.seed().derive("faults").draw();
    draw.shuffle(&mut all);
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

fn run(places: &Places, stages: &Stages, seed: Seed, rule: &str) -> Recording<'static> {
    let plan: Plan = rule.parse().unwrap_or_else(|error| panic!("{error}"));
    let recording = recorded(places, &MaceDriver, stages, seed, &plan);
    recording.unwrap_or_else(|error| panic!("{error}"))
}

fn one(case: &Case, places: &Places, work: (&Stages, Seed, &str), score: &Mutex<Score>) {
    let (stages, seed, rule) = work;
    let recording = run(places, stages, seed, rule);
    let traced = trace(places);
    let is_fault = |op: &Op| matches!(op, Op::Fault { .. });
    let fired = traced.events().iter().find(|event| is_fault(&event.op));
    let syncs = fired.is_some_and(|e| matches!(e.call, Call::Fsync | Call::Fdatasync));
    let logged = fired
        .is_some_and(|event| matches!(&event.op, Op::Fault { path, .. } if path.contains("wal")));
    let label = fired.map(|event| match &event.op {
        Op::Fault { what, .. } => format!("faults.{}.{}", event.call, what.replace('=', "_")),
        _ => unreachable!("just matched"),
    });
    let ended = match &recording.outcome {
        Outcome::Sound => "served",
        Outcome::Broken(_) => "refused",
        Outcome::Panicked(_) => "panicked",
        Outcome::Died(_) => "stopped",
        Outcome::Hung => "hung",
    };
    let look = Fork::new(places.root().join("looked")).deadline(DEADLINE);
    // Only a fork may open a store here.
    let mut found = look.run(|| recording.run.judge_death(&places.disk()));
    let mut doubtful = false;
    if syncs && matches!(found, Ok(Outcome::Sound)) {
        found = Ok(without_power(places, &recording, traced));
        doubtful = logged && leaves_out(FAILED_SYNC);
    }
    let found = found.unwrap_or_else(|error| panic!("{error}"));
    let mut score = score.lock().unwrap_or_else(PoisonError::into_inner);
    *score.ended.entry(ended).or_default() += 1;
    if let Some(label) = label {
        *score.fired.entry(label).or_default() += 1;
    }
    let hung = (ended == "hung").then(|| "it hung".to_owned());
    let broken = (!found.is_sound()).then(|| found.to_string());
    let known = known_id(&found).or((doubtful && !found.is_sound()).then_some(FAILED_SYNC));
    if let (None, Some(id)) = (&hung, known) {
        score.known.insert(id.to_owned());
    } else if let Some(what) = hung.or(broken) {
        let (name, root) = (case.name(), Settings::get().root_seed);
        let said = &recording.outcome;
        let witness = format!(
            "{what}\n      under `{rule}`, which ended: {said}\n      again: MACE_POWER_RULE='{rule}' just repro '{name}' {root}"
        );
        score.violations.push(Violation::new("power", KEPT, witness));
        return;
    }
    drop(score);
    fs::remove_dir_all(places.root()).expect("the case's folder can be emptied");
}

/// Whether what was acknowledged behind a failed sync survives the loss of everything unsynced.
fn without_power(places: &Places, recording: &Recording<'_>, traced: faultfs::Trace) -> Outcome {
    let judge = |state: &State| recording.run.judge(state.dir(), state.begun(), state.acked());
    let explore = Explore::new().profile(Profile::StrictLoss).steps(&[Step::DropAll]);
    let explore = explore.workers(1).points(0).limit(12).nested(0).folder(places.root());
    let report = explore.run(traced, &judge).unwrap_or_else(|error| panic!("{error}"));
    let found = report.findings.into_iter().map(|finding| finding.outcome);
    found.max_by_key(|outcome| known_id(outcome).is_none()).unwrap_or(Outcome::Sound)
}

fn concluded(case: &mut Case, score: Score, runs: usize) -> Verdict {
    let fired: u64 = score.fired.values().sum();
    case.figures.add("faults.runs", runs as u64);
    for (label, count) in score.fired {
        case.figures.add(label, count);
    }
    for (how, count) in &score.ended {
        say(&format!("{count} runs {how}"));
        case.figures.add(format!("faults.{how}"), *count);
    }
    for id in &score.known {
        let _ = case.known_finding(id);
    }
    if score.violations.is_empty() && fired * 2 < runs as u64 {
        return Verdict::Inconclusive(format!("{fired} of {runs} faults were met"));
    }
    Verdict::from_violations(score.violations)
}
