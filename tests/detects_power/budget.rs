//! A defect that shows itself as a known finding does: each of its crash states is put down to the finding,
//! and there are more of them than its budget allows. The honest engine stays within it.

use super::{LOSES, power::explore};
use knobs::{
    budget::Unit,
    findings::{Finding, Findings},
};
use mace_prod::{
    engine::{Driver, EngineOptions, interceptor::Intercept, mace::MaceDriver},
    report::Figures,
    scenario::{Case, power::known::CUT_OFF_CREATION},
    verdict::Verdict,
};
use results::absorbed::{self, Absorbed};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

/// Bytes of the headers of a manifest.
const HEADERS: usize = 8192;

/// Creates a database as the engine does that is cut off meanwhile, but stays in that state for long.
struct Slow;

impl Slow {
    fn dawdle(dir: &Path) -> std::io::Result<()> {
        fs::create_dir_all(dir.join("log"))?;
        let manifest = dir.join("log/manifest");
        let mut file = File::create(&manifest)?;
        file.write_all(&[0; HEADERS])?;
        file.sync_all()?;
        let other = dir.join("other");
        let mut file = File::create(&other)?;
        for number in 0..60 {
            file.write_all(&[number; 64])?;
            file.sync_all()?;
        }
        fs::remove_file(&other)?;
        fs::remove_file(&manifest)
    }
}

impl Intercept for Slow {
    fn below(&self) -> &dyn Driver {
        &MaceDriver
    }

    fn options(&self, dir: &Path, options: &EngineOptions) -> EngineOptions {
        if !dir.join("log/manifest").exists() {
            Self::dawdle(dir).expect("the case's folder takes files");
        }
        options.clone()
    }
}

/// What a power loss of this driver has put down to the finding, held against its budget.
fn held(case: &mut Case, driver: &dyn Driver, finding: &Finding) -> Result<Absorbed, Verdict> {
    case.figures = Figures::default();
    match explore::power_loss(case, driver, LOSES) {
        Verdict::Pass => {}
        other => return Err(other),
    }
    let judged = absorbed::judged(Unit::CrashStates);
    let name = absorbed::figure(&finding.id, Unit::CrashStates);
    let amount = |name: &str| (name.to_owned(), case.figures.get(name) as f64);
    let figures = [amount(judged), amount(&name)].into();
    // As the case of the suite that has this work.
    let cases = [("chaos_power::commits::one_writer", &figures)];
    Ok(absorbed::held(&[finding], &cases).swap_remove(0))
}

/// Removes what is in a case's folder. The folder itself is locked as long as the case is at work; a new one
/// would be cleared away by the next run on this machine.
fn empty(dir: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[test]
fn a_like_symptom_more_often_is_beyond_the_budget() {
    Case::run(|case| {
        let findings = Findings::load(&knobs::runtime::root());
        let findings = findings.unwrap_or_else(|error| panic!("{error}"));
        let mut finding =
            findings.find(&CUT_OFF_CREATION.to_string()).expect("it has an entry").clone();
        for budget in &mut finding.absorbs {
            budget.runs = budget.runs.max(20);
        }
        let finding = &finding;
        let held = held(case, &MaceDriver, finding).and_then(|honest| {
            empty(case.dir()).expect("the case's folder can be emptied");
            Ok((honest, held(case, &Slow, finding)?))
        });
        match held {
            Err(verdict) => verdict,
            Ok((honest, slow)) if honest.fails() || !slow.fails() => {
                Verdict::Inconclusive(format!("honest {honest:?}, slow {slow:?}"))
            }
            Ok(_) => Verdict::Pass,
        }
    });
}
