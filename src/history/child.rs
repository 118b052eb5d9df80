//! Crash children: processes of their own that are meant to die. The parent writes a plan, starts
//! the child, waits with a deadline and says how it ended; the child's work is `obey`. Judges
//! nothing.

use crate::{
    engine::{Driver, Engine, EngineOptions, Identity, failpoint, under_test},
    error::{Error, Result},
    history::OracleName,
    history::{
        Event, History, Milestone,
        accounting::account,
        dump::Dump,
        journal::{self, Recorder},
        kill::{self, Mark, Opening},
        listen::Listening,
        pauses,
        script::{Runner, Step, buckets_named, keys_of},
    },
    settings::Seed,
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use wait_timeout::ChildExt;

/// The child program's name.
const PROGRAM: &str = "mace-prod-child";

/// Bytes of a dead child's streams that a message shows.
const TAIL: usize = 2000;

/// Exit code of a child whose engine declined to open.
const CODE_REFUSED: i32 = 40;

/// Its exit code when it is of another build than who started it.
pub const CODE_STRANGER: i32 = 41;

/// How long a child may go on after a panic in any of its threads. The engine runs on threads of
/// its own, and one that is gone leaves its callers waiting; no verdict depends on how long.
const AFTER_PANIC: Duration = Duration::from_millis(300);

/// What a child is to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The database.
    pub dir: PathBuf,
    /// Where the events go; goes on where earlier children left it.
    pub journal: PathBuf,
    /// How the database is opened.
    pub options: EngineOptions,
    /// What the steps draw from.
    pub seed: Seed,
    /// Where the state goes that the child finds after opening, before its first step.
    pub dump: Option<PathBuf>,
    /// What to do then.
    pub steps: Vec<Step>,
    /// Failpoints whose hits the child reports at its end.
    pub count: Vec<String>,
    /// How to end.
    pub end: End,
    /// Where to be killed before that.
    pub kill: Option<Mark>,
    /// How many files it may have open at once; what the system allows without.
    pub open_files: Option<u64>,
    /// Whether what the engine logs is evidence: nobody disturbs the child.
    pub listens: bool,
}

/// How a child ends that reaches its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Closes the database.
    Close,
    /// Closes the database and has the engine's offline checker look at it.
    CloseAndCheck,
    /// Dies at once, with the database open.
    Die,
    /// Never opens the database: only has the engine's offline checker look at it. The process may
    /// die of what it finds.
    CheckUnopened,
}

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitClass {
    /// It did all it was told.
    Done,
    /// The engine declined to open the database, or a step; the journal says how.
    Refused,
    /// A signal ended it: `abort()` is 6.
    Died(i32),
    /// It panicked.
    Panicked,
    /// It was still there at its deadline, or a while after a panic of one of its threads, and was
    /// ended.
    Hung,
}

/// How a child ended, with what a person needs to see why.
#[derive(Clone, Debug)]
pub struct Exit {
    /// How.
    pub class: ExitClass,
    /// The end of what it wrote to standard error.
    pub stderr: String,
}

impl Plan {
    /// Starts a child on this plan with these failpoint rules (none: an empty string) and waits
    /// for its end, at the latest until the deadline.
    pub fn run(&self, rules: &str, deadline: Duration) -> Result<Exit> {
        let program = program();
        let plan = self.journal.with_extension("plan");
        let stderr = self.journal.with_extension("stderr");
        let text = serde_json::to_vec(self).expect("plans are plain data");
        fs::write(&plan, text).map_err(|error| Error::new("write", &plan, error))?;
        let log = File::create(&stderr).map_err(|error| Error::new("create", &stderr, error))?;
        let mut child = Command::new(&program)
            .arg(&plan)
            .arg(build())
            .env(failpoint::VARIABLE, rules)
            .envs(pauses::plan().map(|seed| (pauses::VARIABLE, seed.to_string())))
            // Only the tail is kept, and a backtrace would push the message out of it.
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| Error::new("start", &program, error))?;
        let ended = child
            .wait_timeout(deadline)
            .map_err(|error| Error::new("wait for", &program, error))?;
        if ended.and_then(|status| status.code()) == Some(CODE_STRANGER) {
            let why =
                "it is of another build than this test: run one build at a time in a checkout";
            return Err(Error::new("use", &program, why));
        }
        let class = if let Some(status) = ended {
            match classify(status) {
                ExitClass::Hung if self.kill.is_some() => ExitClass::Died(KILLED),
                class => class,
            }
        } else {
            child.kill().map_err(|error| Error::new("kill", &program, error))?;
            child.wait().map_err(|error| Error::new("wait for", &program, error))?;
            ExitClass::Hung
        };
        Ok(Exit { class, stderr: tail(&stderr) })
    }
}

/// Which engine a program is built with, and how. Builds put the child program in one place, so that a
/// test could otherwise meet the child of another one.
pub fn build() -> String {
    let Identity { name, version, build } = under_test::driver().identity();
    format!("{name} {version} {build} {:016x}", failpoint::source_hash())
}

