//! The parts of a cycle that run programs: the layers, with nextest, and the perf snapshot. Decides
//! nothing about what came of them.

use super::{aging::Simple, plan::Plan};
use crate::{
    files,
    nextest::{Inventory, Nextest},
    note::Note,
    part::{self, Mode, Part},
    progress::{Soaking, is_watched},
    record::Judged,
    run, standing, waits,
};
use process::{Error, Interrupts, Outcome, Result, console};
use results::{resident::PROGRAM, snapshot::Snapshot};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    slice,
};

/// The layers of a soak, built and listed.
pub(super) struct Layers {
    parts: Vec<(Mode, Part, Inventory)>,
    /// The program that keeps the aging database open.
    pub(super) resident: PathBuf,
}

/// A layer that ran, or why it could not.
pub(super) struct Ran {
    pub(super) label: &'static str,
    pub(super) judged: Result<Judged>,
    /// The known findings that it met, where these fail a run (`MACE_PROD_KNOWN`).
    pub(super) known: Vec<String>,
    /// What failed besides cases.
    pub(super) notes: Vec<Note>,
}

impl Layers {
    /// Builds what the layers need.
    pub(super) fn build(plan: &Plan, interrupts: &Interrupts) -> Result<Self> {
        let nextest = Nextest::new(&plan.session, interrupts);
        let mut parts = Vec::new();
        let mut resident = None;
        for mode in [Mode::Stress, Mode::Chaos, Mode::Fast] {
            if mode == Mode::Chaos && plan.chaos_every == 0 {
                continue;
            }
            let features = plan.session.knobs.features();
            let part = part::parts(mode, features).remove(0);
            let mut listing = nextest.listing(&part)?;
            interrupts.check()?;
            run::refuse_empty(&part, &listing.inventory)?;
            resident = resident.or(listing.programs.remove(PROGRAM));
            parts.push((mode, part, listing.inventory));
        }
        let resident = resident.ok_or_else(|| {
            let what = format!("the suite has no program `{PROGRAM}`");
            let place = plan.session.root.join("Cargo.toml");
            Error::new(what, place.display(), "soak a checkout that has it")
        })?;
        Ok(Self { parts, resident })
    }

    /// Runs one of them.
    pub(super) fn run(
        &self,
        plan: &Plan,
        mode: Mode,
        progress: Soaking,
        interrupts: &Interrupts,
    ) -> Ran {
        let chosen = self.parts.iter().find(|(built, ..)| *built == mode);
        let (_, part, inventory) = chosen.expect("a layer that is due was built");
        if !is_watched() {
            console::note(&format!("soak       cycle {}: {}", progress.cycle, part.label));
        }
        let nextest =
            Nextest { soaking: Some(progress), ..Nextest::new(&plan.session, interrupts) };
        let ran = run::run_part(&nextest, part, inventory, plan.threads);
        let judged = ran.map(|ran| ran.judged);
        let known = match &judged {
            Ok(judged) if run::known_fail(&plan.session.knobs) => {
                standing::known_failures(&plan.session.findings, slice::from_ref(judged))
            }
            _ => Vec::new(),
        };
        let notes = judged.as_ref().map_or_else(
            |_| Vec::new(),
            |judged| waits::notes(slice::from_ref(judged), plan.longest_call),
        );
        Ran { label: part.label, judged, known, notes }
    }
}

/// What `perf snapshot` wrote: the file's text, and what it says.
pub(super) type Taken = std::result::Result<(String, Snapshot), Simple>;

/// Takes a perf snapshot.
pub(super) fn snapshot(plan: &Plan, standing: Soaking, interrupts: &Interrupts) -> Taken {
    console::note(&format!("soak       cycle {}: perf snapshot", standing.cycle));
    let file = plan.session.knobs.perf_output();
    let broken = |why: String| Simple { outcome: Outcome::Broken, why };
    // One that an earlier run left must not be taken for this one.
    files::remove(&file).map_err(|error| broken(error.to_string()))?;
    let mut command = Command::new("cargo");
    command.args(["run", "--quiet", "--package", "perf", "--", "snapshot"]);
    command.envs(plan.session.flags()).current_dir(&plan.session.root).stdout(Stdio::null());
    // Its progress is noise here; its last words are why it failed.
    let mut last = String::new();
    let status = interrupts.stream(&mut command, &mut |line| {
        if !line.trim().is_empty() {
            line.clone_into(&mut last);
        }
    });
    let status = status.map_err(|error| broken(format!("cannot run cargo ({error})")))?;
    match status.code() {
        Some(0) => read(&file).map_err(broken),
        code => {
            let code = code.and_then(|code| u8::try_from(code).ok());
            let outcome = code.map_or(Outcome::Broken, Outcome::from);
            Err(Simple { outcome, why: format!("{status}: {last}") })
        }
    }
}

fn read(file: &Path) -> std::result::Result<(String, Snapshot), String> {
    let text = fs::read_to_string(file)
        .map_err(|error| format!("it left no {} ({error})", file.display()))?;
    let snapshot = Snapshot::parse(&text).map_err(|why| format!("{}: {why}", file.display()))?;
    Ok((text, snapshot))
}
