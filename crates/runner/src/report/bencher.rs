//! The same as Bencher's metric format (BMF JSON): benchmark, measure, value with its bounds:
//! <https://bencher.dev/docs/reference/bencher-metric-format/>. Only what is a measurement.

use crate::report::model::Model;
use serde_json::{Map, Value, json};

/// Renders the document. `latency` is in nanoseconds, as Bencher's own measure of that name is.
pub fn bencher(model: &Model) -> String {
    let mut benchmarks = Map::new();
    for case in model.perf.iter().flat_map(|perf| &perf.cases) {
        let Some(value) = case.head_ns.filter(|ns| ns.is_finite()) else { continue };
        let latency = match case.head_interval_ns {
            Some((low, high)) => json!({ "value": value, "lower_value": low, "upper_value": high }),
            None => json!({ "value": value }),
        };
        benchmarks.insert(case.id.clone(), json!({ "latency": latency }));
    }
    for layer in model.results.iter().flat_map(|results| &results.layers) {
        let wall_ns = layer.wall.as_secs_f64() * 1e9;
        let failures = layer.failures().count();
        let measures =
            json!({ "latency": { "value": wall_ns }, "failures": { "value": failures } });
        benchmarks.insert(format!("layer/{}", layer.label), measures);
    }
    format!("{:#}\n", Value::Object(benchmarks))
}
