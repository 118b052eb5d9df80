//! The input and the outcome of a judge: plain data on both sides of the worker's pipe. Runs
//! nothing.

use serde::{Deserialize, Serialize};
use std::{
    fmt::{Display, Formatter, Result as FmtResult},
    path::{Path, PathBuf},
    process::Command,
};

/// A folder after a crash, and what the workload had promised by then.
#[derive(Clone, Debug)]
pub struct Case {
    pub(crate) dir: PathBuf,
    pub(crate) promises: Promises,
    pub(crate) depth: u8,
    pub(crate) cut: u32,
    pub(crate) recorded: bool,
}

/// The marks of the workload before the crash, each kind in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Promises {
    pub(crate) begun: Vec<u64>,
    pub(crate) acked: Vec<u64>,
}

impl Case {
    /// The folder to open. The judge may change it.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The work that may have left effects: the numbers given to [`crate::begun`], in order.
    pub fn begun(&self) -> &[u64] {
        &self.promises.begun
    }

    /// The work whose effects must be there: the numbers given to [`crate::acked`], in order.
    pub fn acked(&self) -> &[u64] {
        &self.promises.acked
    }

    /// How many events of the workload's trace had happened at its crash.
    pub fn cut(&self) -> u32 {
        self.cut
    }

    /// Whether the judge's own calls are being recorded, to be cut off by a second crash. If the
    /// judge then goes on to use the store, with [`crate::begun`] and [`crate::acked`], that work
    /// is judged as well.
    pub fn is_recorded(&self) -> bool {
        self.recorded
    }

    /// 1 after a crash of the workload, 2 after a crash during the recovery from such a crash.
    pub fn depth(&self) -> u8 {
        self.depth
    }
}

/// The outcome of judging one state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The judge found nothing.
    Sound,
    /// The judge names the promise that is broken. Findings with the same first line, apart from
    /// numbers, count as one.
    Broken(String),
    /// Something panicked while the judge ran.
    Panicked(String),
    /// The process died: how, and its output, shortened.
    Died(String),
    /// It did not finish by its deadline.
    Hung,
}

impl Outcome {
    /// Whether nothing was found.
    pub fn is_sound(&self) -> bool {
        *self == Self::Sound
    }

    /// The key by which two findings are the same one: the text without numbers, and only the first
    /// line of a judge's text, so that further lines can give evidence.
    pub(crate) fn dedup_key(&self) -> String {
        let mut dedup_key = String::new();
        let whole = self.to_string();
        let words = match self {
            Self::Broken(_) => whole.lines().next().unwrap_or_default(),
            _ => whole.as_str(),
        };
        for c in words.chars() {
            match c {
                '0'..='9' if dedup_key.ends_with('#') => {}
                '0'..='9' => dedup_key.push('#'),
                _ => dedup_key.push(c),
            }
        }
        dedup_key
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self {
            Self::Sound => f.write_str("sound"),
            Self::Broken(why) => write!(f, "broken promise: {why}"),
            Self::Panicked(why) => write!(f, "panic: {why}"),
            Self::Died(how) => write!(f, "died: {how}"),
            Self::Hung => f.write_str("hung: not done at its deadline"),
        }
    }
}

/// A judge that runs a program, for stores that are not written in Rust. The folder is its last
/// argument, `FAULTFS_BEGUN` and `FAULTFS_ACKED` hold the numbers separated by commas, and any exit
/// code but 0 is a broken promise, described by its standard error.
pub fn command(
    program: &str,
    arguments: &[&str],
) -> impl Fn(&Case) -> Result<(), String> + Sync + use<> {
    let program = program.to_owned();
    let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
    move |case| {
        let list = |ids: &[u64]| ids.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        let output = Command::new(&program)
            .args(&arguments)
            .arg(case.dir())
            .env("FAULTFS_BEGUN", list(case.begun()))
            .env("FAULTFS_ACKED", list(case.acked()))
            .output()
            .map_err(|error| format!("cannot start {program}: {error}"))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(format!("{program} says {}: {said}", output.status))
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn findings_that_differ_in_numbers_are_one() {
        let dedup_key = |text: &str| Outcome::Broken(text.to_owned()).dedup_key();
        assert_eq!(dedup_key("txn 17 lost at 4096"), dedup_key("txn 3 lost at 0"));
        assert_ne!(dedup_key("txn 17 lost"), dedup_key("txn 17 torn"));
        assert_eq!(dedup_key("a hole\nat a"), dedup_key("a hole\nat b"));
    }
}
