//! `.config/known-findings.toml`: what is known to be wrong with the engine, and since when it is
//! accepted. Read by the suite, which leaves out what an entry says, and by the runner, which
//! counts them apart. Knows the file only; whether a finding still reproduces is for the runner.

mod terms;

pub use terms::{Promise, Severity, Takes};

use crate::{
    KnobError,
    budget::{Budget, Unit},
    home, knob,
};
use semver::Version;
use serde::Deserialize;
use std::{collections::BTreeSet, path::Path};

/// Where the entries live, relative to the workspace root.
const FILE: &str = ".config/known-findings.toml";

/// One accepted finding.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Finding {
    /// The name it is known by; a regression's marker line repeats it.
    pub id: String,
    /// The engine versions it was confirmed on.
    pub engine: Vec<String>,
    /// The builds it shows in: `failpoints`, `plain`.
    pub builds: Vec<Build>,
    /// The full name of the regression case that exercises it.
    pub case: String,
    /// What is wrong, in one line.
    pub summary: String,
    /// The promise that it breaks.
    pub promise: Promise,
    /// The id of the invariant that it breaks, in the engine's own registry.
    #[serde(default)]
    pub invariant: Option<String>,
    /// What it costs.
    pub severity: Severity,
    /// All that has to come together for it to show.
    pub takes: Vec<Takes>,
    /// The oldest version of the engine that is known to have it.
    #[serde(default)]
    pub since: Option<String>,
    /// What a user of the engine can do about it until it is fixed.
    #[serde(default)]
    pub workaround: Option<String>,
    /// Where the engine's maintainers track it.
    #[serde(default)]
    pub tracker: Option<String>,
    /// The class of input that random generators leave out because of it.
    #[serde(default)]
    pub excludes: Option<String>,
    /// For a race: it shows in one of so many tries, by the worst rate that was measured. Its case
    /// tries until it shows, [`Finding::tries`] times at the most.
    #[serde(default)]
    pub one_in: Option<u32>,
    /// What random cases may put down to it: the share of each unit, as it was measured.
    #[serde(default)]
    pub absorbs: Vec<Budget>,
    /// Engine versions it is gone in, although `engine` may go on listing them.
    #[serde(default)]
    pub gone_in: Vec<String>,
    /// Whether our fix for it is applied to the engine under test: it is then expected nowhere.
    #[serde(skip)]
    pub fixed: bool,
    /// Whether it is expected on every version or on none, where one asks which engine has it.
    #[serde(skip)]
    pub everywhere: Option<bool>,
    /// Whether it is to count as unknown, `MACE_PROD_UNKNOWN`: it is then expected nowhere either, and
    /// its regression does not run.
    #[serde(skip)]
    pub unknown: bool,
}

/// A build of the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Build {
    /// With the engine's failpoints and the assertions they switch on.
    Failpoints,
    /// With the assertions alone. What shows in the plain build shows in it too.
    ExtraCheck,
    /// As the engine's users ship it.
    Plain,
}

impl Build {
    /// Every build.
    pub const ALL: [Self; 3] = [Self::Failpoints, Self::ExtraCheck, Self::Plain];

    /// What comes of these cargo features of the suite, `a,b`.
    pub fn of(features: &str) -> Self {
        let has = |name| features.split(',').any(|feature| feature.trim() == name);
        let named = [Self::Failpoints, Self::ExtraCheck].into_iter();
        named.into_iter().find(|build| has(build.name())).unwrap_or(Self::Plain)
    }

    /// The word the file uses, and the cargo feature.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failpoints => "failpoints",
            Self::ExtraCheck => "extra_check",
            Self::Plain => "plain",
        }
    }
}

/// How often a run may be wrong that says of a race's finding that it vanished: one in a million,
/// as long as the rate in its entry holds.
const FALSE_ALARM: f64 = 1e-6;

impl Finding {
    /// How many tries without the finding mean that it is gone: so many that they would all miss
    /// it in one of a million runs. One, when it is no matter of luck.
    pub fn tries(&self) -> u32 {
        let Some(one_in) = self.one_in else { return 1 };
        let mut tries = 0;
        let mut luck = 1.0;
        while luck > FALSE_ALARM {
            luck *= 1.0 - 1.0 / f64::from(one_in);
            tries += 1;
        }
        tries
    }

    /// What it takes, for people: `an unlucky moment, a kill`.
    pub fn takes(&self) -> String {
        Takes::titles(&self.takes)
    }

    /// Every version that the entry names.
    fn versions(&self) -> impl Iterator<Item = &String> {
        self.engine.iter().chain(&self.since).chain(&self.gone_in)
    }

    /// Whether the finding is expected on `version` of the engine in `build`.
    pub fn is_expected(&self, version: &str, build: Build) -> bool {
        let shows_plain = build == Build::ExtraCheck && self.builds.contains(&Build::Plain);
        self.is_for(version) && (shows_plain || self.builds.contains(&build))
    }

    /// The budget of a unit; without one the finding may take nothing of it.
    pub fn budget(&self, unit: Unit) -> Option<&Budget> {
        self.absorbs.iter().find(|budget| budget.unit == unit)
    }

