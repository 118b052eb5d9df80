//! Charts as inline SVG: no script, no fonts, no colours of their own. Colours come from the page's
//! style by class, so that they follow the reader's light or dark scheme. A library's charts carry
//! their colours inside and know one scheme.

use crate::report::model::Point;
use maud::{Markup, html};

/// The drawing area of a chart, in units of its view box; about the pixels it gets.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 150.0;
/// Room for the labels of the axes.
const LEFT: f64 = 58.0;
const BOTTOM: f64 = 20.0;
const TOP: f64 = 14.0;
const RIGHT: f64 = 10.0;

/// A span of values that are drawn.
#[derive(Debug, Clone, Copy)]
struct Span {
    low: f64,
    high: f64,
}

impl Span {
    /// Around all of `values`; one that is not empty even when they are all the same.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values = values.filter(|value| value.is_finite());
        let span = values.fold(None, |span: Option<Self>, value| {
            let Self { low, high } = span.unwrap_or(Self { low: value, high: value });
            Some(Self { low: low.min(value), high: high.max(value) })
        })?;
        let room = if span.low < span.high { 0.0 } else { (span.low.abs() * 0.1).max(0.5) };
        Some(Self { low: span.low - room, high: span.high + room })
    }

    /// Widened to include `value`.
    fn with(self, value: f64) -> Self {
        Self { low: self.low.min(value), high: self.high.max(value) }
    }

    /// Where `value` stands, from 0 to 1.
    fn place(self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }
}

fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// A curve with its axes; points that stand for a failure are marked over the whole height. `None`
/// when no point has a value.
pub(crate) fn curve(points: &[Point], text: fn(f64) -> String, what: &str) -> Option<Markup> {
    let values = Span::of(points.iter().filter_map(|point| point.value))?;
    // A curve that starts at zero shows growth as what it is, unless it is far away from zero.
    let values =
        if values.low > 0.0 && values.low < values.high / 2.0 { values.with(0.0) } else { values };
    let across = Span::of(points.iter().map(|point| point.at))?;
    let x = |at: f64| round(LEFT + across.place(at) * (WIDTH - LEFT - RIGHT));
    let y = |value: f64| round(HEIGHT - BOTTOM - values.place(value) * (HEIGHT - BOTTOM - TOP));
    let ticks = [values.low, f64::midpoint(values.low, values.high), values.high];
    // A gap of absent values is bridged, because not every cycle takes a snapshot.
    let known = points.iter().filter_map(|point| Some((point.at, point.value?)));
    let known = known.filter(|(_, value)| value.is_finite());
    let path = known.map(|(at, value)| format!("{},{}", x(at), y(value)));
    let first = points.first()?.at;
    let last = points.last()?.at;
    Some(html! {
        svg.chart viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(what) {
            @for tick in ticks {
                line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y(tick)) y2=(y(tick)) {}
                text.tick x=(LEFT - 6.0) y=(y(tick) + 3.5) text-anchor="end" { (text(tick)) }
            }
            @for point in points.iter().filter(|point| point.failed) {
                line.failed x1=(x(point.at)) x2=(x(point.at)) y1=(TOP - 4.0) y2=(HEIGHT - BOTTOM) {
                    title { "cycle " (point.at) " failed" }
                }
                text.failed x=(x(point.at)) y=(TOP - 5.0) text-anchor="middle" { "✗" }
            }
            polyline.curve points=(path.collect::<Vec<_>>().join(" ")) {}
            @for point in points {
                @if let Some(value) = point.value {
                    circle.dot cx=(x(point.at)) cy=(y(value)) r="2.4" {
                        title { (point.at) ": " (text(value)) }
                    }
                }
            }
            text.tick x=(x(first)) y=(HEIGHT - 5.0) text-anchor="middle" { (first) }
            @if last > first {
                text.tick x=(x(last)) y=(HEIGHT - 5.0) text-anchor="middle" { (last) }
            }
        }
    })
}

