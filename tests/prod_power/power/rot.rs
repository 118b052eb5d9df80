//! Damage at rest, and to files of an open database: one damage after the other on fresh copies of a
//! database with a known state, each looked at in forks of its own. What must hold: what is read is what
//! was written, or the engine declined, stopped or logged an error; it never hangs, and never dies without
//! a report; and its checker does not call sound what is read wrong. A file that is whole and older is
//! counted apart: no checksum shows it. A case whose damage is seldom noticed is inconclusive.

use crate::power::explore::met;
use faultfs::{Fork, Outcome};
use knobs::budget::Unit;
use mace_prod::{
    engine::{Driver, Preset},
    error::Error,
    oracle::{
        OracleName, Violation,
        judge::{Evidence, judge_all, of_crash_states},
        promise::{After, promises},
        recovery::{Expect, Reopened},
    },
    report::say,
    scenario::{
        Case,
        database::{Database, Stage},
        power::forking::on_threads,
        rot::{
            Size,
            damage::{Damage, Victim, What},
            files::{self, Files, Kind},
            known::Suspect,
            look::{Note, Notes, Sound},
            stages,
        },
        stored,
    },
    settings::{FindingId, Settings},
    testdir,
    verdict::Verdict,
};
use results::absorbed;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

const KEPT: &str = "a damaged database is read right, or the engine says that it is damaged";

const CHECKED: &str = "the checker does not call a database sound that is read wrong";

/// The folder that a database is copied to which was damaged while it was open, when it is closed.
const CLOSED: &str = "closed";

/// After which a look counts as hung.
const DEADLINE: Duration = Duration::from_secs(30);

/// Of so many damages one has to be noticed, at the least.
const NOTICED: u64 = 10;

/// Which files of which database are damaged, and when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    pub(crate) preset: Preset,
    /// While it is open and nothing of it has been read; else while it is closed.
    pub(crate) is_open: bool,
    /// How often; 0 for each byte of a small one.
    pub(crate) damages: u64,
}

impl Target {
    /// Files of a closed database.
    pub(crate) fn at_rest(kind: Kind, preset: Preset) -> Self {
        Self { kind, preset, is_open: false, damages: Settings::get().rot_damages }
    }

    /// Files of an open one.
    pub(crate) fn while_open(kind: Kind, preset: Preset) -> Self {
        Self { is_open: true, ..Self::at_rest(kind, preset) }
    }
}

/// How an engine came out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// All was read, and is right.
    Right,
    /// It declined, or answered with an error.
    Declined,
    /// It stopped with a report.
    Stopped,
    /// Something else was read, after it had logged an error.
    Logged,
    /// Something else was read: its fingerprint, and the broken promise.
    Wrong(u64, String),
    /// It panicked: a report, but none that is documented.
    Panicked(String),
    /// It hung, or died without a report.
    Bad(String),
}

impl End {
    fn name(&self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Declined => "declined",
            Self::Stopped => "stopped",
            Self::Logged => "logged",
            Self::Wrong(..) => "wrong",
            Self::Panicked(_) => "panicked",
            Self::Bad(_) => "bad",
        }
    }
}

/// What the checker made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checker {
    /// It was not asked.
    Idle,
    Sound,
    Reports,
    /// It died; how is the engine's to answer for.
    Stops,
}

/// What came of one damage.
#[derive(Clone, Debug)]
struct Came {
    checker: Checker,
    end: End,
    /// Log files that an opening made shorter.
    cut: BTreeMap<String, u64>,
}

#[derive(Default)]
struct Score {
    noticed: u64,
    done: u64,
    counts: BTreeMap<String, u64>,
    whats: BTreeSet<What>,
    parts: BTreeSet<&'static str>,
    known: BTreeMap<FindingId, u64>,
    violations: Vec<Violation>,
}

impl Score {
    fn count(&mut self, name: String) {
        *self.counts.entry(name).or_default() += 1;
    }
}

struct Disk<'a> {
    root: &'a Path,
    is_open: bool,
    sound: Sound<'static>,
    files: Files,
    older: Files,
    score: Mutex<Score>,
}

/// Damages the files of one kind of a database, one damage at a time.
pub(crate) fn damaged(case: &mut Case, driver: &'static dyn Driver, target: Target) -> Verdict {
    let wanted = target.damages;
    if !case.dir().starts_with("/dev/shm") {
        say("no memory file system has room: the databases are on a disk");
    }
    let root = case.dir().to_owned();
    let disk = match made(case, driver, target, &root) {
        Ok(disk) => disk,
        Err(verdict) => return verdict,
    };
    let older = (!target.is_open).then_some(&disk.older);
    let victim = Victim::new(target.kind, &disk.files, older);
    let count = if wanted == 0 { victim.bytes() as u64 } else { wanted };
    let next = AtomicU64::new(0);
    let seed = case.seed();
    let (shard, of) = Settings::get().power_shard;
    // More than cores: an engine that opens and closes waits for its threads and timers.
    let workers = 2 * thread::available_parallelism().map_or(1, usize::from);
    on_threads(workers, || {
        loop {
            let number = next.fetch_add(1, Ordering::SeqCst);
            if number >= count {
                break;
            }
            if number % u64::from(of) != u64::from(shard - 1) {
                continue;
            }
            let mut rng = seed.derive(&format!("damage {number}")).rng();
            let damage = match wanted {
                0 => victim.at_byte(number as usize, &mut rng),
                _ => victim.draw(number as usize, &mut rng),
            };
            disk.one(number, &damage.expect("a file of this kind can be damaged"));
        }
    });
    let is_whole = wanted > 0 && of == 1;
    disk.concluded(case, is_whole.then_some(&victim))
}