/// The child program.
pub fn program() -> PathBuf {
    sibling(PROGRAM)
}

/// A program of this package as nextest names it; under `cargo test` it stands beside the folder of
/// test binaries.
pub fn sibling(name: &str) -> PathBuf {
    knobs::runtime::bin_exe(name).unwrap_or_else(|| {
        let test = std::env::current_exe().expect("a running program has a path");
        let folder = test.parent().and_then(Path::parent).expect("target/<profile>/deps/<test>");
        folder.join(name).with_extension(std::env::consts::EXE_EXTENSION)
    })
}

fn classify(status: ExitStatus) -> ExitClass {
    class(status.code().ok_or_else(|| signal(status)), cfg!(windows))
}

/// What an exit code, or the number of a signal, says. Windows knows no signals: what they are
/// elsewhere has codes there.
fn class(status: std::result::Result<i32, i32>, windows: bool) -> ExitClass {
    match status {
        Ok(0) => ExitClass::Done,
        Ok(CODE_REFUSED) => ExitClass::Refused,
        Ok(FAIL_FAST) if windows => ExitClass::Died(SIGABRT),
        Ok(TERMINATED) if windows => ExitClass::Hung,
        Ok(_) => ExitClass::Panicked,
        Err(KILLED) => ExitClass::Hung,
        Err(signal) => ExitClass::Died(signal),
    }
}

/// SIGKILL: nobody sends it but we.
pub const KILLED: i32 = 9;

/// SIGABRT, on every Unix: `abort()`.
pub const SIGABRT: i32 = 6;

/// `STATUS_STACK_BUFFER_OVERRUN` of `ntstatus.h`, which `__fastfail` ends with, and Rust's `abort()`.
const FAIL_FAST: i32 = 0xC000_0409_u32.cast_signed();

/// What Rust's `Child::kill` tells `TerminateProcess` to end a process with.
const TERMINATED: i32 = 1;

#[cfg(unix)]
fn signal(status: ExitStatus) -> i32 {
    std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or_default()
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> i32 {
    0
}

fn tail(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(TAIL)..]).into_owned()
}

/// Reads a dump that a child wrote.
pub fn read_dump(path: &Path) -> Result<Dump> {
    let bytes = fs::read(path).map_err(|error| Error::new("read", path, error))?;
    postcard::from_bytes(&bytes).map_err(|error| Error::new("parse", path, error.to_string()))
}

/// The child's side: carries out the plan at `path` and returns the exit code. Nothing is done for
/// who is of another build.
///
/// # Panics
/// When the plan or the journal cannot be used.
pub fn obey(path: &Path, parent: &str) -> i32 {
    if parent != build() {
        return CODE_STRANGER;
    }
    die_with_parent();
    leave_no_core();
    pauses::inherit();
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}", Error::new("read", path, error)));
    let plan: Plan = serde_json::from_slice(&text).expect("the parent wrote a plan");
    if plan.open_files.is_some() {
        open_at_most(plan.open_files);
    }
    let recorder = Recorder::file(&plan.journal).unwrap_or_else(|error| panic!("{error}"));
    let recorder = Arc::new(recorder.killing(plan.kill));
    die_after_panic(&recorder);
    let _listening = plan.listens.then(|| Listening::begin(&recorder));
    let code = match carry_out(under_test::driver(), &plan, &recorder) {
        Ok(()) => 0,
        Err(denial) => {
            reach(&recorder, Milestone::Denied(denial));
            CODE_REFUSED
        }
    };
    for name in &plan.count {
        let count = failpoint::hits(name);
        reach(&recorder, Milestone::Hits { point: name.clone(), count });
    }
    if code == 0 && plan.end == End::Die {
        std::process::abort();
    }
    code
}

/// Opens the database and does what the plan says, to its end; a plan that ends in death returns
/// with the database open.
pub fn carry_out(
    driver: &dyn Driver,
    plan: &Plan,
    recorder: &Recorder,
) -> crate::engine::Outcome<()> {
    reach(recorder, Milestone::Started);
    if plan.end == End::CheckUnopened {
        return check(driver, plan, recorder);
    }
    let opening = Opening::begin(plan.kill);
    let engine = driver.open(&plan.dir, &plan.options)?;
    let allocations = opening.opened();
    reach(recorder, Milestone::Opened { allocations });
    if let Some(path) = &plan.dump {
        let history = journal::read(&plan.journal).unwrap_or_else(|error| panic!("{error}"));
        store_dump(&dump(engine.as_ref(), &history)?, path);
        reach(recorder, Milestone::Dumped);
    }
    let mut runner = Runner::new(engine.as_ref(), &plan.dir, recorder, plan.seed);
    runner.run(&plan.steps)?;
    reach(recorder, Milestone::Scripted { commits: runner.tally.committed() });
    drop(runner);
    if plan.end == End::Die {
        // Whoever dies with the database open does not run what closing it runs.
        std::mem::forget(engine);
        return Ok(());
    }
    drop(engine);
    reach(recorder, Milestone::Closed);
    if plan.end != End::CloseAndCheck {
        return Ok(());
    }
    check(driver, plan, recorder)?;
    if plan.open_files.is_some() {
        // The account is the engine's own test support, and has all files open at once.
        open_at_most(None);
    }
    let history = journal::read(&plan.journal).unwrap_or_else(|error| panic!("{error}"));
    account(driver, &plan.dir, &plan.options, &buckets_named(&history), recorder)
}

