//! `prod soak`: the loop of a long run. It owns the deadline, the cadence and the order of parts. What
//! is recorded and how it is judged is in `results`; how a layer runs is in `run`.

mod aging;
mod ending;
mod parts;
mod plan;
mod store;

use crate::{
    nextest,
    part::Mode,
    progress::{Soaking, clock},
};
use aging::{Aged, Aging};
use parts::Layers;
use plan::Plan;
use process::{Error, Interrupts, Outcome, Result, console};
use results::{ledger::Ledger, row::Row, seeds::Shard, state::Stage};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use store::SoakStore;

/// Soaks until the time is up, or a signal comes.
pub(crate) fn soak(
    flags: &[(&str, &str)],
    resume: bool,
    shard: Shard,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let plan = Plan::open(flags, shard)?;
    let store = SoakStore::open(&plan, resume)?;
    announce(&plan, &store, resume);
    let layers = Layers::build(&plan, interrupts)?;
    let before = Duration::from_secs(store.state.elapsed_secs);
    let aging = Aging::new(&plan, layers.resident.clone(), resume).map_err(|error| {
        let place = plan.file("aging");
        Error::io("remove the earlier database", &place, "remove it by hand", error)
    })?;
    let started = Instant::now();
    Soak { plan, store, layers, aging, interrupts, started, before }.run()
}

/// `prod ledger`: merges ledgers.
pub(crate) fn merge_ledgers(out: &Path, ledgers: &[PathBuf]) -> Result<Outcome> {
    let read = |path: &PathBuf| {
        store::read_ledger(path)?.ok_or_else(|| {
            Error::new("no such ledger", path.display(), "name a file that is there")
        })
    };
    let read: Vec<_> = ledgers.iter().map(read).collect::<Result<_>>()?;
    let merged = Ledger::merge(read);
    process::store::replace(out, &merged.render())?;
    console::page(&format!(
        "{} entries of {} ledgers: {}",
        merged.0.len(),
        ledgers.len(),
        out.display()
    ));
    Ok(Outcome::Passed)
}

fn announce(plan: &Plan, store: &SoakStore, resume: bool) {
    nextest::announce(&plan.session);
    console::note(&plan.session.knobs.render_of(&[knobs::Home::Soak]));
    let state = &store.state;
    let verb = if resume { "going on after" } else { "starting at" };
    console::note(&format!(
        "soak       seed {}, shard {}, {verb} cycle {} and {}",
        state.soak_seed,
        state.shard,
        state.cycles,
        clock(Duration::from_secs(state.elapsed_secs)),
    ));
}

/// A soak under way.
struct Soak<'i> {
    plan: Plan,
    store: SoakStore,
    layers: Layers,
    aging: Aging,
    interrupts: &'i Interrupts,
    /// When this sitting started.
    started: Instant,
    /// How long the earlier ones lasted.
    before: Duration,
}

impl Soak<'_> {
    fn run(mut self) -> Result<Outcome> {
        while !self.is_interrupted() && self.elapsed() < self.plan.duration {
            self.cycle()?;
            let left = self.plan.duration.saturating_sub(self.elapsed());
            self.interrupts.pause(self.plan.pause.min(left));
        }
        if self.is_interrupted() {
            self.aging.end();
        } else {
            self.post_check()?;
        }
        self.store.state.elapsed_secs = self.elapsed().as_secs();
        let stage = if self.is_interrupted() { Stage::Interrupted } else { Stage::Finished };
        let signal = self.interrupts.outcome();
        ending::end(&self.plan, &mut self.store, stage, signal)
    }

    fn is_interrupted(&self) -> bool {
        self.interrupts.outcome().is_some()
    }

    fn elapsed(&self) -> Duration {
        self.before + self.started.elapsed()
    }

    fn standing(&self, cycle: u64) -> Soaking {
        let left = self.plan.duration.saturating_sub(self.elapsed());
        Soaking { cycle, ends: Instant::now() + left, findings: self.store.state.failed() }
    }

    /// One cycle: its layers, its work on the aging database, its snapshot; then its row. A part
    /// that fails does not keep the others from running.
    fn cycle(&mut self) -> Result<()> {
        let cycle = self.store.state.cycles + 1;
        let (index, seed) = self.store.next_seed(&self.plan);
        self.plan.session.seed = seed;
        self.plan.session.keep_evidence_in(self.store.evidence(cycle)?);
        let mut row = Row { cycle, seed, ..Row::default() };
        let mut worst = self.layer(Mode::Stress, index, &mut row)?;
        if self.is_due(self.plan.chaos_every, cycle) {
            worst = worst.max(self.layer(Mode::Chaos, index, &mut row)?);
        }
        if !self.is_interrupted() {
            worst = worst.max(self.age(&mut row)?);
        }
        if self.is_due(self.plan.perf_every, cycle) {
            worst = worst.max(self.snapshot(&mut row)?);
        }
        row.outcome = self.interrupts.outcome().unwrap_or(worst);
        row.elapsed_secs = self.elapsed().as_secs();
        let line = format!(
            "soak       cycle {cycle}: {}; {} passed, {} failed, {} known; {}",
            row.outcome.name(),
            row.passed,
            row.failed + row.timed_out + row.flaky,
            row.known,
            self.standing(cycle).say(),
        );
        self.store.close(row)?;
        console::note(&line);
        Ok(())
    }

    fn is_due(&self, every: u64, cycle: u64) -> bool {
        !self.is_interrupted() && every > 0 && cycle.is_multiple_of(every)
    }

    fn layer(&mut self, mode: Mode, index: u64, row: &mut Row) -> Result<Outcome> {
        let standing = self.standing(row.cycle);
        let ran = self.layers.run(&self.plan, mode, standing, self.interrupts);
        self.store.layer(ran, index, row)
    }

    fn age(&mut self, row: &mut Row) -> Result<Outcome> {
        let aged = self.aging.cycle(row.cycle, row.seed, self.interrupts);
        self.aged(aged, row)
    }

    fn aged(&mut self, aged: Aged, row: &mut Row) -> Result<Outcome> {
        self.store.state.processes = self.aging.processes(self.store.state.processes);
        if self.is_interrupted() {
            return Ok(Outcome::Passed);
        }
        self.store.aged(aged, row)
    }

    fn snapshot(&mut self, row: &mut Row) -> Result<Outcome> {
        let taken = parts::snapshot(&self.plan, self.standing(row.cycle), self.interrupts);
        if self.is_interrupted() {
            return Ok(Outcome::Passed);
        }
        self.store.snapshot(taken, row)
    }

    /// The last ending of the aging database and the fast layer, when the time is up.
    fn post_check(&mut self) -> Result<()> {
        let (index, seed) = self.store.next_seed(&self.plan);
        self.plan.session.seed = seed;
        let cycle = self.store.state.cycles + 1;
        self.plan.session.keep_evidence_in(self.store.evidence(cycle)?);
        let mut row = Row { cycle, seed, ..Row::default() };
        if let Some(aged) = self.aging.last(cycle, seed, self.interrupts) {
            self.aged(aged, &mut row)?;
        }
        self.layer(Mode::Fast, index, &mut row)?;
        Ok(())
    }
}
