//! The trace that is explored, of the workload or of a recovery: its crash points, its promises,
//! and how its states become tasks. Runs nothing and counts nothing.

use super::settings::Explore;
use crate::{
    judge::Promises,
    op::{MarkKind, Op},
    persist::{Model, Profile},
    state::{State, Step},
    worker::{Subject, Task},
};
use std::{collections::HashSet, path::PathBuf, sync::Arc};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What is explored: the trace of the workload, or the trace of a recovery.
pub(super) struct Layer {
    pub(super) model: Arc<Model>,
    /// For a recovery: the file of its trace, the state it recovers from, and the promises made
    /// before.
    pub(super) above: Option<Above>,
}

#[derive(Clone)]
pub(super) struct Above {
    pub(super) file: PathBuf,
    pub(super) state: State,
    pub(super) legal: Vec<Profile>,
    pub(super) promises: Promises,
}

impl Layer {
    pub(super) fn depth(&self) -> u8 {
        if self.above.is_some() { 2 } else { 1 }
    }

    pub(super) fn task(&self, state: State, promises: Promises) -> Task {
        let cut = self.above.as_ref().map_or(state.cut, |above| above.state.cut);
        let subject = match &self.above {
            None => Subject::State(state),
            Some(above) => Subject::Of(above.file.clone(), state),
        };
        Task { subject, promises, depth: self.depth(), cut, trace_to: None }
    }

    /// The promises that the workload had made by the crash.
    pub(super) fn promises(&self, state: &State) -> Promises {
        let mut promises =
            self.above.as_ref().map(|above| above.promises.clone()).unwrap_or_default();
        for (seq, kind, id) in &self.model.marks {
            if *seq >= state.cut {
                break;
            }
            match kind {
                _ if state.hidden.binary_search(seq).is_ok() => {}
                MarkKind::Begun => promises.begun.push(*id),
                MarkKind::Acked => promises.acked.push(*id),
                MarkKind::Note => {}
            }
        }
        promises
    }

    /// The profiles that allow the state. Both crashes must be possible on the same filesystem.
    pub(super) fn legality(&self, state: &State) -> Vec<Profile> {
        let mut legal = self.model.legality(state);
        if let Some(above) = &self.above {
            legal.retain(|profile| above.legal.contains(profile));
        }
        legal
    }
}

/// The crash points: all that are next to a sync or right after an acknowledgement, and a sample of
/// the others. A point right before an acknowledgement is skipped: the point after it has the same
/// image and more promises.
pub(super) fn points(model: &Model, settings: &Explore) -> Vec<u32> {
    let events = &model.trace.events;
    let end = events.len() as u32;
    let mut near = HashSet::from([0, end]);
    for (seq, event) in events.iter().enumerate() {
        let seq = seq as u32;
        match &event.op {
            Op::SyncBegin { .. } | Op::SyncEnd { .. } => {
                near.extend(seq.saturating_sub(1)..=(seq + 2).min(end));
            }
            Op::Mark(mark) if mark.kind == MarkKind::Acked => drop(near.insert(seq + 1)),
            _ => {}
        }
    }
    let others = u64::from(end) + 1 - near.len() as u64;
    let wanted = settings.points as u64;
    let is_weaker = |cut: u32| {
        let next = events.get(cut as usize).map(|event| &event.op);
        matches!(next, Some(Op::Mark(mark)) if mark.kind == MarkKind::Acked)
    };
    (0..=end)
        .filter(|cut| !is_weaker(*cut))
        .filter(|cut| {
            near.contains(cut)
                || draw(settings.seed, 0x70, u64::from(*cut)) % others.max(1) < wanted
        })
        .collect()
}

pub(super) fn is_chosen(seed: u64, step: Step, index: u64, limit: u64, possible: u64) -> bool {
    draw(seed, step as u64, index) % possible < limit
}

fn draw(seed: u64, stream: u64, index: u64) -> u64 {
    xxh3_64_with_seed(&[stream.to_le_bytes(), index.to_le_bytes()].concat(), seed)
}
