//! The crash child: a process of its own that is meant to die. Knows no oracle.
fn main() {}
