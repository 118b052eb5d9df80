//! Crash states in the order in which they are tried: cheap and effective ones first. Enumerates
//! what is pending at a cut and what a crash there may take; builds no image and judges nothing.

use crate::{
    op::{Ino, Op},
    persist::{Model, Profile, Unit, What},
    state::{Garbage, State, Step, Tear},
};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::collections::{BTreeMap, HashSet};

/// Bytes that a disk writes atomically.
pub(crate) const SECTOR: u64 = 512;

/// Limits of the choice at one cut. What they exclude is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// How many of the newest pending units are chosen one by one; older ones are kept or lost
    /// together.
    pub(crate) window: usize,
    /// Random states for each rate.
    pub(crate) rounds: usize,
    pub(crate) seed: u64,
    pub(crate) hostile: bool,
}

/// The pending units at a cut and the groups that are kept or lost as one.
pub(crate) struct Choice {
    pub(crate) pending: Vec<u32>,
    groups: Vec<Vec<u32>>,
    window: usize,
}

impl Choice {
    pub(crate) fn new(model: &Model, pending: Vec<u32>, bounds: &Bounds) -> Self {
        let window = pending.len().saturating_sub(bounds.window);
        let (older, newest) = pending.split_at(window);
        let mut groups: Vec<Vec<u32>> = newest.iter().map(|id| vec![*id]).collect();
        let unit = |id: &u32| model.units[*id as usize];
        let mut events: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for id in newest {
            events.entry(unit(id).seq).or_default().push(*id);
        }
        let mut files: BTreeMap<(bool, Ino), Vec<u32>> = BTreeMap::new();
        let key = |unit: Unit| (unit.what == What::Entry, unit.ino);
        for id in &pending {
            files.entry(key(unit(id))).or_default().push(*id);
        }
        groups.extend(events.into_values());
        groups.extend(files.into_values());
        groups.push(older.to_vec());
        let mut seen = HashSet::new();
        groups.retain(|group| {
            !group.is_empty() && group.len() < pending.len() && seen.insert(group.clone())
        });
        Self { pending, groups, window }
    }

    /// The units that are not chosen one by one.
    pub(crate) fn beyond_window(&self) -> usize {
        self.window
    }

    /// The states of a step at a cut, of those that are `wanted`, which is asked once for each. Most are
    /// not, and are not built.
    pub(crate) fn states(
        &self,
        model: &Model,
        step: Step,
        cut: u32,
        bounds: &Bounds,
        wanted: &mut dyn FnMut() -> bool,
    ) -> Vec<State> {
        let with = |lost: Vec<u32>| State { lost, ..State::whole(step, cut) };
        match step {
            Step::Prefix if wanted() => vec![State::whole(step, cut)],
            Step::DropAll if !self.pending.is_empty() && wanted() => {
                vec![with(self.pending.clone())]
            }
            Step::Prefix | Step::DropAll => Vec::new(),
            Step::DropOne => self.groups.iter().filter(|_| wanted()).cloned().map(with).collect(),
            Step::KeepOne => {
                let kept = self.groups.iter().filter(|_| wanted());
                kept.map(|kept| with(self.without(kept))).collect()
            }
            Step::TearOne => self.torn(model, cut, bounds, wanted),
            Step::Random => self.random(model, cut, bounds, wanted),
            Step::Permute => permuted(model, cut, wanted),
        }
    }

    /// How many states a step has at a cut.
    pub(crate) fn count(&self, model: &Model, step: Step, cut: u32, bounds: &Bounds) -> u64 {
        let mut count = 0;
        let mut wanted = || {
            count += 1;
            false
        };
        self.states(model, step, cut, bounds, &mut wanted);
        count
    }

    fn without(&self, kept: &[u32]) -> Vec<u32> {
        self.pending.iter().copied().filter(|id| kept.binary_search(id).is_err()).collect()
    }

    fn torn(
        &self,
        model: &Model,
        cut: u32,
        bounds: &Bounds,
        wanted: &mut dyn FnMut() -> bool,
    ) -> Vec<State> {
        let mut states = Vec::new();
        for id in &self.pending[self.window..] {
            let event = model.units_of(model.units[*id as usize].seq);
            let has_others = self.pending.iter().any(|other| !event.contains(other));
            for tear in tears(model, *id, bounds) {
                let whole =
                    || State { torn: vec![(*id, tear)], ..State::whole(Step::TearOne, cut) };
                // The torn unit alone, but with the size that exposes it.
                if has_others && wanted() {
                    let lost = self.pending.iter().copied().filter(|other| !event.contains(other));
                    states.push(State { lost: lost.collect(), ..whole() });
                }
                if wanted() {
                    states.push(whole());
                }
            }
        }
        states
    }