fn check(driver: &dyn Driver, plan: &Plan, recorder: &Recorder) -> crate::engine::Outcome<()> {
    if !driver.capabilities().checker {
        reach(recorder, Milestone::NoChecker);
        return Ok(());
    }
    for witness in driver.check(&plan.dir)? {
        recorder.record(Event::Wrong { oracle: OracleName::Checker, witness });
    }
    reach(recorder, Milestone::Checked);
    Ok(())
}

/// Dumps every bucket that the history ever named and that is there.
pub fn dump(engine: &dyn Engine, history: &History) -> crate::engine::Outcome<Dump> {
    let mut dump = Dump::default();
    let keys = keys_of(history);
    for name in buckets_named(history) {
        let bucket = match engine.open_bucket(&name, crate::engine::Merge::Sum) {
            Ok(bucket) => bucket,
            Err(crate::engine::EngineError::Absent) => continue,
            Err(denial) => return Err(denial),
        };
        dump.add(&name, bucket.as_ref(), &keys)?;
    }
    Ok(dump)
}

fn store_dump(dump: &Dump, path: &Path) {
    let bytes = postcard::to_allocvec(dump).expect("dumps are plain data");
    fs::write(path, bytes).unwrap_or_else(|error| panic!("{}", Error::new("write", path, error)));
}

fn reach(recorder: &Recorder, milestone: Milestone) {
    recorder.record(Event::Milestone(milestone));
}

/// Ends the process a while after a panic in any thread, when it has not ended by itself.
fn die_after_panic(recorder: &Arc<Recorder>) {
    let recorder = Arc::clone(recorder);
    let tell = std::panic::take_hook();
    let first = AtomicBool::new(true);
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        if first.swap(false, Ordering::SeqCst) {
            let what = panic.payload_as_str().unwrap_or_default();
            let message = what.lines().next().unwrap_or_default().to_owned();
            reach(&recorder, Milestone::Panicked { message });
            std::thread::spawn(|| {
                let started = Instant::now();
                while started.elapsed() < AFTER_PANIC {
                    std::thread::park_timeout(AFTER_PANIC.saturating_sub(started.elapsed()));
                }
                kill::die();
            });
        }
    }));
}

/// A child that is meant to die needs no image of its memory, and writing one takes long.
#[cfg(unix)]
fn leave_no_core() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    // A system that refuses costs us time and nothing else.
    let _ = setrlimit(Resource::Core, none);
}

#[cfg(not(unix))]
fn leave_no_core() {}

/// From here on an opening beyond so many files fails; beyond what the system allows without a number.
///
/// # Panics
/// When the system does not take the limit: the case would try nothing.
#[cfg(unix)]
fn open_at_most(files: Option<u64>) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let limit = Rlimit { current: files.or(now.maximum), ..now };
    setrlimit(Resource::Nofile, limit)
        .expect("a process may have as many files as the system allows");
}

#[cfg(not(unix))]
fn open_at_most(_: Option<u64>) {
    panic!("a process here has no limit of open files that could be lowered");
}

/// A child must not outlive who started it.
#[cfg(target_os = "linux")]
pub fn die_with_parent() {
    use rustix::process::{Signal, set_parent_process_death_signal};
    // A kernel that refuses leaves nextest's process group kill as the second line.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
}

/// A child must not outlive who started it.
#[cfg(not(target_os = "linux"))]
pub fn die_with_parent() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_says_the_same_on_every_system() {
        for (status, unix, windows) in [
            (Ok(0), ExitClass::Done, ExitClass::Done),
            (Ok(CODE_REFUSED), ExitClass::Refused, ExitClass::Refused),
            (Ok(101), ExitClass::Panicked, ExitClass::Panicked),
            (Err(6), ExitClass::Died(SIGABRT), ExitClass::Died(SIGABRT)),
            (Err(9), ExitClass::Hung, ExitClass::Hung),
            // What `abort()` and `Child::kill` end with on Windows.
            (Ok(-1_073_740_791), ExitClass::Panicked, ExitClass::Died(SIGABRT)),
            (Ok(1), ExitClass::Panicked, ExitClass::Hung),
        ] {
            assert_eq!((class(status, false), class(status, true)), (unix, windows), "{status:?}");
        }
    }
}
