//! `prod judge`: today's oracles over what a case left. The suite's own program knows them; this builds and
//! starts it.

use knobs::Knobs;
use process::{Error, Interrupts, Outcome, Result};
use results::contents::PROGRAM;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Judges what is in `folder`.
pub(crate) fn judge(
    flags: &[(&str, &str)],
    folder: &Path,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    let remedy = "name the folder that a failed case left, below target/prod/artifacts";
    let folder = fs::canonicalize(folder)
        .map_err(|error| Error::io("find the evidence", folder, remedy, error))?;
    let cargo = |verb: &str| {
        let mut command = Command::new("cargo");
        command.args([verb, "--quiet", "--bin", PROGRAM, "--no-default-features"]);
        command.args(["--features", knobs.features()]).current_dir(knobs.root());
        command
    };
    // Apart from the run: what cargo ends with then means the build.
    let mut build = cargo("build");
    let run = |command: &mut Command| {
        interrupts.run(command.stdin(Stdio::null())).map_err(|error| {
            Error::io("run cargo", Path::new("PATH"), "install it with rustup", error)
        })
    };
    if !run(&mut build)?.success() {
        interrupts.check()?;
        let what = format!("cannot build {PROGRAM}");
        return Err(Error::new(what, knobs.root().display(), "correct what cargo says above"));
    }
    let status = run(cargo("run").args(["--", "judge"]).arg(&folder))?;
    let ended = match status.code() {
        Some(0) => Outcome::Passed,
        Some(1) => Outcome::Failed,
        _ => Outcome::Broken,
    };
    Ok(interrupts.outcome().unwrap_or(ended))
}
