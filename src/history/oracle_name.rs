//! The names of the oracles, which journals, violations and reports share. One codec: serde's; printing
//! goes through `Display`, and nothing reads it back.

use serde::{Deserialize, Serialize};
use std::fmt::{Display, Formatter, Result as FmtResult};

/// An oracle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OracleName {
    /// The engine's account of files and bytes is what its data refer to.
    Accounting,
    /// A call contradicts what its transaction read, or was not carried out. Whoever makes the call sees it.
    Answers,
    /// A transaction is whole or absent.
    Atomicity,
    /// The engine's own offline checker complains.
    Checker,
    /// A total that transfers leave as it is.
    Conservation,
    /// Each key holds what its last write left.
    Contents,
    /// A single client is answered as by an ordered map.
    Contract,
    /// Acknowledged work survives.
    Durability,
    /// What clients saw is snapshot isolated.
    Isolation,
    /// No error is logged where nothing went wrong.
    Logged,
    /// What survives has no hole.
    Order,
    /// A state that a power loss or a failing disk leaves can be used.
    Power,
    /// Every client gets on.
    Progress,
    /// A read shows the snapshot of its transaction.
    Reads,
    /// What an operation used is given back.
    Resources,
    /// Scans equal point reads.
    Scan,
    /// Files and bytes stay bounded.
    Space,
    /// What a reopening showed stays.
    Stability,
}

impl OracleName {
    fn text(self) -> &'static str {
        match self {
            Self::Accounting => "accounting",
            Self::Answers => "answers",
            Self::Atomicity => "atomicity",
            Self::Checker => "checker",
            Self::Conservation => "conservation",
            Self::Contents => "contents",
            Self::Contract => "contract",
            Self::Durability => "durability",
            Self::Isolation => "isolation",
            Self::Logged => "logged",
            Self::Order => "order",
            Self::Power => "power",
            Self::Progress => "progress",
            Self::Reads => "reads",
            Self::Resources => "resources",
            Self::Scan => "scan",
            Self::Space => "space",
            Self::Stability => "stability",
        }
    }
}

impl Display for OracleName {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(self.text())
    }
}