    /// Whether this version has it, as far as the entry says. A version that is not listed is like the newest
    /// listed one below it: a checkout whose version was raised has what nobody mended.
    fn has(&self, version: &str) -> bool {
        let Ok(version) = Version::parse(version) else { return false };
        let listed = self.engine.iter().chain(&self.gone_in);
        let listed = listed.filter_map(|listed| Version::parse(listed).ok());
        let newest = listed.filter(|listed| *listed <= version).max();
        newest.is_some_and(|newest| !self.gone_in.contains(&newest.to_string()))
    }

    fn is_for(&self, version: &str) -> bool {
        let is_listed = self.everywhere.unwrap_or_else(|| self.has(version));
        is_listed && !self.fixed && !self.unknown
    }
}

/// All accepted findings.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    entries: Vec<Finding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    finding: Vec<Finding>,
}

impl Findings {
    /// Reads the file below `root`. An absent file is no finding; a malformed one, an unknown key,
    /// an empty or doubled id and an entry without version, build or case are errors.
    pub fn load(root: &Path) -> Result<Self, KnobError> {
        let file = root.join(FILE);
        let Some(text) = home::read_text(&file, false)? else { return Ok(Self::default()) };
        let document: Document =
            toml::from_str(&text).map_err(|error| home::malformed(&text, &file, error))?;
        let findings = Self { entries: document.finding };
        findings.validate(&file)?;
        Ok(findings)
    }

    /// The same for an engine to which our fixes for the findings `ids` are applied.
    #[must_use]
    pub fn with_fixes<'i>(mut self, ids: impl IntoIterator<Item = &'i str>) -> Self {
        let ids: BTreeSet<_> = ids.into_iter().collect();
        for finding in &mut self.entries {
            finding.fixed = ids.contains(finding.id.as_str());
        }
        self
    }

    /// The same where the findings that `text` names, `ID,ID`, count as unknown. An id without an entry is
    /// an error.
    pub fn with_unknown(mut self, text: &str) -> Result<Self, KnobError> {
        for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            let Some(finding) = self.entries.iter_mut().find(|finding| finding.id == id) else {
                let place = knob::MACE_PROD_UNKNOWN.name().to_owned();
                let what = format!("no known finding is called `{id}`");
                return Err(KnobError::new(what, place, format!("{FILE} lists them")));
            };
            finding.unknown = true;
        }
        Ok(self)
    }

    /// The same, each expected on every version, or on none.
    #[must_use]
    pub fn expected(mut self, everywhere: bool) -> Self {
        self.entries.iter_mut().for_each(|finding| finding.everywhere = Some(everywhere));
        self
    }

    /// Every entry, in the file's order.
    pub fn all(&self) -> &[Finding] {
        &self.entries
    }

    /// Those of one severity, what takes least first.
    pub fn of(&self, severity: Severity) -> Vec<&Finding> {
        let mut found: Vec<_> =
            self.entries.iter().filter(|finding| finding.severity == severity).collect();
        found.sort_by_key(|finding| finding.takes.iter().max());
        found
    }

    /// The entries for one version of the engine, in any build.
    pub fn for_engine<'f>(&'f self, version: &'f str) -> impl Iterator<Item = &'f Finding> {
        self.entries.iter().filter(move |finding| finding.is_for(version))
    }

    /// The entry called `id`.
    pub fn find(&self, id: &str) -> Option<&Finding> {
        self.entries.iter().find(|finding| finding.id == id)
    }

    fn validate(&self, file: &Path) -> Result<(), KnobError> {
        let mut ids = BTreeSet::new();
        for finding in &self.entries {
            let Finding { id, engine, builds, case, summary, .. } = finding;
            let word = !id.is_empty() && !id.contains(char::is_whitespace);
            let remedy = if !word {
                "give it an id without blanks: marker lines are split at them"
            } else if !ids.insert(id) {
                "give each entry an id of its own"
            } else if engine.is_empty() || builds.is_empty() {
                "list at least one engine version and one build"
            } else if finding.takes.is_empty() {
                "list under `takes` what it takes to show"
            } else if finding.versions().any(|version| Version::parse(version).is_err()) {
                "write `engine`, `since` and `gone_in` as versions, such as 0.2.0"
            } else if finding.tracker.as_ref().is_some_and(|link| !link.starts_with("https://")) {
                "write `tracker` as a link that begins with https://"
            } else if finding.invariant.as_ref().is_some_and(|id| id.trim().is_empty()) {
                "write `invariant` as an id of the engine's docs/constraints/registry.yaml, or leave it out"
            } else if finding.one_in.is_some_and(|one_in| one_in < 2) {
                "say `one_in = 2` or more, or nothing when it shows in every try"
            } else if case.trim().is_empty() || summary.trim().is_empty() || summary.contains('\n')
            {
                "name the regression's case, and say in one line what is wrong"
            } else if Unit::ALL.iter().any(|unit| of_unit(finding, *unit) > 1) {
                "state one budget for each unit"
            } else if let Some(remedy) = finding.absorbs.iter().find_map(Budget::remedy) {
                remedy
            } else {
                continue;
            };
            let what = format!("finding `{id}` is incomplete");
            return Err(KnobError::new(what, file.display().to_string(), remedy));
        }
        Ok(())
    }
}

fn of_unit(finding: &Finding, unit: Unit) -> usize {
    finding.absorbs.iter().filter(|budget| budget.unit == unit).count()
}