fn done<T>(result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Makes the database, and looks at it without damage.
fn made<'a>(
    case: &mut Case,
    driver: &'static dyn Driver,
    target: Target,
    root: &'a Path,
) -> Result<Box<Disk<'a>>, Verdict> {
    let size = if target.damages == 0 { Size::Small } else { Size::Usual };
    let mut base = done(Database::new(root.join("base"), case.seed()));
    let [first, second] = stages(target.preset, size);
    done(base.process(&first, &mut case.figures));
    let older = done(files::read(&base.dir()));
    done(base.process(&second, &mut case.figures));
    let files = done(files::read(&base.dir()));
    let mut copy = done(base.fork(root.join("copy")));
    done(copy.process(&Stage::looking(&second.options), &mut case.figures));
    let Some(dump) = copy.dumps.pop() else {
        return Err(Verdict::Inconclusive("the database without damage was not read".to_owned()));
    };
    let history = done(base.history());
    let streams = Expect::of(&second.options, driver.capabilities()).streams;
    let reopened = [Reopened::after(&history, dump.clone())];
    let evidence = Evidence::new(&history, streams, &reopened);
    let judgement = judge_all(&evidence);
    if !judgement.is_sound() {
        done(stored::store(&evidence, &[], &[], root));
        return Err(Verdict::from_violations(judgement.violations()));
    }
    let sound = Sound { driver, options: second.options, history, streams, dump };
    let score = Mutex::default();
    // Not on the stack of this thread: forks of others read it, and what they start is put there.
    let disk = Box::new(Disk { root, is_open: target.is_open, sound, files, older, score });
    let undamaged = disk.look(&root.join("sound"), &disk.files, None, true);
    let is_right = undamaged.end == End::Right && undamaged.checker != Checker::Reports;
    if is_right && undamaged.cut.is_empty() {
        return Ok(disk);
    }
    Err(Verdict::Inconclusive(format!("without damage: {undamaged:?}")))
}

