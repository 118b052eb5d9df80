//! Chaos: every failpoint of the engine, one case for each point, action and position. The list of
//! points comes from the engine's source, the recipes from `chaos/recipes.rs`, what a case does
//! from `chaos/flow.rs`; here they are joined into named cases.
//!
//! A point without a recipe fails each of its cases, a recipe without a point is said.

pub mod flow;
pub mod recipes;

use crate::{
    engine::{
        Driver, Identity,
        failpoint::{self, Action, Kind, Point},
        mace::MaceDriver,
    },
    scenario::Case,
    verdict::Verdict,
};
use recipes::{Recipe, Row};

/// The engine's prefix of names.
const PREFIX: &str = "mace_";

/// At which of its hits a point is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The first.
    First,
    /// One in the middle.
    Middle,
    /// The last.
    Last,
}

/// What is armed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The point, with the engine's prefix.
    pub point: &'static str,
    /// What it does.
    pub action: Action,
    /// At which hit.
    pub position: Position,
}

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
    cases_of(failpoint::points(), failpoint::fs_ops(), recipes::ROWS)
}

/// All cases for an engine with these failpoints, when these recipes are there.
pub fn cases_of(points: &[Point], fs_ops: &[&'static str], rows: &[Row]) -> Vec<ChaosCase> {
    let mut cases = Vec::new();
    for point in points {
        let coverage = coverage(point.name, &point.sites.join(", "), rows);
        cases.extend(product(point.name, named_actions(point.kind), &coverage));
    }
    for op in fs_ops {
        cases.extend(product(op, fs_actions(), &coverage(op, "the filesystem calls", rows)));
    }
    for (name, _) in rows {
        let known = |full: &str| full.strip_prefix(PREFIX) == Some(name);
        if !points.iter().any(|point| known(point.name)) && !fs_ops.iter().any(|op| known(op)) {
            let actions = vec![(Action::Abort, Position::First)];
            cases.extend(product(name, actions, &Coverage::Gone));
        }
    }
    cases
}

fn coverage(name: &str, place: &str, rows: &[Row]) -> Coverage {
    let row = rows.iter().find(|(row, _)| name.strip_prefix(PREFIX) == Some(row));
    row.map_or_else(
        || Coverage::Uncovered(place.to_owned()),
        |(_, recipe)| Coverage::Recipe(*recipe),
    )
}

fn product(
    point: &'static str,
    actions: Vec<(Action, Position)>,
    coverage: &Coverage,
) -> Vec<ChaosCase> {
    actions
        .into_iter()
        .map(|(action, position)| ChaosCase {
            fault: Fault { point, action, position },
            coverage: coverage.clone(),
        })
        .collect()
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
        Kind::Check | Kind::Unseen => actions.push((Action::Io, Position::First)),
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
    /// The case's name: `chaos_point::<point>::<action>_<position>`, or `chaos_fs::…` for a
    /// filesystem operation.
    pub fn name(&self) -> String {
        let Fault { point, action, position } = self.fault;
        let short = point.strip_prefix(PREFIX).unwrap_or(point);
        let (group, short) = match short.strip_prefix("fs_") {
            Some(op) => ("chaos_fs", op),
            None => ("chaos_point", short),
        };
        let position = match position {
            Position::First => "first",
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

    /// Runs the case.
    pub fn run(&self, case: &mut Case) -> Verdict {
        let Identity { name, version, .. } = MaceDriver.identity();
        match &self.coverage {
            _ if !MaceDriver.capabilities().failpoints => {
                case.skip("this build of the engine has no failpoints")
            }
            Coverage::Recipe(recipe) => flow::run(case, self.fault, *recipe),
            Coverage::Uncovered(place) => Verdict::Inconclusive(format!(
                "uncovered: {name} {version} has the failpoint {} ({place}) and the suite has no \
                 recipe for it",
                self.fault.point
            )),
            Coverage::Gone => {
                let point = self.fault.point;
                case.skip(&format!("{name} {version} has no failpoint {PREFIX}{point}"))
            }
        }
    }
}
