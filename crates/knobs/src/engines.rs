//! The engines that the suite knows to drive, by their words in `MACE_PROD_ENGINE`. Opens and builds nothing.

/// The engine that the suite is for: the default.
pub const MACE: &str = "mace-kv";

/// All of them. Each but the first is behind the cargo feature of the suite that is called as its package.
pub const NAMES: &[&str] = &[MACE, "redb", "fjall", "fjall-optimistic", "surrealkv"];

/// The package of an engine; two words may stand for two ways to use one.
pub fn package(engine: &str) -> &str {
    engine.strip_suffix("-optimistic").unwrap_or(engine)
}
