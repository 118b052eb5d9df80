//! What a chaos case does with its run: on a copy of the database a first process counts the hits of
//! the point, on another one a second process meets the fault, and what that left is opened again and
//! again. A hit that does not come is armed again, a few times. Judges nothing: the end of the run does.

use crate::{
    engine::failpoint::{Action, Rule},
    report::say,
    scenario::{
        Case,
        chaos::{
            fault::{Fault, Position},
            known,
            recipes::{self, Stages},
        },
        database::{Database, Stage},
        exits::{self, Met, came_to, must, unexpected},
        run::{Judging, Run, session::Verbs},
    },
    verdict::Verdict,
};

/// How often a point is armed whose hit does not come: threads do not take the same turns twice.
const ARMINGS: u32 = 4;

/// One case.
#[derive(Clone, Debug)]
pub struct Flow {
    /// What is armed.
    pub fault: Fault,
    /// The processes before and at the fault.
    pub stages: Stages,
}

impl Flow {
    /// Runs the case.
    pub fn run(&self, case: &mut Case) -> Verdict {
        case.over(self.fault.preset(), |run| {
            run.options = recipes::without_rotation(&self.stages.armed.options);
            run.explain_by(known::of);
            run.excuse(self.fault.contradictions());
            for stage in &self.stages.setup {
                run.process(stage);
            }
            run.attempt(|run| self.meet(run));
            check_recovery(run);
            if self.fault.in_deep {
                run.must_be_deep();
            }
        })
    }

    /// Goes on with the database as the fault left it.
    fn meet(&self, run: &mut Run<'_>) -> Judging<()> {
        let nth = match (self.fault.action, self.fault.position) {
            (Action::Panic | Action::Io | Action::IoKind(_), Position::First) => 1,
            _ => self.nth(self.count(run)?),
        };
        let armed = self.arm(run, nth)?;
        run.go_on_with(armed);
        Ok(())
    }

    /// How often an undisturbed process comes by the point.
    fn count(&self, run: &mut Run<'_>) -> Judging<u64> {
        let point = self.fault.full_name();
        let stage = self.armed(&Rule::counting(&point));
        for counting in 1..=ARMINGS {
            let (counted, exit) = run.on_a_copy("counting", &stage);
            if !came_to(&must(counted.milestones()), &exit, stage.end) {
                let verdict = unexpected(&counted, &exit, "while hits were counted");
                return Err(run.explained(verdict, &counted));
            }
            match must(counted.hits(&point)).unwrap_or_default() {
                0 => say(&format!("chaos: counting {counting} of {ARMINGS}: no hit")),
                hits => return Ok(hits),
            }
        }
        Err(Verdict::Inconclusive(format!("{point} was never hit")))
    }

    /// The hit that the position stands for.
    fn nth(&self, hits: u64) -> u64 {
        let (nth, is_first_too) = self.fault.position.of(hits);
        let same = if is_first_too { ", which is the first one too" } else { "" };
        let preset = self.fault.preset().name();
        say(&format!("chaos: armed at hit {nth} of {hits}{same}, configuration {preset}"));
        nth
    }

    fn armed(&self, rule: &Rule) -> Stage {
        // Of several rules for one operation the engine takes the last.
        let others = &self.stages.armed.rules;
        let rules = if others.is_empty() { rule.to_string() } else { format!("{others},{rule}") };
        let count = vec![rule.point.clone()];
        Stage { count, rules, ..self.stages.armed.clone() }
    }

    /// The database as the fault left it.
    fn arm(&self, run: &mut Run<'_>, mut nth: u64) -> Judging<Database> {
        let point = self.fault.full_name();
        for arming in 1..=ARMINGS {
            // A child that a panic left hanging ends itself a moment after it.
            let stage = self.armed(&Rule::new(&point, self.fault.action, nth));
            let (armed, exit) = run.on_a_copy("armed", &stage);
            let hits = must(armed.hits(&point)).unwrap_or_default();
            let met = match self.fault.action {
                Action::Abort => exits::met_abort(&armed, &exit, hits, nth),
                Action::Panic => exits::met_panic(&armed, &exit, &point),
                Action::Io => exits::met_error(&armed, &exit, hits, true),
                Action::IoKind(_) => exits::met_error(&armed, &exit, hits, false),
            };
            match met.map_err(|verdict| run.explained(verdict, &armed))? {
                Met::Fault(how) => {
                    run.figures.add("faults_hit", 1);
                    say(&format!("chaos: {point} hit: {how}"));
                    return Ok(armed);
                }
                Met::Nothing(hits) => {
                    say(&format!(
                        "chaos: arming {arming} of {ARMINGS}: hit {nth} did not come, there were \
                         {hits}"
                    ));
                    nth = lower(nth, hits);
                }
            }
        }
        let never = format!("hit {nth} of {point} did not come in {ARMINGS} armings");
        Err(Verdict::Inconclusive(never))
    }
}

/// The hit to arm after one that did not come: a quarter below the hits that there were. At their number
/// itself it would be missed again whenever threads take turns with one hit less.
fn lower(nth: u64, hits: u64) -> u64 {
    nth.min(hits - hits.div_ceil(4)).max(1)
}

/// What comes after the fault. Copies that were published are opened. Then four openings: look and die;
/// look, write more and die; look, close and have the engine's offline checker look; look once more,
/// because a clean close has to leave an openable database too.
pub fn check_recovery(run: &mut Run<'_>) {
    let preset = run.preset();
    run.open_copies();
    run.reopen();
    run.died_fairly(|s| s.steps(recipes::epilogue(preset)));
    run.check();
    run.reopen();
}

#[cfg(test)]
mod tests {
    use super::lower;

    #[test]
    fn fewer_hits_are_met_at_the_second_arming() {
        assert_eq!(lower(41, 39), 29, "a run of 35 hits meets it");
        assert_eq!(lower(3, 2), 1);
        assert_eq!(lower(1, 0), 1);
        assert_eq!(lower(2, 8), 2, "never above what was armed");
    }
}
