//! Why a case ended before its time. Asks `known.rs` about the state on disk and runs nothing.

use super::known;
use crate::{
    report::{self, Figures},
    scenario::database::Database,
    settings::FindingId,
    verdict::Verdict,
};

/// Why a case ended before its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// A verdict was reached.
    By(Verdict),
    /// A child ended badly, and the state on disk shows this known finding.
    Known(FindingId),
}

impl From<Verdict> for Stopped {
    fn from(verdict: Verdict) -> Self {
        Self::By(verdict)
    }
}

impl Stopped {
    /// A verdict on a child, unless what its database shows on disk is a known finding with this symptom.
    pub fn unless_known(verdict: Verdict, database: &Database, figures: &mut Figures) -> Self {
        match known::of(&verdict, database, figures) {
            Some((id, evidence)) => {
                report::say(&format!("chaos: {verdict:?}"));
                report::say(&format!("chaos: that is `{id}`: {evidence}"));
                Self::Known(id)
            }
            None => Self::By(verdict),
        }
    }
}
