//! The words by which a finding is sorted: which promise it breaks, how bad that is, and what it takes.
//! Each is an enum with one word for files and one text for people. Decides nothing.

use serde::{Deserialize, Serialize};

/// What a user may rely on an engine for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// Acknowledged work survives the death of the process.
    DurabilityKill,
    /// Acknowledged work survives the loss of power.
    DurabilityPowerLoss,
    /// Acknowledged work survives a disk whose calls fail.
    DurabilityFailingDisk,
    /// A transaction is whole or absent.
    Atomicity,
    /// What clients see is snapshot isolated.
    Isolation,
    /// The engine opens and serves: it does not hang, abort, or refuse its own database.
    Availability,
    /// A call does what its documentation says, on a healthy machine.
    Api,
    /// Files and bytes stay bounded.
    Space,
}

impl Promise {
    /// Every promise, in the order in which verdicts list them.
    pub const ALL: [Self; 8] = [
        Self::DurabilityKill,
        Self::DurabilityPowerLoss,
        Self::DurabilityFailingDisk,
        Self::Atomicity,
        Self::Isolation,
        Self::Availability,
        Self::Api,
        Self::Space,
    ];

    /// The word that files use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DurabilityKill => "durability-kill",
            Self::DurabilityPowerLoss => "durability-power-loss",
            Self::DurabilityFailingDisk => "durability-failing-disk",
            Self::Atomicity => "atomicity",
            Self::Isolation => "isolation",
            Self::Availability => "availability",
            Self::Api => "api",
            Self::Space => "space",
        }
    }

    /// The same for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::DurabilityKill => "durability after a kill",
            Self::DurabilityPowerLoss => "durability after a power loss",
            Self::DurabilityFailingDisk => "durability on a failing disk",
            Self::Atomicity => "atomicity",
            Self::Isolation => "isolation",
            Self::Availability => "availability",
            Self::Api => "the API",
            Self::Space => "space",
        }
    }

    /// The promise that files call so.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|promise| promise.name() == word)
    }
}

/// What a finding costs who meets it. The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Acknowledged data is lost, or wrong data is shown as if it were right.
    Data,
    /// A database can no longer be opened.
    Unopenable,
    /// The process hangs or aborts; what is stored stays.
    Outage,
    /// Space or memory is never given back.
    Leak,
    /// One call panics or does the wrong thing, and says so or is seen at once.
    Call,
    /// One call takes time in proportion to the database where a tree would answer it.
    Cost,
}

impl Severity {
    /// Every severity, the worst first.
    pub const ALL: [Self; 6] =
        [Self::Data, Self::Unopenable, Self::Outage, Self::Leak, Self::Call, Self::Cost];

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Data => "loses or falsifies data",
            Self::Unopenable => "leaves a database that cannot be opened",
            Self::Outage => "hangs or aborts the process",
            Self::Leak => "never gives space back",
            Self::Call => "one call panics or is wrong",
            Self::Cost => "one call costs as much as the database is large",
        }
    }
}

/// One thing that has to come together for a finding to show. Those of a power loss are named by the mildest
/// persistence profile on which it shows (docs/crash-model.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Takes {
    /// Calls of the documented interface, in an order that a single thread can make.
    Calls,
    /// Two threads, or a thread of the engine's, at an unlucky moment.
    Race,
    /// An option that is not at its default.
    Option,
    /// A panic within the engine.
    Panic,
    /// The death of the process.
    Kill,
    /// A power loss that takes all that is not synced.
    StrictLoss,
    /// A power loss on ext4 with `data=ordered`.
    Ext4Ordered,
    /// A power loss on xfs.
    Xfs,
    /// A power loss that POSIX alone permits.
    PosixWeak,
    /// A slow disk.
    SlowDisk,
    /// A call to the disk that fails.
    FailingDisk,
}

impl Takes {
    /// Several, for people: `an unlucky moment, a kill`.
    pub fn titles(takes: &[Self]) -> String {
        takes.iter().map(|takes| takes.title()).collect::<Vec<_>>().join(", ")
    }

    /// Whether it is a power loss, of whichever profile.
    pub const fn is_power_loss(self) -> bool {
        matches!(self, Self::StrictLoss | Self::Ext4Ordered | Self::Xfs | Self::PosixWeak)
    }

    /// For people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Calls => "calls alone",
            Self::Race => "an unlucky moment",
            Self::Option => "an option away from its default",
            Self::Panic => "a panic within the engine",
            Self::Kill => "a kill",
            Self::StrictLoss => "a power loss that takes all that is not synced",
            Self::Ext4Ordered => "a power loss on ext4 (data=ordered)",
            Self::Xfs => "a power loss on xfs",
            Self::PosixWeak => "a power loss that only POSIX permits",
            Self::SlowDisk => "a slow disk",
            Self::FailingDisk => "a failing disk",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Promise;
    use serde::Deserialize;

    #[test]
    fn a_promise_has_one_word_everywhere() {
        #[derive(Deserialize)]
        struct Entry {
            promise: Promise,
        }
        for promise in Promise::ALL {
            assert_eq!(Promise::parse(promise.name()), Some(promise));
            let entry: Entry = toml::from_str(&format!("promise = {:?}", promise.name())).unwrap();
            assert_eq!(entry.promise, promise);
        }
        assert_eq!(Promise::parse("speed"), None);
    }
}
