//! The exploration: chooses crash points, orders states, skips duplicates and collects what the
//! workers report. Knows no store; builds images only to compare their hashes.

mod layer;
mod run;
mod sample;
mod settings;

pub use settings::Explore;

use crate::{
    error::{Error, Result},
    finding::Finding,
    judge::{Case, Outcome},
    report::Report,
    trace::Trace,
    worker::{Pool, Subject, Task},
};
use std::{path::Path, sync::Arc};

impl Explore {
    /// Explores a trace. The judge opens the folder of its case as the store's recovery would and
    /// returns the broken promise, if there is one. It runs in worker processes that are forked
    /// from this one: do not open a store in this process meanwhile, and do not hold a lock that
    /// the judge needs.
    pub fn run(
        &self,
        trace: Trace,
        judge: &(dyn Fn(&Case) -> std::result::Result<(), String> + Sync),
    ) -> Result<Report> {
        run::Run::new(self, &Arc::new(trace), judge)?.all()
    }

    /// Judges a stored finding again.
    pub fn replay(
        &self,
        finding: &Path,
        judge: &(dyn Fn(&Case) -> std::result::Result<(), String> + Sync),
    ) -> Result<Outcome> {
        let (stored, image) = Finding::load(finding)?;
        let mut pool = Pool::new(None, judge, self.limits(), self.own_folder())?;
        let file = pool.folder().join("image");
        image.pack(&file)?;
        let mut task = Some(Task {
            subject: Subject::Image(file),
            promises: stored.promises,
            depth: stored.depth,
            cut: stored.outer.as_ref().map_or(stored.minimal.cut, |outer| outer.cut),
            trace_to: None,
        });
        let mut outcome = None;
        pool.run(&mut || task.take(), &mut |_, reply| outcome = Some(reply.outcome))?;
        outcome.ok_or_else(|| Error::new("replay", finding, "no worker took it"))
    }
}

#[cfg(test)]
mod tests;
