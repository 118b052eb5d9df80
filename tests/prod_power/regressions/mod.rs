//! Confirmed findings that only a power loss or a slow disk shows, one file each.

pub(crate) mod barrier_misses_rotated_logs;
pub(crate) mod failed_commit_comes_back;
pub(crate) mod log_behind_a_cut;
pub(crate) mod one_open_file_a_shard;
pub(crate) mod short_log_file;
pub(crate) mod sync_believed_after_failed;
pub(crate) mod unsynced_log_name;
