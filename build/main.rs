//! Finds the engine that cargo resolved and embeds what the suite must know of its source: the
//! version, the failpoints, the public functions, a hash. Fails the build, in one line, when the engine or its
//! failpoints cannot be found: a suite that knows of no failpoint would pass every one of them.

#![expect(clippy::disallowed_methods, reason = "cargo talks to build scripts in variables")]
#![expect(clippy::print_stdout, reason = "cargo reads the output of build scripts")]

mod extract;
mod hooks;

use extract::{Catalogue, extract, functions, options, unapplied};
use serde_json::Value;
use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::{Command, exit},
};
use xxhash_rust::xxh3::xxh3_64;

/// The engine's package, a dependency of ours under whatever name.
const ENGINE: &str = "mace-kv";

/// The knob that only the runner and the gate carry out.
const FIXES: &str = "MACE_PROD_FIXES";

/// The other engines that the suite can be built with: package, cargo feature and version's variable.
const OTHERS: [(&str, &str, &str); 3] = [
    ("redb", "CARGO_FEATURE_REDB", "RESOLVED_REDB_VERSION"),
    ("fjall", "CARGO_FEATURE_FJALL", "RESOLVED_FJALL_VERSION"),
    ("surrealkv", "CARGO_FEATURE_SURREALKV", "RESOLVED_SURREALKV_VERSION"),
];

/// The engine as cargo resolved it for this package.
struct Engine {
    version: String,
    /// The folder of its library's root file.
    source: PathBuf,
    /// Its manifest.
    manifest: PathBuf,
    /// The findings whose fixes the runner has applied to it, as it noted in that manifest.
    fixes: Vec<String>,
}

fn main() {
    if let Err(reason) = run() {
        println!("cargo::error={reason}");
        exit(1);
    }
}

fn run() -> Result<(), String> {
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let metadata = metadata(&package)?;
    let engine = engine(&metadata, &package)?;
    let files = rust_files(&engine.source)?;
    let catalogue = extract(&files)?;
    let mut whole = String::new();
    for (path, text) in &files {
        write!(whole, "{path}\0{text}\0").expect("a string takes every write");
    }
    let out = PathBuf::from(variable("OUT_DIR")?);
    let functions: Vec<_> = functions(&files)?.into_iter().collect();
    let options: Vec<_> = options(&files)?.into_iter().collect();
    for (name, text) in [
        ("failpoints.rs", render(&catalogue, xxh3_64(whole.as_bytes()))),
        ("functions.rs", format!("&{functions:?}")),
        ("hooks.rs", hooks::setters(&files)?),
        ("options.rs", format!("&{options:?}")),
    ] {
        let target = out.join(name);
        fs::write(&target, text)
            .map_err(|error| format!("cannot write {}: {error}", target.display()))?;
    }

    println!("cargo::rustc-env=RESOLVED_ENGINE_VERSION={}", engine.version);
    println!("cargo::rustc-env=RESOLVED_ENGINE_FIXES={}", engine.fixes.join(","));
    println!("cargo::rerun-if-env-changed={FIXES}");
    if let Some(line) = unapplied(env::var(FIXES).ok().as_deref(), &engine.fixes) {
        println!("cargo::warning={line}");
    }
    println!("cargo::rustc-check-cfg=cfg(engine_api, values(\"0.1\"))");
    if api(&engine.version)? == Api::Old {
        println!("cargo::rustc-cfg=engine_api=\"0.1\"");
    }
    let lock = metadata["workspace_root"].as_str().map(|root| Path::new(root).join("Cargo.lock"));
    for (other, feature, variable) in OTHERS {
        if env::var_os(feature).is_none() {
            continue;
        }
        let lock = lock.as_deref().ok_or("cargo metadata names no workspace")?;
        println!("cargo::rustc-env={variable}={}", locked(lock, other)?);
    }
    for path in [Some(engine.source), Some(engine.manifest), lock].into_iter().flatten() {
        println!("cargo::rerun-if-changed={}", path.display());
    }
    println!("cargo::rerun-if-changed=build");
    Ok(())
}

/// Which of the two forms of the public interface a version has.
#[derive(PartialEq, Eq)]
enum Api {
    /// That of 0.1.2: no copy, no offline checker, other limits.
    Old,
    /// That of 0.2.0 and of whatever comes after it, until it does not compile.
    Current,
}

/// Versions before 0.1.2 cannot wait for a checkpoint nor count failpoints, without which hardly a
/// case could say that it did its work.
fn api(version: &str) -> Result<Api, String> {
    match version {
        "0.1.0" | "0.1.1" => Err(format!(
            "{ENGINE} {version} cannot wait for a checkpoint: the suite tests 0.1.2 and later"
        )),
        old if old.starts_with("0.1.") => Ok(Api::Old),
        _ => Ok(Api::Current),
    }
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("cargo sets {name} for build scripts: {error}"))
}

