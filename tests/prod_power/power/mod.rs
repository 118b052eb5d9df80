//! What the power cases and the tests that prove their detection share: recordings, explorations
//! and failing disks.

pub(crate) mod explore;
pub(crate) mod faults;
pub(crate) mod record;
pub(crate) mod rot;
pub(crate) mod search;
