//! The runner behind `just prod`: layers, knobs, merged reports, one exit code.
fn main() {}
