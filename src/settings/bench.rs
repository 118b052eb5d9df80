//! What the `MACE_BENCH_*` knobs mean: which cases the benches have, and how long each is measured.
//! Knows no bench.

use knobs::{Knobs, Source};
use std::time::Duration;

/// The benches of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BenchProfile {
    /// Items of one iteration.
    pub total: u64,
    /// Thread counts, as they are in the cases' names.
    pub threads: Vec<u64>,
    /// Key and value sizes in bytes.
    pub sizes: Vec<(u64, u64)>,
    /// How long Criterion measures a case that writes, a case that reads, and a scan.
    pub measure: [Duration; 3],
    /// Samples of a case.
    pub samples: usize,
}

/// The full profile: what a knob of these means that neither a flag nor the environment sets. The
/// file and the built-in defaults are the quick profile.
const FULL: [(&str, &str); 3] = [
    ("MACE_BENCH_TOTAL_ITEMS", "100000"),
    ("MACE_BENCH_THREADS", "1,2,4,8"),
    ("MACE_BENCH_KV_CASES", "16:16,100:1024,1024:1024,16:10240"),
];

impl BenchProfile {
    /// The profile that the knobs ask for.
    pub fn from_knobs(knobs: &Knobs) -> Result<Self, knobs::KnobError> {
        let full: Vec<_> = FULL
            .into_iter()
            .filter(|(name, _)| {
                !matches!(knobs.provenance(name), Source::Flag | Source::Environment)
            })
            .collect();
        let full = if knobs.flag("MACE_BENCH_QUICK") { None } else { Some(full) };
        let knobs = match full {
            Some(full) => &knobs.with(&full)?,
            None => knobs,
        };
        let secs = ["PUT", "GET", "SCAN"].map(|group| format!("MACE_BENCH_{group}_MEAS_SECS"));
        Ok(Self {
            total: knobs.count("MACE_BENCH_TOTAL_ITEMS"),
            threads: knobs.counts("MACE_BENCH_THREADS"),
            sizes: knobs.sizes("MACE_BENCH_KV_CASES"),
            measure: secs.map(|name| knobs.seconds(&name)),
            samples: knobs.count("MACE_BENCH_SAMPLE_SIZE") as usize,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::BenchProfile;
    use knobs::{Environment, Knobs};

    fn profile(env: &[(&str, &str)]) -> BenchProfile {
        let root = tempfile::tempdir().unwrap();
        let env: Environment = env.iter().copied().collect();
        BenchProfile::from_knobs(&Knobs::resolve(root.path(), &env, &[]).unwrap()).unwrap()
    }

    #[test]
    fn the_quick_profile_is_the_default_and_what_is_set_by_hand_holds_in_both() {
        let quick = profile(&[]);
        assert_eq!((quick.total, quick.threads.as_slice()), (20_000, [1, 4].as_slice()));
        assert_eq!(quick.sizes, [(16, 16), (100, 1024)]);
        let full = profile(&[("MACE_BENCH_QUICK", "0")]);
        assert_eq!((full.total, full.threads.as_slice()), (100_000, [1, 2, 4, 8].as_slice()));
        assert_eq!(full.sizes.len(), 4);
        let mixed = profile(&[("MACE_BENCH_QUICK", "0"), ("MACE_BENCH_THREADS", "3")]);
        assert_eq!((mixed.total, mixed.threads.as_slice()), (100_000, [3].as_slice()));
        let asked = profile(&[("MACE_BENCH_TOTAL_ITEMS", "7"), ("MACE_BENCH_SAMPLE_SIZE", "11")]);
        assert_eq!((asked.total, asked.samples), (7, 11));
    }
}