/// A curve without axes, to stand in a table; `None` below two values.
pub(crate) fn sparkline(values: &[f64], what: &str) -> Option<Markup> {
    let span = Span::of(values.iter().copied()).filter(|_| values.len() > 1)?;
    let step = 96.0 / (values.len() - 1) as f64;
    let y = |value: f64| round(20.0 - span.place(value) * 16.0);
    let pairs: Vec<_> = values
        .iter()
        .enumerate()
        .map(|(index, value)| format!("{},{}", round(2.0 + step * index as f64), y(*value)))
        .collect();
    let last = *values.last()?;
    Some(html! {
        svg.spark viewBox="0 0 100 24" role="img" aria-label=(what) {
            polyline.curve points=(pairs.join(" ")) {}
            circle.dot cx="98" cy=(y(last)) r="2" {}
        }
    })
}

/// A bar of parts, each with its class, its share and what it says when pointed at.
pub(crate) fn stack(parts: &[(&'static str, usize, String)], what: &str) -> Markup {
    let total: usize = parts.iter().map(|(_, count, _)| count).sum();
    let share = |count: usize| 100.0 * count as f64 / total.max(1) as f64;
    let mut at = 0.0;
    let placed: Vec<_> = parts
        .iter()
        .filter(|(_, count, _)| *count > 0)
        .map(|(class, count, says)| {
            let from = at;
            // A single failure among a thousand cases must not be thinner than a line.
            at += share(*count).max(1.2);
            (class, from, at - from, says)
        })
        .collect();
    html! {
        svg.stack viewBox=(format!("0 0 {} 8", round(at.max(1.0)))) preserveAspectRatio="none" role="img" aria-label=(what) {
            @for (class, from, width, says) in placed {
                rect class=(class) x=(round(from)) y="0" width=(round(width)) height="8" { title { (says) } }
            }
        }
    }
}

/// One bar; `share` is from 0 to 1.
pub(crate) fn bar(share: f64, class: &'static str) -> Markup {
    let width = round((share * 100.0).clamp(0.5, 100.0));
    html! {
        svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
            rect class=(class) x="0" y="0" width=(width) height="8" {}
        }
    }
}

/// An interval around its estimate on a common scale of `reach` to both sides of zero.
pub(crate) fn interval(
    low: f64,
    estimate: f64,
    high: f64,
    reach: f64,
    class: &'static str,
) -> Markup {
    let x = |value: f64| round(60.0 + (value / reach).clamp(-1.0, 1.0) * 56.0);
    html! {
        svg.interval viewBox="0 0 120 16" role="img" aria-label=(format!("{low:.1} to {high:.1} per cent")) {
            line.zero x1="60" x2="60" y1="0" y2="16" {}
            line.whisker x1=(x(low)) x2=(x(high)) y1="8" y2="8" {}
            line.whisker x1=(x(low)) x2=(x(low)) y1="5" y2="11" {}
            line.whisker x1=(x(high)) x2=(x(high)) y1="5" y2="11" {}
            circle class=(class) cx=(x(estimate)) cy="8" r="3.2" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, curve, sparkline, stack};
    use crate::report::model::Point;

    fn point(at: f64, value: Option<f64>, failed: bool) -> Point {
        Point { at, value, failed }
    }

    #[test]
    fn a_failed_point_is_marked_even_without_a_value() {
        let points =
            [point(1.0, Some(5.0), false), point(2.0, None, true), point(3.0, Some(9.0), false)];
        let svg = curve(&points, |value| format!("{value}"), "growth").unwrap().into_string();
        assert!(svg.contains("cycle 2 failed") && svg.matches("<circle").count() == 2, "{svg}");
        assert!(!svg.contains("NaN"), "{svg}");
    }

    #[test]
    fn what_cannot_be_drawn_is_not() {
        assert!(curve(&[], |value| format!("{value}"), "nothing").is_none());
        assert!(curve(&[point(1.0, None, true)], |value| format!("{value}"), "gap").is_none());
        assert!(sparkline(&[1.0], "one").is_none());
        let flat = curve(&[point(1.0, Some(3.0), false)], |value| format!("{value}"), "one");
        assert!(!flat.unwrap().into_string().contains("NaN"));
    }

    #[test]
    fn one_failure_among_many_stays_visible() {
        let svg =
            stack(&[("passed", 5000, "5000".into()), ("failed", 1, "1".into())], "x").into_string();
        let failed = svg.split("class=\"failed\"").nth(1).unwrap();
        assert!(failed.contains("width=\"1.2\""), "{svg}");
    }

    #[test]
    fn a_span_of_equal_values_has_room() {
        let span = Span::of([4.0, 4.0].into_iter()).unwrap();
        assert!(span.low < 4.0 && span.high > 4.0);
    }
}
