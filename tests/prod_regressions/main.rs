//! Confirmed findings in the engine, one file each, told as a story: cause, sequence, symptom,
//! broken promise, what was ruled out. A finding that shows itself prints its marker and passes; `prod` counts it
//! apart, and fails the run when a finding that ought to show itself does not.

mod aborted_across_log_files;
mod cache_holds_everything;
mod checker_opens_every_file;
mod checkpoint_opens_every_file;
mod copy_during_checkpoint;
mod cut_off_creation;
mod damage;
mod dead_counts_as_alive;
mod empty_bucket_name;
mod empty_value;
mod folder_opened_twice;
mod handle_cache_below_shards;
mod history_ahead_of_its_page;
mod key_of_115_bytes;
mod killed_in_route_switch;
mod last_key_reads_every_leaf;
mod log_ends_at_damage;
mod log_files_swapped;
mod manifest_gone;
mod merge_admission;
mod merge_lost_in_recovery;
mod merge_races_the_evictor;
mod opened_while_created;
mod panic_within_a_checkpoint_record;
mod readers_fill_the_log;
mod reading_a_collected_file;
mod record_of_whole_blocks;
mod refused_opening_deletes;
mod scan_from_an_older_version;
mod scan_over_checkpoint;
mod split_without_its_child;
mod transaction_ends_early;
mod unload_loses_commits;
mod written_behind_the_cut;
