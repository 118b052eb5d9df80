//! What the knobs mean to the gate, resolved once. Touches nothing but the output folder.

use crate::gate::Limits;
use knobs::{Handle, Knobs, Source, knob, value::Count};
use process::{
    Result,
    folder::{self, Claim},
};
use results::gate::Setup;
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Duration,
};

/// The settings of one run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) knobs: Knobs,
    pub(crate) root: PathBuf,
    /// Created and writable.
    pub(crate) out: PathBuf,
    /// The file of the snapshot.
    pub(crate) output: PathBuf,
    pub(crate) limits: Limits,
    pub(crate) cases: Vec<String>,
    pub(crate) bench_args: Vec<String>,
    /// Items of one iteration in the short runs of a comparison.
    pub(crate) compare_items: u64,
    /// How long such a run measures.
    pub(crate) run_ms: u64,
    pub(crate) budget: Duration,
}

impl Settings {
    /// From flags, environment and files.
    pub(crate) fn load(flags: &[(&str, &str)]) -> Result<Self> {
        let knobs = Knobs::load_with(flags)?;
        let out = knobs.get(knob::MACE_PERF_OUT_DIR);
        let out = folder::writable(&out)?;
        let count = |limit: Handle<Count>| knobs.get(limit) as usize;
        let limits = Limits {
            regress_pct: knobs.get(knob::MACE_PERF_REGRESS_PCT),
            min_base_ns: knobs.get(knob::MACE_PERF_MIN_BASE_NS) as f64,
            max_regress_cases: count(knob::MACE_PERF_MAX_REGRESS_CASES),
            min_compare_cases: count(knob::MACE_PERF_MIN_COMPARE_CASES),
            screen_rounds: count(knob::MACE_PERF_SCREEN_ROUNDS),
            confirm_rounds: count(knob::MACE_PERF_CONFIRM_ROUNDS),
            layouts: count(knob::MACE_PERF_LAYOUTS),
        };
        let owned = |word: &str| word.to_owned();
        // A name that was written twice is one case, and counts as one.
        let mut known = BTreeSet::new();
        let cases = knobs.get(knob::MACE_PERF_COMPARE_FILTERS).into_iter();
        let cases = cases.filter(|case| known.insert(*case)).map(owned).collect();
        Ok(Self {
            root: knobs.root().to_owned(),
            out,
            output: knobs.perf_output(),
            limits,
            cases,
            bench_args: knobs
                .get(knob::MACE_PERF_BENCH_ARGS)
                .split_whitespace()
                .map(owned)
                .collect(),
            compare_items: knobs.get(knob::MACE_PERF_COMPARE_ITEMS),
            run_ms: knobs.get(knob::MACE_PERF_RUN_MS),
            budget: knobs.get(knob::MACE_PERF_BUDGET_SECS),
            knobs,
        })
    }

    /// Takes the output folder for this run alone: another one in it would build over our programs and
    /// remove our worktree.
    pub(crate) fn claim(&self) -> Result<Claim> {
        let remedy = "wait for its end, or set MACE_PERF_OUT_DIR";
        folder::claim(&self.out, "another run of perf is at work there", remedy)
    }

    /// How a snapshot is measured. The full profile has items of its own unless somebody asks for
    /// others by hand.
    pub(crate) fn snapshot_setup(&self) -> Setup {
        let items = knob::MACE_BENCH_TOTAL_ITEMS;
        let source = &self.knobs.setting(items).source;
        let by_hand = matches!(source, Source::Flag | Source::Environment);
        let is_quick = self.knobs.get(knob::MACE_BENCH_QUICK);
        Setup {
            profile: self.profile(),
            items: (by_hand || is_quick).then(|| self.knobs.get(items)),
            samples: Some(self.knobs.get(knob::MACE_BENCH_SAMPLE_SIZE)),
        }
    }

    /// How a comparison is measured.
    pub(crate) fn compare_setup(&self) -> Setup {
        Setup { profile: self.profile(), items: Some(self.compare_items), samples: None }
    }

    fn profile(&self) -> String {
        if self.knobs.get(knob::MACE_BENCH_QUICK) { "quick" } else { "full" }.to_owned()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        Path::join(&self.root, "Cargo.toml")
    }
}
