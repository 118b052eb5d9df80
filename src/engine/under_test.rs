//! The engine that a run gives its verdict on, as `MACE_PROD_ENGINE` names it. Every engine but mace-kv is
//! behind a cargo feature. Opens nothing.

#[cfg(feature = "redb")]
use crate::engine::redb::RedbDriver;
#[cfg(feature = "surrealkv")]
use crate::engine::surrealkv::SurrealkvDriver;
#[cfg(feature = "fjall")]
use crate::engine::{fjall::FjallDriver, whole_snapshots::WholeSnapshots};
use crate::{
    engine::{Driver, mace::MaceDriver},
    settings::Settings,
};

/// The engines of this build, by their words in `MACE_PROD_ENGINE`.
const ENGINES: &[(&str, &dyn Driver)] = &[
    (knobs::engines::MACE, &MaceDriver),
    #[cfg(feature = "redb")]
    ("redb", &RedbDriver),
    #[cfg(feature = "fjall")]
    ("fjall", &WholeSnapshots(FjallDriver::OneWriter)),
    #[cfg(feature = "fjall")]
    ("fjall-optimistic", &WholeSnapshots(FjallDriver::Optimistic)),
    #[cfg(feature = "surrealkv")]
    ("surrealkv", &SurrealkvDriver),
];

/// All engines of this build.
pub fn all() -> impl Iterator<Item = &'static dyn Driver> {
    ENGINES.iter().map(|(_, driver)| *driver)
}

/// How the engine under test is opened.
///
/// # Panics
/// When this build has no such engine.
pub fn driver() -> &'static dyn Driver {
    let wanted = &Settings::get().engine;
    let found = ENGINES.iter().find(|(name, _)| name == wanted);
    let (_, driver) = found.unwrap_or_else(|| {
        panic!("MACE_PROD_ENGINE = {wanted}: this build has no such engine: `just prod` builds it")
    });
    *driver
}
