//! The works that lose their power: which recipe of the chaos layer, in which configuration, as the
//! processes before the recording and the one that is recorded. Runs nothing.

use crate::{
    engine::{Capabilities, EngineOptions, Preset},
    history::{clients::Traffic, script::Step},
    scenario::{
        chaos::recipes::{Recipe, Stages},
        database::Stage,
    },
    settings::{FindingId, excludes},
    workload::{Source, Sweep},
};

/// The barrier of the relaxed route does not reach log files that were rotated away.
pub const UNSYNCED_ROTATION: FindingId = FindingId::BARRIER_MISSES_ROTATED_LOGS;

/// A brief work does one of so many.
const BRIEF: u64 = 20;

/// Of a deep database one of so many states is judged: each takes as many times longer.
const DEEP_SHARE: u64 = 36;

/// A recipe in a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// What is done.
    pub recipe: Recipe,
    /// How the database is opened.
    pub preset: Preset,
}

const fn work(recipe: Recipe, preset: Preset) -> Workload {
    Workload { recipe, preset }
}

/// All of them: each recipe on the durable route and on the relaxed one, where it makes a
/// difference, with one and with several writer groups.
pub const ALL: &[Workload] = &[
    work(Recipe::Commits, Preset::Tiny),
    work(Recipe::Commits, Preset::Relaxed),
    work(Recipe::Commits, Preset::OneWriter),
    work(Recipe::Rotate, Preset::OneWriter),
    work(Recipe::Rotate, Preset::Relaxed),
    work(Recipe::Create, Preset::Tiny),
    work(Recipe::Delete, Preset::Tiny),
    work(Recipe::Delete, Preset::Relaxed),
    work(Recipe::RewriteData, Preset::Tiny),
    work(Recipe::ObsoleteData, Preset::Relaxed),
    work(Recipe::RewriteBlobs, Preset::Compressed),
    work(Recipe::ObsoleteBlobs, Preset::OneWriter),
    work(Recipe::Masks, Preset::Tiny),
    work(Recipe::Evict, Preset::Compressed),
    work(Recipe::Copy, Preset::Tiny),
    work(Recipe::Copy, Preset::Relaxed),
    work(Recipe::Reopen, Preset::Tiny),
    work(Recipe::Reopen, Preset::ManyWriters),
    work(Recipe::SwitchRoute, Preset::Tiny),
    work(Recipe::SwitchWidth, Preset::Relaxed),
    work(Recipe::Orphans, Preset::Tiny),
    work(Recipe::Look, Preset::Tiny),
    work(Recipe::Commits, Preset::Deep),
    work(Recipe::Held, Preset::Tiny),
    work(Recipe::Held, Preset::Relaxed),
    work(Recipe::Grow, Preset::Tiny),
];

/// Those that meet a failing disk.
pub const FAULTED: &[Workload] = &[
    work(Recipe::Commits, Preset::Tiny),
    work(Recipe::Commits, Preset::Relaxed),
    work(Recipe::Rotate, Preset::OneWriter),
    work(Recipe::Delete, Preset::Tiny),
    work(Recipe::RewriteData, Preset::Tiny),
    work(Recipe::ObsoleteBlobs, Preset::OneWriter),
    work(Recipe::Copy, Preset::Tiny),
    work(Recipe::Reopen, Preset::Tiny),
    work(Recipe::SwitchWidth, Preset::Relaxed),
];

/// Those in which a clean-up fails: of data and blob files, of log files, of a deleted bucket, and of what a crash
/// left.
pub const CLEANED: &[Workload] = &[
    work(Recipe::RewriteData, Preset::Tiny),
    work(Recipe::ObsoleteData, Preset::Relaxed),
    work(Recipe::ObsoleteBlobs, Preset::OneWriter),
    work(Recipe::Rotate, Preset::OneWriter),
    work(Recipe::Delete, Preset::Tiny),
    work(Recipe::Orphans, Preset::Tiny),
];

/// Those that meet a failing disk on other engines, beside the others that they can carry out.
pub const PORTABLE: &[Workload] = &[
    work(Recipe::Commits, Preset::Tiny),
    work(Recipe::Commits, Preset::Relaxed),
    work(Recipe::Create, Preset::Tiny),
    work(Recipe::Delete, Preset::Tiny),
    work(Recipe::Rotate, Preset::Relaxed),
    work(Recipe::RewriteData, Preset::Tiny),
    work(Recipe::Grow, Preset::Tiny),
];

/// Those in which each call can fail in turn on an engine that writes many small files.
pub const FEW_CALLS: &[Workload] = &[
    work(Recipe::Commits, Preset::Tiny),
    work(Recipe::Commits, Preset::Relaxed),
    work(Recipe::Create, Preset::Tiny),
    work(Recipe::Delete, Preset::Tiny),
];

impl Workload {
    /// How many states are judged where the knob allows so many.
    pub fn share(self, states: u64) -> u64 {
        if self.preset == Preset::Deep { states.div_ceil(DEEP_SHARE) } else { states }
    }

