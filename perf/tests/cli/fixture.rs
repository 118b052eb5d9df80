//! A repository of the suite's shape under git, whose bench program is a forger, and the `perf`
//! binary run in it.

use process::miniature::{Miniature, Run};
use serde_json::Value;
#[cfg(unix)]
use std::{env, fs, path::PathBuf};
use std::{ops::Deref, path::Path, process::Command};

const MANIFEST: &str = "\
[workspace]
exclude = [\"engine\"]
[package]
name = \"mace-prod\"
version = \"0.1.0\"
edition = \"2024\"
[dependencies]
mace-kv = { path = \"engine\" }
[[bench]]
name = \"perf\"
harness = false
";

const ENGINE: &str = "\
[package]
name = \"mace-kv\"
version = \"0.2.0\"
edition = \"2024\"
[lib]
name = \"mace\"
";

/// A panic leaves the path of its file in the program.
const ENGINES: &str = "\
#[inline(never)]
pub fn slower(ns: f64) -> f64 {
    assert!(ns > 0.0, \"no time\");
    ns * SLOWER
}
";

/// Times in nanoseconds by case, as the forger's source says them.
const HONEST: &str = "(\"Put/a/1\", 1e6), (\"Get/a/1\", 1e6)";

#[derive(Default)]
pub(crate) struct Fixture {
    miniature: Miniature,
}

impl Deref for Fixture {
    type Target = Miniature;

    fn deref(&self) -> &Miniature {
        &self.miniature
    }
}

impl Fixture {
    /// A repository with one commit, tagged `base`.
    pub(crate) fn new() -> Self {
        let fixture = Self::default();
        fixture.write("Cargo.toml", MANIFEST);
        fixture.write("src/lib.rs", "");
        fixture.write("engine/Cargo.toml", ENGINE);
        fixture.engine("engine", 1.0);
        fixture.write(".gitignore", "target\n");
        let gate = "MACE_PERF_COMPARE_FILTERS = \"Put/a/1,Get/a/1\"\n\
                    MACE_PERF_MIN_COMPARE_CASES = 2\nMACE_PERF_LAYOUTS = 1\nMACE_PERF_INSTRUCTIONS = 0\n\
                    MACE_PERF_COSTS = 0\n\
                    MACE_PERF_SCREEN_ROUNDS = 2\nMACE_PERF_CONFIRM_ROUNDS = 8\n";
        fixture.write(".config/perf.toml", gate);
        fixture.bench(HONEST);
        let output = fixture.command("cargo").args(["generate-lockfile"]).output().unwrap();
        assert!(output.status.success());
        fixture.begin();
        fixture
    }

    /// An engine's checkout with one commit, tagged `base`.
    pub(crate) fn of_engine() -> Self {
        let fixture = Self::default();
        fixture.write("Cargo.toml", ENGINE);
        fixture.engine(".", 1.0);
        fixture.begin();
        fixture
    }

    pub(crate) fn begin(&self) {
        self.git(&["init", "--quiet", "-b", "trunk"]);
        self.commit("base");
        self.git(&["tag", "base"]);
    }

    /// Makes the engine in that folder so many times as slow as it was.
    pub(crate) fn engine(&self, folder: &str, slower: f64) {
        let text = ENGINES.replace("SLOWER", &format!("{slower:?}"));
        self.write(&format!("{folder}/src/lib.rs"), &text);
    }

    /// Makes the bench program say these times.
    pub(crate) fn bench(&self, times: &str) {
        let forger = include_str!("../fixtures/forger.rs.txt");
        self.write("benches/perf.rs", &forger.replace("TIMES", times));
    }

    /// What a file of results says.
    pub(crate) fn results(&self, file: &str) -> Value {
        serde_json::from_str(&self.read(file)).unwrap()
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let author = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let output = self.command("git").args(author).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?} {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "-m", message]);
    }

    pub(crate) fn perf(&self, args: &[&str]) -> Run {
        self.perf_with(args, &[])
    }

    pub(crate) fn perf_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_perf"));
        command.args(args);
        command
    }

    pub(crate) fn perf_with(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        Run::of(self.perf_command(args).envs(env.iter().copied()))
    }
}

/// A folder of programs, as a `PATH` of its own.
#[cfg(unix)]
pub(crate) struct Bin(PathBuf);

#[cfg(unix)]
impl Bin {
    /// All that this process finds on its `PATH`, but these.
    pub(crate) fn without(fixture: &Fixture, names: &[&str]) -> Self {
        let bin = Self(fixture.path("bin"));
        fs::create_dir(&bin.0).unwrap();
        for program in path().into_iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten() {
            let program = program.unwrap();
            let name = program.file_name();
            // The first folder that has a program wins.
            if names.iter().all(|left_out| name != *left_out) {
                let _ = std::os::unix::fs::symlink(program.path(), bin.0.join(name));
            }
        }
        bin
    }

    /// Adds a script.
    pub(crate) fn script(&self, name: &str, text: &str) {
        let path = self.0.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}")).unwrap();
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// Adds a linker that cannot shuffle, or that hangs when it is to.
    pub(crate) fn linker(&self) {
        let real = real("cc");
        let hang = HANG.replace("PHASE", "link");
        let text = format!(
            "case \"$*\" in *shuffle-sections*)\n[ \"$SUITE_HANG\" = link ] || exit 1\n{hang};;\n\
             esac\nexec {} \"$@\"\n",
            real.display()
        );
        self.script("cc", &text);
    }

    /// Adds a cargo that does this first.
    pub(crate) fn cargo(&self, first: &str) {
        self.script("cargo", &format!("{first}\nexec {} \"$@\"\n", real("cargo").display()));
    }

    /// Adds a valgrind that hangs.
    pub(crate) fn valgrind(&self) {
        let hang = HANG.replace("PHASE", "callgrind");
        self.script("valgrind", &format!("[ \"$1\" = --version ] && exit 0\n{hang}"));
    }

    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "where programs are is no knob")]
fn path() -> Vec<PathBuf> {
    env::split_paths(&env::var_os("PATH").unwrap()).collect()
}

/// The program of that name that this process finds.
#[cfg(unix)]
fn real(name: &str) -> PathBuf {
    let mut programs = path().into_iter().map(|folder| folder.join(name));
    programs.find(|program| program.is_file()).unwrap()
}

/// Says through the pipe that it is here, and stays.
#[cfg(unix)]
const HANG: &str = "exec >\"$SUITE_PIPE\"\necho PHASE\nexec sleep 600\n";

/// Whether a path is there.
pub(crate) fn there(path: &Path) -> bool {
    path.exists()
}
