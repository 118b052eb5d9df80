//! Confirmed findings in the engine, one file each, told as a story: cause, sequence, symptom,
//! broken promise. A finding that shows itself prints its marker and passes; `prod` counts it
//! apart, and fails the run when a finding that ought to show itself does not.

#[path = "regressions/aborted_across_log_files.rs"]
mod aborted_across_log_files;
#[path = "regressions/copy_during_checkpoint.rs"]
mod copy_during_checkpoint;
#[path = "regressions/cut_off_creation.rs"]
mod cut_off_creation;
#[path = "regressions/empty_bucket_name.rs"]
mod empty_bucket_name;
#[path = "regressions/empty_value.rs"]
mod empty_value;
#[path = "regressions/handle_cache_below_shards.rs"]
mod handle_cache_below_shards;
#[path = "regressions/history_ahead_of_its_page.rs"]
mod history_ahead_of_its_page;
#[path = "regressions/key_of_115_bytes.rs"]
mod key_of_115_bytes;
#[path = "regressions/killed_in_route_switch.rs"]
mod killed_in_route_switch;
#[path = "regressions/merge_admission.rs"]
mod merge_admission;
#[path = "regressions/merge_lost_in_recovery.rs"]
mod merge_lost_in_recovery;
#[path = "regressions/panic_within_a_checkpoint_record.rs"]
mod panic_within_a_checkpoint_record;
#[path = "regressions/scan_over_checkpoint.rs"]
mod scan_over_checkpoint;
#[path = "regressions/split_without_its_child.rs"]
mod split_without_its_child;
#[path = "regressions/unload_loses_commits.rs"]
mod unload_loses_commits;
