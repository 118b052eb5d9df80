//! Chaos: every failpoint of the engine, one case for each point, action and position. The list of
//! points comes from the engine's source, the recipes from `chaos/recipes.rs`, what a case does
//! from `chaos/flow.rs`; here they are joined into named cases.
//!
//! A point without a recipe fails each of its cases, a recipe without a point is said.

mod deep;
mod fault;
pub mod flow;
pub mod known;
pub mod recipes;

use crate::{
    engine::{
        Identity, Need,
        failpoint::{self, Action, Kind, Point},
        under_test,
    },
    scenario::{Case, run::known_to_lack},
    verdict::Verdict,
};
pub(crate) use fault::PREFIX;
pub use fault::{Fault, Position};
use flow::Flow;
use recipes::{Recipe, Row};

/// Why a point is or is not exercised.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Coverage {
    /// By this recipe.
    Recipe(Recipe),
    /// The engine has it, and nobody wrote a recipe; where the engine has it.
    Uncovered(String),
    /// The recipe is for another engine version.
    Gone,
}

/// One chaos case.
#[derive(Clone, Debug)]
pub struct ChaosCase {
    fault: Fault,
    coverage: Coverage,
}

/// All cases for the engine that the suite was built with.
pub fn cases() -> Vec<ChaosCase> {
    let points = failpoint::points();
    let mut cases = cases_of(points, failpoint::fs_ops(), recipes::ROWS);
    cases.extend(recipes::DEEP.iter().map(|&(point, recipe)| {
        let is_there = points.iter().any(|known| known.name.strip_prefix(PREFIX) == Some(point));
        let coverage = if is_there { Coverage::Recipe(recipe) } else { Coverage::Gone };
        let action = Action::Abort;
        let position = Position::Middle;
        ChaosCase { fault: Fault { point, action, position, in_deep: true }, coverage }
    }));
    cases
}

