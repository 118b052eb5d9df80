//! Work that a bench has done by another process, a line at a time: the side that serves and the
//! side that asks. Both of `benches/interposed/main.rs` and of `benches/perf.rs`, which differ in what
//! they are linked with. Takes times and compares nothing.

use crate::{
    engine::mace::MaceDriver,
    scenario::bench::{Bench, Place, Work},
    testdir::TestDir,
};
use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::FileExt,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

/// Names a job to a process that is to serve it.
const SERVE: &str = "MACE_PROD_INTERNAL_BENCH_SERVE";

/// What is done: the engine's work, and calls alone, for which the cost is the greatest.
pub const JOBS: [&str; 5] = ["put", "commit", "get", "write-4096", "read-16"];

/// Calls of one piece of work.
const CALLS: u64 = 20_000;

/// Does the job that this process was started for, as often as it is asked, until nobody asks;
/// `false` when it was started for something else.
pub fn serve() -> bool {
    let Some(job) = knobs::runtime::internal(SERVE) else { return false };
    let job = job.to_str().expect("jobs have plain names");
    let mut once = job_of(job);
    for line in std::io::stdin().lock().lines() {
        if line.is_err() {
            break;
        }
        let time: Duration = once();
        let mut out = std::io::stdout().lock();
        if writeln!(out, "{}", time.as_nanos()).and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    true
}

fn job_of(job: &str) -> Box<dyn FnMut() -> Duration> {
    let engine = |work, clients, total| -> Box<dyn FnMut() -> Duration> {
        let bench = Bench { work, key_bytes: 16, value_bytes: 100, clients, total };
        let batch = bench.prepare(&MaceDriver, &Place::default());
        let batch = batch.unwrap_or_else(|wrong| panic!("{wrong}"));
        Box::new(move || batch.run().unwrap_or_else(|wrong| panic!("{wrong}")))
    };
    match job {
        "put" => engine(Work::Put, 1, 20_000),
        // One of two hundred; in memory, so that no disk hides the calls.
        "commit" => engine(Work::Commit, 1, 400_000),
        "get" => engine(Work::Get, 1, 20_000),
        "write-4096" => calls(4096, |file, bytes| file.write_all_at(bytes, 0)),
        "read-16" => calls(16, |file, bytes| file.read_exact_at(bytes, 0)),
        other => panic!("no job is called {other}"),
    }
}

/// One call again and again, on a file that is in memory.
fn calls(
    len: usize,
    call: impl Fn(&File, &mut [u8]) -> std::io::Result<()> + 'static,
) -> Box<dyn FnMut() -> Duration> {
    let dir = TestDir::new("bench").unwrap_or_else(|error| panic!("{error}"));
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(true).read(true).write(true).open(dir.join("file"));
    let file = file.expect("a fresh folder takes a file");
    let mut bytes = vec![7; len];
    file.write_all_at(&bytes, 0).expect("the file takes bytes");
    Box::new(move || {
        let _kept = &dir;
        let start = Instant::now();
        for _ in 0..CALLS {
            call(&file, &mut bytes).expect("the call succeeds");
        }
        start.elapsed()
    })
}

/// A process that does a job.
pub struct Served {
    child: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Served {
    /// Starts a program on a job.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(program: &Path, job: &str) -> Self {
        let mut child = Command::new(program)
            .env(SERVE, job)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let asks = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, asks, answers }
    }

    /// Has the job done once; how long it took there.
    pub fn once(&mut self) -> Duration {
        writeln!(self.asks).expect("the process takes orders");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the process answers");
        Duration::from_nanos(line.trim().parse().expect("it answers with a time"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
