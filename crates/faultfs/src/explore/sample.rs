//! The states of one step that are tried: all of them, or a sample of the whole. What is left out is
//! counted and never built.

use super::{
    layer::{Layer, is_chosen},
    settings::Explore,
};
use crate::{
    crash::{Bounds, Choice},
    state::{State, Step},
};
use std::{collections::HashSet, vec};

/// Yields the chosen states, cut by cut.
pub(super) struct Sample<'l> {
    layer: &'l Layer,
    step: Step,
    bounds: Bounds,
    seed: u64,
    limit: u64,
    /// How many states there are.
    pub(super) possible: u64,
    /// How many of those at the cuts so far were not chosen.
    pub(super) left_out: u64,
    /// Units that were not chosen one by one, over all cuts.
    pub(super) beyond_window: u64,
    /// The cuts that are left, and how many states each has.
    cuts: vec::IntoIter<(u32, u64)>,
    /// States of the cuts before.
    passed: u64,
    /// Chosen states of the cut in hand, the next one last.
    waiting: Vec<State>,
}

impl<'l> Sample<'l> {
    /// At most about `limit` states of a step at these cuts.
    pub(super) fn of(
        layer: &'l Layer,
        step: Step,
        points: &[u32],
        limit: u64,
        settings: &Explore,
    ) -> Self {
        let mut sample = Self {
            layer,
            step,
            bounds: settings.bounds(),
            seed: settings.seed,
            limit,
            possible: 0,
            left_out: 0,
            beyond_window: 0,
            cuts: Vec::new().into_iter(),
            passed: 0,
            waiting: Vec::new(),
        };
        let counted = points.iter().map(|cut| {
            let choice = sample.choice(*cut);
            let count = choice.count(&layer.model, step, *cut, &sample.bounds);
            sample.possible += count;
            sample.beyond_window += choice.beyond_window() as u64;
            (*cut, count)
        });
        let cuts: Vec<_> = counted.collect();
        Self { cuts: cuts.into_iter(), ..sample }
    }

    fn choice(&self, cut: u32) -> Choice {
        let model = &self.layer.model;
        Choice::new(model, model.pending(cut, &[]), &self.bounds)
    }

    fn is_chosen(&self, index: u64) -> bool {
        self.possible <= self.limit
            || is_chosen(self.seed, self.step, index, self.limit, self.possible)
    }
}

impl Iterator for Sample<'_> {
    type Item = State;

    fn next(&mut self) -> Option<State> {
        while self.waiting.is_empty() {
            let (cut, count) = self.cuts.next()?;
            let here = self.passed..self.passed + count;
            self.passed = here.end;
            let chosen: HashSet<u64> =
                here.clone().filter(|index| self.is_chosen(*index)).collect();
            self.left_out += count - chosen.len() as u64;
            if chosen.is_empty() {
                continue;
            }
            let mut index = here;
            let mut wanted = || index.next().is_some_and(|index| chosen.contains(&index));
            let choice = self.choice(cut);
            let model = &self.layer.model;
            self.waiting = choice.states(model, self.step, cut, &self.bounds, &mut wanted);
            self.waiting.reverse();
        }
        self.waiting.pop()
    }
}
