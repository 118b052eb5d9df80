//! Renders a violation for a reader: its name, the promise it breaks, the cycle and the proof of
//! each edge, as text, as a DOT graph and as an SVG picture. Decides nothing.

use crate::{
    anomaly::{Edge, Evidence, Violation, Why},
    history::{Key, Version},
};
use std::fmt::Write;

/// How texts and pictures name transactions, keys and versions.
pub trait Names {
    /// A transaction.
    fn txn(&self, txn: u32) -> String {
        format!("T{txn}")
    }

    /// A key.
    fn key(&self, key: Key) -> String {
        format!("key {key}")
    }

    /// A version.
    fn version(&self, version: Version) -> String {
        format!("v{version}")
    }
}

/// Names everything by its number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers;

impl Names for Numbers {}

/// The violation as a few lines of text. The first line has its name and its promise.
pub fn text(violation: &Violation, names: &dyn Names) -> String {
    let mut text = format!("{}: {}", violation.anomaly, violation.anomaly.promise());
    for line in lines(&violation.evidence, names) {
        write!(text, "\n  {line}").expect("a string takes all");
    }
    text
}

fn lines(evidence: &Evidence, names: &dyn Names) -> Vec<String> {
    let shown = |version: &Option<Version>| {
        version.map_or_else(|| "nothing".to_owned(), |version| names.version(version))
    };
    match evidence {
        Evidence::Read { txn, key, version, writer } => {
            let by = writer.map_or_else(
                || "nobody wrote there".to_owned(),
                |writer| format!("{} wrote", names.txn(writer)),
            );
            let txn = names.txn(*txn);
            let key = names.key(*key);
            let version = names.version(*version);
            vec![format!("{txn} read {version} at {key}, which {by}")]
        }
        Evidence::Differs { txn, key, first, then } => {
            let txn = names.txn(*txn);
            let key = names.key(*key);
            vec![format!("{txn} had {} at {key}, and then {}", shown(first), shown(then))]
        }
        Evidence::Disorder { txn, key } => {
            let txn = names.txn(*txn);
            let key = names.key(*key);
            vec![format!("a scan of {txn} met {key} out of order or outside of its range")]
        }
        Evidence::Cycle(edges) => edges.iter().map(|edge| proof(edge, names)).collect(),
    }
}

/// Why one transaction comes before another, with the operations that prove it.
fn proof(edge: &Edge, names: &dyn Names) -> String {
    let from = names.txn(edge.from);
    let to = names.txn(edge.to);
    let key = edge.key.map_or_else(String::new, |key| names.key(key));
    let shown = |version: Option<Version>| {
        version.map_or_else(|| "nothing".to_owned(), |version| names.version(version))
    };
    let version = shown(edge.version);
    let then = shown(edge.then);
    let how = if edge.scan { " by a scan" } else { "" };
    let because = match edge.why {
        Why::Wr => format!("{to} read {version} at {key}{how}, which {from} wrote"),
        Why::Ww => format!("{to} wrote {then} at {key} over {version}, which {from} wrote"),
        Why::Rw => format!("{from} saw {version} at {key}{how}, and {to} wrote {then} there"),
        Why::Session => format!("{from} was acknowledged before {to} began in the same session"),
        Why::RealTime => format!("{from} was over before {to} began"),
        Why::Reopening => format!("{from} was over before the database that {to} saw was opened"),
    };
    format!("{from} -> {to} ({}): {because}", edge.why.name())
}

/// The cycle as a DOT graph. Evidence about a single transaction is a graph of one node.
pub fn dot(violation: &Violation, names: &dyn Names) -> String {
    let mut dot = String::from("digraph violation {\n");
    writeln!(dot, "  label={:?};", violation.anomaly.name()).expect("a string takes all");
    match &violation.evidence {
        Evidence::Cycle(edges) => {
            for edge in edges {
                let from = names.txn(edge.from);
                let to = names.txn(edge.to);
                let label = label(edge, names);
                writeln!(dot, "  {from:?} -> {to:?} [label={label:?}];")
                    .expect("a string takes all");
            }
        }
        other => {
            for line in lines(other, names) {
                writeln!(dot, "  {line:?};").expect("a string takes all");
            }
        }
    }
    dot.push_str("}\n");
    dot
}

