//! A database that grows old: it lives through a whole soak and is never begun anew. In each cycle a
//! process of its own opens it with other options, compares every key with what is expected of it, lets
//! eight clients work, and is closed, killed, stopped at a failpoint, or loses its power. What is expected is kept outside
//! of the engine ([`crate::history::expected`]), so that it survives engine and checker, and a run that
//! was interrupted goes on with it.
//!
//! What a life verifies: that what was acknowledged survived the ending before, without a hole and
//! without a torn transaction; every key, at rest and while clients work; all that clients read; a window
//! of recorded history by every oracle, isolation included; that files stay bounded; that the process
//! ended as it was to.
//!
//! What it does not verify, and why: the isolation of clients among the old keys, whose history nobody
//! could keep, but by windows beside them.

mod clients;
mod keys;
pub mod life;
pub mod plan;
mod power;
mod verify;
mod window;

use crate::{
    engine::{EngineOptions, failpoint},
    error::{Error, Result},
    history::child::SIGABRT,
};
pub use clients::Manners;
use life::Said;
use plan::{Ending, Life, Scale};
pub use results::resident::{Answer, Request, Rest};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};
pub use verify::Promised;

/// The name of the argument that makes the program lead a life.
pub const LIFE: &str = "life";

/// Bytes of a dead process's last words that a message shows.
const TAIL: usize = 600;

/// What is remembered from life to life.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    /// How many lives there were.
    lives: u64,
    /// How the database was opened last; absent before the first life.
    options: Option<EngineOptions>,
}

/// Who leads the lives of a database: it starts a process for each and judges how it ended.
#[derive(Debug)]
pub struct Aging {
    program: PathBuf,
    folder: PathBuf,
}

impl Aging {
    /// The database in a folder, which may be empty or hold one that a soak left; `program` is who leads a life.
    pub fn new(program: &Path, folder: &Path) -> Self {
        Self { program: program.to_owned(), folder: folder.to_owned() }
    }

    /// Answers requests, one JSON line each, until there are no more.
    ///
    /// # Panics
    /// When a line is no request, or nobody takes the answer: whoever asks is ours.
    pub fn serve(&self, requests: impl BufRead, mut answers: impl Write) -> Result<()> {
        for line in requests.lines() {
            let line = line.expect("the soak speaks UTF-8");
            let request = serde_json::from_str(&line).expect("the soak sends requests");
            let answer = self.cycle(request)?;
            let line = serde_json::to_string(&answer).expect("an answer is plain data");
            writeln!(answers, "{line}").and_then(|()| answers.flush()).expect("the soak listens");
        }
        Ok(())
    }

    /// Has one life led and judges it. A database that is not sound is put aside, and the next life begins
    /// a new one.
    pub fn cycle(&self, request: Request) -> Result<Answer> {
        let Request { cycle, seed, keys, operations } = request;
        let current = self.folder.join("current");
        let memory = current.join("memory.json");
        let before = recall(&memory)?;
        let scale = Scale { folder: current.clone(), keys, operations };
        let mut life = Life::draw(cycle, seed, &scale, before.options.as_ref());
        if operations == 0 {
            life.ending = Ending::Close;
        }
        fs::create_dir_all(&current).map_err(|error| Error::new("create", &current, error))?;
        let lives = before.lives + 1;
        let now = Memory { lives, options: Some(life.options.clone()) };
        let text = serde_json::to_string(&now).expect("memory is plain data");
        process::store::replace(&memory, &text)
            .map_err(|error| Error::new("write", &memory, error.to_string()))?;
        let answer = Answer { life: lives, ..self.led(&life)? };
        if answer.found.is_some() {
            self.put_aside(&current, cycle)?;
        }
        Ok(answer)
    }