impl Disk<'_> {
    fn score(&self) -> MutexGuard<'_, Score> {
        self.score.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn one(&self, number: u64, damage: &Damage) {
        let root = self.root.join(format!("damage-{number}"));
        let came = if self.is_open {
            self.look(&root, &self.files, Some(damage), false)
        } else {
            self.look(&root, &damage.on(&self.files), None, true)
        };
        let is_kept = self.is_violation(&root, damage, &came);
        if !is_kept {
            fs::remove_dir_all(&root).expect("the case's folder can be emptied");
        }
    }

    /// A look at these files, in a fork; in another one where the checker dies of them.
    fn look(&self, root: &Path, files: &Files, meanwhile: Option<&Damage>, checks: bool) -> Came {
        let dir = root.join("db");
        done(files::write(files, &dir));
        let path = root.join("notes");
        let _ = fs::remove_file(&path);
        let notes = done(Notes::open(&path));
        let sound: &Sound<'_> = &self.sound;
        let outcome = Fork::new(root.join("said")).deadline(DEADLINE).run(|| {
            if checks {
                sound.check(&dir, &notes);
            }
            let damages = || {
                if let Some(damage) = meanwhile {
                    done(damage.patch(&self.files, &dir));
                }
            };
            sound.open(&dir, &notes, damages, || {
                if meanwhile.is_some() {
                    done(testdir::copy_tree(&dir, &root.join(CLOSED)));
                }
            });
            Ok(())
        });
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        let all = done(Notes::read(&path));
        let end = end(&all, &outcome);
        let checker = match all.first() {
            _ if !checks || !sound.driver.capabilities().checker => Checker::Idle,
            Some(Note::Checked(found)) if found.is_empty() => Checker::Sound,
            Some(Note::Checked(_)) => Checker::Reports,
            _ if end == End::Stopped => {
                return Came {
                    checker: Checker::Stops,
                    ..self.look(root, files, meanwhile, false)
                };
            }
            _ => Checker::Stops,
        };
        let mut cut = BTreeMap::new();
        for note in all {
            if let Note::Opened(shorter) = note {
                cut.extend(shorter);
            }
        }
        Came { checker, end, cut }
    }

    /// Counts what came of a damage; whether that breaks a promise in a way that is not known.
    fn is_violation(&self, root: &Path, damage: &Damage, came: &Came) -> bool {
        let is_stale = damage.is_stale(&self.files);
        let known = match &came.end {
            End::Wrong(print, _) if !is_stale => self.known(root, damage, came, *print),
            _ => None,
        };
        let mut score = self.score();
        score.done += 1;
        score.whats.insert(damage.what);
        score.parts.extend(damage.part);
        score.noticed += u64::from(came.end != End::Right || came.checker == Checker::Reports);
        let apart = if is_stale { "rot.stale" } else { "rot" };
        score.count(format!("{apart}.{}", came.end.name()));
        score.count(format!("rot.of.{}", damage.what.name()));
        score.count(format!("rot.checker.{:?}", came.checker).to_lowercase());
        if let Some(part) = damage.part {
            score.count(format!("rot.in.{part}"));
        }
        if let Some(id) = known {
            *score.known.entry(id).or_default() += 1;
            return false;
        }
        let broken = match &came.end {
            End::Bad(words) => words,
            End::Wrong(_, words) | End::Panicked(words) if !is_stale => words,
            _ => return false,
        };
        let words = format!("{}: {broken}", damage.words);
        let violation = Violation::new(OracleName::Power, KEPT, words);
        if !stored::is_in(root) {
            let Sound { history, streams, .. } = &self.sound;
            let evidence = Evidence::new(history, *streams, &[]);
            done(stored::store(&evidence, &[], std::slice::from_ref(&violation), root));
        }
        score.violations.push(violation);
        if came.checker == Checker::Sound && came.end.name() == "wrong" {
            let words = format!("{}: it finds nothing", damage.words);
            score.violations.push(Violation::new(OracleName::Checker, CHECKED, words));
        }
        true
    }

    /// The known finding behind a wrong state, if any.
    fn known(&self, root: &Path, damage: &Damage, came: &Came, print: u64) -> Option<FindingId> {
        let closed = if self.is_open {
            damage.undone(&self.files, done(files::read(&root.join(CLOSED))))
        } else {
            self.files.clone()
        };
        let Came { cut, .. } = came;
        let alike = root.join("alike");
        let suspect = Suspect { files: &self.files, closed: &closed, damage, cut, print };
        let known = suspect.known(came.checker == Checker::Sound, |files| {
            match self.look(&alike, files, None, false).end {
                End::Wrong(print, _) => Some(print),
                _ => None,
            }
        });
        // What is stored there is of no damage.
        let _ = fs::remove_dir_all(alike);
        known
    }

    fn concluded(&self, case: &mut Case, victim: Option<&Victim<'_>>) -> Verdict {
        let score = std::mem::take(&mut *self.score());
        case.figures.tries(promises(of_crash_states(), After::FailingDisk));
        case.figures.add(absorbed::judged(Unit::Damages), score.done);
        for (name, count) in score.counts {
            case.figures.add(name, count);
        }
        for (id, damages) in score.known {
            met(case, id, Unit::Damages, damages);
        }
        if !score.violations.is_empty() {
            return Verdict::from_violations(score.violations);
        }
        let missing = victim.and_then(|victim| {
            let what = victim.possible().into_iter().find(|what| !score.whats.contains(what));
            let part = victim.parts().into_iter().find(|part| !score.parts.contains(part));
            what.map(What::name).or(part)
        });
        if let Some(missing) = missing {
            return Verdict::Inconclusive(format!("no damage was {missing}"));
        }
        let Score { noticed, done, .. } = score;
        if noticed * NOTICED < done {
            return Verdict::Inconclusive(format!("{noticed} of {done} damages were noticed"));
        }
        Verdict::Pass
    }
}

/// How a look ended.
fn end(notes: &[Note], outcome: &Outcome) -> End {
    let wrong = notes.iter().find_map(|note| match note {
        Note::Differs(print, words) => Some(End::Wrong(*print, words.clone())),
        _ => None,
    });
    if let Some(wrong) = wrong {
        let is_logged = notes.iter().any(|note| matches!(note, Note::Logged(_)));
        return if is_logged { End::Logged } else { wrong };
    }
    let is_denied = notes.iter().any(|note| matches!(note, Note::Denied(_)));
    match outcome {
        Outcome::Sound if is_denied => End::Declined,
        Outcome::Sound => End::Right,
        Outcome::Died(words) if is_report(words) => End::Stopped,
        Outcome::Panicked(_) => End::Panicked(outcome.to_string()),
        outcome => End::Bad(outcome.to_string()),
    }
}

/// Whether a process that died had said why, as the engine documents it (`src/error/mod.rs`, and
/// `docs/design.md`, 0).
fn is_report(words: &str) -> bool {
    let said = ["fatal: must_", "BTREE_FATAL_"].iter().any(|report| words.contains(report));
    words.starts_with("signal 6") && said
}
