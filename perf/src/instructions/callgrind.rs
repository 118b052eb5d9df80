//! Runs a program under callgrind and reads by function what it counted. Knows no case and no
//! verdict; a count that cannot be had comes back as its reason.

use process::Interrupts;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

/// What the clock of a batch covers (`scenario/bench/batch.rs`), and nothing else is counted.
const TIMED: &str = "*bench::batch::timed*";

/// A case that valgrind needs longer for is left out.
const LIMIT: Duration = Duration::from_mins(2);

/// What a run of callgrind counted, by function.
pub(super) type Counts = BTreeMap<String, u64>;

/// The two programs that count.
#[derive(Debug)]
pub(super) struct Callgrind {
    valgrind: PathBuf,
    annotate: PathBuf,
    limit: Duration,
}

impl Callgrind {
    /// The ones that are installed, or the name of the one that is not.
    pub(super) fn find() -> Result<Self, &'static str> {
        for name in ["valgrind", "callgrind_annotate"] {
            let mut version = Command::new(name);
            version.arg("--version").stdin(Stdio::null());
            // A Perl script that is asked for its version ends with an error once it has said it.
            if version.output().is_err() {
                return Err(name);
            }
        }
        Ok(Self {
            valgrind: "valgrind".into(),
            annotate: "callgrind_annotate".into(),
            limit: LIMIT,
        })
    }

    /// Counts one run of the program that `prepare` adds to the command, through `file`.
    pub(super) fn count(
        &self,
        prepare: impl FnOnce(&mut Command),
        file: &Path,
        interrupts: &Interrupts,
    ) -> Result<Counts, String> {
        let mut command = Command::new(&self.valgrind);
        command.args(["--tool=callgrind", &format!("--toggle-collect={TIMED}")]);
        command.arg(format!("--callgrind-out-file={}", file.display()));
        prepare(&mut command);
        let done = interrupts.run_within(&mut command, self.limit);
        let counts = ended(done.as_ref(), self.limit).and_then(|()| self.read(file));
        let _ = fs::remove_file(file);
        counts
    }

    fn read(&self, file: &Path) -> Result<Counts, String> {
        let mut command = Command::new(&self.annotate);
        command.args(["--threshold=100", "--auto=no"]).arg(file).stdin(Stdio::null());
        let output =
            command.output().map_err(|error| format!("callgrind_annotate cannot run ({error})"))?;
        if !output.status.success() {
            return Err(format!("callgrind_annotate cannot read its counts ({})", output.status));
        }
        let counts = parse(&String::from_utf8_lossy(&output.stdout));
        if total(&counts) == 0 {
            return Err(format!("spent no instruction in {TIMED}"));
        }
        Ok(counts)
    }
}

fn ended(
    done: Result<&Option<ExitStatus>, &std::io::Error>,
    limit: Duration,
) -> Result<(), String> {
    match done {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(format!("failed under callgrind ({status}), see its bench log")),
        Ok(None) => Err(format!("takes longer than {} s under callgrind", limit.as_secs())),
        Err(error) => Err(format!("cannot run under callgrind ({error})")),
    }
}

pub(super) fn total(counts: &Counts) -> u64 {
    counts.values().sum()
}

/// The lines `1,234 (5.6%)  file:function [object]` that `callgrind_annotate` lists. Older releases
/// have no share, and the object stands in some lines only.
fn parse(text: &str) -> Counts {
    let mut counts = Counts::new();
    for line in text.lines() {
        let Some((number, rest)) = line.trim_start().split_once(' ') else { continue };
        let Ok(number) = number.replace(',', "").parse::<u64>() else { continue };
        let rest = rest.trim_start();
        let rest = match rest.strip_prefix('(') {
            Some(share) => share.split_once(')').map_or("", |(_, rest)| rest.trim_start()),
            None => rest,
        };
        // A function's own name has brackets too: `core::slice::<impl [T]>::sort`.
        let name = match rest.rsplit_once(" [") {
            Some((name, object)) if object.ends_with(']') => name,
            _ => rest,
        };
        let name = name.split_once(':').map_or(name, |(_, name)| name);
        if !rest.starts_with("PROGRAM TOTALS") && !name.is_empty() {
            *counts.entry(name.to_owned()).or_default() += number;
        }
    }
    counts
}

#[cfg(test)]
mod tests;
