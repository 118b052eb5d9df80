//! Which engine was asked for, and whether the one that cargo resolved is it. Never believes that
//! an override worked: a run against the wrong engine would be worse than none.

use crate::{
    Error, Result,
    engine::{Engine, PACKAGE},
};
use knobs::{Kind, Knobs, engines, knob};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The engine that the user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one that the repository's lock file names.
    Locked,
    /// The one in this folder, whatever its version number.
    Path(PathBuf),
    /// This published version.
    Version(String),
}

impl Wanted {
    /// What the knobs ask for of mace-kv; another engine is refused here.
    pub fn of(knobs: &Knobs) -> Result<Self> {
        mace_alone(knobs)?;
        Self::of_any(knobs)
    }

    /// What the knobs ask for, of whatever engine is to be tested. A path that does not hold it is refused
    /// here.
    pub fn of_any(knobs: &Knobs) -> Result<Self> {
        let package = engines::package(knobs.get(knob::MACE_PROD_ENGINE));
        match (knobs.get(knob::MACE_ENGINE_PATH), knobs.get(knob::MACE_ENGINE)) {
            (None, None) => Ok(Self::Locked),
            (None, Some(version)) if package == PACKAGE => published("MACE_ENGINE", version),
            (None, Some(version)) => Ok(Self::Version(version.to_owned())),
            (Some(path), None) => Ok(Self::Path(checkout("MACE_ENGINE_PATH", &path, package)?)),
            (Some(_), Some(_)) => Err(Error::new(
                "two engines were asked for",
                "MACE_ENGINE_PATH and MACE_ENGINE",
                "unset one of them",
            )),
        }
    }

    /// The engine that an argument names: a published version, or the folder of a checkout.
    pub fn parse(text: &str) -> Result<Self> {
        if Kind::Version.accepts(text) {
            return published("the argument", text);
        }
        checkout("the argument", Path::new(text), PACKAGE).map(Self::Path)
    }

    /// The engine in a folder of ours.
    pub fn checkout(path: &Path) -> Result<Self> {
        checkout("the copy", path, PACKAGE).map(Self::Path)
    }

    /// Refuses an engine that is not the wanted one.
    pub fn check(&self, engine: &Engine, manifest: &Path) -> Result<()> {
        let resolved = engine.checkout.as_ref().map(|checkout| canonical(&checkout.path));
        let (is_it, wanted) = match self {
            Self::Locked => (true, String::new()),
            Self::Path(path) => (resolved.as_ref() == Some(path), path.display().to_string()),
            Self::Version(version) => {
                (resolved.is_none() && engine.version == *version, format!("version {version}"))
            }
        };
        if is_it {
            return Ok(());
        }
        Err(Error::new(
            format_args!("cargo resolved {engine} instead of {wanted}"),
            manifest.display(),
            "remove that generated folder and try again",
        ))
    }
}

/// Refuses another engine than mace-kv, for what works on that one alone.
pub fn mace_alone(knobs: &Knobs) -> Result<()> {
    match knobs.get(knob::MACE_PROD_ENGINE) {
        engines::MACE => Ok(()),
        engine => Err(Error::new(
            format_args!("MACE_PROD_ENGINE = {engine}, and this works on {PACKAGE} alone"),
            "environment",
            "unset it; `just prod`, `just shard` and `just repro` run on every engine",
        )),
    }
}

/// A published version. The oldest are refused here, where nothing was built yet; `build.rs` of the suite,
/// which refuses checkouts of them as well, says why.
fn published(named: &str, version: &str) -> Result<Wanted> {
    if ["0.1.0", "0.1.1"].contains(&version) {
        return Err(Error::new(
            format_args!("{PACKAGE} {version} is too old: it cannot wait for a checkpoint"),
            named,
            "ask for 0.1.2 or later",
        ));
    }
    Ok(Wanted::Version(version.to_owned()))
}

/// The folder itself, proved to hold the engine's package.
fn checkout(named: &str, path: &Path, package: &str) -> Result<PathBuf> {
    let no_engine = |why: &str| {
        Error::new(
            format_args!("{named} is no engine ({why})"),
            path.display(),
            format_args!("point it at the folder that holds {package}'s Cargo.toml"),
        )
    };
    let text = fs::read_to_string(path.join("Cargo.toml"))
        .map_err(|error| no_engine(&format!("no readable Cargo.toml: {error}")).because(error))?;
    let manifest: toml::Table =
        toml::from_str(&text).map_err(|error| no_engine(error.message()).because(error.clone()))?;
    let name = manifest.get("package").and_then(|package| package.get("name")?.as_str());
    match name {
        Some(name) if name == package => Ok(canonical(path)),
        Some(other) => Err(no_engine(&format!("the package there is `{other}`"))),
        None => Err(no_engine("its Cargo.toml declares no package")),
    }
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::Wanted;
    use crate::engine::{Checkout, Engine};
    use std::path::Path;

    fn engine(version: &str, path: Option<&str>) -> Engine {
        let checkout = |path: &str| Checkout { path: path.into(), commit: None };
        let source = path.unwrap_or_default().into();
        Engine {
            package: "mace-kv".into(),
            version: version.into(),
            checkout: path.map(checkout),
            source,
            fixes: Vec::new(),
        }
    }

    #[test]
    fn versions_the_suite_does_not_build_with_are_refused() {
        for (version, accepted) in [("0.1.0", false), ("0.1.1", false), ("0.1.2", true)] {
            assert_eq!(Wanted::parse(version).is_ok(), accepted, "{version}");
        }
        let refused = Wanted::parse("0.1.1").unwrap_err().to_string();
        assert!(refused.contains("ask for 0.1.2 or later"), "{refused}");
    }

    #[test]
    fn only_the_wanted_engine_is_accepted() {
        let here = Wanted::Path("/here".into());
        let there = Wanted::Version("0.1.2".into());
        for (wanted, engine, accepted) in [
            (&Wanted::Locked, engine("0.2.0", None), true),
            (&here, engine("7.0.0", Some("/here")), true),
            (&here, engine("0.2.0", Some("/elsewhere")), false),
            (&here, engine("0.2.0", None), false),
            (&there, engine("0.1.2", None), true),
            (&there, engine("0.2.0", None), false),
            (&there, engine("0.1.2", Some("/here")), false),
        ] {
            let checked = wanted.check(&engine, Path::new("Cargo.toml"));
            assert_eq!(checked.is_ok(), accepted, "{wanted:?} {engine:?}");
        }
    }
}
