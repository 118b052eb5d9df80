//! What is printed. Results go to standard output, complaints and what is going on to standard
//! error. It decides nothing.

use crate::Error;
use std::io::{self, Write};

/// Prints a page of results.
pub fn page(text: &str) {
    // A reader that has gone (`prod knobs | head -1`) is no failure of the run.
    let _ = writeln!(io::stdout(), "{}", text.trim_end_matches('\n'));
}

/// Prints a line about what is going on.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Prints the one line that says why the run of `program` cannot go on.
pub(crate) fn refuse(program: &str, error: &Error) {
    note(&format!("{program}: {error}"));
}
