//! A workspace of the suite's shape in a temporary folder, and the `prod` binary run in it. The
//! engine there is an empty crate of the right name; the cases sin when `SUITE_SIN` says so.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

const MANIFEST: &str = r#"
[workspace]
exclude = ["engine"]
[package]
name = "suite"
version = "0.1.0"
edition = "2024"
[features]
default = ["failpoints"]
failpoints = ["mace-kv/failpoints"]
[dependencies]
mace-kv = { path = "engine" }
"#;

pub(crate) const ENGINE: &str = r#"
[package]
name = "mace-kv"
version = "0.2.0"
edition = "2024"
[features]
failpoints = []
[lib]
name = "mace"
"#;

const PERF: &str = r#"
[package]
name = "perf"
version = "0.1.0"
edition = "2024"
"#;

const CASES: &str = include_str!("../fixtures/prod_cases.rs.txt");

const FINDING: &str = r#"
[[finding]]
id = "lost-page"
engine = ["0.2.0", "9.9.9"]
builds = ["failpoints", "plain"]
case = "regressions::lost_page"
summary = "a page is lost"
"#;

/// A workspace that is gone when the test ends.
pub(crate) struct Fixture {
    folder: TempDir,
}

/// What a finished `prod` left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Fixture {
    /// The workspace, with this repository's own nextest configuration.
    pub(crate) fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        let nextest = knobs::runtime::root().join(".config/nextest.toml");
        // The fixture has no package `prod`, and a filter that names it would be refused.
        let nextest =
            fs::read_to_string(nextest).unwrap().replace("package(prod)", "package(suite)");
        for (file, text) in [
            ("Cargo.toml", MANIFEST),
            ("src/lib.rs", ""),
            ("tests/prod_cases.rs", CASES),
            ("tests/own.rs", "#[test]\nfn own_case() {}\n"),
            ("engine/Cargo.toml", ENGINE),
            ("engine/src/lib.rs", "pub const WHO: &str = \"locked\";\n"),
            (".config/nextest.toml", &nextest),
            (".config/prod.toml", "FEATURES = \"failpoints\"\n"),
            (".config/known-findings.toml", FINDING),
        ] {
            fixture.write(file, text);
        }
        fixture
    }

    /// The same with what a soak needs beyond it: a program that stays, and a perf program.
    pub(crate) fn soaking() -> Self {
        let fixture = Self::new();
        let manifest = MANIFEST.replace("exclude", "members = [\"perf\"]\nexclude");
        let resident = "[[bin]]\nname = \"mace-prod-resident\"\npath = \"src/resident.rs\"\n";
        for (file, text) in [
            ("Cargo.toml", format!("{manifest}{resident}").as_str()),
            ("src/resident.rs", include_str!("../fixtures/resident.rs.txt")),
            ("perf/Cargo.toml", PERF),
            ("perf/src/main.rs", include_str!("../fixtures/perf.rs.txt")),
        ] {
            fixture.write(file, text);
        }
        fixture
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// The command, in the fixture and without what nextest and cargo told this test.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = prod(self.folder.path());
        command.args(args);
        command
    }

    /// Runs `prod` to its end.
    pub(crate) fn prod(&self, args: &[&str]) -> Run {
        self.prod_with(args, &[])
    }

    pub(crate) fn prod_with(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        let output = self.command(args).envs(env.iter().copied()).output().unwrap();
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The `prod` binary, to be run in `folder`, which cargo shall treat like any other.
pub(crate) fn prod(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_prod"));
    command.current_dir(folder).stdin(Stdio::null()).env("CARGO_NET_OFFLINE", "true");
    clean(&mut command);
    remove(&mut command, &["CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"]);
    command
}

/// Takes away what this test's own nextest, cargo and caller have set. How this workspace is built
/// stays, or listing its cases would build it anew.
pub(crate) fn clean(command: &mut Command) {
    remove(command, &["NEXTEST", "MACE_", "SOAK_", "FAST_", "STRESS_", "CHAOS_", "FEATURES"]);
    remove(command, &["SUITE_", "GITHUB_", "CARGO_MANIFEST", "CARGO_PKG", "CI"]);
}

fn remove(command: &mut Command, prefixes: &[&str]) {
    for (name, _) in std::env::vars_os() {
        let name_bytes = name.as_encoded_bytes();
        if prefixes.iter().any(|prefix| name_bytes.starts_with(prefix.as_bytes())) {
            command.env_remove(&name);
        }
    }
}

impl Run {
    /// Checks that this run was refused with code 2 and one line that says each of `parts`.
    #[track_caller]
    pub(crate) fn refused(&self, parts: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:?}");
        let lines: Vec<_> = self.stderr.lines().collect();
        let [line] = lines.as_slice() else { panic!("not one line: {self:?}") };
        assert!(line.starts_with("prod: ") && self.stdout.is_empty(), "{self:?}");
        for part in parts {
            assert!(line.contains(part), "`{part}` is missing in: {line}");
        }
    }

    #[track_caller]
    pub(crate) fn ended(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for part in says {
            assert!(self.stdout.contains(part), "`{part}` is missing in:\n{}", self.stdout);
        }
    }
}

/// A program of the given name that runs `script` with `sh`.
pub(crate) fn program(folder: &Path, name: &OsStr, script: &str) {
    use std::os::unix::fs::PermissionsExt;

    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}