/// What cargo resolved: as the lock file has it and without the network, and only when that is
/// refused in any way in which cargo gets it.
fn metadata(package: &Path) -> Result<Value, String> {
    let mut refusal = String::new();
    for flags in [&["--locked", "--offline"][..], &["--offline"], &[]] {
        let output = Command::new(variable("CARGO")?)
            .args(["metadata", "--format-version", "1", "--manifest-path"])
            .arg(package.join("Cargo.toml"))
            .args(flags)
            .output()
            .map_err(|error| format!("cannot start cargo metadata: {error}"))?;
        if output.status.success() {
            return serde_json::from_slice(&output.stdout)
                .map_err(|error| format!("cargo metadata printed no JSON: {error}"));
        }
        refusal = String::from_utf8_lossy(&output.stderr).replace('\n', " ");
    }
    Err(format!("cargo metadata cannot say where {ENGINE} is: {refusal}"))
}

fn engine(metadata: &Value, package: &Path) -> Result<Engine, String> {
    let none = Vec::new();
    let list = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    let packages = metadata["packages"].as_array().unwrap_or(&none);
    let own = packages
        .iter()
        .find(|found| {
            found["manifest_path"].as_str().map(Path::new) == Some(&package.join("Cargo.toml"))
        })
        .ok_or("cargo metadata does not know this package")?;
    let resolved = list(&metadata["resolve"]["nodes"]);
    let ours = resolved.iter().find(|node| node["id"] == own["id"]);
    let dependencies = ours.map(|node| list(&node["deps"])).unwrap_or_default();
    let engine = packages
        .iter()
        .filter(|found| found["name"] == ENGINE)
        .find(|found| dependencies.iter().any(|dependency| dependency["pkg"] == found["id"]))
        .ok_or_else(|| format!("cargo resolved no {ENGINE} for this package"))?;
    let targets = list(&engine["targets"]);
    let library = targets.iter().find(|target| list(&target["kind"]).contains(&"lib".into()));
    let source = library
        .and_then(|target| Path::new(target["src_path"].as_str()?).parent())
        .ok_or_else(|| format!("cargo metadata names no library of {ENGINE}"))?;
    let version = engine["version"].as_str().unwrap_or_default().to_owned();
    let manifest = PathBuf::from(engine["manifest_path"].as_str().unwrap_or_default());
    let fixes = list(&engine["metadata"]["mace-prod"]["fixes"]);
    let fixes = fixes.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect();
    Ok(Engine { version, source: source.to_owned(), manifest, fixes })
}

/// The version that the lock file names of a package. Only one that is built has to be there on the machine,
/// which `cargo metadata` would want of all.
fn locked(lock: &Path, package: &str) -> Result<String, String> {
    let text = fs::read_to_string(lock)
        .map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
    let mut lines = text.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = "));
    let version = version.ok_or_else(|| format!("{} names no {package}", lock.display()))?;
    Ok(version.trim_matches('"').to_owned())
}

/// The Rust files below a folder, by their paths from the folder's parent, in order.
fn rust_files(source: &Path) -> Result<Vec<(String, String)>, String> {
    let base = source.parent().unwrap_or(source);
    let mut folders = vec![source.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let list = |error| format!("cannot list {}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(list)? {
            let path = entry.map_err(list)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let name = path.strip_prefix(base).unwrap_or(&path).display().to_string();
                files.push((name.replace('\\', "/"), text));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn render(catalogue: &Catalogue, hash: u64) -> String {
    let [a, b, c, d] = [48, 32, 16, 0].map(|shift| (hash >> shift) & 0xffff);
    let hash = format!("0x{a:04x}_{b:04x}_{c:04x}_{d:04x}");
    let mut text = format!("const HASH: u64 = {hash};\nconst POINTS: &[Point] = &[\n");
    for (name, (kind, sites)) in &catalogue.points {
        let sites: Vec<String> =
            sites.iter().map(|(file, line)| format!("{file}:{line}")).collect();
        writeln!(text, "Point {{ name: {name:?}, kind: Kind::{kind:?}, sites: &{sites:?} }},")
            .expect("a string takes every write");
    }
    let Catalogue { fs_ops, io_kinds, .. } = catalogue;
    let fs_ops: Vec<&String> = fs_ops.iter().collect();
    write!(
        text,
        "];\nconst FS_OPS: &[&str] = &{fs_ops:?};\nconst IO_KINDS: &[&str] = &{io_kinds:?};\n"
    )
    .expect("a string takes every write");
    text
}
