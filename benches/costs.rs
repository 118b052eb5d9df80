//! What the operations of the benches cost in things that can be counted, and so need no quiet machine:
//! file calls, bytes that are written and synced, requests for memory. Each case of `benches/perf.rs` with
//! one client; what runs in the background there is off. This program is linked with faultfs and has an
//! allocator that counts, so that nothing is timed here.
//!
//! `costs` alone prints the cases' names, `costs CASE` one line of JSON. Nothing is judged here.

use faultfs::{Recording, Session, Trace, Volume};
use knobs::Knobs;
use mace_prod::{
    engine::mace::MaceDriver,
    history::{
        kill::CountingAllocator,
        memory::{Asked, Measuring},
    },
    scenario::bench::{Bench, Meter, Place, Work, die_filled, kill_order},
    settings::BenchProfile,
};
use results::costs::Costs;
use std::{
    cell::{Cell, RefCell},
    io::Write,
    path::Path,
    process::ExitCode,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Records of a case, so that commits that wait for a disk are a few hundred.
const ITEMS: u64 = 2000;

fn main() -> ExitCode {
    match told() {
        Ok(text) => {
            let written = writeln!(std::io::stdout().lock(), "{text}");
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(line) => {
            complain(&line);
            ExitCode::FAILURE
        }
    }
}

/// What this process was asked for, or the one line that says why it has no answer.
fn told() -> Result<String, String> {
    if let Some(order) = kill_order() {
        return Err(die_filled(&MaceDriver, &order).to_string());
    }
    let knobs = Knobs::load().map_err(|error| error.to_string())?;
    let mut profile = BenchProfile::from_knobs(&knobs);
    profile.threads = vec![1];
    let cases = |work| {
        // A batch of commits takes one record of two hundred.
        profile.total = if work == Work::Commit { ITEMS * 200 } else { ITEMS };
        Bench::of(&profile, work)
    };
    let mut cases = Work::ALL.into_iter().flat_map(cases);
    // Cargo passes `--bench` to every bench program.
    let Some(wanted) = std::env::args().skip(1).find(|arg| arg != "--bench") else {
        return Ok(cases.map(|bench| bench.name()).collect::<Vec<_>>().join("\n"));
    };
    let bench = cases.find(|bench| bench.name() == wanted);
    let bench = bench.ok_or_else(|| format!("no case is called {wanted}"))?;
    let costs = counted(bench).map_err(|why| format!("{wanted}: {why}"))?;
    Ok(serde_json::to_string(&costs).expect("counts are plain data"))
}

/// The costs of the case: its work is done once for each meter, in a database of its own, because what records the
/// file calls asks for memory.
fn counted(bench: Bench) -> Result<Costs, String> {
    let memory = Memory::default();
    once(bench, &memory)?;
    let files = Files::default();
    once(bench, &files)?;
    let trace = files.trace.take().ok_or("no file calls were recorded")??;
    let asked = memory.asked.get().ok_or("no memory was counted")?;
    let costs = of_trace(&trace);
    Ok(Costs {
        operations: bench.operations(),
        allocations: asked.allocations,
        allocated_bytes: asked.bytes,
        peak_bytes: asked.peak_bytes,
        ..costs
    })
}

fn once(bench: Bench, meter: &dyn Meter) -> Result<(), String> {
    let batch = bench.prepare(&MaceDriver, &Place::default());
    let done = batch.and_then(|batch| batch.metered(meter).run());
    done.map(drop).map_err(|wrong| wrong.to_string())
}

/// What the client's thread asks for.
#[derive(Default)]
struct Memory {
    measuring: Cell<Option<Measuring>>,
    asked: Cell<Option<Asked>>,
}

impl Meter for Memory {
    fn begin(&self, _: &Path) {
        self.measuring.set(Measuring::this_thread());
    }

    fn end(&self) {
        self.asked.set(self.measuring.take().map(|measuring| measuring.asked()));
    }
}

/// What reaches the database's folder.
#[derive(Default)]
struct Files {
    recording: RefCell<Option<Result<Recording, faultfs::Error>>>,
    trace: RefCell<Option<Result<Trace, String>>>,
}

impl Meter for Files {
    fn begin(&self, folder: &Path) {
        self.recording.replace(Some(Session::new().start(folder)));
    }

    fn end(&self) {
        let finish = |recording: Result<Recording, _>| recording.and_then(Recording::finish);
        let trace = self.recording.take().map(finish);
        self.trace.replace(trace.map(|trace| trace.map_err(|error| error.to_string())));
    }
}

/// What the calls of a recorded run come to.
fn of_trace(trace: &Trace) -> Costs {
    let called = trace.summary().calls.iter();
    let calls = called.map(|(call, count)| (call.name().to_owned(), *count)).collect();
    let Volume { written_bytes, syncs, synced_bytes, .. } = trace.volume();
    Costs { calls, written_bytes, syncs, synced_bytes, ..Costs::default() }
}

#[expect(clippy::print_stderr, reason = "a program's last words")]
fn complain(line: &str) {
    eprintln!("costs: {line}");
}
