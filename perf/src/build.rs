//! Builds the bench program of one side, in a target folder of its own: with a shared one cargo
//! takes one side's program for the other's. Also its other link layouts. Measures nothing.

use crate::session::Session;
use cargo_metadata::{Message, camino::Utf8PathBuf};
use process::{Error, Result, folder, store};
use results::gate::Origin;
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
    pub(crate) origin: Origin,
}

/// A bench program of one revision.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// What it is built from.
    pub(crate) tree: Tree,
    /// The program in its link layouts, the default one first.
    pub(crate) layouts: Vec<PathBuf>,
    /// Where what it prints goes.
    pub(crate) log: PathBuf,
    pub(crate) plant: Option<Plant>,
}

/// A slowdown of the engine in one case.
#[derive(Debug, Clone)]
pub(crate) struct Plant {
    pub(crate) case: String,
    /// Steps of the constant loop for each client in a batch.
    pub(crate) steps: u64,
}

/// A string that the engine's own assertions leave in a program, and one of its failpoints. A bench
/// program with either measures an engine that nobody ships.
const NOT_PLAIN: [&[u8]; 2] = [b"assertion failed: k >= self.lo()", b"failpoint lock poisoned"];

/// A bench program of a tree, by its name.
pub(crate) struct Kind(&'static str);

/// What is timed.
const PERF: Kind = Kind("perf");

/// What is counted.
pub(crate) const COSTS: Kind = Kind("costs");

impl Tree {
    fn command(&self, verb: &str, kind: &Kind) -> Command {
        let mut command = Command::new("cargo");
        command.args([verb, "--package", "mace-prod", "--bench", kind.0]);
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

    fn shuffled(&self, seed: usize, log: &Path) -> Result<Command> {
        let mut command = self.command("rustc", &PERF);
        let flag = format!("link-arg=-Wl,--shuffle-sections=.text*={seed}");
        command.args(["--", "-C", "link-arg=-fuse-ld=lld", "-C", &flag]);
        let log = fs::File::create(log)
            .map_err(|error| Error::io("write the log", log, "make it writable", error))?;
        command.stderr(log);
        Ok(command)
    }
}

impl Program {
    /// Builds the tree's program of what is timed in the default layout; its log begins anew.
    pub(crate) fn build(tree: Tree, log: &str, session: &Session) -> Result<Self> {
        Self::of(&PERF, tree, log, session)
    }

    /// The same for any program.
    pub(crate) fn of(kind: &Kind, tree: Tree, log: &str, session: &Session) -> Result<Self> {
        let log = session.file(&format!("{log}.bench.log"));
        store::remove(&log)?;
        let exe = cargo(&mut tree.command("build", kind), kind, session)?.ok_or_else(|| {
            let remedy = format!("see cargo's messages above; the bench is benches/{}.rs", kind.0);
            let what = format!("cannot build the benches of {}", tree.name);
            Error::new(what, tree.manifest.display(), remedy)
        })?;
        let code = read(&exe)?;
        if NOT_PLAIN.iter().any(|mark| code.windows(mark.len()).any(|window| window == *mark)) {
            let what = format!("the bench program of {} is not the plain engine", tree.name);
            let remedy = "build it without the features failpoints and extra_check";
            return Err(Error::new(what, exe.display(), remedy));
        }
        Ok(Self { tree, layouts: vec![exe], log, plant: None })
    }

    /// Links the program in so many layouts, the default one first, and copies each to a folder where
    /// cargo's messages about them go too. Says why there are fewer.
    pub(crate) fn link(&mut self, count: usize, session: &Session) -> Result<Option<String>> {
        let folder = folder::writable(&session.file("layouts"))?;
        let name = self.tree.name;
        let log = folder.join(format!("{name}.link.log"));
        let mut built = Some(self.layouts[0].clone());
        self.layouts.clear();
        while let Some(exe) = built {
            let there = self.layouts.len();
            let copy = folder.join(format!("{name}-{there}"));
            fs::copy(&exe, &copy)
                .map_err(|error| Error::io("copy the program", &copy, "make room", error))?;
            self.layouts.push(copy);
            if there + 1 == count {
                return Ok(None);
            }
            built = cargo(&mut self.tree.shuffled(there + 1, &log)?, &PERF, session)?;
        }
        let said = fs::read_to_string(&log).unwrap_or_default();
        Ok(Some(lacking(&said, name, self.layouts.len(), count, &log)))
    }
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
fn cargo(command: &mut Command, kind: &Kind, session: &Session) -> Result<Option<PathBuf>> {
    let (status, output) = session.interrupts.capture(command).map_err(|error| {
        Error::new(format_args!("cannot run cargo ({error})"), "PATH", "install it with rustup")
    })?;
    session.check()?;
    let mut found = None;
    for message in Message::parse_stream(output.as_slice()).flatten() {
        if let Message::CompilerArtifact(artifact) = message
            && artifact.target.name == kind.0
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
