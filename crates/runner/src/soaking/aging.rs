//! The process that keeps one database open over the whole soak: starts it, asks it for each cycle's
//! work, reads what it holds when it has answered and is at rest. One that dies, hangs or answers
//! nonsense is a finding, and the next cycle starts another one on a new database.

use super::plan::Plan;
use process::{Companion, Interrupts, Outcome, Silence, console, sample, store::if_there};
use results::{
    resident::{Answer, Request},
    row::Row,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// What a part that is no layer came to.
pub(super) struct Simple {
    pub(super) outcome: Outcome,
    /// Why it did not pass, in one line; empty when it did.
    pub(super) why: String,
}

pub(super) struct Aging {
    program: PathBuf,
    root: PathBuf,
    database: PathBuf,
    companion: Option<Companion>,
    /// Processes that this sitting started and the soak has not counted yet.
    fresh: u64,
}

impl Aging {
    pub(super) fn new(plan: &Plan, program: PathBuf) -> Self {
        let root = plan.session.root.clone();
        let database = plan.file("aging");
        Self { program, root, database, companion: None, fresh: 0 }
    }

    /// Does a cycle's work and puts what was read into its row.
    pub(super) fn cycle(
        &mut self,
        row: &mut Row,
        most: Duration,
        interrupts: &Interrupts,
    ) -> Simple {
        let simple = |outcome, why| Simple { outcome, why };
        let broken =
            |what, error| simple(Outcome::Broken, format!("it cannot be {what} ({error})"));
        let mut companion = match self.companion.take() {
            Some(companion) => companion,
            None => match self.start(interrupts) {
                Ok(companion) => companion,
                Err(error) => return broken("started", error),
            },
        };
        let request = Request { cycle: row.cycle, seed: row.seed };
        let answer = match companion.ask(&request.line(), most) {
            Err(error) => return broken("asked", error),
            Ok(Err(Silence::Ended(status))) => {
                return simple(Outcome::Failed, format!("the process ended ({status})"));
            }
            Ok(Err(Silence::Stuck)) => {
                return simple(Outcome::Failed, format!("no answer within {} s", most.as_secs()));
            }
            Ok(Ok(line)) => match Answer::parse(&line, request) {
                Ok(answer) => answer,
                Err(why) => return simple(Outcome::Broken, why),
            },
        };
        let read = read(companion.id(), &self.database, row);
        self.companion = Some(companion);
        row.commit_p99_ns = Some(answer.commit_p99_ns);
        match (answer.found, read) {
            (Some(found), _) => simple(Outcome::Failed, found),
            (None, Err(error)) => broken("sampled", error),
            (None, Ok(())) => simple(Outcome::Passed, String::new()),
        }
    }

    /// The number of processes so far, when it was `before`.
    pub(super) fn processes(&mut self, before: u64) -> u64 {
        before + std::mem::take(&mut self.fresh)
    }

    /// Ends the process and removes its database.
    pub(super) fn end(&mut self, most: Duration) {
        if let Some(companion) = self.companion.take()
            && let Err(error) = companion.end(most)
        {
            console::note(&format!("soak       the aging database's process: {error}"));
        }
        let _ = remove(&self.database);
    }

    fn start(&mut self, interrupts: &Interrupts) -> io::Result<Companion> {
        remove(&self.database)?;
        fs::create_dir_all(&self.database)?;
        let mut command = Command::new(&self.program);
        command.arg(&self.database).current_dir(&self.root);
        let companion = interrupts.accompany(&mut command)?;
        self.fresh += 1;
        Ok(companion)
    }
}

fn read(process: u32, database: &Path, row: &mut Row) -> io::Result<()> {
    row.disk_bytes = Some(sample::bytes_below(database)?);
    if sample::AVAILABLE {
        let sample = sample::process(process)?;
        row.rss_bytes = Some(sample.rss_bytes);
        row.open_files = Some(sample.open_files);
        row.threads = Some(sample.threads);
    }
    Ok(())
}

fn remove(folder: &Path) -> io::Result<()> {
    if_there(fs::remove_dir_all(folder)).map(drop)
}
