//! What the `MACE_BENCH_*` knobs mean: which cases the benches have, and how long each is measured.
//! Knows no bench.

use knobs::{Knobs, knob};
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

impl BenchProfile {
    /// The profile that the knobs ask for.
    pub fn from_knobs(knobs: &Knobs) -> Self {
        let measured = [
            knob::MACE_BENCH_PUT_MEAS_SECS,
            knob::MACE_BENCH_GET_MEAS_SECS,
            knob::MACE_BENCH_SCAN_MEAS_SECS,
        ];
        Self {
            total: knobs.get(knob::MACE_BENCH_TOTAL_ITEMS),
            threads: knobs.get(knob::MACE_BENCH_THREADS),
            sizes: knobs.get(knob::MACE_BENCH_KV_CASES),
            measure: measured.map(|limit| knobs.get(limit)),
            samples: knobs.get(knob::MACE_BENCH_SAMPLE_SIZE) as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BenchProfile;
    use knobs::{Environment, Knobs};
    use std::fs;

    fn profile(file: &str, env: &[(&str, &str)], flags: &[(&str, &str)]) -> BenchProfile {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(".config")).unwrap();
        fs::write(root.path().join(".config/perf.toml"), file).unwrap();
        let env: Environment = env.iter().copied().collect();
        BenchProfile::from_knobs(&Knobs::resolve(root.path(), &env, flags).unwrap())
    }

    #[test]
    fn quick_is_the_default_and_set_values_hold_in_both() {
        let ours = fs::read_to_string(knobs::runtime::root().join(".config/perf.toml")).unwrap();
        assert!(ours.contains("\nMACE_BENCH_THREADS = "), "the file states the quick profile");
        for file in ["", &ours] {
            let quick = profile(file, &[], &[]);
            assert_eq!((quick.total, quick.threads.as_slice()), (20_000, [1, 4].as_slice()));
            assert_eq!(quick.sizes, [(16, 16), (100, 1024)]);
            let full = profile(file, &[("MACE_BENCH_QUICK", "0")], &[]);
            assert_eq!((full.total, full.threads.as_slice()), (100_000, [1, 2, 4, 8].as_slice()));
            assert_eq!(full.sizes.len(), 4);
            let env = [("MACE_BENCH_QUICK", "0"), ("MACE_BENCH_THREADS", "3")];
            let mixed = profile(file, &env, &[("MACE_BENCH_KV_CASES", "9:9")]);
            assert_eq!((mixed.total, mixed.threads.as_slice()), (100_000, [3].as_slice()));
            assert_eq!(mixed.sizes, [(9, 9)]);
            let env = [("MACE_BENCH_TOTAL_ITEMS", "7"), ("MACE_BENCH_SAMPLE_SIZE", "11")];
            let asked = profile(file, &env, &[]);
            assert_eq!((asked.total, asked.samples), (7, 11));
        }
        // A switch in the file is one too.
        let file = "MACE_BENCH_QUICK = 0\nMACE_BENCH_THREADS = \"1,4\"\n";
        assert_eq!(profile(file, &[], &[]).threads, [1, 2, 4, 8]);
    }
}
