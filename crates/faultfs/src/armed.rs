//! Armed fault rules: says whether a rule fires on a call, and counts the answers. A rule with a moment waits
//! for it. Knows neither recorder nor hooks, and shares nothing with the program under test.

use crate::{
    op::{Call, Op},
    plan::{Effect, Plan, Rule, Task},
    trace::RuleHits,
};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rules with their counts and random generators.
pub(crate) struct Armed {
    rules: Vec<Live>,
}

struct Live {
    rule: Rule,
    progress: Mutex<Progress>,
}

struct Progress {
    /// How many more events its moment takes.
    waits: u32,
    /// How many calls each step still takes; `None` for every one.
    left: Vec<Option<u32>>,
    rng: Xoshiro256PlusPlus,
    hits: RuleHits,
}

impl Armed {
    /// Each rule has its own random generator, so adding a rule does not change what the others do.
    pub(crate) fn new(plan: &Plan, seed: u64) -> Self {
        let live = |rule: &Rule| {
            let own = xxhash_rust::xxh3::xxh3_64_with_seed(rule.name().as_bytes(), seed);
            let waits = rule.moment.map_or(0, |moment| moment.count);
            let armed = (waits == 0).then_some(0);
            let progress = Progress {
                waits,
                left: rule.steps.iter().map(|step| step.count).collect(),
                rng: Xoshiro256PlusPlus::seed_from_u64(own),
                hits: RuleHits { rule: rule.to_string(), armed, matched: 0, fired: 0 },
            };
            Live { rule: rule.clone(), progress: Mutex::new(progress) }
        };
        Self { rules: plan.rules().iter().map(live).collect() }
    }

    pub(crate) fn hits(&self) -> Vec<RuleHits> {
        self.rules.iter().map(|live| live.progress().hits.clone()).collect()
    }

    /// Tells the rules what happened, as the event with this number.
    pub(crate) fn saw(&self, op: &Op, event: u32) {
        self.rules.iter().for_each(|live| live.saw(op, event));
    }

    /// The effect of the first rule that fires.
    pub(crate) fn ask(&self, call: Call, path: &str) -> Option<Effect> {
        self.rules.iter().find_map(|live| live.ask(call, path))
    }
}

impl Live {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saw(&self, op: &Op, event: u32) {
        if !self.rule.moment.is_some_and(|moment| moment.is_one(op)) {
            return;
        }
        let mut progress = self.progress();
        if progress.waits == 1 {
            progress.hits.armed = Some(event + 1);
        }
        progress.waits = progress.waits.saturating_sub(1);
    }

    fn ask(&self, call: Call, path: &str) -> Option<Effect> {
        if !self.rule.matches(call, path) {
            return None;
        }
        let mut progress = self.progress();
        progress.hits.armed?;
        progress.hits.matched += 1;
        let at = progress.left.iter().position(|left| *left != Some(0))?;
        if let Some(left) = &mut progress.left[at] {
            *left -= 1;
        }
        match self.rule.steps[at].task {
            Task::Off => None,
            Task::Yield => {
                drop(progress);
                std::thread::yield_now();
                None
            }
            Task::Return { effect, probability } => {
                if probability.is_some_and(|p| progress.draw() >= p) {
                    return None;
                }
                progress.hits.fired += 1;
                Some(effect)
            }
        }
    }
}

impl Progress {
    /// Uniform in 0..1, with the 53 bits that a float holds.
    fn draw(&mut self) -> f64 {
        (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
