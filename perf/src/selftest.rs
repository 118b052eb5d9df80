//! `perf selftest`: how often the gate is wrong here. The same program is compared with itself,
//! through the whole path but for the short cut of identical code; then with the engine slowed down
//! in one case after the other. The plain design, all of base and then all of head by medians, is
//! measured beside it in the same minutes.

use crate::{
    bench::{Clock, Program},
    compare,
    files::{self, Origin, Proof},
    gate::{self, Gate, Measure, Place, Verdict},
    machine, page,
    run::Side,
    settings::Settings,
    sides,
    snapshot::interrupted,
    stats,
};
use launch::{Interrupts, Outcome, Result, console};
use std::time::Instant;

/// What is planted, in per cent; 0 is the same code twice.
const PLANTS: [u32; 4] = [0, 5, 10, 20];

/// Runs of a case on each side in the plain design.
const PLAIN_RUNS: usize = 6;

/// What every comparison of the self-test uses.
pub(crate) struct Bed<'s> {
    pub(crate) settings: &'s Settings,
    pub(crate) interrupts: &'s Interrupts,
    pub(crate) program: Program,
    pub(crate) cases: Vec<String>,
    pub(crate) origin: Origin,
}

impl<'s> Bed<'s> {
    /// Builds this tree; `None` when a signal came.
    pub(crate) fn new(settings: &'s Settings, interrupts: &'s Interrupts) -> Result<Option<Self>> {
        let (tree, origin) = sides::this_tree(settings)?;
        let Some(exe) = tree.build(interrupts)? else { return Ok(None) };
        let folder = settings.file("layouts");
        let layouts = tree.layouts(&exe, settings.limits.layouts, &folder, interrupts)?;
        let log = settings.file("head.bench.log");
        let program = Program { layouts, manifest: tree.manifest, log, slow: None };
        if interrupts.outcome().is_some() {
            return Ok(None);
        }
        program.open_log()?;
        let there = program.list(settings, interrupts)?;
        let cases: Vec<_> =
            settings.cases.iter().filter(|case| there.contains(case)).cloned().collect();
        if cases.is_empty() {
            return Err(compare::no_cases(&origin.commit));
        }
        Ok(Some(Self { settings, interrupts, program, cases, origin }))
    }

    fn clock<'c>(&'c self, head: &'c Program) -> Clock<'c> {
        Clock::new((&self.program, head), self.settings, self.interrupts)
    }

    /// The program with a slowdown of so many per cent in one case; `None` when a signal came.
    /// How many steps of the constant loop that is follows from two measurements.
    fn planted(&self, case: &str, pct: u32) -> Result<Option<Program>> {
        if pct == 0 {
            return Ok(Some(self.program.clone()));
        }
        let plain = self.program.clone();
        let Some(before) = self.best(&plain, case)? else { return Ok(None) };
        // A step takes about a nanosecond: this is about twice the time.
        let trial = stats::whole(before / self.settings.compare_items as f64) + 1;
        let slow = |steps| Program { slow: Some((case.to_owned(), steps)), ..plain.clone() };
        let Some(after) = self.best(&slow(trial), case)? else { return Ok(None) };
        let step = ((after - before) / trial as f64).max(f64::MIN_POSITIVE);
        let steps = stats::whole((f64::from(pct) / 100.0 * before / step).round());
        Ok(Some(slow(steps.clamp(1, 10 * trial))))
    }

    /// The best low quantile of a case over two rounds of all layouts.
    fn best(&self, program: &Program, case: &str) -> Result<Option<f64>> {
        let mut clock = self.clock(program);
        let mut lows = Vec::new();
        for round in 0..2 * program.layouts.len() {
            let layout = round % program.layouts.len();
            let place = Place { side: Side::Head, round, slot: 0, layout };
            let Some(run) = clock.run(case, place)? else { return Ok(None) };
            lows.push(run.low_ns);
        }
        Ok(stats::quantile(&lows, 0.0))
    }

    /// Whether all of base and then all of head, by medians, would have failed.
    fn plain_fails(&self, head: &Program) -> Result<Option<bool>> {
        let mut clock = self.clock(head);
        let mut medians = [vec![], vec![]];
        for (side, medians) in [Side::Base, Side::Head].into_iter().zip(&mut medians) {
            for case in &self.cases {
                let mut runs = Vec::new();
                for round in 0..PLAIN_RUNS {
                    let place = Place { side, round, slot: 0, layout: 0 };
                    let Some(run) = clock.run(case, place)? else { return Ok(None) };
                    runs.push(run.median_ns);
                }
                medians.push(stats::median(&runs).unwrap_or(f64::NAN));
            }
        }
        let limit = self.settings.limits.regress_pct;
        let mut deltas = medians[0].iter().zip(&medians[1]).map(|(b, h)| stats::delta_pct(*b, *h));
        Ok(Some(deltas.any(|delta| delta > limit)))
    }

