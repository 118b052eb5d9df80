//! The only module that shows progress, on standard error: a bar on a terminal, plain lines
//! elsewhere. It decides nothing.

use indicatif::{ProgressBar, ProgressStyle};
use launch::console::note;
use std::io::{self, IsTerminal};

/// Shows how far a part is, from the lines that nextest prints.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(crate) fn new(label: &str, total: usize) -> Self {
        let watched = io::stderr().is_terminal() && !knobs::runtime::in_ci();
        let bar = watched.then(|| {
            let style = ProgressStyle::with_template(
                "{prefix:>20} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}",
            );
            let bar = ProgressBar::new(total as u64);
            bar.set_style(style.expect("the template is a constant"));
            bar.with_prefix(label.to_owned())
        });
        Self { bar }
    }

    /// Takes one line of nextest's.
    pub(crate) fn line(&mut self, line: &str) {
        let Some(bar) = &self.bar else { return note(line) };
        match counter(line) {
            Some((done, case)) => {
                bar.set_position(done);
                bar.set_message(case.to_owned());
                if !line.trim_start().starts_with("PASS") {
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

/// Lines that frame nextest's own report; the bar and our summary stand for them.
fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    let starts = ["────", "Nextest run ID", "Starting ", "Summary ", "Finished "];
    line.is_empty() || starts.iter().any(|start| line.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::{counter, is_frame};

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
