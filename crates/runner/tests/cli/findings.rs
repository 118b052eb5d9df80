//! The programs of docs/findings/repro, as a maintainer of the engine runs them: built against the engine
//! of the lock file, or the other engine that their finding is in, and nothing else. One that showed its finding in
//! every run has to show it here, and to see the promise kept by the engine with our fixes.

use knobs::engines;
use process::{
    engine::{Engine, PACKAGE},
    fixes::Fixes,
    miniature::{Run, command_in},
    workspace,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// The programs of the findings in an engine, by their names.
fn programs(root: &Path, package: &str) -> BTreeMap<String, String> {
    let entries = fs::read_dir(root.join("docs/findings/repro")).unwrap();
    let program = |entry: fs::DirEntry| {
        let path = entry.path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, fs::read_to_string(path).unwrap())
    };
    let programs = entries.map(|entry| program(entry.unwrap()));
    programs.filter(|(name, _)| engines::of_finding(name) == package).collect()
}

/// Which feature of the engine a program says that it needs.
fn feature(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("//! Features: "))
}

/// The trace that a program says a run has.
fn trace_said(text: &str) -> Vec<String> {
    let lines = text.lines().skip_while(|line| *line != "//! Trace:").skip(2);
    lines.map_while(|line| line.strip_prefix("//!     ")).map(masked).collect()
}

/// The trace that a run printed.
fn trace_of(run: &Run) -> Vec<String> {
    run.stdout.lines().filter_map(|line| line.strip_prefix("trace: ")).map(masked).collect()
}

/// A line with each number as `N`.
fn masked(line: &str) -> String {
    let mut masked = String::new();
    for letter in line.chars() {
        if !letter.is_ascii_digit() {
            masked.push(letter);
        } else if !masked.ends_with('N') {
            masked.push('N');
        }
    }
    masked
}

/// Whether a program says that it showed its finding in all of so many runs.
fn always_shows(text: &str) -> bool {
    let rate = text.lines().find_map(|line| line.strip_prefix("//! Measured: "));
    let Some((shown, of)) = rate.and_then(|rate| rate.split_once(" of ")) else { return false };
    of.split(' ').next() == Some(shown)
}

/// Whether a program that ran saw the promise broken.
fn is_broken(run: &Run) -> bool {
    let says = run.stdout.lines().last().is_some_and(|line| line.starts_with("broken: "));
    says && run.code == Some(1)
}

/// Whether a program that ran saw it kept.
fn is_kept(run: &Run) -> bool {
    let says = run.stdout.lines().last().is_some_and(|line| line.starts_with("kept: "));
    says && run.code == Some(0)
}

/// Builds a package of ours as its users would.
pub(crate) fn build(folder: &Path, target: &Path, arguments: &[&str]) {
    let mut command = command_in(folder, "cargo");
    command.args(["build", "--release", "--quiet", "--target-dir"]).arg(target);
    let build = Run::of(command.args(arguments));
    assert_eq!(build.code, Some(0), "{}", build.stderr);
}

/// The programs, built as `PREFIX` and their names in a package that depends on one engine and on nothing else.
struct Built {
    prefix: &'static str,
    package: &'static str,
    programs: BTreeMap<String, String>,
    /// Where cargo put them; what all packages share is built once.
    target: PathBuf,
}

impl Built {
    /// Builds them with the engine of the lock file.
    fn locked(root: &Path, prefix: &'static str, package: &'static str) -> Self {
        let engine = Engine::resolved_as(&root.join("Cargo.toml"), package).unwrap();
        Self::with(root, prefix, package, &format!("\"={}\"", engine.version))
    }

    /// Builds them with the package that a manifest names so.
    fn with(root: &Path, prefix: &'static str, package: &'static str, engine: &str) -> Self {
        let target = root.join("target/findings/target");
        let built = Self { prefix, package, programs: programs(root, package), target };
        let folder = root.join("target/findings").join(prefix);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("Cargo.toml"), built.manifest(root, engine)).unwrap();
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        build(&folder, &built.target, &[]);
        for (name, text) in &built.programs {
            if let Some(feature) = feature(text) {
                let program = format!("{prefix}-{name}");
                build(&folder, &built.target, &["--features", feature, "--bin", &program]);
            }
        }
        built
    }

    fn manifest(&self, root: &Path, engine: &str) -> String {
        let Self { prefix, package, programs, .. } = self;
        let mut text = format!("[workspace]\n[package]\nname = \"{prefix}\"\nedition = \"2024\"\n");
        let _ = writeln!(text, "[dependencies]\n{package} = {engine}\n[features]");
        let features: BTreeSet<_> = programs.values().filter_map(|text| feature(text)).collect();
        for feature in features {
            let _ = writeln!(text, "{feature} = [\"{package}/{feature}\"]");
        }
        for (name, program) in programs {
            let path = format!("{}/docs/findings/repro/{name}.rs", root.display());
            let _ = writeln!(text, "[[bin]]\nname = \"{prefix}-{name}\"\npath = {path:?}");
            let _ = writeln!(text, "required-features = {:?}", Vec::from_iter(feature(program)));
        }
        // Optimised, they show the same, and their engine takes more than twice as long to build.
        text + "[profile.release]\nopt-level = 0\n"
    }

    /// How those end that showed their finding in every run.
    fn ends(&self) -> Vec<(&str, Run)> {
        let certain = self.programs.iter().filter(|program| always_shows(program.1));
        let run = |name: &str| {
            let program = self.target.join("release").join(format!("{}-{name}", self.prefix));
            Run::of(&mut command_in(&self.target, program))
        };
        certain.map(|(name, _)| (name.as_str(), run(name))).collect()
    }
}