    /// Comparisons with one plant; `None` when a signal came.
    pub(crate) fn prove(&self, pct: u32, runs: usize) -> Result<Option<Proof>> {
        let kind = if pct == 0 { "A/A".to_owned() } else { format!("+{pct} % in one case") };
        let mut proof = Proof {
            format: 1,
            origin: self.origin.clone(),
            kind,
            runs,
            failed: 0,
            inconclusive: 0,
            clean_cases: 0,
            falsely_flagged: 0,
            plain_failed: 0,
            slowest_secs: 0,
            load: machine::load(),
        };
        for run in 0..runs {
            let case = &self.cases[run % self.cases.len()];
            let Some(head) = self.planted(case, pct)? else { return Ok(None) };
            let start = Instant::now();
            let seed = fastrand::u64(..);
            let programs = (&self.program, &head);
            let judged =
                compare::measured(self.settings, programs, &self.cases, seed, self.interrupts)?;
            let Some(plain) = self.plain_fails(&head)? else { return Ok(None) };
            proof.slowest_secs = proof.slowest_secs.max(start.elapsed().as_secs());
            let gate = gate::gate(&judged, &self.settings.limits);
            proof.failed += usize::from(gate == Gate::Failed);
            proof.inconclusive += usize::from(gate == Gate::Inconclusive);
            proof.plain_failed += usize::from(plain);
            let clean: Vec<_> =
                judged.iter().filter(|other| pct == 0 || other.case != *case).collect();
            proof.clean_cases += clean.len();
            let flagged = clean.iter().filter(|case| case.verdict == Verdict::Regressed);
            proof.falsely_flagged += flagged.count();
            for case in &judged {
                if let (true, Some(e)) = (case.suspect, &case.estimate) {
                    console::note(&format!(
                        "perf: {} {} {:+.1} % [{:+.1}, {:+.1}] {:?}",
                        proof.kind, case.case, e.delta_pct, e.low_pct, e.high_pct, case.verdict
                    ));
                }
            }
        }
        proof.load = f64::midpoint(proof.load, machine::load());
        Ok(Some(proof))
    }
}

/// Proves the gate and records what was proved. Fails when it fired on the same code, or stayed
/// silent on most slowdowns of 10 % and more.
pub(crate) fn selftest(
    settings: &Settings,
    runs: usize,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let Some(bed) = Bed::new(settings, interrupts)? else { return Ok(interrupted(interrupts)) };
    let mut outcome = Outcome::Passed;
    for pct in PLANTS {
        let Some(proof) = bed.prove(pct, runs)? else { return Ok(interrupted(interrupts)) };
        files::append(&settings.file("selftest.jsonl"), &proof)?;
        console::page(&page::proved(&proof));
        outcome = outcome.max(judge(&proof, pct));
    }
    Ok(outcome)
}

fn judge(proof: &Proof, pct: u32) -> Outcome {
    let silent = pct >= 10 && 2 * proof.failed < proof.runs;
    let wolf = proof.falsely_flagged > 0 || (pct == 0 && proof.failed > 0);
    match (wolf || silent, proof.runs == proof.inconclusive) {
        (true, false) => Outcome::Failed,
        (_, true) => Outcome::Unclear,
        _ => Outcome::Passed,
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, judge};
    use crate::files::{Origin, Proof};

    #[test]
    fn a_gate_that_cries_wolf_or_sleeps_fails_its_self_test() {
        let proof = |failed, inconclusive, falsely_flagged| Proof {
            format: 1,
            origin: Origin::now("e".into(), "c".into()),
            kind: "k".into(),
            runs: 4,
            failed,
            inconclusive,
            clean_cases: 20,
            falsely_flagged,
            plain_failed: 0,
            slowest_secs: 1,
            load: 0.0,
        };
        assert_eq!(judge(&proof(0, 0, 0), 0), Outcome::Passed);
        assert_eq!(judge(&proof(1, 0, 1), 0), Outcome::Failed);
        assert_eq!(judge(&proof(4, 0, 0), 10), Outcome::Passed);
        assert_eq!(judge(&proof(1, 0, 0), 10), Outcome::Failed);
        assert_eq!(judge(&proof(0, 0, 0), 5), Outcome::Passed);
        assert_eq!(judge(&proof(4, 0, 1), 20), Outcome::Failed);
        assert_eq!(judge(&proof(0, 4, 0), 20), Outcome::Unclear);
    }
}
