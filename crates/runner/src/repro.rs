//! `prod repro`: one case again, with the seed it failed with and its output on the console.
//! Finds the case by its exact name; runs it once, whatever the layer's retries are.

use crate::{
    exit,
    nextest::{Inventory, Nextest},
    part::{Build, Part},
    session::Session,
};
use knobs::knob;
use process::{Error, Interrupts, Outcome, Result, console};

/// Runs the case called `name`. The seed has been put into the session.
pub(crate) fn repro(
    session: &Session,
    name: &str,
    plain: bool,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let features = if plain { "" } else { session.knobs.features() };
    // `all` gives every case the limits of its layer; the name decides which case it is.
    let suite = Part {
        label: "all",
        profile: "all",
        slug: "repro",
        build: Build::Suite(features.to_owned()),
    };
    let own = Part { label: "own", profile: "own", slug: "repro", build: Build::Workspace };
    let nextest = Nextest::new(session, interrupts);
    let mut names = Inventory::new();
    for part in [suite, own] {
        let mut all = nextest.inventory(&part)?;
        interrupts.check()?;
        if all.iter().any(|case| case.name == name) {
            console::note(&format!("engine     {}", session.engine_name()));
            console::note(&format!("root seed  {}", session.seed));
            let status = nextest.repeat(&part, name)?;
            return Ok(interrupts.outcome().unwrap_or(exit::of_nextest(status.code())));
        }
        names.append(&mut all);
    }
    Err(unknown(name, &names))
}

fn unknown(name: &str, cases: &Inventory) -> Error {
    let mut near: Vec<_> = cases
        .iter()
        .map(|case| (strsim::jaro_winkler(name, &case.name), case.name.as_str()))
        .filter(|(likeness, near)| *likeness > 0.7 || near.contains(name))
        .collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0));
    let near: Vec<_> = near.into_iter().take(3).map(|(_, name)| format!("`{name}`")).collect();
    let remedy = if near.is_empty() {
        "`cargo nextest list --profile all` lists them".to_owned()
    } else {
        format!("did you mean {}?", near.join(" or "))
    };
    Error::new(format_args!("no case is called {name:?}"), "command line", remedy)
}

/// The root seed of a repetition, as typed.
pub(crate) fn seed_flag(seed: &str) -> [(&'static str, &str); 1] {
    [(knob::MACE_PROD_SEED.name(), seed)]
}

#[cfg(test)]
mod tests {
    use super::unknown;
    use crate::nextest::Inventory;
    use results::CaseId;

    #[test]
    fn near_names_are_offered() {
        let case = |name: &str| CaseId { binary: "b".into(), name: name.into() };
        let cases = Inventory::from(["bank::conserves_total", "scan::in_order"].map(case));
        let line = unknown("bank::conserve_total", &cases).to_string();
        assert!(line.ends_with("did you mean `bank::conserves_total`?"), "{line}");
        let line = unknown("qqqq", &cases).to_string();
        assert!(line.contains("cargo nextest list"), "{line}");
    }
}
