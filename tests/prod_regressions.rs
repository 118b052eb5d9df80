//! Confirmed findings in the engine, one file each, told as a story: cause, sequence, symptom,
//! broken promise. A finding that shows itself prints its marker and passes; `prod` counts it
//! apart, and fails the run when a finding that ought to show itself does not.

#[path = "regressions/aborted_across_log_files.rs"]
mod aborted_across_log_files;
#[path = "regressions/handle_cache_below_shards.rs"]
mod handle_cache_below_shards;
