//! What a run put down to known findings, held against their budgets: the lines that every run prints, and
//! those that fail it. The arithmetic is in `results::absorbed`.

use crate::{part, record::Judged, report::said};
use knobs::findings::{Finding, Findings};
use results::absorbed::{self, Absorbed};

/// What the layers put down to findings of this engine. The project's own tests plant defects, and put
/// nothing down that counts.
pub(crate) fn held(findings: &Findings, engine: &str, layers: &[Judged]) -> Vec<Absorbed> {
    let findings: Vec<&Finding> = findings.for_engine(engine).collect();
    let own = part::own().label;
    let layers = layers.iter().map(|judged| &judged.layer).filter(|layer| layer.label != own);
    let cases = layers.flat_map(|layer| &layer.cases);
    let cases: Vec<_> = cases.map(|case| (case.id.name.as_str(), &case.figures)).collect();
    absorbed::held(&findings, &cases)
}

/// A line for each finding that took more than it may.
pub(crate) fn failures(held: &[Absorbed]) -> impl Iterator<Item = String> {
    held.iter().filter(|absorbed| absorbed.fails()).map(failure)
}

fn failure(absorbed: &Absorbed) -> String {
    let Absorbed { finding, at_most, .. } = absorbed;
    let remedy = match at_most {
        Some(_) => {
            "another defect shows itself like it: look at what these cases put down to it, and measure \
             its budget again only when that is explained"
        }
        None => "measure its share and state it in its entry (`absorbs`)",
    };
    format!("known finding `{finding}` takes {}: {remedy}", said(absorbed))
}