fn label(edge: &Edge, names: &dyn Names) -> String {
    let key = edge.key.map(|key| format!(" {}", names.key(key))).unwrap_or_default();
    format!("{}{key}", edge.why.name())
}

/// Width and height of the picture, in pixels.
const SIZE: f64 = 640.0;
const RADIUS: f64 = 220.0;

/// The cycle as an SVG picture with the proofs below it. It needs no other program to be viewed.
pub fn svg(violation: &Violation, names: &dyn Names) -> String {
    let proofs = lines(&violation.evidence, names);
    let height = SIZE + 20.0 * proofs.len() as f64 + 20.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1000\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n<defs><marker id=\"arrow\" markerWidth=\"10\" \
         markerHeight=\"8\" refX=\"9\" refY=\"4\" orient=\"auto\"><path d=\"M0,0 L10,4 L0,8 z\"/>\
         </marker></defs>\n<text x=\"20\" y=\"30\" font-size=\"18\">{}</text>\n",
        escaped(violation.anomaly.name())
    );
    if let Evidence::Cycle(edges) = &violation.evidence {
        for (at, edge) in edges.iter().enumerate() {
            arrow(&mut svg, at, edges.len(), &label(edge, names), &names.txn(edge.from));
        }
    }
    for (at, line) in proofs.iter().enumerate() {
        let y = SIZE + 20.0 * at as f64;
        writeln!(svg, "<text x=\"20\" y=\"{y}\">{}</text>", escaped(line))
            .expect("a string takes all");
    }
    svg.push_str("</svg>\n");
    svg
}

fn place(at: usize, count: usize) -> (f64, f64) {
    let angle = std::f64::consts::TAU * at as f64 / count as f64;
    (SIZE / 2.0 + RADIUS * angle.sin(), SIZE / 2.0 - RADIUS * angle.cos())
}

/// An arrow from the `at`-th transaction of the cycle to the next, bent outwards.
fn arrow(svg: &mut String, at: usize, count: usize, label: &str, name: &str) {
    let (x, y) = place(at, count);
    let (to_x, to_y) = place(at + 1, count);
    let angle = std::f64::consts::TAU * (at as f64 + 0.5) / count as f64;
    let bend = RADIUS * if count == 2 { 0.5 } else { 1.05 };
    let mid_x = SIZE / 2.0 + bend * angle.sin();
    let mid_y = SIZE / 2.0 - bend * angle.cos();
    let label = escaped(label);
    let name = escaped(name);
    writeln!(
        svg,
        "<path d=\"M{x:.0},{y:.0} Q{mid_x:.0},{mid_y:.0} {to_x:.0},{to_y:.0}\" fill=\"none\" \
         stroke=\"black\" marker-end=\"url(#arrow)\"/>\n<text x=\"{mid_x:.0}\" y=\"{mid_y:.0}\" \
         fill=\"firebrick\" text-anchor=\"middle\">{label}</text>\n<text x=\"{x:.0}\" y=\"{y:.0}\" \
         font-weight=\"bold\" text-anchor=\"middle\">{name}</text>"
    )
    .expect("a string takes all");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::Anomaly;

    #[test]
    fn each_step_of_a_circle_is_proved() {
        let edge = |from, to, why, version, then| Edge {
            from,
            to,
            why,
            key: Some(7),
            version,
            then,
            scan: false,
        };
        let violation = Violation {
            anomaly: Anomaly::FracturedRead,
            evidence: Evidence::Cycle(vec![
                edge(1, 2, Why::Wr, Some(4), None),
                edge(2, 1, Why::Rw, None, Some(5)),
            ]),
        };
        assert_eq!(
            text(&violation, &Numbers),
            "fractured read: a snapshot holds all of a transaction or nothing of it\n  \
             T1 -> T2 (wr): T2 read v4 at key 7, which T1 wrote\n  \
             T2 -> T1 (rw): T2 saw nothing at key 7, and T1 wrote v5 there"
        );
        assert!(dot(&violation, &Numbers).contains(r#""T1" -> "T2" [label="wr key 7"];"#));
        let svg = svg(&violation, &Numbers);
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>\n"));
        assert_eq!(svg.matches("marker-end").count(), 2);
    }
}