    fn led(&self, life: &Life) -> Result<Answer> {
        let plan = life.folder.join("life.json");
        let stderr = life.folder.join("stderr");
        let text = serde_json::to_string(life).expect("a life is plain data");
        fs::write(&plan, text).map_err(|error| Error::new("write", &plan, error))?;
        let log = File::create(&stderr).map_err(|error| Error::new("create", &stderr, error))?;
        let mut child = Command::new(&self.program)
            .arg(LIFE)
            .arg(&plan)
            .env(failpoint::VARIABLE, life.rule())
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| Error::new("start", &self.program, error))?;
        let output = child.stdout.take().expect("standard output was piped");
        let mut answer = Answer { cycle: life.cycle, ..Answer::default() };
        let mut found = Vec::new();
        let mut is_ending = false;
        for line in BufReader::new(output).lines().map_while(std::result::Result::ok) {
            let said = serde_json::from_str(&line);
            match said.map_err(|error| Error::new("read", &self.program, error))? {
                Said::Found(words) => found.push(words),
                Said::Ending => is_ending = true,
                said => hear(&mut answer, &said),
            }
        }
        let status = child.wait().map_err(|error| Error::new("wait for", &self.program, error))?;
        let words = fs::read(&stderr).map_err(|error| Error::new("read", &stderr, error))?;
        let words =
            String::from_utf8_lossy(&words[words.len().saturating_sub(TAIL)..]).into_owned();
        let end = End { status, is_ending, words };
        answer.crashes += u64::from(!status.success());
        answer.ended = format!("{:?}, {status}", life.ending);
        if found.is_empty() && !end.is_as(&life.ending) {
            let End { status, words, .. } = end;
            found.push(format!(
                "the process ended ({status}) instead of {:?}: {words}",
                life.ending
            ));
        }
        if !found.is_empty() {
            let found = format!("cycle {}: {}", life.cycle, found.join("; "));
            answer.found = Some(found.replace('\n', " "));
        }
        Ok(answer)
    }

    /// Keeps one database that was not sound; the first tells the story.
    fn put_aside(&self, current: &Path, cycle: u64) -> Result<()> {
        let aside = self.folder.join(format!("found-{cycle}"));
        let kept = fs::read_dir(&self.folder).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("found-"))
        });
        let moved = if kept { fs::remove_dir_all(current) } else { fs::rename(current, &aside) };
        moved.map_err(|error| Error::new("put aside", current, error))
    }
}

/// Adds what a life said to its answer.
fn hear(answer: &mut Answer, said: &Said) {
    match said {
        Said::Opened { reads, millis } => {
            answer.reads += reads;
            answer.at_rest_ms = *millis;
        }
        Said::Compared { millis, .. } => answer.at_work_ms = *millis,
        Said::Rested(rest) => {
            answer.operations += rest.operations;
            answer.commits += rest.commits;
            answer.reads += rest.reads;
            answer.commit_p99_ns = answer.commit_p99_ns.max(rest.commit_p99_ns);
            answer.commit_max_ns = answer.commit_max_ns.max(rest.commit_max_ns);
            answer.rests.push(*rest);
        }
        Said::Lost { states, .. } => {
            answer.states += states;
            answer.crashes += 1;
        }
        Said::Found(_) | Said::Copied | Said::Ending => {}
    }
}

/// How a life's process ended.
struct End {
    status: ExitStatus,
    /// Whether it came to its end.
    is_ending: bool,
    words: String,
}

impl End {
    fn is_as(&self, ending: &Ending) -> bool {
        let signal = signal(self.status);
        let was_killed = signal == Some(crate::history::child::KILLED);
        match ending {
            Ending::Close | Ending::PowerLoss => self.status.success() && self.is_ending,
            Ending::KillAcked(_) | Ending::KillAsked(_) => was_killed,
            // A failpoint aborts in silence; an engine that stops by itself says why.
            Ending::Failpoint(_) => {
                let stopped = signal == Some(SIGABRT) && self.words.trim().is_empty();
                stopped || (was_killed && self.is_ending)
            }
        }
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(status: ExitStatus) -> Option<i32> {
    (!status.success()).then_some(crate::history::child::KILLED)
}

fn recall(path: &Path) -> Result<Memory> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Memory::default()),
        Err(error) => Err(Error::new("read", path, error)),
        Ok(text) => serde_json::from_str(&text).map_err(|error| Error::new("read", path, error)),
    }
}
