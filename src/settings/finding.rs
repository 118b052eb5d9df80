//! The ids of confirmed findings, each a constant: a typing error does not compile. The text is the
//! codec's alone. Decides nothing: which of them hold is in `.config/known-findings.toml`.

use knobs::budget::Unit;
use std::fmt::{Display, Formatter, Result as FmtResult};

/// A confirmed finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingId(&'static str);

/// Declares the constants, and the list of all of them.
macro_rules! findings {
    ($list:ident, $what:literal: $($name:ident $text:literal),+ $(,)?) => {
        impl FindingId {
            $(
                #[doc = concat!("`", $text, "`")]
                pub const $name: Self = Self($text);
            )+

            #[doc = $what]
            pub const $list: &[Self] = &[$(Self::$name),+];
        }
    };
}

findings!(OF_MACE, "Those of mace-kv: one for each entry of `.config/known-findings.toml`.":
    HANDLE_CACHE_BELOW_SHARDS "handle-cache-below-shards",
    ONE_OPEN_FILE_A_SHARD "one-open-file-a-shard",
    ABORTED_ACROSS_LOG_FILES "aborted-across-log-files",
    COPY_DURING_CHECKPOINT "copy-during-checkpoint",
    EMPTY_BUCKET_NAME "empty-bucket-name",
    EMPTY_VALUE_IS_A_DELETION "empty-value-is-a-deletion",
    KEY_OF_115_BYTES "key-of-115-bytes",
    MERGE_ADMISSION_SEES_ONLY_THE_NEWEST_VERSION "merge-admission-sees-only-the-newest-version",
    SPLIT_WITHOUT_ITS_CHILD "split-without-its-child",
    SCAN_OVER_CHECKPOINT "scan-over-checkpoint",
    READING_A_COLLECTED_FILE "reading-a-collected-file",
    KILLED_IN_ROUTE_SWITCH "killed-in-route-switch",
    UNLOAD_RACES_THE_EVICTOR "unload-races-the-evictor",
    MERGE_LOST_IN_RECOVERY "merge-lost-in-recovery",
    PANIC_WITHIN_A_CHECKPOINT_RECORD "panic-within-a-checkpoint-record",
    CUT_OFF_CREATION "cut-off-creation",
    BARRIER_MISSES_ROTATED_LOGS "barrier-misses-rotated-logs",
    SHORT_LOG_FILE "short-log-file",
    SYNC_BELIEVED_AFTER_FAILED "sync-believed-after-failed",
    FAILED_COMMIT_COMES_BACK "failed-commit-comes-back",
    UNSYNCED_LOG_NAME "unsynced-log-name",
    HISTORY_AHEAD_OF_ITS_PAGE "history-ahead-of-its-page",
    LOG_BEHIND_A_CUT "log-behind-a-cut",
    MERGE_RACES_THE_EVICTOR "merge-races-the-evictor",
    FOLDER_OPENED_TWICE "folder-opened-twice",
    DEAD_COUNTS_AS_ALIVE "dead-counts-as-alive",
    LOG_ENDS_AT_DAMAGE "log-ends-at-damage",
    MANIFEST_GONE "manifest-gone",
    LOG_FILES_SWAPPED "log-files-swapped",
    RECORD_OF_WHOLE_BLOCKS "record-of-whole-blocks",
    REFUSED_OPENING_DELETES "refused-opening-deletes",
    TRANSACTION_ENDS_EARLY "transaction-ends-early",
    READERS_FILL_THE_LOG "readers-fill-the-log",
    OPENED_WHILE_CREATED "opened-while-created",
    SCAN_FROM_AN_OLDER_VERSION "scan-from-an-older-version",
    WRITTEN_BEHIND_THE_CUT "written-behind-the-cut",
    CHECKPOINT_OPENS_EVERY_FILE "checkpoint-opens-every-file",
    CHECKER_OPENS_EVERY_FILE "checker-opens-every-file",
    LAST_KEY_READS_EVERY_LEAF "last-key-reads-every-leaf",
    CACHE_HOLDS_EVERYTHING "cache-holds-everything",
);

