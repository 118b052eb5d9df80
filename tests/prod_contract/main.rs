//! The contract of a single client, by random lists of operations with shrinking, once for each
//! configuration preset. What is compared, and what is left out, stands in the header of
//! `src/scenario/contract.rs`. Beside them, directed cases on the life of buckets, on options, and on who else comes to the folder.
//! Clients that run at the same time are not tested here.

mod buckets;
mod options;
mod says;
mod transactions;

use mace_prod::{
    engine::{Preset, RULES, under_test},
    scenario::{
        Case,
        contract::strategy::{Effort, judge},
        exclusive::{OtherProcess, is_exclusive},
        pairs::are_kept,
    },
};

/// What the fast layer can afford: see the layer's budget.
const EFFORT: Effort = Effort { lists: 4, operations: 160, shrinking: 600, attempts: 3 };

#[track_caller]
fn holds(preset: Preset) {
    Case::run(|case| {
        let dir = case.dir().to_owned();
        judge(under_test::driver(), &dir, preset, case.seed(), EFFORT, &mut case.figures)
    });
}

/// Longer ones are for the stress layer.
const LENS: [usize; 2] = [(1 << 20) - 1, (16 << 20) + 1];

#[test]
fn long_pairs_are_kept_in_defaults() {
    Case::run(|case| are_kept(case, under_test::driver(), Preset::Defaults, &LENS));
}

#[test]
fn long_pairs_are_kept_in_compressed() {
    Case::run(|case| are_kept(case, under_test::driver(), Preset::Compressed, &LENS));
}

#[track_caller]
fn is_refused_to_others(preset: Preset) {
    Case::run(|case| {
        if !RULES.busy_is_an_answer {
            return case.skip("this engine panics where a folder is in use");
        }
        let mut other = OtherProcess::new(case, preset).unwrap_or_else(|error| panic!("{error}"));
        let verdict = is_exclusive(case, under_test::driver(), preset, &mut other);
        case.figures.join(other.figures);
        verdict
    });
}

#[test]
fn an_open_folder_is_refused_to_others_in_defaults() {
    is_refused_to_others(Preset::Defaults);
}

#[test]
fn an_open_folder_is_refused_to_others_in_relaxed() {
    is_refused_to_others(Preset::Relaxed);
}

#[test]
fn contract_holds_in_defaults() {
    holds(Preset::Defaults);
}

#[test]
fn contract_holds_in_tiny() {
    holds(Preset::Tiny);
}

#[test]
fn contract_holds_in_compressed() {
    holds(Preset::Compressed);
}

#[test]
fn contract_holds_in_relaxed() {
    holds(Preset::Relaxed);
}

#[test]
fn contract_holds_in_one_writer() {
    holds(Preset::OneWriter);
}

#[test]
fn contract_holds_in_many_writers() {
    holds(Preset::ManyWriters);
}
