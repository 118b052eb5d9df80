//! The only module that shows progress, on standard error: a bar on a terminal, plain lines
//! elsewhere. It decides nothing.

use indicatif::{ProgressBar, ProgressStyle};
use process::console::note;
use std::{
    io::{self, IsTerminal},
    time::{Duration, Instant},
};

/// Shows how far a part is, from the lines that nextest prints.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    soaking: Option<Soaking>,
}

/// Where a soak stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Soaking {
    pub(crate) cycle: u64,
    /// When its time is up.
    pub(crate) ends: Instant,
    /// Failures so far.
    pub(crate) findings: u64,
}

impl Soaking {
    /// In words: the time left and the findings so far.
    pub(crate) fn say(self) -> String {
        let left = self.ends.saturating_duration_since(Instant::now());
        format!("left {}, findings {}", clock(left), self.findings)
    }
}

/// `h:mm:ss`.
pub(crate) fn clock(duration: Duration) -> String {
    let secs = duration.as_secs();
    format!("{}:{:02}:{:02}", secs / 3600, secs / 60 % 60, secs % 60)
}

impl Progress {
    pub(crate) fn new(label: &str, total: usize, soaking: Option<Soaking>) -> Self {
        let label = match soaking {
            Some(Soaking { cycle, .. }) => format!("cycle {cycle} {label}"),
            None => label.to_owned(),
        };
        let bar = is_watched().then(|| {
            let style = ProgressStyle::with_template(
                "{prefix:>20} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}",
            );
            let bar = ProgressBar::new(total as u64);
            bar.set_style(style.expect("the template is a constant"));
            bar.with_prefix(label)
        });
        Self { bar, soaking }
    }

    /// Takes one line of nextest's.
    pub(crate) fn line(&mut self, line: &str) {
        let Some(bar) = &self.bar else {
            // A soak runs the same cases again and again: only what is not as usual is said.
            let usual = self.soaking.is_some() && (is_pass(line) || is_frame(line));
            if !usual {
                note(line);
            }
            return;
        };
        match counter(line) {
            Some((done, case)) => {
                bar.set_position(done);
                bar.set_message(match self.soaking {
                    Some(soaking) => format!("{}; {case}", soaking.say()),
                    None => case.to_owned(),
                });
                if !is_pass(line) {
                    bar.println(line);
                }
            }
            None if is_frame(line) => {}
            None => bar.println(line),
        }
    }

    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The count of finished cases and the case's name in a line such as
/// `PASS [   0.006s] ( 1/21) binary case`.
fn counter(line: &str) -> Option<(u64, &str)> {
    let (_, rest) = line.split_once("] (")?;
    let (count, case) = rest.split_once(')')?;
    let (done, _) = count.split_once('/')?;
    Some((done.trim().parse().ok()?, case.trim()))
}

/// Whether somebody watches a terminal, so that a bar is shown and lines need not be.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal() && !knobs::runtime::in_ci()
}

fn is_pass(line: &str) -> bool {
    line.trim_start().starts_with("PASS")
}

/// Lines that frame nextest's own report; the bar and our summary stand for them.
fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    let starts = ["────", "Nextest run ID", "Starting ", "Summary ", "Finished "];
    line.is_empty() || starts.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::{clock, counter, is_frame};
    use std::time::Duration;

    #[test]
    fn a_duration_is_a_clock() {
        assert_eq!(clock(Duration::from_secs(21_661)), "6:01:01");
    }

    #[test]
    fn the_counter_is_read_from_every_kind_of_result() {
        let pass = "        PASS [   0.006s] ( 1/21) knobs env::tests::refused";
        let fail = "  TRY 2 FAIL [   1.016s] (12/21) demo::prod_x chaos_y";
        assert_eq!(counter(pass), Some((1, "knobs env::tests::refused")));
        assert_eq!(counter(fail), Some((12, "demo::prod_x chaos_y")));
        assert_eq!(counter("assertion failed: a[0] (left == right)"), None);
        assert!(is_frame("    Starting 21 tests across 2 binaries") && !is_frame("panicked"));
    }
}
