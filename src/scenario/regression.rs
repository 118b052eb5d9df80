//! A confirmed finding as a case: its body makes the finding happen and says what came of it, its end
//! decides. A finding that shows itself is counted apart. One that does not says something only where
//! the run came to what shows it, its window, and where no other promise is broken: a new defect can
//! hide a finding.

use crate::{
    engine::EngineOptions,
    history::{
        Milestone,
        child::{Exit, ExitClass},
    },
    oracle::{OracleName, Violation},
    scenario::{
        Case,
        database::{Database, Stage},
        exits::must,
        run::{Judging, Run},
    },
    settings::{FindingId, Seed, is_of_mace},
    verdict::Verdict,
};
use std::{fmt::Debug, path::PathBuf};

/// Makes a case of a confirmed finding: its id, the promise that it breaks, and what makes it happen.
///
/// ```ignore
/// regression!(EMPTY_VALUE_IS_A_DELETION: an_empty_value_is_a_value, |finding| {
///     // …
///     finding.answers(&found, &SYMPTOM, &RIGHT, "an acknowledged commit is there")
/// });
/// ```
#[macro_export]
macro_rules! regression {
    ($id:ident: $promise:ident, |$finding:ident| $body:block) => {
        #[test]
        fn $promise() {
            fn body(
                $finding: &mut $crate::scenario::regression::Regression<'_>,
            ) -> $crate::scenario::run::Judging<()> $body

            let id = $crate::settings::FindingId::$id;
            $crate::scenario::Case::run(|case| {
                $crate::scenario::regression::Regression::run(case, id, body)
            });
        }
    };
}

/// What makes a finding happen.
pub type Body = fn(&mut Regression<'_>) -> Judging<()>;

/// The case of a finding while it runs.
#[derive(Debug)]
pub struct Regression<'a> {
    /// Its folder, seed and figures.
    pub case: &'a mut Case,
    id: FindingId,
    window: &'static str,
    times: u64,
    others: Verdict,
}

/// How a process ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// In which way.
    pub class: ExitClass,
    /// What it had come to.
    pub milestones: Vec<Milestone>,
    /// What it said.
    pub stderr: String,
}

impl Ended {
    /// It came to its end, or to the end of its steps where it was to die there.
    pub fn is_done(&self) -> bool {
        let is_scripted = || self.milestones.iter().any(Milestone::is_scripted);
        self.class == ExitClass::Done || (matches!(self.class, ExitClass::Died(_)) && is_scripted())
    }

    /// It ended badly, and said this. 0.1.2 panics where later versions abort.
    pub fn died_saying(&self, words: &str) -> bool {
        let died = matches!(self.class, ExitClass::Died(_) | ExitClass::Panicked);
        let panicked = || self.milestones.iter().any(|milestone| milestone.is_panic_saying(words));
        died && (self.stderr.contains(words) || panicked())
    }

    /// Its database was refused as corrupt.
    pub fn is_corrupt(&self) -> bool {
        self.class == ExitClass::Refused && self.milestones.contains(&Milestone::corruption())
    }

    /// A thread of the engine was held in it.
    pub fn is_held(&self) -> bool {
        self.milestones.iter().any(Milestone::is_held)
    }
}

impl<'a> Regression<'a> {
    /// Runs the case of a finding.
    pub fn run(case: &'a mut Case, id: FindingId, body: Body) -> Verdict {
        if !is_of_mace() {
            return case.skip(&format!("`{id}` is a finding of mace-kv"));
        }
        let mut finding = Self { case, id, window: "its window", times: 0, others: Verdict::Pass };
        match body(&mut finding) {
            Ok(()) => finding.shows_nothing(),
            Err(verdict) => verdict,
        }
    }

    fn shows_nothing(self) -> Verdict {
        let Self { case, window, times, others, .. } = self;
        case.figures.add("window.reached", times);
        if times > 0 {
            return others;
        }
        others.and(Verdict::Inconclusive(format!("the finding was not tried: {window} never came")))
    }

    /// Judges nothing where the case needs what is not there.
    pub fn needs(&self, is_there: bool, otherwise: &str) -> Judging<()> {
        if is_there { Ok(()) } else { Err(self.case.skip(otherwise)) }
    }

    /// Ends the case when this is the finding.
    pub fn shows(&self, is_it: bool) -> Judging<()> {
        if is_it { Err(Verdict::Known(self.id)) } else { Ok(()) }
    }

    /// Ends the case when something went wrong that is not the finding, or went wrong without its cause.
    pub fn expects(&self, is_right: bool, found: &impl Debug) -> Judging<()> {
        if is_right { Ok(()) } else { Err(Verdict::Crashed(format!("{found:?}"))) }
    }

