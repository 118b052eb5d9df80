//! One run of this program: what the knobs mean to the gate, the folder that it writes to, and the
//! signals that end it. Measures nothing.

use crate::gate::Limits;
use knobs::{Handle, Knobs, Source, knob, value::Count};
use process::{
    Error, Interrupts, Result,
    folder::{self, Claim},
};
use results::gate::Setup;
use std::{collections::BTreeSet, path::PathBuf};

/// What every command is given.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) knobs: Knobs,
    pub(crate) interrupts: Interrupts,
    pub(crate) limits: Limits,
    /// The cases that a comparison is asked for.
    pub(crate) cases: Vec<String>,
    /// Created and writable.
    out: PathBuf,
}

impl Session {
    /// From flags, environment and files.
    pub(crate) fn new(flags: &[(&str, &str)], interrupts: &Interrupts) -> Result<Self> {
        let knobs = Knobs::load_with(flags)?;
        let out = folder::writable(&knobs.get(knob::MACE_PERF_OUT_DIR))?;
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
        // A name that was written twice is one case, and counts as one.
        let mut known = BTreeSet::new();
        let cases = knobs.get(knob::MACE_PERF_COMPARE_FILTERS).into_iter();
        let cases = cases.filter(|case| known.insert(*case)).map(str::to_owned).collect();
        Ok(Self { interrupts: interrupts.clone(), limits, cases, out, knobs })
    }

    /// Takes the output folder for this run alone: another one in it would build over our programs and
    /// remove our worktree.
    pub(crate) fn claim(&self) -> Result<Claim> {
        let remedy = "wait for its end, or set MACE_PERF_OUT_DIR";
        folder::claim(&self.out, "another run of perf is at work there", remedy)
    }

    /// Whether a signal asked this run to end.
    pub(crate) fn is_over(&self) -> bool {
        self.interrupts.outcome().is_some()
    }

    /// Ends a run that a signal has cut short: `main` makes an interruption of any error after one.
    pub(crate) fn check(&self) -> Result<()> {
        let over = || Error::new("a signal came", self.out.display(), "run it again");
        if self.is_over() { Err(over()) } else { Ok(()) }
    }

    /// How a snapshot is measured. The full profile has items of its own unless somebody asks for
    /// others by hand.
    pub(crate) fn snapshot_setup(&self) -> Setup {
        let items = knob::MACE_BENCH_TOTAL_ITEMS;
        let source = &self.knobs.setting(items).source;
        let by_hand = matches!(source, Source::Flag | Source::Environment);
        let is_quick = self.knobs.get(knob::MACE_BENCH_QUICK);
        Setup {
            profile: if is_quick { "quick" } else { "full" }.to_owned(),
            items: (by_hand || is_quick).then(|| self.knobs.get(items)),
            samples: Some(self.knobs.get(knob::MACE_BENCH_SAMPLE_SIZE)),
        }
    }

    /// How a comparison is measured.
    pub(crate) fn compare_setup(&self) -> Setup {
        let items = Some(self.knobs.get(knob::MACE_PERF_COMPARE_ITEMS));
        Setup { items, samples: None, ..self.snapshot_setup() }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.out.join(name)
    }
}
