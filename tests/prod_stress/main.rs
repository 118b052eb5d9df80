//! The stress layer: the fast layer's themes for longer, on databases that age. The number of
//! rounds and workers comes from the `MACE_PROD_*` knobs where there is one.

mod buckets;
mod crashes;
mod deep;
mod evictor;
mod files;
mod gc;
mod hotspot;
mod isolation;
mod large;
mod limits;
mod options;
mod slopes;

use mace_prod::history::kill::CountingAllocator;

// Threads pause where they ask for a page.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A quarter of the documented gigabyte.
#[test]
fn stress_long_pairs_are_kept() {
    use mace_prod::{
        engine::{Preset, under_test},
        scenario::{Case, pairs::are_kept},
    };
    Case::run(|case| {
        are_kept(case, under_test::driver(), Preset::Defaults, &[64 << 20, 256 << 20])
    });
}
