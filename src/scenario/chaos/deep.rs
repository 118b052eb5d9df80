//! A recipe over a deep bucket: a process before its own fills the bucket, and what its processes do to a few pages
//! they do all over the tree. Runs nothing.

use crate::{
    engine::{EngineOptions, options::DEEP_KEYS},
    history::{clients::Traffic, script::Step},
    scenario::database::Stage,
    settings::{FindingId, excludes},
    workload::{Mix, Source, Sweep},
};

/// Bytes of a value that fills the bucket.
const FILLED: u32 = 40;

/// Pairs in a transaction that fills it.
const TOGETHER: u64 = 100;

/// The process that fills the bucket, which this step opens, and dies before a checkpoint: the next one recovers all of
/// it, and writes dozens of files at once.
pub(super) fn filling(bucket: &str, open: Step, options: &EngineOptions) -> Stage {
    let sweep = Sweep::fill(DEEP_KEYS, FILLED, TOGETHER);
    let fill = Step::Traffic { bucket: bucket.to_owned(), traffic: Traffic::sweep(sweep) };
    Stage::dying(options, vec![open, fill])
}

/// A stage whose work in the bucket goes all over it. What it drops must not lie across two log files.
pub(super) fn over(stage: Stage, bucket: &str) -> Stage {
    let mut options = stage.options;
    if excludes(FindingId::ABORTED_ACROSS_LOG_FILES) {
        options = options.one_log_file();
    }
    let steps = stage.steps.into_iter().map(|step| match step {
        Step::Traffic { bucket: name, traffic } if name == bucket => {
            Step::Traffic { bucket: name, traffic: wide(traffic) }
        }
        step => step,
    });
    Stage { steps: steps.collect(), options, ..stage }
}

/// The same number of operations, on keys from end to end.
fn wide(traffic: Traffic) -> Traffic {
    let source = match traffic.source {
        Source::Mix(mix) => Source::Mix(Mix { keys: DEEP_KEYS, ..mix }),
        Source::Sweep(sweep) => {
            let apart = DEEP_KEYS / sweep.end;
            Source::Sweep(Sweep { step: sweep.step * apart, end: sweep.end * apart, ..sweep })
        }
        source => source,
    };
    Traffic { source, ..traffic }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_recipe_writes_from_end_to_end() {
        let near = |step| Sweep { step, ..Sweep::fill(600, 100, 20) };
        for (step, writes) in [(1, 600), (3, 200), (100, 6)] {
            let Traffic { source: Source::Sweep(far), .. } = wide(Traffic::sweep(near(step)))
            else {
                unreachable!("a sweep stays one")
            };
            assert_eq!((far.first..far.end).step_by(far.step as usize).count(), writes);
            assert_eq!(far.end, DEEP_KEYS);
        }
    }
}
