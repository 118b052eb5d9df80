//! What `faultfs` costs a binary that is linked with it and records nothing: each piece of work is
//! done in turn by this binary, which is interposed, and by that of `benches/perf.rs`, which is not,
//! and the ratio of their times is what Criterion shows: 1 s is the same speed, 1.02 s is 2 % slower.
//! `same` is the noise: the ratio of two processes of the same binary. The two binaries are laid out
//! differently, which is part of what is measured.
//!
//!     cargo bench --no-default-features --bench interposed
//!
//! Nothing is judged here. Windows has nothing to interpose.

#[cfg(unix)]
mod ratio;

// The reference that interposes this binary.
use faultfs as _;
use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    ratio::main()
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::SUCCESS
}
