//! What the power cases and the tests that prove their detection share: recordings, explorations
//! and failing disks.

pub(crate) mod explore;
pub(crate) mod faults;
#[cfg(any(feature = "fjall", feature = "redb"))]
pub(crate) mod others;
pub(crate) mod record;