    /// Ends the case when this promise is broken in another way than the finding breaks it.
    pub fn keeps(&self, is_kept: bool, promise: &'static str, found: &impl Debug) -> Judging<()> {
        if is_kept {
            return Ok(());
        }
        let witness = format!("{found:?}");
        Err(Verdict::Violated(vec![Violation::new(OracleName::Contract, promise, witness)]))
    }

    /// Ends with an answer that is the finding's symptom, the right one, or another one, which breaks
    /// this promise too.
    pub fn answers<T: Debug + PartialEq>(
        &mut self,
        found: &T,
        symptom: &T,
        right: &T,
        promise: &'static str,
    ) -> Judging<()> {
        self.shows(found == symptom)?;
        self.keeps(found == right, promise, found)?;
        self.came_to("the call that shows it", 1);
        Ok(())
    }

    /// Counts how often the run came to what shows the finding.
    pub fn came_to(&mut self, window: &'static str, times: u64) {
        self.window = window;
        self.times += times;
    }

    /// What else is broken; it counts when the finding does not show.
    pub fn breaks(&mut self, others: Verdict) {
        self.others = std::mem::replace(&mut self.others, Verdict::Pass).and(others);
    }

    /// Opens a database once more and has every oracle judge it; what is broken counts when the finding
    /// does not show.
    pub fn judge(&mut self, database: Database, options: &EngineOptions) {
        let verdict = self.judged(database, options);
        self.breaks(verdict);
    }

    /// What every oracle says of a database that is opened once more.
    pub fn judged(&mut self, database: Database, options: &EngineOptions) -> Verdict {
        let mut run = Run::after(database, options, self.seed());
        run.reopen();
        let verdict = run.judge();
        self.case.figures.join(run.figures);
        verdict
    }

    /// A folder of the case.
    pub fn dir(&self, name: &str) -> PathBuf {
        self.case.dir().join(name)
    }

    /// The case's seed.
    pub fn seed(&self) -> Seed {
        self.case.seed()
    }

    /// A new database in a folder of the case.
    pub fn database(&self, name: &str) -> Database {
        must(Database::new(self.dir(name), self.seed()))
    }

    /// Runs a process on a database.
    pub fn process(&mut self, database: &mut Database, stage: &Stage) -> Ended {
        let Exit { class, stderr } = must(database.process(stage, &mut self.case.figures));
        Ended { class, stderr, milestones: must(database.milestones()) }
    }
}

/// Whether commits are gone; with luck the last transaction is torn, and not lost whole.
pub fn loses_commits(found: &Verdict) -> bool {
    let lost = [OracleName::Durability, OracleName::Atomicity];
    let of_commits = |violation: &Violation| lost.contains(&violation.oracle);
    matches!(found, Verdict::Violated(found) if found.iter().any(of_commits))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a regression with this body ends.
    fn ended(case: &mut Case, body: Body) -> Verdict {
        Regression::run(case, FindingId::SHORT_LOG_FILE, body)
    }

    fn another(finding: &mut Regression<'_>) {
        let another = Violation::new(OracleName::Durability, "p", "another".to_owned());
        finding.breaks(Verdict::Violated(vec![another]));
    }

    #[test]
    fn a_finding_is_gone_where_it_was_tried() {
        Case::run(|case| {
            let tried = ended(case, |finding| {
                finding.came_to("a rotation", 3);
                Ok(())
            });
            assert_eq!(tried, Verdict::Pass);
            let untried = ended(case, |finding| {
                finding.came_to("a rotation", 0);
                Ok(())
            });
            assert!(matches!(untried, Verdict::Inconclusive(why) if why.contains("a rotation")));
            let broken = ended(case, |finding| {
                finding.came_to("a rotation", 3);
                another(finding);
                Ok(())
            });
            assert!(matches!(broken, Verdict::Violated(_)));
            let hidden = ended(case, |finding| {
                another(finding);
                Ok(())
            });
            assert!(matches!(hidden, Verdict::Violated(_)));
            Verdict::Pass
        });
    }

    #[test]
    fn an_answer_is_the_symptom_right_or_wrong() {
        Case::run(|case| {
            let symptom = ended(case, |finding| finding.answers(&1, &1, &2, "p"));
            assert_eq!(symptom, Verdict::Known(FindingId::SHORT_LOG_FILE));
            assert_eq!(ended(case, |finding| finding.answers(&2, &1, &2, "p")), Verdict::Pass);
            let wrong = ended(case, |finding| finding.answers(&3, &1, &2, "p"));
            assert!(matches!(wrong, Verdict::Violated(_)), "{wrong:?}");
            let crashed = ended(case, |finding| finding.expects(false, &"the control"));
            assert!(matches!(crashed, Verdict::Crashed(_)), "{crashed:?}");
            Verdict::Pass
        });
    }
}
