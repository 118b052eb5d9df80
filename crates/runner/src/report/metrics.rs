//! The same as `OpenMetrics` text, for those who collect such things:
//! <https://prometheus.io/docs/specs/om/open_metrics_spec/>. Gauges only: the file is a snapshot.

use crate::report::model::Model;
use results::{
    CaseOutcome, Outcome,
    standing::{Standing, Word},
};
use std::fmt::{self, Write};

/// Renders the exposition; it ends in `# EOF` as the format demands.
pub fn openmetrics(model: &Model) -> String {
    let mut text = String::new();
    write(model, &mut text).expect("a string takes every write");
    text
}

fn write(model: &Model, text: &mut String) -> fmt::Result {
    if let Some(results) = &model.results {
        let outcome = f64::from(u8::from(results.outcome() == Outcome::Passed));
        let labels = [("engine", results.engine()), ("root_seed", results.root_seed())];
        family(text, "mace_prod_passed", "1 when the run passed", [(labels.to_vec(), outcome)])?;
        promises(results.promises(), text)?;
        let cases = results.layers.iter().flat_map(|layer| {
            let sample = |outcome: CaseOutcome| {
                let labels = vec![("layer", layer.label.as_str()), ("verdict", outcome.name())];
                (labels, layer.count(&[outcome]) as f64)
            };
            CaseOutcome::ALL.map(sample)
        });
        family(text, "mace_prod_cases", "cases by layer and verdict", cases)?;
        let walls = results.layers.iter();
        let walls =
            walls.map(|layer| (vec![("layer", layer.label.as_str())], layer.wall.as_secs_f64()));
        let help = "wall time of a layer";
        family(text, "mace_prod_layer_duration_seconds", help, walls)?;
        let sums = results.layers.iter().map(|layer| (layer.label.as_str(), layer.figures()));
        let sums: Vec<_> = sums.collect();
        let figures = sums.iter().flat_map(|(label, figures)| {
            let labels = |name| vec![("layer", *label), ("figure", name)];
            figures.iter().map(move |(name, amount)| (labels(name.as_str()), *amount))
        });
        family(text, "mace_prod_figure", "what cases counted, summed over a layer", figures)?;
    }
    let known = model.known.iter();
    let known = known.map(|known| {
        (vec![("id", known.id.as_str())], f64::from(u8::from(!known.seen.is_empty())))
    });
    family(text, "mace_prod_known_finding", "1 when the accepted finding was met", known)?;
    if let Some(perf) = &model.perf {
        let medians = perf.cases.iter();
        let medians = medians
            .filter_map(|case| Some((vec![("case", case.id.as_str())], case.head_ns? / 1e9)));
        family(text, "mace_perf_median_seconds", "estimate of a benchmark", medians)?;
        let deltas = perf.cases.iter();
        let deltas = deltas
            .filter_map(|case| Some((vec![("case", case.id.as_str())], case.delta_pct? / 100.0)));
        family(
            text,
            "mace_perf_change_ratio",
            "change against the base, positive is slower",
            deltas,
        )?;
    }
    if let Some(soak) = &model.soak {
        let failed = soak.cycles.iter().filter(|cycle| cycle.failed).count() as f64;
        let cycles = [
            (vec![("state", "all")], soak.cycles.len() as f64),
            (vec![("state", "failed")], failed),
        ];
        family(text, "mace_soak_cycles", "cycles of the long run", cycles)?;
        let last = soak.cycles.last().into_iter().flat_map(|cycle| &cycle.values);
        let last = last.map(|(name, value)| (vec![("series", name.as_str())], *value));
        family(text, "mace_soak_last", "the last cycle's value of each series", last)?;
    }
    text.write_str("# EOF\n")
}

/// The verdict on the engine.
fn promises(promises: &[Standing], text: &mut String) -> fmt::Result {
    let verdicts = promises.iter().flat_map(|standing| {
        let sample = |word: Word| {
            let labels = vec![("promise", standing.promise.name()), ("verdict", word.name())];
            (labels, f64::from(u8::from(standing.verdict == word)))
        };
        Word::ALL.map(sample)
    });
    let help = "1 for how it stands with a promise of the engine";
    family(text, "mace_prod_promise", help, verdicts)?;
    let confirmed = promises.iter().map(|standing| {
        (vec![("promise", standing.promise.name())], standing.findings.len() as f64)
    });
    let help = "confirmed findings that break a promise of the engine";
    family(text, "mace_prod_promise_findings", help, confirmed)
}

/// One metric with its samples; nothing when it has none.
fn family<'l>(
    text: &mut String,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Vec<(&'l str, &'l str)>, f64)>,
) -> fmt::Result {
    let mut samples = samples.into_iter().filter(|(_, value)| value.is_finite()).peekable();
    if samples.peek().is_none() {
        return Ok(());
    }
    writeln!(text, "# TYPE {name} gauge")?;
    // The unit is the last word of the name.
    if let Some(unit) = ["seconds", "ratio"].into_iter().find(|unit| name.ends_with(unit)) {
        writeln!(text, "# UNIT {name} {unit}")?;
    }
    writeln!(text, "# HELP {name} {help}")?;
    for (labels, value) in samples {
        let labels =
            labels.into_iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        let labels = labels.collect::<Vec<_>>().join(",");
        writeln!(text, "{name}{{{labels}}} {value}")?;
    }
    Ok(())
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::{family, openmetrics};
    use crate::report::Model;

    #[test]
    fn a_label_may_hold_anything() {
        let mut text = String::new();
        family(
            &mut text,
            "x",
            "h",
            [(vec![("l", "a\"b\\c\nd")], 1.5), (vec![("l", "n")], f64::NAN)],
        )
        .unwrap();
        assert_eq!(text, "# TYPE x gauge\n# HELP x h\nx{l=\"a\\\"b\\\\c\\nd\"} 1.5\n");
    }

    #[test]
    fn nothing_is_an_exposition_too() {
        assert_eq!(openmetrics(&Model::default()), "# EOF\n");
    }
}
