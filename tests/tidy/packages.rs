//! Rules about packages and rooms: who may depend on whom, how many packages and top-level folders
//! there are. Reads manifests; asks cargo for nothing.

use crate::source::Source;
use std::collections::BTreeSet;
use toml::{Table, Value};

/// Packages of the default build, and folders at the top that do not begin with a dot.
pub(crate) const MAX_ROOMS: usize = 8;

/// Places where a file is a module under another path than its own.
pub(crate) const MAX_PATHS: usize = 2;

/// What each package may depend on, of the workspace. Nobody depends on the suite, and the libraries
/// know nothing of it.
const MAY_USE: [(&str, &[&str]); 8] = [
    ("faultfs", &[]),
    ("isolation", &[]),
    ("knobs", &[]),
    ("results", &["knobs"]),
    ("process", &["knobs", "results"]),
    ("runner", &["knobs", "process", "results"]),
    ("perf", &["knobs", "process", "results"]),
    ("mace-prod", &["faultfs", "isolation", "knobs", "process", "results"]),
];

/// The folders of the packages, each ending in `/`; the root's is empty.
pub(crate) fn folders(all: &[Source]) -> Vec<String> {
    let manifests = all.iter().filter_map(|source| source.path.strip_suffix("Cargo.toml"));
    manifests.map(str::to_owned).collect()
}

/// Whether a file of a package, by its path there, is the root of a crate.
pub(crate) fn is_crate_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(
        parts[..],
        ["build.rs"]
            | ["build" | "src", "main.rs"]
            | ["src", "lib.rs"]
            | ["src", "bin", _]
            | ["tests" | "benches" | "examples", _, "main.rs"]
            | ["tests" | "benches" | "examples", _]
    )
}

/// Arrows between packages that the table does not have.
pub(crate) fn upward_arrows(manifest: &Source) -> Vec<String> {
    let Some(table) = package(manifest) else { return Vec::new() };
    let name = table["package"]["name"].as_str().unwrap_or_default();
    let Some((_, may_use)) = MAY_USE.iter().find(|(package, _)| *package == name) else {
        return vec![format!("give `{name}` a row in tests/tidy/packages.rs")];
    };
    let ours = |used: &&String| MAY_USE.iter().any(|(package, _)| package == used);
    let used = dependencies(&table);
    let upward = used.iter().filter(ours).filter(|used| !may_use.contains(&used.as_str()));
    upward.map(|used| format!("`{name}` may not use `{used}`")).collect()
}

fn package(manifest: &Source) -> Option<Table> {
    let is_manifest = manifest.path == "Cargo.toml" || manifest.path.ends_with("/Cargo.toml");
    let table: Table = is_manifest.then(|| manifest.text.parse().ok()).flatten()?;
    table.contains_key("package").then_some(table)
}

/// The packages that a manifest names in any table of dependencies, for whichever target.
fn dependencies(table: &Table) -> BTreeSet<String> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = table.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(|targets| targets.values());
    let tables = targets.filter_map(Value::as_table).chain([table]);
    let kinds = tables.flat_map(|table| KINDS.map(|kind| table.get(kind)));
    let named = kinds.flatten().filter_map(Value::as_table).flat_map(|named| named.iter());
    let real = |(name, value): (&String, &Value)| {
        let renamed = value.get("package").and_then(Value::as_str);
        renamed.map_or_else(|| name.clone(), str::to_owned)
    };
    named.map(real).collect()
}

/// More packages or more folders at the top than a newcomer can hold.
pub(crate) fn crowded(all: &[Source]) -> Vec<String> {
    let root = all.iter().find(|source| source.path == "Cargo.toml");
    let table: Option<Table> = root.and_then(|root| root.text.parse().ok());
    let members = table.and_then(|table| table.get("workspace")?.get("members").cloned());
    let packages = members.and_then(|members| members.as_array().map(Vec::len)).unwrap_or(0);
    let folders = all.iter().filter_map(|source| source.path.split_once('/'));
    let folders: BTreeSet<&str> =
        folders.map(|(top, _)| top).filter(|top| !top.starts_with('.')).collect();
    let counts = [(packages, "packages"), (folders.len(), "folders at the top")];
    let crowded = counts.into_iter().filter(|(count, _)| *count > MAX_ROOMS);
    crowded.map(|(count, what)| format!("{count} {what}; {MAX_ROOMS} are enough")).collect()
}

/// Modules whose file stands elsewhere, when there are too many of them.
pub(crate) fn modules_by_path(all: &[Source]) -> Vec<String> {
    let places = all.iter().filter(|source| source.is_rust()).flat_map(|source| {
        let lines = source.text.lines().enumerate();
        let named = lines.filter(|(_, line)| {
            let line = line.trim_start();
            line.starts_with("#[path")
                || (line.starts_with("#[cfg_attr") && line.contains("path ="))
        });
        named.map(|(at, _)| format!("{}:{}", source.path, at + 1)).collect::<Vec<_>>()
    });
    let places: Vec<String> = places.collect();
    if places.len() <= MAX_PATHS { Vec::new() } else { places }
}
