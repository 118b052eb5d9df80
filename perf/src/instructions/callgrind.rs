//! Runs a program under callgrind and reads by function what it counted. Knows no case and no
//! verdict; a count that cannot be had comes back as its reason.

use process::Interrupts;
use std::{collections::BTreeMap, fs, path::Path, process::Command, time::Duration};

/// What the clock of a batch covers (`scenario/bench/batch.rs`), and nothing else is counted.
const TIMED: &str = "*bench::batch::timed*";

/// A case that valgrind needs longer for is left out.
pub(super) const LIMIT: Duration = Duration::from_mins(2);

/// What a run of callgrind counted, by function.
pub(super) type Counts = BTreeMap<String, u64>;

/// Whether callgrind is installed.
pub(super) fn is_there() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok()
}

/// Counts one run of a program into `file`: what follows on the command line is the program's.
pub(super) fn command(file: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
    command.arg(format!("--toggle-collect={TIMED}"));
    command.arg(format!("--callgrind-out-file={}", file.display()));
    command
}

/// What such a command counts in so much time.
pub(super) fn count(
    command: &mut Command,
    file: &Path,
    limit: Duration,
    interrupts: &Interrupts,
) -> Result<Counts, String> {
    let done = interrupts.run_within(command, limit);
    let text = fs::read_to_string(file);
    let _ = fs::remove_file(file);
    match done {
        Ok(Some(status)) if status.success() => {}
        Ok(Some(status)) => {
            return Err(format!("failed under callgrind ({status}), see its bench log"));
        }
        Ok(None) => return Err(format!("takes longer than {} s under callgrind", limit.as_secs())),
        Err(error) => return Err(format!("cannot run under callgrind ({error})")),
    }
    let text = text.map_err(|error| format!("has counts that cannot be read ({error})"))?;
    let counts = parse(&text);
    if total(&counts) == 0 {
        return Err(format!("spent no instruction in {TIMED}"));
    }
    Ok(counts)
}

pub(super) fn total(counts: &Counts) -> u64 {
    counts.values().sum()
}

/// Callgrind's file: below `fn=NAME` each line `LINE COUNT` is that function's own, but for those
/// right below `calls=`, which have what was called.
fn parse(text: &str) -> Counts {
    let mut counts = Counts::new();
    let mut function = "";
    let mut is_call = false;
    for line in text.lines() {
        let number = |word: &str| word.parse::<u64>().ok();
        if let Some(name) = line.strip_prefix("fn=") {
            function = name;
        } else if let Some((line, count)) = line.split_once(' ')
            && let Some((_, count)) = number(line).zip(number(count))
            && !is_call
        {
            *counts.entry(function.to_owned()).or_default() += count;
        }
        is_call = line.starts_with("calls=");
    }
    counts
}

#[cfg(test)]
mod tests;
