//! What the engine documents about its options, where that differs between its versions. Written
//! down here and never asked of the engine: a limit that an engine changes in silence is to be
//! noticed. `build.rs` says which version cargo resolved (`engine_api`). Opens nothing.
//!
//! Sources: `BucketOptions::{MIN,MAX}_INLINE_SIZE`, `Options::concurrent_write` and
//! `Mace::update_bucket_opt` in the documentation of each version; for folders in use `docs/migration.md`
//! (an engine takes the exclusive lock) and `tests/checker.rs` of 0.2.0 (another process is answered
//! `Again`).

/// The rules of one version of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The least size in bytes from which values can be told to live in blob files.
    pub inline_least: u32,
    /// That size in a bucket of which nothing is said.
    pub inline_usual: u32,
    /// The greatest.
    pub inline_most: u32,
    /// A length in bytes of values that live in blob files unless a bucket says otherwise.
    pub large: u32,
    /// The size may be lowered in a bucket that is there; it may never be raised.
    pub inline_lowers: bool,
    /// A database may be opened with another number of writer groups than before.
    pub writers_change: bool,
    /// Opening a folder that another process has open is answered, and no panic.
    pub busy_is_an_answer: bool,
}

impl Rules {
    /// Whether a bucket that is there takes this size instead of its own.
    pub const fn inline_may_become(&self, own: u32, wanted: u32) -> bool {
        wanted == own || (self.inline_lowers && wanted < own)
    }
}

/// Those of the engine under test.
pub const RULES: Rules = if cfg!(engine_api = "0.1") {
    Rules {
        inline_least: 4096,
        inline_usual: 4096,
        inline_most: 16_384,
        large: 6000,
        inline_lowers: false,
        writers_change: false,
        busy_is_an_answer: false,
    }
} else {
    Rules {
        inline_least: 256,
        inline_usual: 1024,
        inline_most: 4096,
        large: 3000,
        inline_lowers: true,
        writers_change: true,
        busy_is_an_answer: true,
    }
};
