//! The parts of a run: which layer, in which build, under which label. Data only.

use clap::ValueEnum;
use knobs::findings::Build as EngineBuild;
use serde::{Deserialize, Serialize};

/// What `just prod` was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    Fast,
    Stress,
    Chaos,
    All,
}

/// One nextest run: a layer in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// How the part is called in the reports.
    pub(crate) label: &'static str,
    /// The nextest profile.
    pub(crate) profile: &'static str,
    /// The file name that its own report is kept under.
    pub(crate) slug: &'static str,
    /// What is built for it.
    pub(crate) build: Build,
}

/// What cargo builds for a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Build {
    /// The suite alone, with exactly these features; none is the plain engine.
    Suite(String),
    /// Every crate of the workspace with its default features.
    Workspace,
}

impl Build {
    /// The arguments that make cargo build it.
    pub(crate) fn cargo_args(&self) -> Vec<&str> {
        match self {
            Self::Suite(features) => {
                // The layers are in these binaries; a layer builds no others.
                vec!["--test", "prod_*", "--no-default-features", "--features", features]
            }
            Self::Workspace => vec!["--workspace"],
        }
    }

    /// The name of the archive that holds it.
    pub(crate) fn archive(&self) -> &'static str {
        match self {
            Self::Suite(features) if features.is_empty() => "suite-plain.tar.zst",
            Self::Suite(_) => "suite.tar.zst",
            Self::Workspace => "workspace.tar.zst",
        }
    }

    /// What the reports call it.
    pub(crate) fn name(&self) -> &'static str {
        self.engine().name()
    }

    /// How the engine is built.
    pub(crate) fn engine(&self) -> EngineBuild {
        match self {
            Self::Suite(features) => EngineBuild::of(features),
            Self::Workspace => EngineBuild::Failpoints,
        }
    }

    /// Whether the engine comes with its failpoints and the assertions that these switch on.
    pub(crate) fn has_failpoints(&self) -> bool {
        self.engine() == EngineBuild::Failpoints
    }
}

const fn layer(name: &'static str, build: Build) -> Part {
    Part { label: name, profile: name, slug: name, build }
}

/// The project's own tests.
pub(crate) fn own() -> Part {
    layer("own", Build::Workspace)
}

/// The parts that `mode` consists of. After all layers the fast one runs once more on the plain
/// engine, unless that is what `features` asked for anyway.
pub(crate) fn parts(mode: Mode, features: &str) -> Vec<Part> {
    let suite = || Build::Suite(features.to_owned());
    match mode {
        Mode::Fast => vec![layer("fast", suite())],
        Mode::Stress => vec![layer("stress", suite())],
        Mode::Chaos => vec![layer("chaos", suite())],
        Mode::All => {
            let mut parts: Vec<_> =
                ["fast", "stress", "chaos"].map(|name| layer(name, suite())).into();
            if EngineBuild::of(features) != EngineBuild::Plain {
                parts.push(Part {
                    label: "fast (plain engine)",
                    profile: "plain",
                    slug: "fast-plain",
                    build: Build::Suite(String::new()),
                });
            }
            parts
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Mode, parts};

    #[test]
    fn all_ends_with_the_plain_engine_once() {
        let labels = |features| {
            parts(Mode::All, features).into_iter().map(|part| part.label).collect::<Vec<_>>()
        };
        assert_eq!(labels("failpoints"), ["fast", "stress", "chaos", "fast (plain engine)"]);
        assert_eq!(labels(""), ["fast", "stress", "chaos"]);
        assert_eq!(labels("redb"), ["fast", "stress", "chaos"], "another engine has one build");
        assert!(!parts(Mode::All, "failpoints")[3].build.has_failpoints());
    }

    #[test]
    fn files_of_parts_never_overwrite_each_other() {
        let mut slugs: Vec<_> =
            parts(Mode::All, "failpoints").into_iter().map(|part| part.slug).collect();
        slugs.push(super::own().slug);
        let count = slugs.len();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), count);
    }
}
