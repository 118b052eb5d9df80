//! The fast layer beyond the contract of a single client: concurrency, eviction, collection, mixed
//! and hot traffic, recovery. Each `case!` is a promise and the presets in which it is tried; each
//! preset is a case of its own.

mod checkpoints;
mod concurrency;
mod copies;
mod evictor;
mod gc;
mod hotspot;
mod isolation;
mod mixed;
mod recovery;

use mace_prod::history::kill::CountingAllocator;

// Threads pause where they ask for a page.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;
