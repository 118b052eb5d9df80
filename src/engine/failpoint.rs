//! The engine's failpoints: how one is armed in a child, and how often it was hit. With `mace.rs`
//! the only importer of the engine. Knows no recipe.

/// The environment variable in which a child finds its rules.
pub const VARIABLE: &str = "MACE_FAILPOINT";

/// How often an armed point was consulted in this process. Filesystem operations are counted by
/// their rule, with its path part in brackets when it has one.
#[cfg(feature = "failpoints")]
pub fn hits(name: &str) -> u64 {
    if !name.starts_with("mace_fs_") {
        return mace::failpoint_testing::hit_count(name);
    }
    // The engine has no count by name for these; its snapshot has one line a rule.
    let (op, part) = match name.split_once('[') {
        Some((op, part)) => (op, format!("Some(\"{}\")", part.trim_end_matches(']'))),
        None => (name, "None".to_owned()),
    };
    let line = format!("{op} matcher={part} ");
    let snapshot = mace::failpoint_testing::snapshot();
    let found = snapshot.lines().find(|text| text.trim_start().starts_with(&line));
    let count = found.and_then(|text| text.rsplit_once("hits=")?.1.parse().ok());
    count.unwrap_or_default()
}

/// The plain engine has no failpoints.
#[cfg(not(feature = "failpoints"))]
pub fn hits(_: &str) -> u64 {
    0
}
