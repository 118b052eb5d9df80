//! A repository of the suite's shape under git, whose bench program is a forger, and the `perf`
//! binary run in it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

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

pub(crate) struct Fixture {
    folder: TempDir,
}

pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Fixture {
    /// A repository with one commit, tagged `base`.
    pub(crate) fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
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
        let output = fixture.plain_command("cargo").args(["generate-lockfile"]).output().unwrap();
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

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> serde_json::Value {
        serde_json::from_str(&fs::read_to_string(self.path(file)).unwrap()).unwrap()
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let author = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
        let output = self.plain_command("git").args(author).args(args).output().unwrap();
        assert!(output.status.success(), "{args:?} {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "-m", message]);
    }

    fn plain_command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        clean(&mut command);
        command
    }

    pub(crate) fn perf(&self, args: &[&str]) -> Run {
        self.perf_with(args, &[])
    }

    pub(crate) fn perf_command(&self, args: &[&str]) -> Command {
        let mut command = self.plain_command(env!("CARGO_BIN_EXE_perf"));
        command.args(args);
        command
    }

    pub(crate) fn perf_with(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        let output = self.perf_command(args).envs(env.iter().copied()).output().unwrap();
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Takes away what this test's own nextest, cargo and caller have set.
pub(crate) fn clean(command: &mut Command) {
    let ours = ["NEXTEST", "MACE_", "SOAK_", "FAST_", "STRESS_", "CHAOS_", "FEATURES", "RUSTFLAGS"];
    let cargos = ["CARGO_MANIFEST", "CARGO_PKG", "CARGO_TARGET_DIR", "CARGO_ENCODED"];
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if ours.iter().chain(&cargos).any(|prefix| bytes.starts_with(prefix.as_bytes())) {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_NET_OFFLINE", "true");
}

impl Run {
    #[track_caller]
    pub(crate) fn ended(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        for part in says {
            assert!(self.stdout.contains(part), "`{part}` is missing in:\n{}", self.stdout);
        }
    }

    /// Refused with code 2 and one line at the end that says each of `parts`.
    #[track_caller]
    pub(crate) fn refused(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(2), "{}{}", self.stdout, self.stderr);
        let line = self.stderr.lines().last().unwrap_or_default();
        assert!(line.starts_with("perf: ") && self.stdout.is_empty(), "{}", self.stderr);
        for part in parts {
            assert!(line.contains(part), "`{part}` is missing in: {line}");
        }
    }
}

/// Whether a path is there.
pub(crate) fn there(path: &Path) -> bool {
    path.exists()
}