findings!(OF_OTHERS, "Those of the engines that mace-kv is compared with.":
    FJALL_UNSYNCED_NAMES "fjall-unsynced-names",
    FJALL_TORN_BATCH "fjall-torn-batch",
    FJALL_SYNC_BELIEVED_AFTER_FAILED "fjall-sync-believed-after-failed",
    FJALL_SNAPSHOT_AMID_A_COMMIT "fjall-snapshot-amid-a-commit",
    FJALL_KEY_OF_65536_BYTES "fjall-key-of-65536-bytes",
    REDB_CUT_OFF_CREATION "redb-cut-off-creation",
    REDB_UNSYNCED_NAME "redb-unsynced-name",
);

/// What random cases may put down to which finding. Each pair has a budget in the finding's entry: without
/// one, the run that first meets the pair fails, and it may be anybody's.
const ABSORBED: &[(FindingId, &[Unit])] = &[
    (FindingId::ABORTED_ACROSS_LOG_FILES, &[Unit::CrashStates, Unit::Crashes]),
    (FindingId::MERGE_ADMISSION_SEES_ONLY_THE_NEWEST_VERSION, &[Unit::Operations]),
    (FindingId::SPLIT_WITHOUT_ITS_CHILD, &[Unit::Crashes]),
    (FindingId::PANIC_WITHIN_A_CHECKPOINT_RECORD, &[Unit::Crashes]),
    (FindingId::CUT_OFF_CREATION, &[Unit::CrashStates, Unit::FaultRuns]),
    (FindingId::SHORT_LOG_FILE, &[Unit::CrashStates, Unit::FaultRuns]),
    (FindingId::SYNC_BELIEVED_AFTER_FAILED, &[Unit::CrashStates, Unit::FaultRuns]),
    (FindingId::FAILED_COMMIT_COMES_BACK, &[Unit::CrashStates, Unit::FaultRuns]),
    (FindingId::UNSYNCED_LOG_NAME, &[Unit::CrashStates, Unit::FaultRuns]),
    (FindingId::LOG_BEHIND_A_CUT, &[Unit::CrashStates, Unit::FaultRuns]),
    (FindingId::LOG_ENDS_AT_DAMAGE, &[Unit::Damages]),
    (FindingId::MANIFEST_GONE, &[Unit::Damages]),
    (FindingId::LOG_FILES_SWAPPED, &[Unit::Damages]),
    (FindingId::SCAN_FROM_AN_OLDER_VERSION, &[Unit::Operations]),
];

impl FindingId {
    /// Whether random cases may put down to it what is counted by this unit.
    pub fn absorbs(self, unit: Unit) -> bool {
        ABSORBED.iter().any(|(id, units)| *id == self && units.contains(&unit))
    }

    /// The finding with this text, as a file or an answer carries it.
    pub fn decode(text: &str) -> Option<Self> {
        Self::OF_MACE.iter().chain(Self::OF_OTHERS).copied().find(|id| id.0 == text)
    }
}

impl Display for FindingId {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{ABSORBED, FindingId};
    use knobs::findings::Findings;
    use std::collections::BTreeSet;

    #[test]
    fn each_entry_has_its_constant() {
        let entries = Findings::load(&knobs::runtime::root()).unwrap();
        let entries: BTreeSet<String> =
            entries.all().iter().map(|entry| entry.id.clone()).collect();
        let ours: BTreeSet<String> = FindingId::OF_MACE.iter().map(ToString::to_string).collect();
        assert_eq!(entries, ours);
    }

    #[test]
    fn what_is_put_down_to_a_finding_has_a_budget() {
        let entries = Findings::load(&knobs::runtime::root()).unwrap();
        let stated = entries.all().iter().flat_map(|entry| {
            entry.absorbs.iter().map(|budget| (entry.id.clone(), budget.unit.words()))
        });
        let stated: BTreeSet<_> = stated.collect();
        let ours = ABSORBED
            .iter()
            .flat_map(|(id, units)| units.iter().map(|unit| (id.to_string(), unit.words())));
        assert_eq!(stated, ours.collect());
    }

    #[test]
    fn an_id_survives_its_codec() {
        for id in FindingId::OF_MACE.iter().chain(FindingId::OF_OTHERS) {
            assert_eq!(FindingId::decode(&id.to_string()), Some(*id));
        }
        assert_eq!(FindingId::decode("no-such-finding"), None);
    }
}
