//! Armed fault rules: asks the `fail` crate's registry whether a rule fires and counts the answers.
//! Knows neither recorder nor hooks.

use crate::{
    error::{Error, Result},
    op::Call,
    plan::{Effect, Plan, Rule, Task},
    trace::RuleHits,
};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

/// Rules with their counts and random generators.
pub(crate) struct Armed {
    rules: Vec<Live>,
}

struct Live {
    rule: Rule,
    /// The name in `fail`'s registry.
    name: String,
    rng: Mutex<Xoshiro256PlusPlus>,
    matched: AtomicU64,
    fired: AtomicU64,
}

impl Armed {
    /// Registers the rules. Each rule has its own random generator, so adding a rule does not
    /// change what the others do.
    pub(crate) fn new(plan: &Plan, seed: u64) -> Result<Self> {
        let mut rules = Vec::new();
        for rule in plan.rules() {
            let name = rule.name();
            // The registry returns the number of the step. The effect of the step was parsed
            // before.
            let steps: Vec<String> = rule
                .steps
                .iter()
                .enumerate()
                .map(|(at, step)| {
                    let count = step.count.map(|count| format!("{count}*")).unwrap_or_default();
                    match step.task {
                        Task::Off => format!("{count}off"),
                        Task::Yield => format!("{count}yield"),
                        Task::Return { .. } => format!("{count}return({at})"),
                    }
                })
                .collect();
            fail::cfg(name.as_str(), &steps.join("->"))
                .map_err(|why| Error::new("arm the rule", &name, why))?;
            let own = xxhash_rust::xxh3::xxh3_64_with_seed(name.as_bytes(), seed);
            rules.push(Live {
                rule: rule.clone(),
                name,
                rng: Mutex::new(Xoshiro256PlusPlus::seed_from_u64(own)),
                matched: AtomicU64::new(0),
                fired: AtomicU64::new(0),
            });
        }
        Ok(Self { rules })
    }

    pub(crate) fn hits(&self) -> Vec<RuleHits> {
        let hits = self.rules.iter().map(|live| RuleHits {
            rule: live.rule.to_string(),
            matched: live.matched.load(Ordering::Relaxed),
            fired: live.fired.load(Ordering::Relaxed),
        });
        hits.collect()
    }

    /// The effect of the first rule that fires.
    pub(crate) fn ask(&self, call: Call, path: &str) -> Option<Effect> {
        self.rules.iter().find_map(|live| live.ask(call, path))
    }
}

impl Drop for Armed {
    fn drop(&mut self) {
        self.rules.iter().for_each(|live| fail::remove(&live.name));
    }
}

impl Live {
    fn ask(&self, call: Call, path: &str) -> Option<Effect> {
        if !self.rule.matches(call, path) {
            return None;
        }
        self.matched.fetch_add(1, Ordering::Relaxed);
        let step: usize = fail::eval(&self.name, |step| step)??.parse().ok()?;
        let Task::Return { effect, probability } = self.rule.steps.get(step)?.task else {
            return None;
        };
        if probability.is_some_and(|p| self.draw() >= p) {
            return None;
        }
        self.fired.fetch_add(1, Ordering::Relaxed);
        Some(effect)
    }

    /// Uniform in 0..1, with the 53 bits that a float holds.
    fn draw(&self) -> f64 {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
