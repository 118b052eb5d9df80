//! The suite's view of the knobs, resolved once for the process. Touches no engine, no clock and
//! no database folder.

mod bench;
mod finding;
mod seed;

pub use bench::BenchProfile;
pub use finding::FindingId;
pub use seed::{Rng, Seed};

use knobs::{
    Knobs, engines,
    findings::{Build, Finding, Findings},
    knob,
};
use std::{path::PathBuf, sync::OnceLock};

/// The version of the engine that this suite was built with.
pub const ENGINE_VERSION: &str = env!("RESOLVED_ENGINE_VERSION");

/// The findings whose fixes are applied to it, by the word of its manifest.
pub fn engine_fixes() -> impl Iterator<Item = &'static str> {
    env!("RESOLVED_ENGINE_FIXES").split(',').filter(|id| !id.is_empty())
}

/// How that engine was built.
pub const ENGINE_BUILD: Build = if cfg!(feature = "failpoints") {
    Build::Failpoints
} else if cfg!(feature = "extra_check") {
    Build::ExtraCheck
} else {
    Build::Plain
};

/// Whether random cases leave out the input class of this known finding: its entry in
/// `.config/known-findings.toml` names a class and holds for the engine under test. Where the
/// finding is gone or its fix applied, the class is in again without a change of code.
///
/// # Panics
/// When there is no such entry, or when the file cannot be used.
pub fn excludes(id: FindingId) -> bool {
    expects(id) && finding(id).excludes.is_some()
}

/// Whether this known finding may show itself in the engine under test.
///
/// # Panics
/// When there is no such entry, or when the file cannot be used.
pub fn expects(id: FindingId) -> bool {
    is_of_mace() && finding(id).is_expected(ENGINE_VERSION, ENGINE_BUILD)
}

/// Whether mace-kv is under test, whose findings the entries are.
pub fn is_of_mace() -> bool {
    Settings::get().engine == engines::MACE
}

/// How many tries without this known finding mean that it is gone; see [`Finding::tries`].
///
/// # Panics
/// When there is no such entry, or when the file cannot be used.
pub fn tries(id: FindingId) -> u32 {
    finding(id).tries()
}

/// The finding that this case is the regression of, where it counts as unknown.
pub fn unknown_regression(case: &str) -> Option<&'static str> {
    let is_it = |finding: &&Finding| finding.unknown && finding.case == case;
    findings().all().iter().find(is_it).map(|finding| finding.id.as_str())
}

fn finding(id: FindingId) -> &'static Finding {
    let finding = findings().find(&id.to_string());
    finding.unwrap_or_else(|| panic!("no entry `{id}` among the known findings"))
}

fn findings() -> &'static Findings {
    static FINDINGS: OnceLock<Findings> = OnceLock::new();
    let load = || {
        let findings = Findings::load(&knobs::runtime::root())?.with_fixes(engine_fixes());
        findings.with_unknown(Settings::get().unknown.as_deref().unwrap_or_default())
    };
    FINDINGS.get_or_init(|| load().unwrap_or_else(|error| panic!("{error}")))
}

/// What the knobs mean to a case.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The engine under test, by its word in `MACE_PROD_ENGINE`.
    pub engine: String,
    /// The root of the tree of seeds: each case derives its own by its name.
    pub root_seed: Seed,
    /// Rounds of the bucket create/delete stress.
    pub bucket_stress_rounds: u64,
    /// Rounds of the bucket churn under traffic.
    pub bucket_churn_rounds: u64,
    /// Client threads that write while buckets come and go.
    pub bucket_churn_workers: u64,
    /// Rounds of evict, drop and reload.
    pub evictor_stress_rounds: u64,
    /// Whether clients that work at once meet pauses.
    pub pauses: bool,
    /// Schedules that each case of the sweep of holds tries; 0 for all there are.
    pub holds: u64,
    /// The one schedule that such a case tries instead.
    pub hold: Option<String>,
    /// Whether databases of gigabytes are made.
    pub large: bool,
    /// Crash states that a power-loss case judges, about.
    pub power_states: u64,
    /// Runs that meet a failing disk in each such case, about; 0 for all there are.
    pub power_faults: u64,
    /// Damaged databases that each rot case looks at; 0 for each byte of a small one.
    pub rot_damages: u64,
    /// Which of how many machines judges its part of those, from 1.
    pub power_shard: (u32, u32),
    /// The known findings that count as unknown, `ID,ID`.
    pub unknown: Option<String>,
    /// The one fault rule that those cases try instead.
    pub power_rule: Option<String>,
    /// A stored finding that the power-loss case judges again instead.
    pub power_replay: Option<PathBuf>,
    /// Where a failed case leaves its evidence: where the runner says, else `target/prod/artifacts`.
    pub artifacts: PathBuf,
    /// The workspace: where `.config/` is.
    pub workspace: PathBuf,
}

