//! The long run's files: `perf_cycles.csv`, one row a cycle, and `summary.json`. Every column that
//! holds numbers becomes a curve, so that a new one needs no change here.

use super::reader::Reader;
use crate::report::model::{Cycle, Soak};
use results::{document, judge::Judgement, state::SoakState};
use serde_json::Value;

/// Columns that are no measurement: they name the cycle or its draw.
const NAMES: [&str; 6] = ["cycle", "elapsed_secs", "seed", "process", "outcome", "machine"];

/// Columns that count what fails a cycle.
const FAILURES: [&str; 3] = ["failed", "timed_out", "flaky"];

/// What is there; `None` when no long run has left anything.
pub(super) fn read(reader: &mut Reader<'_>) -> Option<Soak> {
    let folder = reader.places.soak.clone();
    let mut soak = Soak::default();
    let path = folder.join("perf_cycles.csv");
    let rows = reader.text(&path);
    if let Some(Err(what)) = rows.as_deref().map(|text| cycles(text, &mut soak)) {
        reader.problem(&path, &what);
    }
    let state = reader.parsed(&folder.join("summary.json"), document::decode::<SoakState>);
    let found = rows.is_some() || state.is_some();
    if let Some(state) = state {
        let says =
            |it: &Judgement| (it.aspect.clone(), format!("{}: {}", it.trend.name(), it.because));
        soak.verdicts = state.judgements.iter().map(says).collect();
        let failed_in = |number| state.failures.iter().any(|failure| failure.cycle == number);
        for cycle in &mut soak.cycles {
            cycle.failed |= failed_in(cycle.number);
        }
        let mut rest = serde_json::to_value(&state).expect("the state is plain data");
        rest["figures"].take();
        facts("", &rest, &mut soak.facts);
        soak.failures = state.failures;
        soak.figures = state.figures;
    }
    found.then_some(soak)
}

/// Reads the rows; those before a malformed one stay.
fn cycles(text: &str, soak: &mut Soak) -> Result<(), String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let names = header.iter().filter(|name| !NAMES.contains(name));
    soak.columns = names.map(str::to_owned).collect();
    for row in reader.records() {
        let row = row.map_err(|error| error.to_string())?;
        let mut cycle = Cycle::default();
        for (name, field) in header.iter().zip(&row) {
            match field.parse::<f64>() {
                _ if name == "cycle" => {
                    let what = |_| format!("cycle {field:?} is no number");
                    cycle.number = field.parse().map_err(what)?;
                }
                // The exit code that the cycle alone would have had; a signal is no failure.
                Ok(code) if name == "outcome" => cycle.failed |= (1.0..=3.0).contains(&code),
                Ok(value) if value.is_finite() => {
                    cycle.failed |= FAILURES.contains(&name) && value > 0.0;
                    cycle.values.insert(name.to_owned(), value);
                }
                _ => {}
            }
        }
        soak.cycles.push(cycle);
    }
    // A column of words is no curve.
    let has_number =
        |name: &String| soak.cycles.iter().any(|cycle| cycle.values.contains_key(name));
    soak.columns.retain(has_number);
    Ok(())
}

/// Scalars by their path through the document; what is nested deeper than a page shows stays in
/// the file.
fn facts(prefix: &str, value: &Value, facts_of: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) if prefix.matches('.').count() < 2 => {
            for (name, value) in object {
                let path =
                    if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                facts(&path, value, facts_of);
            }
        }
        Value::Null | Value::Object(_) | Value::Array(_) => {}
        Value::String(text) => facts_of.push((prefix.to_owned(), text.clone())),
        scalar => facts_of.push((prefix.to_owned(), scalar.to_string())),
    }
}

/// Used by the tests of the formats only.
#[cfg(test)]
pub(crate) fn parse(text: &str) -> Result<Soak, String> {
    let mut soak = Soak::default();
    cycles(text, &mut soak).map(|()| soak)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn numeric_columns_are_curves_and_failures_mark() {
        let soak = parse(
            "cycle,elapsed_secs,cases,median_ns_p50,median_ns_p95,seed,failed,rss_bytes\n\
             1,10,6,100,200,7,0,4096\n2,20,6,,,8,1,8192\n",
        )
        .unwrap();
        assert_eq!(
            soak.columns,
            ["cases", "median_ns_p50", "median_ns_p95", "failed", "rss_bytes"]
        );
        assert_eq!((soak.cycles[0].failed, soak.cycles[1].failed), (false, true));
        assert_eq!(soak.cycles[1].values.get("median_ns_p50"), None);
    }

    #[test]
    fn half_a_row_is_an_error() {
        assert!(parse("cycle,elapsed_secs,cases\n1,10,6\n2,20\n").is_err());
        assert!(parse("cycle,elapsed_secs\nx,10\n").unwrap_err().contains("no number"));
    }
}
