//! Wraps an engine so that no snapshot is opened while a commit is applied. It exists because of the finding
//! `fjall-snapshot-amid-a-commit`; its own test opens the engine without this. Changes no answer.

use crate::engine::{
    Bucket, Driver, Outcome, Read, Txn,
    interceptor::{Intercept, Interceptor},
};
use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock},
};

/// Keeps snapshots of the driver's databases apart from commits.
pub struct WholeSnapshots<D>(pub D);

/// Openings of snapshots share it, a commit has it alone.
#[derive(Default)]
struct Gate(RwLock<()>);

impl<D: Driver> Intercept for WholeSnapshots<D> {
    fn below(&self) -> &dyn Driver {
        &self.0
    }

    fn interceptor(&self, _: &Path) -> Option<Arc<dyn Interceptor>> {
        Some(Arc::new(Gate::default()))
    }
}

impl Interceptor for Gate {
    fn view<'b>(&self, bucket: &'b dyn Bucket) -> Outcome<Box<dyn Read + 'b>> {
        let _opening = self.0.read().unwrap_or_else(PoisonError::into_inner);
        bucket.view()
    }

    fn commit(&self, txn: Box<dyn Txn + '_>) -> Outcome<()> {
        let _committing = self.0.write().unwrap_or_else(PoisonError::into_inner);
        txn.commit()
    }
}
