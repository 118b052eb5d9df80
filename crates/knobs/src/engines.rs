//! The engines that the suite knows to drive, by their words in `MACE_PROD_ENGINE`. Opens and builds nothing.

/// The engine that the suite is for: the default.
pub const MACE: &str = "mace-kv";

/// All of them. Each but the first is behind the cargo feature of the suite that is called as its package.
pub const NAMES: &[&str] = &[MACE, "redb", "fjall", "fjall-optimistic", "surrealkv"];

/// The package of the engine that a finding is in. Its id begins with that name; mace-kv's begin with none.
pub fn of_finding(id: &str) -> &str {
    let is_of =
        |package: &&str| id.strip_prefix(*package).is_some_and(|rest| rest.starts_with('-'));
    NAMES[1..].iter().map(|engine| package(engine)).find(is_of).unwrap_or(MACE)
}

/// The package of an engine; two words may stand for two ways to use one.
pub fn package(engine: &str) -> &str {
    engine.strip_suffix("-optimistic").unwrap_or(engine)
}

/// A description that begins with an engine's package, with the word that was chosen in its place.
pub fn named(engine: &str, description: &str) -> String {
    description.replacen(package(engine), engine, 1)
}

#[cfg(test)]
mod tests {
    use super::{MACE, named, of_finding};

    #[test]
    fn a_finding_is_in_the_engine_that_its_id_begins_with() {
        assert_eq!(of_finding("fjall-torn-batch"), "fjall");
        assert_eq!(of_finding("fjallish-batch"), MACE);
        assert_eq!(of_finding("log-files-swapped"), MACE);
    }

    #[test]
    fn two_ways_to_use_a_package_have_two_names() {
        let named = |engine| named(engine, "fjall 3.1.13 (registry)");
        assert_eq!(named("fjall"), "fjall 3.1.13 (registry)");
        assert_eq!(named("fjall-optimistic"), "fjall-optimistic 3.1.13 (registry)");
    }
}
