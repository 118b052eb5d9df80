//! Isolation across crashes: clients that get in one another's way, over values, lists and sets, in
//! processes that are killed at counted points or die at a failpoint, one after the other on one
//! database. The whole history, with each state that a reopening found, is judged as one.

use crate::{
    engine::{
        Driver, EngineOptions, Family,
        failpoint::{self, Action, Rule},
        mace::MaceDriver,
    },
    history::{child::End, drive::Traffic, kill::Mark, script::Step},
    scenario::{
        Case, chaos,
        crashes::Crashes,
        database::Stage,
        run::{Judging, reached},
    },
    settings::{FindingId, leaves_out},
    verdict::Verdict,
    workload::{Access, Lists, Mix, Source},
};

/// How the processes of a case die.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Death {
    /// By a signal, at a counted acknowledgement or request.
    Kills,
    /// At this hit of this failpoint.
    At(&'static str, u64),
}

/// One case.
#[derive(Clone, Copy, Debug)]
pub struct IsolatedCase {
    death: Death,
    family: Family,
}

/// Each death in configurations that differ in their logs.
const CASES: &[(Death, Family)] = &[
    (Death::Kills, Family::Defaults),
    (Death::Kills, Family::Tiny),
    (Death::Kills, Family::Relaxed),
    (Death::Kills, Family::ManyWriters),
    (Death::At("txn_commit_begin", 40), Family::Defaults),
    (Death::At("txn_commit_after_record_commit", 40), Family::ManyWriters),
    (Death::At("txn_commit_after_wal_sync", 40), Family::Tiny),
    (Death::At("flush_before_manifest_commit", 1), Family::Tiny),
];

/// All of them.
pub fn cases() -> Vec<IsolatedCase> {
    CASES.iter().map(|&(death, family)| IsolatedCase { death, family }).collect()
}

impl IsolatedCase {
    /// The case's name: `chaos_isolation::<death>::<family>`.
    pub fn name(&self) -> String {
        let death = match self.death {
            Death::Kills => "kills",
            Death::At(point, _) => point,
        };
        format!("chaos_isolation::{death}::{}", self.family.name())
    }

    /// Runs the case.
    pub fn run(&self, case: &mut Case) -> Verdict {
        match self.steps(case) {
            Ok(verdict) | Err(verdict) => verdict,
        }
    }

    fn steps(self, case: &mut Case) -> Judging<Verdict> {
        let options = self.family.engine().one_log_file();
        let mut rule = None;
        if let Death::At(point, hit) = self.death {
            let name = format!("{}{point}", chaos::PREFIX);
            if !MaceDriver.capabilities().failpoints {
                return Ok(case.skip("this build of the engine has no failpoints"));
            }
            if !failpoint::points().iter().any(|known| known.name == name) {
                return Ok(case.skip(&format!("this engine has no failpoint {point}")));
            }
            rule = Some(Rule::new(&name, Action::Abort, hit));
        }
        let mut crashes = Crashes::new(case);
        if rule.is_some() {
            // A point may come so early that its processes see little of one another.
            crashes.ends(&Stage::closing(&options, self.work()))?;
        }
        for mark in [Mark::Acked(60), Mark::Asked(75), Mark::Asked(40)] {
            let work = self.work();
            match &rule {
                Some(rule) => crashes.aborted(&options, work, rule)?,
                None => crashes.killed(&options, work, mark)?,
            }
        }
        Self::finish(&mut crashes, &options)?;
        let verdict = crashes.judge();
        let figures = &case.figures;
        let overlapped =
            ["overlaps", "write_skews"].map(|what| (what, format!("isolation.{what}")));
        let overlapped = overlapped.map(|(what, name)| reached(what, figures.get(&name)));
        let verdict = overlapped.into_iter().fold(verdict, Verdict::and);
        Ok(verdict.and(reached("a conflict", figures.get("conflicts"))))
    }

    /// Opens the bucket; clients work in it before and after a checkpoint.
    fn work(self) -> Vec<Step> {
        let bucket = || "a".to_owned();
        let mix = Mix {
            keys: 12,
            access: Access::Zipfian,
            lengths: vec![40, 300],
            weights: [40, 8, 30, 8, 8, 6, 0],
            ..Mix::default()
        };
        let mut lists = Lists::of(4);
        if leaves_out(FindingId::MERGE_LOST_IN_RECOVERY) {
            lists.weights[2..].fill(0);
        }
        let clients = |first_client, clients, source, txns| Step::Traffic {
            bucket: bucket(),
            traffic: Traffic { first_client, clients, source, txns },
        };
        let open = Step::Open { bucket: bucket(), options: self.family.bucket().for_kills() };
        let values = clients(0, 8, Source::Mix(mix), 6);
        let lists = clients(8, 4, Source::Lists(lists), 8);
        vec![open, values.clone(), lists, Step::Checkpoint { bucket: bucket() }, values]
    }

    /// Looks, closes and has the checker look, and looks again.
    fn finish(crashes: &mut Crashes<'_>, options: &EngineOptions) -> Judging<()> {
        let look = Stage::looking(options);
        crashes.ends(&look)?;
        crashes.ends(&Stage { end: End::CloseAndCheck, ..look.clone() })?;
        crashes.ends(&Stage { end: End::Close, ..look })
    }
}
