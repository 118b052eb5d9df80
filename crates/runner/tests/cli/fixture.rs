//! A workspace of the suite's shape in a temporary folder, and the `prod` binary run in it. The
//! engine there is an empty crate of the right name; the cases sin when `SUITE_SIN` says so.

use process::miniature::{Miniature, Run};
use std::{ffi::OsStr, fs, ops::Deref, path::Path, process::Command};

/// The program under test.
pub(crate) const PROD: &str = env!("CARGO_BIN_EXE_prod");

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

pub(crate) const PERF: &str = r#"
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
promise = "durability-kill"
severity = "data"
takes = ["kill"]
"#;

/// A workspace that is gone when the test ends.
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
    /// The workspace, with this repository's own nextest configuration.
    pub(crate) fn new() -> Self {
        let fixture = Self::default();
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

    /// `prod`, in the fixture and without what nextest and cargo told this test.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.miniature.command(PROD);
        command.args(args);
        command
    }

    /// Runs `prod` to its end.
    pub(crate) fn prod(&self, args: &[&str]) -> Run {
        self.prod_with(args, &[])
    }

    pub(crate) fn prod_with(&self, args: &[&str], env: &[(&str, &str)]) -> Run {
        Run::of(self.command(args).envs(env.iter().copied()))
    }
}

/// A program of the given name that runs `script` with `sh`.
pub(crate) fn program(folder: &Path, name: &OsStr, script: &str) {
    use std::os::unix::fs::PermissionsExt;

    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}
