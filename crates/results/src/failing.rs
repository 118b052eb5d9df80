//! The failing seeds of earlier runs: which case failed, in which layer and build, with which root seed
//! and settings. The next run tries them first, until they pass. Text only; the file is the runner's.

use crate::{
    case::{CaseId, CaseOutcome},
    document::Document,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// All failing seeds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failing {
    /// [`Document::FORMAT`].
    pub format: u32,
    /// Each once.
    pub seeds: BTreeSet<FailingSeed>,
}

/// A case and the seed with which it failed. Ordered so that cases of one layer, seed and settings stand
/// together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FailingSeed {
    /// The layer, as the reports call it.
    pub layer: String,
    /// The cargo features of the suite.
    pub features: String,
    /// The root seed.
    pub root_seed: String,
    /// The knobs that were set for the case, beside those of the files.
    pub settings: Vec<(String, String)>,
    /// The case.
    pub case: CaseId,
}

impl Document for Failing {
    const FORMAT: u32 = 1;
}

impl Default for Failing {
    fn default() -> Self {
        Self { format: Self::FORMAT, seeds: BTreeSet::new() }
    }
}

impl Failing {
    /// Notes how a case ended that ran with this seed: a failure is kept and a pass forgets it. A case that
    /// was skipped, or has no result, says nothing of its seed.
    pub fn note(&mut self, seed: FailingSeed, outcome: CaseOutcome) {
        match outcome {
            CaseOutcome::Passed | CaseOutcome::Known | CaseOutcome::FlakyPassed => {
                self.seeds.remove(&seed);
            }
            CaseOutcome::Flaky
            | CaseOutcome::Failed
            | CaseOutcome::Inconclusive
            | CaseOutcome::TimedOut
            | CaseOutcome::NotReproduced => {
                self.seeds.insert(seed);
            }
            CaseOutcome::Skipped | CaseOutcome::Missing | CaseOutcome::Unexpected => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CaseId, CaseOutcome, Failing, FailingSeed};
    use crate::document;

    fn seed(root_seed: &str) -> FailingSeed {
        FailingSeed {
            layer: "fast".into(),
            features: "failpoints".into(),
            root_seed: root_seed.into(),
            settings: vec![("MACE_PROD_PAUSES".into(), "0".into())],
            case: CaseId { binary: "b".into(), name: "a::c".into() },
        }
    }

    #[test]
    fn a_failing_seed_is_kept_until_it_passes() {
        for outcome in CaseOutcome::ALL {
            let mut failing = Failing::default();
            failing.note(seed("7"), CaseOutcome::Failed);
            failing.note(seed("8"), outcome);
            let says_nothing = [CaseOutcome::Missing, CaseOutcome::Unexpected].contains(&outcome);
            let kept = outcome.fails() && !says_nothing;
            assert_eq!(failing.seeds.contains(&seed("8")), kept, "{outcome}");
            failing.note(seed("7"), outcome);
            let passed = !outcome.fails() && outcome != CaseOutcome::Skipped;
            assert_eq!(failing.seeds.contains(&seed("7")), !passed, "{outcome}");
        }
    }

    #[test]
    fn a_pass_with_other_settings_forgets_nothing() {
        let mut failing = Failing::default();
        failing.note(seed("7"), CaseOutcome::Failed);
        failing.note(FailingSeed { settings: Vec::new(), ..seed("7") }, CaseOutcome::Passed);
        assert_eq!(failing.seeds.len(), 1);
        let text = document::encode(&failing);
        assert_eq!(document::decode::<Failing>(&text).unwrap(), failing);
        assert!(
            document::decode::<Failing>(&text.replace("\"format\": 1", "\"format\": 2")).is_err()
        );
    }
}
