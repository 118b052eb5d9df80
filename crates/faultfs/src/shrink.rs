//! Finds a smallest set of lost units that still fails: delta debugging (Zeller, Hildebrandt 2002,
//! ddmin) over what a state lacks. Asks the caller whether a smaller state fails; runs nothing
//! itself.

use crate::{error::Result, state::State};

/// One thing that a state lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Lost(u32),
    Torn(usize),
}

/// A state with less damage that fails like the given one. Hidden events are kept: they are one
/// reordering of the calls, not a sum of damages. Asks at most `budget` times.
pub(crate) fn shrink(
    state: &State,
    mut budget: usize,
    fails: &mut dyn FnMut(&State) -> Result<bool>,
) -> Result<State> {
    let mut parts: Vec<Part> = state.lost.iter().map(|id| Part::Lost(*id)).collect();
    parts.extend((0..state.torn.len()).map(Part::Torn));
    if budget > 0 && !parts.is_empty() && fails(&with(state, &[]))? {
        return Ok(with(state, &[]));
    }
    budget = budget.saturating_sub(1);
    let mut pieces = 2;
    while parts.len() > 1 && budget > 0 {
        let len = parts.len().div_ceil(pieces);
        let mut smaller = None;
        // First each piece alone, then everything but one piece.
        for keep in [true, false] {
            for piece in 0..pieces {
                let inside = |at: usize| at / len == piece;
                let kept: Vec<Part> =
                    (0..parts.len()).filter(|at| inside(*at) == keep).map(|at| parts[at]).collect();
                if kept.is_empty() || kept.len() == parts.len() || budget == 0 {
                    continue;
                }
                budget -= 1;
                if fails(&with(state, &kept))? {
                    smaller = Some((kept, keep));
                    break;
                }
            }
            if smaller.is_some() || pieces == 2 {
                break; // With two pieces the complement of one is the other.
            }
        }
        match smaller {
            Some((kept, true)) => (parts, pieces) = (kept, 2),
            Some((kept, false)) => (parts, pieces) = (kept, (pieces - 1).max(2)),
            None if pieces >= parts.len() => break,
            None => pieces = (pieces * 2).min(parts.len()),
        }
    }
    Ok(with(state, &parts))
}

fn with(state: &State, parts: &[Part]) -> State {
    let mut smaller = State { lost: Vec::new(), torn: Vec::new(), ..state.clone() };
    for part in parts {
        match part {
            Part::Lost(id) => smaller.lost.push(*id),
            Part::Torn(at) => smaller.torn.push(state.torn[*at]),
        }
    }
    smaller
}

#[cfg(test)]
mod tests {
    use super::shrink;
    use crate::state::{State, Step};

    #[test]
    fn two_of_a_hundred_are_found() {
        let state = State { lost: (0..100).collect(), ..State::whole(Step::DropAll, 7) };
        let mut asked = 0;
        let minimal = shrink(&state, 1000, &mut |smaller| {
            asked += 1;
            Ok(smaller.lost.contains(&17) && smaller.lost.contains(&83))
        });
        assert_eq!(minimal.unwrap().lost, [17, 83]);
        assert!(asked < 200, "{asked} questions");
    }

    #[test]
    fn a_budget_ends_it_with_what_is_there() {
        let state = State { lost: (0..64).collect(), ..State::whole(Step::DropAll, 7) };
        let minimal = shrink(&state, 4, &mut |smaller| Ok(smaller.lost.contains(&0))).unwrap();
        assert_eq!(minimal.lost, (0..8).collect::<Vec<_>>());
    }
}
