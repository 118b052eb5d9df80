//! What the clients of a stress layer waited, held against the bounds: the lines that fail a run. The
//! arithmetic is in `results::waits`. Other layers are not judged: their cases hold threads and stop
//! processes.

use crate::{
    nextest::Repetition,
    note::Note,
    part::{self, Mode},
    record::Judged,
};
use knobs::{Knobs, knob};
use results::waits::{self, Histogram};
use std::time::Duration;

/// What a call may take, by the knobs.
pub(crate) fn bound(knobs: &Knobs) -> Duration {
    knobs.get(knob::MACE_PROD_LONGEST_CALL)
}

/// Whether the waits in a layer of this label are judged.
pub(crate) fn are_judged(label: &str) -> bool {
    let stress = part::parts(Mode::Stress, "");
    stress.iter().any(|part| part.label == Repetition::part_of(label))
}

/// A note for each layer with a call beyond the bound, or where that cannot be told. Single cases need not time a call.
pub(crate) fn notes(layers: &[Judged], bound: Duration) -> Vec<Note> {
    let stress = layers.iter().filter(|judged| are_judged(&judged.layer.label));
    stress.filter_map(|judged| note(judged, bound)).collect()
}

fn note(judged: &Judged, bound: Duration) -> Option<Note> {
    let calls_us = Histogram::of(&judged.layer.figures());
    if calls_us.count() == 0 && !judged.is_whole {
        return None;
    }
    let (outcome, line) = waits::judge(&calls_us, judged.machine_away_us, bound)?;
    Some(Note { outcome, line: format!("{}: {line}", judged.layer.label) })
}

#[cfg(test)]
mod tests {
    use super::notes;
    use crate::record::Judged;
    use process::Outcome;
    use results::{Case, CaseId, CaseOutcome, Layer, waits::Histogram};
    use std::{collections::BTreeMap, time::Duration};

    const BOUND: Duration = Duration::from_secs(8);

    /// A layer of one case, whose clients made a call of each of these lengths.
    fn layer(label: &str, calls_us: &[u64], is_whole: bool) -> Judged {
        let mut all = Histogram::default();
        for call in calls_us {
            all.record(*call);
        }
        let id = CaseId { binary: "b".into(), name: "work".into() };
        let figures = all.figures().map(|(name, count)| (name, count as f64)).collect();
        let case = Case { figures, ..Case::new(id, CaseOutcome::Passed) };
        let layer = Layer { label: label.to_owned(), cases: vec![case], ..Layer::default() };
        Judged {
            layer,
            outcome: Outcome::Passed,
            elements: BTreeMap::new(),
            machine_away_us: Some(20_000),
            is_whole,
        }
    }

    fn outcomes(layers: &[Judged]) -> Vec<Outcome> {
        notes(layers, BOUND).into_iter().map(|note| note.outcome).collect()
    }

    #[test]
    fn a_stall_in_the_stress_layer_fails_the_run() {
        let stalled = [40, 40_000_000];
        let layers = [
            layer("fast", &stalled, true),
            layer("stress", &stalled, true),
            layer("chaos", &[], true),
        ];
        let found = notes(&layers, BOUND);
        assert_eq!(outcomes(&layers), [Outcome::Failed]);
        assert!(
            found[0].line.starts_with("stress: a call of a client took 33.55 s"),
            "{}",
            found[0].line
        );
        assert_eq!(outcomes(&[layer("stress", &[40, 7_000_000], true)]), []);
    }

    #[test]
    fn a_whole_stress_layer_has_to_time_calls() {
        assert_eq!(outcomes(&[layer("stress", &[], true)]), [Outcome::Inconclusive]);
        assert_eq!(outcomes(&[layer("stress", &[], false)]), []);
    }
}
