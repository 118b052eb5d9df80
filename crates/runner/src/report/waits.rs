//! What the clients of a layer waited, in words. Text only.

use super::{model::Results, number};
use crate::waits;
use results::{Layer, waits::Histogram};

/// A line for each layer whose waits are judged, with the layer's label.
pub(crate) fn waited(results: &Results) -> impl Iterator<Item = (&str, String)> {
    results
        .layers
        .iter()
        .filter_map(|layer| Some((layer.label.as_str(), of_layer(results, layer)?)))
}

/// What clients waited in this layer; nothing where that is not judged, or was not timed.
pub(crate) fn of_layer(results: &Results, layer: &Layer) -> Option<String> {
    let away_us = results.recorded(layer).and_then(|recorded| recorded.machine_away_us);
    let is_judged = waits::are_judged(&layer.label);
    is_judged.then(|| said(&Histogram::of(&layer.figures()), away_us)).flatten()
}

/// `half of 4 711 calls within 63 µs, 99.9 % within 8.19 ms, all within 131 ms …`.
pub(crate) fn said(calls_us: &Histogram, machine_away_us: Option<u64>) -> Option<String> {
    let time = |us: u64| number::nanos(us as f64 * 1e3);
    let within = |share| calls_us.within(share).map(time);
    let half = within(0.5)?;
    let most = within(0.999)?;
    let all = within(1.0)?;
    let calls = number::amount(calls_us.count() as f64);
    let away = machine_away_us.map_or_else(
        || "nobody measured the machine".to_owned(),
        |us| format!("the machine was away for {} at most", time(us)),
    );
    Some(format!(
        "half of {calls} calls within {half}, 99.9 % within {most}, all within {all}; {away}"
    ))
}

#[cfg(test)]
mod tests {
    use super::{Histogram, said};

    #[test]
    fn a_line_says_how_long_clients_waited() {
        let mut calls_us = Histogram::default();
        assert_eq!(said(&calls_us, Some(5)), None);
        (0..1000).for_each(|call| calls_us.record(40 + call / 999 * 100_000));
        let line = "half of 1\u{202f}000 calls within 63.0 µs, 99.9 % within 63.0 µs, all within 131 ms; the machine \
                    was away for 12.0 ms at most";
        assert_eq!(said(&calls_us, Some(12_000)).as_deref(), Some(line));
        assert!(said(&calls_us, None).is_some_and(|line| line.contains("nobody measured")));
    }
}
