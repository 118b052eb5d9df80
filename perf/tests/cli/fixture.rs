//! A repository of the suite's shape under git, whose bench program is a forger, and the `perf`
//! binary run in it.

use miniature::{Miniature, Run};
use serde_json::Value;
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
        fixture.write("engine/src/lib.rs", "pub const SLOWER: f64 = 1.0;\n");
        fixture.write(".gitignore", "target\n");
        let gate = "MACE_PERF_COMPARE_FILTERS = \"Put/a/1,Get/a/1\"\n\
                    MACE_PERF_MIN_COMPARE_CASES = 2\nMACE_PERF_LAYOUTS = 1\nMACE_PERF_INSTRUCTIONS = 0\n\
                    MACE_PERF_SCREEN_ROUNDS = 2\nMACE_PERF_CONFIRM_ROUNDS = 8\n";
        fixture.write(".config/perf.toml", gate);
        fixture.bench(HONEST);
        let output = fixture.command("cargo").args(["generate-lockfile"]).output().unwrap();
        assert!(output.status.success());
        fixture.git(&["init", "--quiet", "-b", "trunk"]);
        fixture.commit("base");
        fixture.git(&["tag", "base"]);
        fixture
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

/// Whether a path is there.
pub(crate) fn there(path: &Path) -> bool {
    path.exists()
}
