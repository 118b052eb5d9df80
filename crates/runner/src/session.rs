//! Everything that is known before anything long starts: validated arguments, resolved knobs, the
//! engine, the folder to write to. A problem found here ends the run with one line and code 2.

use crate::{
    bootstrap, config,
    part::Build,
    recording::{self, Recording},
};
use knobs::{Knobs, Source, engines, findings::Findings, knob, runtime};
use process::{
    Error, Result,
    engine::Engine,
    folder::{self, Claim},
    wanted::{Wanted, mace_alone},
    workspace::{self, Generated},
};
use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hasher},
    path::{Path, PathBuf},
    time::SystemTime,
};

/// What all parts of a run share.
#[derive(Debug)]
pub(crate) struct Session {
    /// The workspace whose manifests, files and reports these are.
    pub(crate) root: PathBuf,
    pub(crate) knobs: Knobs,
    pub(crate) started: SystemTime,
    pub(crate) findings: Findings,
    /// The root seed.
    pub(crate) seed: u64,
    pub(crate) engine: Engine,
    /// The engine that was asked for, as its own environment variable says it.
    pub(crate) wanted: Wanted,
    /// The workspace that stands in for the repository, for an engine other than the locked one.
    pub(crate) generated: Option<Generated>,
    /// How the engine's coverage is recorded, where it is.
    pub(crate) recording: Option<Recording>,
    /// The nextest configuration in force.
    pub(crate) config: PathBuf,
    /// `target/prod`, created and writable.
    pub(crate) out: PathBuf,
    /// Where failed cases leave their evidence.
    pub(crate) evidence: PathBuf,
    /// Held as long as this run is at work.
    _claim: Claim,
}

/// Where the results of runs are, below the root.
const OUT: &str = "target/prod";

/// Where evidence is kept, below the folder of the reports.
const ARTIFACTS: &str = "artifacts";

impl Session {
    /// Which engine a verdict speaks of: by the word that was chosen, its version and where it is from.
    pub(crate) fn engine_name(&self) -> String {
        engines::named(self.knobs.get(knob::MACE_PROD_ENGINE), &self.engine.to_string())
    }

    /// Validates the surroundings and resolves the engine.
    pub(crate) fn open(flags: &[(&str, &str)]) -> Result<Self> {
        Self::open_on(flags, None, OUT)
    }

    /// The same on the engine in the folder `checkout`, whatever the knobs ask for, and with the results
    /// in the folder `results` of the workspace.
    pub(crate) fn open_on(
        flags: &[(&str, &str)],
        checkout: Option<&Path>,
        results: &str,
    ) -> Result<Self> {
        let started = SystemTime::now();
        let knobs = Knobs::load_with(flags)?;
        if let Some(faults) = runtime::armed_failpoints() {
            let what = format!("MACE_FAILPOINT = {faults:?} would arm faults in every case");
            return Err(Error::new(what, "environment", "unset it: the cases arm their own"));
        }
        let root = knobs.root().to_owned();
        if !root.join("Cargo.toml").is_file() {
            return Err(Error::new(
                "no workspace",
                root.display(),
                "run this inside a checkout of the suite",
            ));
        }
        let engine = knobs.get(knob::MACE_PROD_ENGINE);
        // The entries are those of mace-kv.
        let findings =
            if engine == engines::MACE { Findings::load(&root)? } else { Findings::default() };
        let wanted = match checkout {
            Some(checkout) => mace_alone(&knobs).and_then(|()| Wanted::checkout(checkout))?,
            None => Wanted::of_any(&knobs)?,
        };
        let shared = folder::writable(&root.join(OUT))?;
        let out = folder::writable(&root.join(results))?;
        // Two would write the same reports, and would put their programs, which may hold different
        // engines, in the same places.
        let busy = "another run is at work in this checkout";
        let claim = folder::claim(&shared, busy, "wait for its end, or use a checkout of its own")?;
        let config = config::effective(&root, &knobs, &out)?;
        require_nextest()?;
        let package = engines::package(engine);
        let (generated, engine) = workspace::resolved_as(&root, package, &wanted)?;
        let choice = knobs.get(knob::MACE_PROD_FIXES);
        let (generated, engine) = match workspace::generate_chosen(&root, &wanted, &engine, choice)?
        {
            Some((fixed, engine)) => (Some(fixed), engine),
            None => (generated, engine),
        };
        let findings = findings
            .with_fixes(engine.fixes.iter().map(String::as_str))
            .with_unknown(knobs.get(knob::MACE_PROD_UNKNOWN).unwrap_or_default())?;
        let seed = knobs.get(knob::MACE_PROD_SEED).unwrap_or_else(fresh_seed);
        let evidence = out.join(ARTIFACTS);
        Ok(Self {
            root,
            knobs,
            started,
            findings,
            seed,
            engine,
            wanted,
            generated,
            recording: None,
            config,
            out,
            evidence,
            _claim: claim,
        })
    }

    /// Has the engine's coverage recorded from now on, in an existing folder. Where the sources of that
    /// engine are.
    pub(crate) fn record_coverage(&mut self, folder: PathBuf) -> Result<PathBuf> {
        self.recording = Some(Recording::into(folder)?);
        let choice = self.knobs.get(knob::MACE_PROD_FIXES);
        let Self { root, wanted, engine, .. } = &*self;
        let way = recording::WAY;
        let (generated, source) =
            workspace::generate_compiled_apart(root, wanted, engine, choice, way)?;
        self.generated = Some(generated);
        Ok(source)
    }

    /// Has failed cases leave their evidence there from now on, or in the usual place.
    pub(crate) fn keep_evidence_in(&mut self, folder: Option<PathBuf>) {
        self.evidence = folder.unwrap_or_else(|| self.out.join(ARTIFACTS));
    }

    /// The knobs that were set by flags, which are ours alone: children find them in their environment.
    pub(crate) fn flags(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let settings = self.knobs.settings().iter();
        let set = settings.filter(|setting| matches!(setting.source, Source::Flag));
        set.filter_map(|setting| Some((setting.knob.name, setting.value.as_deref()?)))
    }

    /// The manifest that cargo is pointed at for `build`, and the build folder when it is not the
    /// manifest's own. The project's own tests do not judge the engine and run where they are.
    pub(crate) fn workspace(&self, build: &Build) -> (PathBuf, Option<&Path>) {
        match (&self.generated, build) {
            (Some(generated), Build::Suite(_)) => {
                (generated.manifest.clone(), Some(&generated.target))
            }
            _ => (self.root.join("Cargo.toml"), None),
        }
    }
}

fn require_nextest() -> Result<()> {
    let remedy = "run `just bootstrap`, which fetches it";
    bootstrap::installed()
        .map(drop)
        .ok_or_else(|| Error::new("cargo-nextest is missing", "PATH", remedy))
}

/// A seed that no earlier run had. The standard library seeds its hashers from the OS.
fn fresh_seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::fresh_seed;

    #[test]
    fn seeds_differ() {
        assert_ne!(fresh_seed(), fresh_seed());
    }
}
