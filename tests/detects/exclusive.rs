//! An engine that lets another process into an open folder is caught, and so are folders that stay shut and
//! one that another takes a pair from; the honest model is not blamed. The real engine is not opened here.

use mace_prod::{
    engine::{Driver, EngineError, Outcome, Preset, Reason, model::ModelDriver},
    scenario::{
        Case,
        exclusive::{Other, is_exclusive},
    },
    verdict::Verdict,
};
use std::{mem, path::PathBuf};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    Nothing,
    LetsOthersIn,
    StaysShutOnceClosed,
    StaysShutOnceItsProcessIsDead,
    OthersTakeAPair,
}

/// Another that comes to the model's folder.
struct Guest<'a> {
    model: &'a ModelDriver,
    dir: PathBuf,
    defect: Defect,
}

impl Other for Guest<'_> {
    fn dir(&self) -> PathBuf {
        self.dir.clone()
    }

    fn opens(&mut self) -> Outcome<()> {
        let answer = self.model.open(&self.dir, &Preset::Defaults.engine()).map(drop);
        match self.defect {
            Defect::LetsOthersIn => return Ok(()),
            Defect::StaysShutOnceClosed => return Err(EngineError::Refused(Reason::Busy)),
            Defect::OthersTakeAPair if answer.is_ok() => {
                self.model.tamper(&self.dir, "a", |pairs| drop(pairs.pop_last()));
            }
            _ => {}
        }
        answer
    }

    fn is_killed(&mut self) -> Result<(), String> {
        let opened = self.model.open(&self.dir, &Preset::Defaults.engine());
        let opened = opened.map_err(|denial| denial.to_string())?;
        if self.defect == Defect::StaysShutOnceItsProcessIsDead {
            mem::forget(opened);
        }
        Ok(())
    }
}

/// Runs the case on a model that is to be caught with these words alone; with none of them it passes.
fn caught(name: &str, defect: Defect, wanted: &[&str]) {
    Case::run_named(name, |case| {
        let model = ModelDriver::default();
        let mut guest = Guest { model: &model, dir: case.dir().join("db"), defect };
        match is_exclusive(case, &model, Preset::Defaults, &mut guest) {
            Verdict::Violated(found) => {
                let words: Vec<_> = found.iter().map(|it| it.witness.as_str()).collect();
                assert_eq!(words, wanted);
                Verdict::Pass
            }
            Verdict::Pass if wanted.is_empty() => Verdict::Pass,
            other => Verdict::Inconclusive(format!("{other:?}")),
        }
    });
}

#[test]
fn the_honest_model_keeps_its_folder_to_itself() {
    caught("the_honest_model_keeps_its_folder_to_itself", Defect::Nothing, &[]);
}

#[test]
fn another_process_let_in_is_caught() {
    let wanted = "while it is open, another process is answered Ok(())";
    caught("another_process_let_in_is_caught", Defect::LetsOthersIn, &[wanted]);
}

#[test]
fn a_closed_folder_that_stays_shut_is_caught() {
    let wanted = "once it is closed, another process is answered Err(Refused(Busy))";
    let name = "a_closed_folder_that_stays_shut_is_caught";
    caught(name, Defect::StaysShutOnceClosed, &[wanted]);
}

#[test]
fn a_dead_processs_folder_that_stays_shut_is_caught() {
    let wanted = "once its process is dead, opening is answered Refused(Busy)";
    let name = "a_dead_processs_folder_that_stays_shut_is_caught";
    caught(name, Defect::StaysShutOnceItsProcessIsDead, &[wanted]);
}

#[test]
fn a_pair_that_another_process_takes_is_caught() {
    let name = "a_pair_that_another_process_takes_is_caught";
    let wanted = [
        "after another process had it open there are 1 of 2 pairs",
        "after another process died there are 1 of 2 pairs",
    ];
    caught(name, Defect::OthersTakeAPair, &wanted);
}