    fn random(
        &self,
        model: &Model,
        cut: u32,
        bounds: &Bounds,
        wanted: &mut dyn FnMut() -> bool,
    ) -> Vec<State> {
        if self.pending.len() < 2 {
            return Vec::new();
        }
        let draws = [10, 50, 90].into_iter().flat_map(|rate| {
            (0..bounds.rounds as u64).map(move |round| (rate, rate << 32 | round))
        });
        draws
            .filter(|_| wanted())
            .map(|(rate, draw)| {
                let seed = bounds.seed ^ u64::from(cut) << 20 ^ draw << 8;
                let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
                let mut state = State::whole(Step::Random, cut);
                // Units older than the window are kept or lost together.
                let older = rng.next_u64() % 100 < rate;
                for (at, id) in self.pending.iter().enumerate() {
                    let lost = if at < self.window { older } else { rng.next_u64() % 100 < rate };
                    let tearable = at >= self.window && sectors(model, *id) > 1;
                    if lost {
                        state.lost.push(*id);
                    } else if tearable && rng.next_u64().is_multiple_of(5) {
                        state.torn.push((*id, Tear::Random(rng.next_u64())));
                    }
                }
                state
            })
            .collect()
    }
}

/// How many sectors a unit of data touches, counted at absolute sector boundaries; 0 for other
/// units.
pub(crate) fn sectors(model: &Model, id: u32) -> u64 {
    let (offset, len) = data_range(model, id);
    if len == 0 { 0 } else { (offset + len).div_ceil(SECTOR) - offset / SECTOR }
}

/// Offset and length of a unit of data, in bytes.
pub(crate) fn data_range(model: &Model, id: u32) -> (u64, u64) {
    let unit = model.units[id as usize];
    match &model.trace.events[unit.seq as usize].op {
        Op::Write { offset, data, .. } if unit.what == What::Data => (*offset, data.len() as u64),
        Op::Zero { offset, len, .. } if unit.what == What::Data => (*offset, *len),
        _ => (0, 0),
    }
}

/// The tears that are distinct for a unit of this size.
fn tears(model: &Model, id: u32, bounds: &Bounds) -> Vec<Tear> {
    let count = sectors(model, id) as u32;
    let mut tears = Vec::new();
    if count > 1 {
        tears.extend([Tear::First(count / 2), Tear::Last(count / 2)]);
    }
    if count > 2 {
        tears.extend([Tear::First(1), Tear::First(count - 1), Tear::Hole]);
        tears.push(Tear::Random(bounds.seed ^ u64::from(id)));
    }
    if count > 8 {
        tears.extend([Tear::EvenPages, Tear::OddPages]);
    }
    let unit = model.units[id as usize];
    if bounds.hostile && unit.what == What::Data {
        let len = data_range(model, id).1 as u32;
        tears.extend([Tear::Bytes(len / 2), Tear::Bytes(len.saturating_sub(1))]);
        tears.extend([Garbage::Zeros, Garbage::Pattern, Garbage::Stale].map(Tear::Garbage));
    }
    if bounds.hostile && matches!(model.trace.events[unit.seq as usize].op, Op::Rename { .. }) {
        tears.extend([Tear::BothNames, Tear::NoName]);
    }
    tears
}

/// The other orders of the calls that overlapped the last one before the cut. There is one state
/// for each earlier event of another thread that was still running when the last call began. In it,
/// that event, the later events of its thread, and everything that had to wait for those have not
/// happened.
fn permuted(model: &Model, cut: u32, wanted: &mut dyn FnMut() -> bool) -> Vec<State> {
    let Some(last) = (cut as usize).checked_sub(1).map(|at| &model.trace.events[at]) else {
        return Vec::new();
    };
    let mut states = Vec::new();
    let mut seen = HashSet::new();
    for first in last.entered..cut - 1 {
        if model.trace.events[first as usize].thread == last.thread {
            continue;
        }
        let hidden = after(model, first, cut);
        if hidden.last() == Some(&(cut - 1)) || !seen.insert(hidden.clone()) {
            continue;
        }
        let kept = || State { hidden: hidden.clone(), ..State::whole(Step::Permute, cut) };
        if model.each_pending(cut, &hidden).next().is_some() && wanted() {
            states.push(State { lost: model.pending(cut, &hidden), ..kept() });
        }
        if wanted() {
            states.push(kept());
        }
    }
    states
}

/// An event and everything before the cut that cannot have happened without it: the later events of
/// its thread, and the calls that began after it took effect.
fn after(model: &Model, first: u32, cut: u32) -> Vec<u32> {
    let events = &model.trace.events;
    let mut hidden = vec![first];
    for seq in first + 1..cut {
        let event = &events[seq as usize];
        let waits = hidden.iter().any(|earlier| {
            events[*earlier as usize].thread == event.thread || event.entered > *earlier
        });
        if waits {
            hidden.push(seq);
        }
    }
    hidden
}

/// Whether a profile generates a step at all: the two mildest have one state for each cut.
pub(crate) fn belongs(profile: Profile, step: Step) -> bool {
    match profile {
        Profile::ProcessKill => matches!(step, Step::Prefix | Step::Permute),
        Profile::StrictLoss => matches!(step, Step::DropAll | Step::Permute),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