impl Settings {
    /// The settings of this process.
    ///
    /// # Panics
    /// When a knob does not parse: the message is one line that names the knob and the value.
    pub fn get() -> &'static Self {
        static SETTINGS: OnceLock<Settings> = OnceLock::new();
        SETTINGS.get_or_init(|| match Knobs::load() {
            Ok(knobs) => Self::from_knobs(&knobs),
            Err(error) => panic!("{error}"),
        })
    }

    fn from_knobs(knobs: &Knobs) -> Self {
        let workspace = knobs::runtime::root();
        let evidence = knobs::runtime::internal("MACE_PROD_INTERNAL_EVIDENCE");
        Self {
            engine: knobs.get(knob::MACE_PROD_ENGINE).to_owned(),
            root_seed: root_seed(knobs.get(knob::MACE_PROD_SEED), knobs::runtime::run_id()),
            bucket_stress_rounds: knobs.get(knob::MACE_PROD_BUCKET_STRESS_ROUNDS),
            bucket_churn_rounds: knobs.get(knob::MACE_PROD_BUCKET_CHURN_ROUNDS),
            bucket_churn_workers: knobs.get(knob::MACE_PROD_BUCKET_CHURN_WORKERS),
            evictor_stress_rounds: knobs.get(knob::MACE_PROD_EVICTOR_STRESS_ROUNDS),
            pauses: knobs.get(knob::MACE_PROD_PAUSES),
            holds: knobs.get(knob::MACE_PROD_HOLDS),
            hold: knobs.get(knob::MACE_PROD_HOLD).map(str::to_owned),
            large: knobs.get(knob::MACE_PROD_LARGE),
            power_states: knobs.get(knob::MACE_POWER_STATES),
            power_faults: knobs.get(knob::MACE_POWER_FAULTS),
            rot_damages: knobs.get(knob::MACE_ROT_DAMAGES),
            power_shard: knobs.get(knob::MACE_POWER_SHARD),
            unknown: knobs.get(knob::MACE_PROD_UNKNOWN).map(str::to_owned),
            power_rule: knobs.get(knob::MACE_POWER_RULE).map(str::to_owned),
            power_replay: knobs.get(knob::MACE_POWER_REPLAY),
            artifacts: evidence
                .map_or_else(|| workspace.join("target/prod/artifacts"), PathBuf::from),
            workspace,
        }
    }
}

/// The root seed: the one that was asked for, else one for each run of nextest, the same for all its
/// cases and attempts.
fn root_seed(wanted: Option<u64>, run_id: Option<String>) -> Seed {
    match (wanted, run_id) {
        (Some(number), _) => Seed::new(number),
        (None, Some(id)) => Seed::new(0).derive(&id),
        (None, None) => Seed::from_os(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Seed, root_seed};

    #[test]
    fn a_run_has_one_seed_and_another_run_another() {
        let of_run = |id: &str| root_seed(None, Some(id.to_owned()));
        assert_eq!(of_run("a"), of_run("a"));
        assert_ne!(of_run("a"), of_run("b"));
        assert_ne!(root_seed(None, None), root_seed(None, None));
        assert_eq!(root_seed(Some(7), Some("a".to_owned())), Seed::new(7));
    }
}
