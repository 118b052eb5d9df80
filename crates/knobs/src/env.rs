//! The environment as a value, so that everything behind it is pure and testable.
//! Only this module and `runtime` may read the environment of the process.

use crate::{KnobError, table};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

/// Variables with these prefixes belong to the suite: one that no knob declares is a typing error
/// that would otherwise leave the knob it was meant for at its default.
const OWNED_PREFIXES: [&str; 9] = [
    "MACE_PROD_",
    "MACE_PERF_",
    "MACE_BENCH_",
    "MACE_POWER_",
    "MACE_ENGINE",
    "SOAK_",
    "CHAOS_",
    "FAST_",
    "STRESS_",
];

/// Variables the suite hands to its own children; never set by a user, so never knobs.
pub(crate) const INTERNAL_PREFIX: &str = "MACE_PROD_INTERNAL_";

/// A snapshot of environment variables: the real ones, or those a test makes up.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The environment this process was started with.
    pub fn of_process() -> Self {
        std::env::vars_os().collect()
    }

    /// The raw value of `name`.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// Fails on the first variable that has one of the suite's prefixes and is no knob.
    pub(crate) fn refuse_unknown(&self) -> Result<(), KnobError> {
        for name in self.0.keys() {
            let name = name.to_string_lossy();
            let owned = OWNED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
            if owned && !name.starts_with(INTERNAL_PREFIX) && table::find(&name).is_none() {
                return Err(table::unknown(&name, "environment"));
            }
        }
        Ok(())
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn typing_error_is_refused_with_the_meant_knob() {
        for (typo, meant) in [
            ("MACE_PROD_BUCKET_STRES_ROUNDS", "MACE_PROD_BUCKET_STRESS_ROUNDS"),
            ("FAST_TIMOUT", "FAST_TIMEOUT"),
            ("CHAOS_RETRIES", "CHAOS_RETRY"),
            ("MACE_ENGINE_PAHT", "MACE_ENGINE_PATH"),
            ("SOAK_DURATION", "SOAK_DURATION_SECS"),
            ("MACE_POWER_STATE", "MACE_POWER_STATES"),
        ] {
            let error = Environment::from_iter([(typo, "1")]).refuse_unknown().unwrap_err();
            let line = error.to_string();
            assert!(line.contains(typo) && line.contains(&format!("`{meant}`")), "{line}");
        }
    }

    #[test]
    fn what_is_not_ours_is_left_alone() {
        let names =
            ["MACE_FAILPOINT", "MACE_PROD_INTERNAL_JOURNAL", "PATH", "FASTER", "FAST_TIMEOUT"];
        let env = Environment::from_iter(names.map(|name| (name, "1")));
        env.refuse_unknown().unwrap();
        assert_eq!(env.get("PATH").unwrap(), "1");
        assert!(env.get("HOME").is_none());
    }
}
