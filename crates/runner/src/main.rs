//! The program `prod`; everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    runner::main()
}
