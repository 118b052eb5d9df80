//! The session on all other platforms: it reports that it is unsupported and starts nothing.

use crate::{
    error::{Error, Result},
    op::MarkKind,
    plan::Plan,
    trace::Trace,
};
use std::path::Path;

pub(super) fn stop() {}

pub(super) fn arm(root: &Path, _: &Plan, _: u64, _: Option<&Path>) -> Result<()> {
    Err(Error::unsupported("trace", root))
}

pub(super) fn disarm(root: &Path) -> Result<Trace> {
    Err(Error::unsupported("trace", root))
}

pub(super) fn mark(_: MarkKind, _: u64) {}
