//! Failures as annotations of a change, in the form of GitHub's workflow commands: a line each.

use crate::report::{
    model::{COSTS_MORE, Model, Perf, Results},
    number,
};
use results::{Case, gate::Verdict};

/// A line for each failure of the last run, and for each bench that regressed or costs more.
pub fn annotations(model: &Model) -> Vec<String> {
    let cases = model.results.iter().flat_map(of_cases);
    cases.chain(model.perf.iter().flat_map(of_benches)).collect()
}

fn of_benches(perf: &Perf) -> Vec<String> {
    let has_regressed = |verdict: &Option<String>| *verdict == Some(Verdict::Regressed.name());
    let slower = perf.cases.iter().filter(|case| has_regressed(&case.verdict)).map(|case| {
        let change = case.delta_pct.map_or_else(String::new, number::percent);
        annotation(&case.id, &format!("regressed: {change}"))
    });
    let costlier = perf.facts.iter().filter(|(what, _)| what == COSTS_MORE);
    slower.chain(costlier.map(|(what, said)| annotation(what, said))).collect()
}

fn of_cases(results: &Results) -> Vec<String> {
    let cases = results.failures().map(|(layer, case)| {
        let Case { id, outcome, message, repro, .. } = case;
        let title = format!("{} [{}: {outcome}]", id.name, layer.label);
        let message = message.as_deref().unwrap_or_default();
        let text = format!("{message}\nrepeat: {}", repro.as_deref().unwrap_or_default());
        annotation(&title, &text)
    });
    let notes = results.notes().iter().map(|note| annotation("mace-prod", note));
    cases.chain(notes).collect()
}

/// Characters that end a command, or a property of it, are written by their numbers.
fn annotation(title: &str, text: &str) -> String {
    let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let title = title.replace('%', "%25").replace(':', "%3A").replace(',', "%2C");
    format!("::error title={title}::{text}")
}

#[cfg(test)]
mod tests {
    use super::{COSTS_MORE, Model, Perf, annotation, annotations};
    use crate::report::model::PerfCase;

    #[test]
    fn what_the_gate_failed_by_is_told() {
        let case = |id: &str, verdict: &str| PerfCase {
            id: id.to_owned(),
            delta_pct: Some(12.5),
            verdict: Some(verdict.to_owned()),
            ..PerfCase::default()
        };
        let cases = vec![
            case("Put/1", "regressed"),
            case("Get/1", "faster"),
            case("Get/4", "inconclusive"),
        ];
        let fact = |what: &str| (what.to_owned(), "Put/1: syncs 1 -> 2".to_owned());
        let facts = vec![fact("gate"), fact(COSTS_MORE)];
        let told = |perf| annotations(&Model { perf: Some(perf), ..Model::default() });
        assert_eq!(
            told(Perf { facts, cases, ..Perf::default() }),
            [
                "::error title=Put/1::regressed: +12.5 %25",
                "::error title=costs more::Put/1: syncs 1 -> 2"
            ],
        );
        assert_eq!(told(Perf::default()), Vec::<String>::new());
    }

    #[test]
    fn what_ends_a_command_is_encoded() {
        let line = annotation("a::b [fast: failed, b]", "50 % lost\nrepeat: x");
        assert_eq!(line, "::error title=a%3A%3Ab [fast%3A failed%2C b]::50 %25 lost%0Arepeat: x");
    }
}
