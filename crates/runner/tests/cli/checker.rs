//! The engine's command-line checker, built from the package as `cargo install` builds it, on folders that are
//! sound, damaged, missing and in use: the exit codes that it documents, and not a byte changed. What a damage
//! in the log comes to is for recovery to say, and not asked here.

use crate::findings::build;
use process::{
    engine::{Engine, PACKAGE},
    miniature::{Miniature, Run, command_in},
};
use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

/// How the checker is to end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// With 0: the folder is sound.
    Sound,
    /// With 1, and a diagnostic of this category.
    Reports(&'static str),
    /// With 2: it was not asked for a folder.
    Usage,
    /// By a signal, after this report: a page of the manifest cannot be read.
    Stops(&'static str),
}

fn ends(run: &Run, end: End) -> bool {
    let says = |category: &str| run.stdout.lines().any(|line| line.starts_with(category));
    match end {
        End::Sound => run.code == Some(0) && run.stdout.ends_with(": ok\n"),
        End::Reports(category) => run.code == Some(1) && says(&format!("{category}: ")),
        End::Usage => run.code == Some(2) && run.stderr.contains("Usage: "),
        End::Stops(report) => run.code.is_none() && run.stderr.contains(report),
    }
}

/// The checker, and a program that makes a database, in a package that depends on the engine alone.
struct Programs {
    checker: PathBuf,
    maker: PathBuf,
}

impl Programs {
    fn build(root: &Path) -> Self {
        let engine = Engine::resolved(&root.join("Cargo.toml")).unwrap();
        let folder = root.join("target/findings/checker");
        let target = root.join("target/findings/target");
        fs::create_dir_all(folder.join("src")).unwrap();
        fs::write(folder.join("src/main.rs"), include_str!("../fixtures/folder.rs.txt")).unwrap();
        let manifest = format!(
            "[workspace]\n[package]\nname = \"checker-folder\"\nedition = \"2024\"\n\
             [dependencies]\n{PACKAGE} = \"={}\"\n",
            engine.version
        );
        fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        build(&folder, &target, &[]);
        build(&folder, &target, &["--package", PACKAGE, "--bin", PACKAGE]);
        let release = target.join("release");
        Self { checker: release.join(PACKAGE), maker: release.join("checker-folder") }
    }

    fn check(&self, arguments: &[&Path]) -> Run {
        Run::of(command_in(Path::new("/"), &self.checker).arg("check").args(arguments))
    }

    /// A process that has made a database in the folder and has it open.
    fn holder(&self, folder: &Path) -> Child {
        let mut command = command_in(Path::new("/"), &self.maker);
        let command = command.arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        holder
    }
}

/// Closes its database: its input ends.
fn let_go(mut holder: Child) {
    drop(holder.stdin.take());
    assert!(holder.wait().unwrap().success());
}

/// The files of a database.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let list = |part: &str| fs::read_dir(folder.join(part)).unwrap().map(|it| it.unwrap().path());
    let all = list("data").chain(list("log"));
    all.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// One file with its bytes changed.
struct Damage {
    file: &'static str,
    change: fn(&mut Vec<u8>),
    end: End,
}

const PAGE: usize = 4096;

const DAMAGES: [Damage; 5] = [
    Damage {
        file: "data/data_1",
        change: |bytes| bytes[64] ^= 1,
        end: End::Reports("bad_payload_file"),
    },
    Damage {
        file: "data/data_1",
        change: |bytes| bytes.truncate(bytes.len() / 2),
        end: End::Reports("bad_payload_file"),
    },
    Damage {
        file: "data/data_1",
        change: |bytes| *bytes.last_mut().unwrap() ^= 1,
        end: End::Reports("bad_payload_file"),
    },
    Damage { file: "log/manifest", change: Vec::clear, end: End::Reports("unreadable_metadata") },
    Damage {
        file: "log/manifest",
        change: |bytes| bytes[..2 * PAGE].fill(0),
        end: End::Reports("unreadable_metadata"),
    },
];

/// Changes a byte of one page of the manifest after the other: a page that opening reads is reported, one that
/// is read later stops the checker, and one that nothing refers to is no damage.
fn damage_pages(programs: &Programs, folder: &Path, sound: &[u8]) {
    const ENDS: [End; 3] =
        [End::Sound, End::Reports("unreadable_metadata"), End::Stops("BTREE_FATAL_CORRUPTION")];
    let path = folder.join("log/manifest");
    let mut seen = [0; ENDS.len()];
    for page in 2..sound.len() / PAGE {
        let mut bytes = sound.to_vec();
        bytes[page * PAGE + 100] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let run = programs.check(&[folder]);
        let end = ENDS.iter().position(|end| ends(&run, *end));
        seen[end.unwrap_or_else(|| panic!("page {page}: {run:#?}"))] += 1;
    }
    assert!(seen[1] > 0 && seen[2] > 0, "of {ENDS:?}: {seen:?}");
    fs::write(&path, sound).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn cargo_the_checker_ends_as_documented() {
    let programs = Programs::build(&knobs::runtime::root());
    let place = Miniature::default();
    let folder = place.path("db");
    let wants = |arguments: &[&Path], end: End| {
        let run = programs.check(arguments);
        assert!(ends(&run, end), "{end:?} is wanted of {arguments:?}: {run:#?}");
    };
    wants(&[], End::Usage);
    wants(&[&folder], End::Reports("missing_metadata"));
    assert!(!folder.exists(), "the checker made the folder that was missing");
    let holder = programs.holder(&folder);
    wants(&[&folder], End::Reports("metadata_busy"));
    let_go(holder);
    let sound = files(&folder);
    wants(&[&folder], End::Sound);
    assert!(files(&folder) == sound, "the checker changed a sound folder");
    for (number, Damage { file, change, end }) in DAMAGES.iter().enumerate() {
        let path = folder.join(file);
        let mut bytes = sound[&path].clone();
        change(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        let damaged = files(&folder);
        let run = programs.check(&[&folder]);
        assert!(ends(&run, *end), "damage {number}, {end:?} is wanted: {run:#?}");
        assert!(files(&folder) == damaged, "the checker changed a folder with damage {number}");
        fs::write(&path, &sound[&path]).unwrap();
    }
    damage_pages(&programs, &folder, &sound[&folder.join("log/manifest")]);
    wants(&[&folder], End::Sound);
}

#[test]
fn another_end_of_the_checker_is_caught() {
    let run = |code, stdout: &str, stderr: &str| Run {
        code,
        stdout: stdout.to_owned(),
        stderr: stderr.to_owned(),
    };
    let sound = run(Some(0), "db: ok\n", "");
    let busy = run(Some(1), "metadata_busy: bucket=- …\ndb: 1 diagnostic(s)\n", "");
    let usage = run(Some(2), "", "Usage: mace-kv check <DIR>\n");
    let stopped = run(None, "", "btree-store fatal code=BTREE_FATAL_CORRUPTION …\n");
    let all = [
        (&sound, End::Sound),
        (&busy, End::Reports("metadata_busy")),
        (&usage, End::Usage),
        (&stopped, End::Stops("BTREE_FATAL_CORRUPTION")),
    ];
    for (at, (run, _)) in all.iter().enumerate() {
        for (other, (_, end)) in all.iter().enumerate() {
            assert_eq!(ends(run, *end), at == other, "{end:?} of {run:?}");
        }
    }
    assert!(!ends(&busy, End::Reports("missing_metadata")));
    assert!(!ends(&run(None, "", ""), End::Stops("BTREE_FATAL_CORRUPTION")));
    assert!(!ends(&run(Some(1), "db: ok\n", ""), End::Sound));
}