/// Runs the programs with the engine of the lock file.
#[cfg(target_os = "linux")]
fn show_what_their_pages_say(prefix: &'static str, package: &'static str) {
    let built = Built::locked(&knobs::runtime::root(), prefix, package);
    let ends = built.ends();
    assert!(!ends.is_empty(), "no program shows its finding in every run");
    for (name, run) in ends {
        assert!(is_broken(&run), "{name} shows nothing any more: {run:#?}");
        let said = trace_said(&built.programs[name]);
        assert_eq!(trace_of(&run), said, "{name}: write the trace of a run into its header");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn cargo_programs_show_what_their_pages_say() {
    show_what_their_pages_say("stock", PACKAGE);
}

#[test]
#[cfg(target_os = "linux")]
fn cargo_programs_show_what_other_pages_say() {
    let root = knobs::runtime::root();
    let packages: BTreeSet<&str> =
        engines::NAMES[1..].iter().map(|engine| engines::package(engine)).collect();
    let mut shown = 0;
    for package in packages.into_iter().filter(|package| !programs(&root, package).is_empty()) {
        show_what_their_pages_say("other", package);
        shown += 1;
    }
    assert!(shown > 0, "no other engine has a program");
}

#[test]
#[cfg(target_os = "linux")]
fn cargo_programs_see_our_fixes_keep_the_promise() {
    let root = knobs::runtime::root();
    let engine = Engine::resolved(&root.join("Cargo.toml")).unwrap();
    let fixes = Fixes::load(&root, &engine).unwrap();
    let copy = root.join("target/findings/engine");
    workspace::copy_alone(&engine, &copy, &fixes.select("all").unwrap()).unwrap();
    let built =
        Built::with(&root, "fixed", PACKAGE, &format!("{{ path = \"{}\" }}", copy.display()));
    for (name, run) in built.ends() {
        assert!(is_kept(&run), "{name} does not say that the promise is kept: {run:#?}");
    }
}

#[test]
fn a_program_that_sees_a_kept_promise_is_no_proof() {
    let run = |code, stdout: &str| {
        let stdout = stdout.to_owned();
        Run { code: Some(code), stdout, stderr: String::new() }
    };
    assert!(is_broken(&run(1, "a\nbroken: b\n")));
    assert!(!is_broken(&run(0, "kept: b\n")) && !is_broken(&run(101, "a\n")));
    assert!(!is_broken(&run(0, "broken: b\n")));
    assert!(is_kept(&run(0, "kept: b\n")) && !is_kept(&run(1, "kept: b\n")));
    assert!(!is_kept(&run(0, "a\n")) && !is_kept(&run(1, "a\nbroken: b\n")));
}

#[test]
fn a_trace_differs_in_more_than_numbers() {
    let said = |lines: &str| trace_said(&format!("//! A.\n//!\n//! Trace:\n//!\n{lines}//!\n"));
    let printed = |stdout: &str| {
        let stdout = stdout.to_owned();
        trace_of(&Run { code: Some(1), stdout, stderr: String::new() })
    };
    let header = said("//!     fsync  a/wal_10: 91 bytes\n//!     open   1 of 2\n");
    assert_eq!(header, ["fsync  a/wal_N: N bytes", "open   N of N"]);
    let run = "b\ntrace: fsync  a/wal_2: 4096 bytes\ntrace: open   0 of 20\nbroken: c\n";
    assert_eq!(printed(run), header);
    for sin in ["trace: open", "fsync"] {
        assert_ne!(printed(&run.replacen(sin, "close", 1)), header, "{sin}");
    }
    assert!(trace_said("//! A.\n//!\n//! Measured: 1 of 1 runs.\n").is_empty());
}

#[test]
fn only_a_rate_of_one_is_certain() {
    assert!(always_shows("//! A.\n//!\n//! Measured: 20 of 20 runs.\n"));
    assert!(!always_shows("//! Measured: 19 of 20 runs.\n") && !always_shows("//! A.\n"));
}