/// All cases for an engine with these failpoints, when these recipes are there.
pub fn cases_of(points: &[Point], fs_ops: &[&'static str], rows: &'static [Row]) -> Vec<ChaosCase> {
    let mut cases = Vec::new();
    for point in points {
        let rows = rows_of(point.name, rows);
        cases.extend(product(
            point.name,
            &point.sites.join(", "),
            &rows,
            &named_actions(point.kind),
        ));
    }
    for op in fs_ops {
        let rows = rows_of(op, rows);
        cases.extend(product(op, "a filesystem operation", &rows, &fs_actions()));
    }
    let gone = rows.iter().filter(|(name, _)| {
        let is = |full: &str| full.strip_prefix(PREFIX) == Some(base(name));
        !points.iter().any(|point| is(point.name)) && !fs_ops.iter().any(|op| is(op))
    });
    cases.extend(gone.map(|(name, _)| ChaosCase {
        fault: Fault {
            point: name,
            action: Action::Abort,
            position: Position::First,
            in_deep: false,
        },
        coverage: Coverage::Gone,
    }));
    cases
}

/// A row's name without the part of a path.
fn base(name: &str) -> &str {
    name.split_once('[').map_or(name, |(base, _)| base)
}

fn rows_of(point: &str, rows: &'static [Row]) -> Vec<&'static Row> {
    rows.iter().filter(|(name, _)| point.strip_prefix(PREFIX) == Some(base(name))).collect()
}

fn product(
    point: &'static str,
    place: &str,
    rows: &[&'static Row],
    actions: &[(Action, Position)],
) -> Vec<ChaosCase> {
    let short = point.strip_prefix(PREFIX).unwrap_or(point);
    let uncovered = (short, Coverage::Uncovered(place.to_owned()));
    let covered = rows.iter().map(|(name, recipe)| (*name, Coverage::Recipe(*recipe)));
    let all: Vec<_> = if rows.is_empty() { vec![uncovered] } else { covered.collect() };
    let with_actions = |(point, coverage): (&'static str, Coverage)| {
        actions.iter().map(move |&(action, position)| ChaosCase {
            fault: Fault { point, action, position, in_deep: false },
            coverage: coverage.clone(),
        })
    };
    all.into_iter().flat_map(with_actions).collect()
}

const ABORTS: [(Action, Position); 3] = [
    (Action::Abort, Position::First),
    (Action::Abort, Position::Middle),
    (Action::Abort, Position::Last),
];

fn named_actions(kind: Kind) -> Vec<(Action, Position)> {
    let mut actions = ABORTS.to_vec();
    actions.push((Action::Panic, Position::First));
    match kind {
        // The first hit may come before anything is there that a failure could spoil.
        Kind::Check | Kind::Unseen => {
            let positions = [Position::First, Position::Early, Position::Middle];
            actions.extend(positions.map(|position| (Action::Io, position)));
        }
        Kind::Crash => {}
    }
    actions
}

fn fs_actions() -> Vec<(Action, Position)> {
    let kinds = failpoint::io_kinds().iter();
    let errors = kinds.map(|kind| (Action::IoKind(kind), Position::First));
    ABORTS.into_iter().chain(errors).collect()
}

impl ChaosCase {
    /// The case's name: `chaos_point::<point>::<action>_<position>`, `chaos_fs::…` for a
    /// filesystem operation, or `chaos_deep::…` for a point in a deep bucket.
    pub fn name(&self) -> String {
        let Fault { point, action, position, in_deep } = self.fault;
        let (group, short) = match point.strip_prefix("fs_") {
            Some(op) => ("chaos_fs", op.replace('[', "_in_").replace(['/', ']'], "")),
            None if in_deep => ("chaos_deep", point.to_owned()),
            None => ("chaos_point", point.to_owned()),
        };
        let position = match position {
            Position::First => "first",
            Position::Early => "early",
            Position::Middle => "middle",
            Position::Last => "last",
        };
        match action {
            Action::Abort => format!("{group}::{short}::abort_{position}"),
            Action::Panic => format!("{group}::{short}::panic_{position}"),
            Action::Io => format!("{group}::{short}::io_{position}"),
            Action::IoKind(kind) => format!("{group}::{short}::io_{kind}"),
        }
    }

    /// Whether there is a recipe, or no point that would need one.
    pub fn is_covered(&self) -> bool {
        !matches!(self.coverage, Coverage::Uncovered(_))
    }

    /// Runs the case.
    pub fn run(&self, case: &mut Case) -> Verdict {
        let driver = under_test::driver();
        let Identity { name, version, .. } = driver.identity();
        if let Some(what) = driver.capabilities().lacks(Need::Failpoints) {
            return case.skip(&known_to_lack(driver, what));
        }
        match &self.coverage {
            Coverage::Recipe(recipe) => {
                if let Some(what) = recipe.lacking(driver.capabilities()) {
                    return case.skip(&known_to_lack(driver, what));
                }
                let stages = recipe.stages(self.fault.preset());
                Flow { fault: self.fault, stages }.run(case)
            }
            Coverage::Uncovered(place) => Verdict::Inconclusive(format!(
                "uncovered: {name} {version} has the failpoint {} ({place}) and the suite has no \
                 recipe for it",
                self.fault.full_name()
            )),
            Coverage::Gone => {
                let point = self.fault.full_name();
                case.skip(&format!("{name} {version} has no failpoint {point}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Position::{Early, First, Last, Middle};

    #[test]
    fn positions_that_coincide_with_the_first_are_told() {
        let of = |hits| [First, Early, Middle, Last].map(|position| position.of(hits));
        assert_eq!(of(1), [(1, false), (1, true), (1, true), (1, true)]);
        assert_eq!(of(2), [(1, false), (1, true), (1, true), (2, false)]);
        assert_eq!(of(3), [(1, false), (1, true), (2, false), (3, false)]);
        assert_eq!(of(100), [(1, false), (25, false), (50, false), (100, false)]);
    }
}
