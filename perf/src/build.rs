//! Builds the bench program of one side, in a target folder of its own: with a shared one cargo
//! takes one side's program for the other's. Also its other link layouts. Measures nothing.

use crate::settings::Settings;
use cargo_metadata::{Message, camino::Utf8PathBuf};
use process::{Error, Interrupts, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// One side as a source tree.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    /// `base` or `head`: the names of its folder and files.
    pub(crate) name: &'static str,
    pub(crate) manifest: PathBuf,
    /// Where cargo builds it; no other side's.
    pub(crate) target: PathBuf,
    /// Whether the lock file is the tree's own and must not change.
    pub(crate) locked: bool,
}

/// A string that the engine's own assertions leave in a program, and one of its failpoints. A bench
/// program with either measures an engine that nobody ships.
const NOT_PLAIN: [&[u8]; 2] = [b"assertion failed: k >= self.lo()", b"failpoint lock poisoned"];

impl Tree {
    fn command(&self, verb: &[&str]) -> Command {
        let mut command = Command::new("cargo");
        command.args(verb).args(["--package", "mace-prod", "--bench", "perf"]);
        command.args(["--profile", "bench", "--no-default-features", "--quiet"]);
        command.args(["--message-format", "json-render-diagnostics"]);
        command.arg("--manifest-path").arg(&self.manifest);
        if self.locked {
            command.arg("--locked");
        }
        // Told twice, because a configuration file above the tree could name a shared folder.
        command.arg("--target-dir").arg(&self.target).env("CARGO_TARGET_DIR", &self.target);
        command.env("CARGO_PROFILE_BENCH_CODEGEN_UNITS", "1");
        command
    }

    /// Builds the program and returns where it is; `None` when a signal came.
    pub(crate) fn build(&self, interrupts: &Interrupts) -> Result<Option<PathBuf>> {
        let exe = cargo(&mut self.command(&["build"]), interrupts)?;
        if interrupts.outcome().is_some() {
            return Ok(None);
        }
        let exe = exe.ok_or_else(|| {
            let remedy = "see cargo's messages above; the benches are in benches/perf.rs";
            let what = format!("cannot build the benches of {}", self.name);
            Error::new(what, self.manifest.display(), remedy)
        })?;
        let code = read(&exe)?;
        if NOT_PLAIN.iter().any(|mark| code.windows(mark.len()).any(|window| window == *mark)) {
            let what = format!("the bench program of {} is not the plain engine", self.name);
            let remedy = "build it without the features failpoints and extra_check";
            return Err(Error::new(what, exe.display(), remedy));
        }
        Ok(Some(exe))
    }

    /// Links the program in so many layouts, the default one first, and copies each to `folder`, where
    /// cargo's messages about them go too.
    pub(crate) fn linked(
        &self,
        exe: &Path,
        count: usize,
        folder: &Path,
        interrupts: &Interrupts,
    ) -> Result<Linked> {
        fs::create_dir_all(folder)
            .map_err(|error| Error::io("create the folder", folder, "make it writable", error))?;
        let log = folder.join(format!("{}.link.log", self.name));
        let mut linked = Linked { programs: Vec::new(), lacking: None };
        for seed in 0..count {
            let built = if seed == 0 {
                exe.to_owned()
            } else {
                match cargo(&mut self.shuffled(seed, &log)?, interrupts)? {
                    Some(exe) => exe,
                    None if interrupts.outcome().is_some() => break,
                    None => {
                        let said = fs::read_to_string(&log).unwrap_or_default();
                        linked.lacking = Some(lacking(&said, self.name, seed, count, &log));
                        break;
                    }
                }
            };
            let copy = folder.join(format!("{}-{seed}", self.name));
            fs::copy(&built, &copy)
                .map_err(|error| Error::io("copy the program", &copy, "make room", error))?;
            linked.programs.push(copy);
        }
        Ok(linked)
    }

    fn shuffled(&self, seed: usize, log: &Path) -> Result<Command> {
        let mut command = self.command(&["rustc"]);
        let flag = format!("link-arg=-Wl,--shuffle-sections=.text*={seed}");
        command.args(["--", "-C", "link-arg=-fuse-ld=lld", "-C", &flag]);
        let log = fs::File::create(log)
            .map_err(|error| Error::io("write the log", log, "make it writable", error))?;
        command.stderr(log);
        Ok(command)
    }
}

/// A program in its link layouts.
#[derive(Debug)]
pub(crate) struct Linked {
    pub(crate) programs: Vec<PathBuf>,
    /// Why there are fewer than were asked for.
    pub(crate) lacking: Option<String>,
}

/// Why there are only so many layouts, by what cargo said. Only the linker's own refusal says that it
/// cannot shuffle; all else (no room, a file that has just changed) is no property of the machine.
fn lacking(said: &str, side: &str, there: usize, wanted: usize, log: &Path) -> String {
    let why = if there == 1 && said.contains("linking with `") {
        "the linker does not shuffle sections".to_owned()
    } else {
        format!("layout {there} of {side} cannot be built")
    };
    let what = match there {
        1 => "the default layout alone is measured, and a small delta can be its bias".to_owned(),
        _ => format!("{there} of {wanted} layouts are measured"),
    };
    format!("{why}: {what}; cargo's messages are in {}", log.display())
}

/// Runs cargo and returns the program that it made; `None` when it made none.
fn cargo(command: &mut Command, interrupts: &Interrupts) -> Result<Option<PathBuf>> {
    let (status, output) = interrupts.capture(command).map_err(|error| {
        Error::new(format_args!("cannot run cargo ({error})"), "PATH", "install it with rustup")
    })?;
    let mut found = None;
    for message in Message::parse_stream(output.as_slice()).flatten() {
        if let Message::CompilerArtifact(artifact) = message
            && artifact.target.name == "perf"
            && artifact.target.is_bench()
        {
            found = artifact.executable.map(Utf8PathBuf::into_std_path_buf);
        }
    }
    Ok(found.filter(|_| status.success()))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::io("read the program", path, "build it again", error))
}

/// What this run of cargo is told by nobody but us: a bench program reads the same knobs.
pub(crate) fn clean(command: &mut Command, settings: &Settings, manifest: &Path) {
    for setting in settings.knobs.settings() {
        command.env_remove(setting.knob.name);
    }
    let folder = manifest.parent().expect("a manifest is in a folder");
    command.env("CARGO_MANIFEST_DIR", folder).current_dir(folder);
}

#[cfg(test)]
mod tests {
    use super::lacking;
    use std::path::Path;

    #[test]
    fn only_the_linker_can_lack_shuffling() {
        let of = |said, there| lacking(said, "head", there, 6, Path::new("a.log"));
        let linker = of("error: linking with `cc` failed: exit status: 1", 1);
        assert!(linker.starts_with("the linker does not shuffle sections: the default layout"));
        let room = of("error: failed to write: No space left on device", 1);
        assert!(room.starts_with("layout 1 of head cannot be built: the default"), "{room}");
        // It has shuffled before.
        let later = of("error: linking with `cc` failed: signal: 9 (SIGKILL)", 3);
        let says = "layout 3 of head cannot be built: 3 of 6 layouts are measured; cargo's messages \
                    are in a.log";
        assert_eq!(later, says);
    }
}
