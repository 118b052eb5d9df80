//! Timed batches over an engine: what the benches repeat. A batch makes its database, takes the
//! time of one piece of work by so many clients, and then checks that the work was done; so an
//! engine that does nothing fails instead of being the fastest. Knows no Criterion.

mod batch;
mod database;
mod reopen;
#[cfg(unix)]
pub mod serving;
mod slices;
mod work;

pub use batch::{Batch, Meter};
pub use database::Place;
pub use reopen::{die_filled, kill_order};
pub use slices::shorten as shorten_slices;
pub use work::{Bench, Work, Wrong};

use crate::engine::Driver;

impl Bench {
    /// Prepares the case: what can be used for all its batches.
    pub fn prepare<'d>(&self, driver: &'d dyn Driver, place: &Place) -> Result<Batch<'d>, Wrong> {
        Batch::prepare(*self, driver, place)
    }
}
