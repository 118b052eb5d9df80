//! What the command-line tests of the programs share: a small repository in a temporary folder, a
//! program run in it, a pipe that its processes hold. For tests only; knows none of the programs.

use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A folder that is gone when the test ends.
#[derive(Debug)]
pub struct Miniature {
    folder: TempDir,
}

impl Default for Miniature {
    fn default() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }
}

impl Miniature {
    /// The path of a file in it.
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Writes a file, with the folders above it.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// A program in the folder, which cargo treats like any other.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        command_in(self.folder.path(), program)
    }
}

/// A program in `folder`, as somebody would start it who builds nothing else.
pub fn command_in(folder: &Path, program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(folder).stdin(Stdio::null()).env("CARGO_NET_OFFLINE", "true");
    clean(&mut command);
    remove(&mut command, &["CARGO_TARGET_DIR", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"]);
    command
}

/// Takes away what this test's own nextest, cargo and caller have set. How this workspace is built
/// stays, or listing its cases would build it anew.
pub fn clean(command: &mut Command) {
    remove(command, &["NEXTEST", "MACE_", "SOAK_", "FAST_", "STRESS_", "CHAOS_", "FEATURES"]);
    remove(command, &["SUITE_", "GITHUB_", "CARGO_MANIFEST", "CARGO_PKG", "CI"]);
}

fn remove(command: &mut Command, prefixes: &[&str]) {
    for (name, _) in env::vars_os() {
        let bytes = name.as_encoded_bytes();
        if prefixes.iter().any(|prefix| bytes.starts_with(prefix.as_bytes())) {
            command.env_remove(&name);
        }
    }
}

/// The rows of the table below a heading of a page, as their cells; one that is code, as what it says.
///
/// # Panics
/// When there is no such table.
#[track_caller]
pub fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, rest) =
        page.split_once(&format!("\n## {heading}\n")).expect("the page has the heading");
    let section = rest.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let cell = |cell: &str| {
        let cell = cell.trim();
        let code = cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`'));
        code.filter(|code| !code.contains('`')).unwrap_or(cell).to_owned()
    };
    // The first two are the heads and the rule below them.
    let rows: Vec<_> = lines.skip(2).map(|line| line.split('|').map(cell).collect()).collect();
    assert!(!rows.is_empty(), "no table below {heading:?}");
    rows
}

/// What a command `just NAME ARGS` starts: the package, and its arguments.
///
/// # Panics
/// When the justfile has no such recipe that hands its arguments on.
#[track_caller]
pub fn started(justfile: &str, command: &str) -> (String, Vec<String>) {
    let mut words = command.strip_prefix("just ").expect("it is a recipe").split_whitespace();
    let name = words.next().expect("it has a name");
    let (_, rest) =
        justfile.split_once(&format!("\n{name} *args:\n")).expect("the recipe is there");
    let (_, rest) = rest.split_once("--package ").expect("it starts a package");
    let (package, rest) = rest.split_once(" -- ").expect("it hands on arguments");
    let (fixed, _) = rest.split_once("\"$@\"").expect("it hands on all of them");
    let args = fixed.split_whitespace().chain(words).map(str::to_owned);
    (package.to_owned(), args.collect())
}

/// What a finished program left.
#[derive(Debug)]
pub struct Run {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

impl Run {
    /// Runs a command to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks the exit code, and that the output says each of `says`.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn ended(&self, code: i32, says: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for part in says {
            assert!(self.stdout.contains(part), "`{part}` is missing in:\n{}", self.stdout);
        }
    }

    /// Checks that `program` refused to run, with code 2 and a last line that says each of `parts`.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn refused_by(&self, program: &str, parts: &[&str]) {
        assert_eq!(self.code, Some(2), "{self:#?}");
        let line = self.stderr.lines().last().unwrap_or_default();
        let is_its_own = line.strip_prefix(program).is_some_and(|rest| rest.starts_with(": "));
        assert!(is_its_own && self.stdout.is_empty(), "{self:#?}");
        for part in parts {
            assert!(line.contains(part), "`{part}` is missing in: {line}");
        }
    }

    /// Checks the same, and that it said nothing before.
    ///
    /// # Panics
    /// When it did.
    #[track_caller]
    pub fn refused_at_once_by(&self, program: &str, parts: &[&str]) {
        assert_eq!(self.stderr.lines().count(), 1, "not one line: {self:#?}");
        self.refused_by(program, parts);
    }
}

/// A pipe that processes write to and hold: it tells when the first of them has got somewhere, and
/// when the last of them is gone.
#[derive(Debug)]
pub struct Pipe {
    path: PathBuf,
    events: Receiver<Option<String>>,
}

impl Pipe {
    /// Makes it.
    ///
    /// # Panics
    /// Where there is no `mkfifo`.
    pub fn new(path: PathBuf) -> Self {
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let (sender, events) = channel();
        let pipe = path.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(File::open(pipe).unwrap());
            let mut text = String::new();
            reader.read_line(&mut text).unwrap();
            sender.send(Some(text.clone())).unwrap();
            reader.read_to_string(&mut text).unwrap();
            sender.send(None).unwrap();
        });
        Self { path, events }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for the first line that this program, or one of those that it starts, writes to it.
    ///
    /// # Panics
    /// When the program ends before, or none came after three minutes, which cover two builds.
    #[track_caller]
    pub fn line_of(&self, child: &mut Child) -> String {
        let asked = Instant::now();
        loop {
            let over = child.try_wait().unwrap();
            match self.events.recv_timeout(Duration::from_millis(100)) {
                Ok(line) => return line.unwrap_or_default().trim_end().to_owned(),
                Err(RecvTimeoutError::Timeout) => {}
                Err(error) => panic!("{error}"),
            }
            if let Some(status) = over {
                let mut said = String::new();
                let _ = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
                panic!("it ended ({status}) and had not got there: {said}");
            }
            assert!(asked.elapsed() < Duration::from_mins(3), "nothing was written to the pipe");
        }
    }

    /// Waits until no process holds it any more.
    ///
    /// # Panics
    /// When one still does after a minute.
    #[track_caller]
    pub fn is_let_go(&self) {
        let end = self.events.recv_timeout(Duration::from_mins(1));
        assert_eq!(end.expect("a process is left behind"), None);
    }
}