    /// The name: `rotate::one_writer`.
    pub fn name(self) -> String {
        let recipe = format!("{:?}", self.recipe);
        let mut name = String::new();
        for (at, c) in recipe.char_indices() {
            if at > 0 && c.is_ascii_uppercase() {
                name.push('_');
            }
            name.push(c.to_ascii_lowercase());
        }
        format!("{name}::{}", self.preset.name())
    }

    /// The same with so little of everything that each of its calls can fail in turn: what is done
    /// again and again is done twice.
    pub fn brief(self) -> Stages {
        let mut stages = self.stages();
        for stage in stages.setup.iter_mut().chain([&mut stages.armed]) {
            let mut steps: Vec<Step> = Vec::new();
            for step in stage.steps.drain(..).map(briefly) {
                let times = steps.iter().filter(|other| **other == step).count();
                if times < 2 && steps.last() != Some(&step) {
                    steps.push(step);
                }
            }
            stage.steps = steps;
        }
        stages
    }

    /// What this engine cannot do that the work needs, if anything.
    pub fn lacking(self, can: Capabilities) -> Option<&'static str> {
        self.recipe.lacking(can)
    }

    /// The processes; on the relaxed route each piece of traffic is followed by a barrier.
    pub fn stages(self) -> Stages {
        let Stages { setup, armed } = self.recipe.stages(self.preset);
        let promised = |stage: Stage| {
            if stage.options.durable {
                return stage;
            }
            Stage { steps: stage.steps.into_iter().flat_map(synced).collect(), ..stage }
        };
        let mut stages =
            Stages { setup: setup.into_iter().map(promised).collect(), armed: promised(armed) };
        let rotates = stages.armed.options.durable || !excludes(UNSYNCED_ROTATION);
        for stage in stages.setup.iter_mut().chain([&mut stages.armed]) {
            // Each opening clears it: most of the time of judging a crash state, otherwise.
            stage.options.wal_buffer_bytes = 1 << 16;
            if !rotates {
                // Room for all that is written.
                stage.options.wal_file_bytes = 1 << 20;
            }
        }
        stages
    }
}

/// As much traffic as a step needs to come by all its calls once: see [`Workload::brief`].
fn briefly(step: Step) -> Step {
    let brief = |traffic: Traffic| match traffic.source {
        Source::Sweep(sweep) => {
            let end = sweep.first + (sweep.end - sweep.first).div_ceil(BRIEF);
            Traffic { source: Source::Sweep(Sweep { end, step: 1, ..sweep }), ..traffic }
        }
        _ => Traffic { clients: 1, txns: traffic.txns.div_ceil(BRIEF).max(2), ..traffic },
    };
    match step {
        Step::Traffic { bucket, traffic } => Step::Traffic { bucket, traffic: brief(traffic) },
        Step::Parallel { parts } => {
            let parts = parts.into_iter().map(|(bucket, traffic)| (bucket, brief(traffic)));
            Step::Parallel { parts: parts.collect() }
        }
        step => step,
    }
}

fn synced(step: Step) -> Vec<Step> {
    match step {
        step @ (Step::Traffic { .. } | Step::Parallel { .. }) => vec![step, Step::Sync],
        step => vec![step],
    }
}

/// Lengths of the values of transactions of twenty pairs each, the first of which makes the name of
/// the first log file durable and the second of which spans several log files.
pub const ACROSS_LOG_FILES: [(u64, u32); 2] = [(0, 100), (20, 900)];

/// Transactions of twenty pairs from a key on, of this length, in small log files.
pub fn across_log_files(fills: &[(u64, u32)]) -> Stages {
    let options = EngineOptions { wal_file_bytes: 4 << 10, ..Preset::OneWriter.engine() };
    let bucket = || "a".to_owned();
    let fill = |&(key, length): &(u64, u32)| {
        let sweep = Sweep { first: key, ..Sweep::fill(key + 20, length, 20) };
        Step::Traffic { bucket: bucket(), traffic: Traffic::sweep(sweep) }
    };
    let options_of_bucket = Preset::OneWriter.bucket().checkpoints_when_asked();
    let mut steps = vec![Step::Open { bucket: bucket(), options: options_of_bucket }];
    steps.extend(fills.iter().map(fill));
    Stages { setup: Vec::new(), armed: Stage::closing(&options, steps) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::{Discriminant, discriminant};

    #[test]
    fn a_brief_work_does_what_the_long_one_does() {
        for work in FAULTED {
            let kinds = |stages: &Stages| -> Vec<Discriminant<Step>> {
                let all = stages.setup.iter().chain([&stages.armed]);
                let mut kinds: Vec<_> =
                    all.flat_map(|stage| stage.steps.iter().map(discriminant)).collect();
                let mut seen = Vec::new();
                kinds.retain(|kind| {
                    !seen.contains(kind) && {
                        seen.push(*kind);
                        true
                    }
                });
                kinds
            };
            let long = work.stages();
            let brief = work.brief();
            assert_eq!(kinds(&long), kinds(&brief), "{}", work.name());
            assert!(brief.armed.steps.len() <= 16, "{}: {:?}", work.name(), brief.armed.steps);
        }
    }
}
