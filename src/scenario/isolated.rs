//! Isolation across crashes: clients that get in one another's way, over values, lists and sets, in
//! processes that are killed at counted points or die at a failpoint, one after the other on one
//! database. The whole history, with each state that a reopening found, is judged as one.

use crate::{
    engine::{
        Need, Preset,
        failpoint::{self, Action, Rule},
        under_test,
    },
    history::{clients::clients, kill::Mark},
    scenario::{
        Case, chaos,
        run::{
            Run,
            goals::reached,
            known_to_lack,
            session::{Script, Verbs},
        },
    },
    settings::{FindingId, excludes},
    verdict::Verdict,
    workload::{Access, Lists, Mix},
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
    preset: Preset,
}

/// Each death in configurations that differ in their logs.
const CASES: &[(Death, Preset)] = &[
    (Death::Kills, Preset::Defaults),
    (Death::Kills, Preset::Tiny),
    (Death::Kills, Preset::Relaxed),
    (Death::Kills, Preset::ManyWriters),
    (Death::At("txn_commit_begin", 40), Preset::Defaults),
    (Death::At("txn_commit_after_record_commit", 40), Preset::ManyWriters),
    (Death::At("txn_commit_after_wal_sync", 40), Preset::Tiny),
    (Death::At("flush_before_manifest_commit", 1), Preset::Tiny),
];

/// All of them.
pub fn cases() -> Vec<IsolatedCase> {
    CASES.iter().map(|&(death, preset)| IsolatedCase { death, preset }).collect()
}

impl IsolatedCase {
    /// The case's name: `chaos_isolation::<death>::<preset>`.
    pub fn name(&self) -> String {
        let death = match self.death {
            Death::Kills => "kills",
            Death::At(point, _) => point,
        };
        format!("chaos_isolation::{death}::{}", self.preset.name())
    }

    /// Runs the case.
    pub fn run(&self, case: &mut Case) -> Verdict {
        let rule = match self.rule() {
            Ok(rule) => rule,
            Err(reason) => return case.skip(&reason),
        };
        let verdict = case.over(self.preset, |run| Self::crash(run, rule.as_ref()));
        let figures = &case.figures;
        let can = under_test::driver().capabilities();
        let meetings = [
            ("overlaps", "isolation.overlaps", true),
            ("write_skews", "isolation.write_skews", can.skews()),
            ("a conflict", "conflicts", can.conflicts()),
        ];
        let meetings = meetings.into_iter().filter(|(_, _, happens)| *happens);
        let met = meetings.map(|(what, figure, _)| reached(what, figures.get(figure)));
        met.fold(verdict, Verdict::and)
    }

    /// The failpoint that ends each process, where one does; or why there is none in this engine.
    fn rule(&self) -> Result<Option<Rule>, String> {
        let Death::At(point, hit) = self.death else { return Ok(None) };
        let name = format!("{}{point}", chaos::PREFIX);
        let driver = under_test::driver();
        if let Some(what) = driver.capabilities().lacks(Need::Failpoints) {
            return Err(known_to_lack(driver, what));
        }
        if !failpoint::points().iter().any(|known| known.name == name) {
            return Err(format!("this engine has no failpoint {point}"));
        }
        Ok(Some(Rule::new(&name, Action::Abort, hit)))
    }

    fn crash(run: &mut Run<'_>, rule: Option<&Rule>) {
        run.keep_one_log_file();
        if rule.is_some() {
            // A point may come so early that its processes see little of one another.
            run.closed(work);
        }
        for mark in [Mark::Acked(60), Mark::Asked(75), Mark::Asked(40)] {
            match rule {
                Some(rule) => run.aborted(rule, work),
                None => run.killed(mark, work),
            }
        }
        run.reopen();
        run.check();
        run.closed(|_| ());
    }
}

/// Clients work in the bucket before and after a checkpoint.
fn work(s: &mut Script) {
    let mix = Mix {
        keys: 12,
        access: Access::Zipfian,
        lengths: vec![40, 300],
        weights: [40, 8, 30, 8, 8, 6, 0],
        ..Mix::default()
    };
    let mut lists = Lists::of(4);
    if excludes(FindingId::MERGE_LOST_IN_RECOVERY) {
        lists.weights[2..].fill(0);
    }
    s.open("a");
    s.work("a", clients(0..8).mix(&mix, 6));
    s.work("a", clients(8..12).lists(&lists, 8));
    s.checkpoint("a");
    s.work("a", clients(0..8).mix(&mix, 6));
}
