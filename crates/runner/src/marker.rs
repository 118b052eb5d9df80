//! The lines by which a case tells the runner what a test result cannot: its seed, a known finding,
//! a skip with its reason, figures. Parsing only; a line that is meant as one and cannot be read is
//! said to be so, because a marker that is lost in silence would make a run look better than it is.

use std::collections::BTreeMap;

const PREFIX: &str = "mace-prod: ";

/// What the markers in one case's output say.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Markers {
    /// The case's own seed, derived from the root seed.
    pub(crate) seed: Option<u64>,
    /// Ids of the known findings that showed.
    pub(crate) known: Vec<String>,
    /// Why the case did not do its work.
    pub(crate) skip: Option<String>,
    /// Why the case could not tell.
    pub(crate) inconclusive: Option<String>,
    /// Named amounts, in the order of their names.
    pub(crate) figures: BTreeMap<String, f64>,
    /// Lines that look like markers and are none.
    pub(crate) malformed: Vec<String>,
}

/// Reads the markers in a case's standard output.
pub(crate) fn parse(output: &str) -> Markers {
    let mut markers = Markers::default();
    for line in output.lines() {
        let Some(body) = body(line) else { continue };
        if take(&mut markers, body).is_none() {
            markers.malformed.push(body.to_owned());
        }
    }
    markers
}

/// The marker in `line`. On one thread libtest prints `test name ... ` without a line break
/// before the case's first line.
fn body(line: &str) -> Option<&str> {
    let (before, body) = line.split_once(PREFIX)?;
    let before = before.trim();
    (before.is_empty() || (before.starts_with("test ") && before.ends_with("..."))).then_some(body)
}

fn take(markers: &mut Markers, body: &str) -> Option<()> {
    let (word, rest) = body.split_once(' ').unwrap_or((body, ""));
    let value = |name: &str| {
        rest.split_whitespace().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    match word {
        "known-finding" => markers.known.push(value("id")?.to_owned()),
        "vanished-finding" => {}
        "skip" => markers.skip = Some(rest.strip_prefix("reason=")?.trim().to_owned()),
        "inconclusive" => markers.inconclusive = Some(rest.trim().to_owned()),
        "figures" => {
            for pair in rest.split_whitespace() {
                let (name, amount) = pair.split_once('=')?;
                let amount: f64 = amount.parse().ok().filter(|n: &f64| n.is_finite())?;
                *markers.figures.entry(name.to_owned()).or_default() += amount;
            }
        }
        word => markers.seed = Some(seed(word.strip_prefix("seed=")?)?),
    }
    Some(())
}

fn seed(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn every_marker_is_read() {
        let markers = parse(
            "running 1 test\n\
             test chaos_x ... mace-prod: seed=0x2a case=chaos_x family=tiny\n\
             mace-prod: figures reopenings=2 transactions=10\n\
             mace-prod: known-finding id=lost-page case=lost_page::survives\n\
             mace-prod: skip reason=needs failpoints\n\
             mace-prod: inconclusive no hit\n\
             mace-prod: figures reopenings=1 seconds=0.5\n",
        );
        assert_eq!(markers.seed, Some(42));
        assert_eq!(markers.known, ["lost-page"]);
        assert_eq!(markers.skip.as_deref(), Some("needs failpoints"));
        assert_eq!(markers.inconclusive.as_deref(), Some("no hit"));
        let figures: Vec<_> = markers.figures.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        assert_eq!(figures, [("reopenings", 3.0), ("seconds", 0.5), ("transactions", 10.0)]);
        assert!(markers.malformed.is_empty());
    }

    #[test]
    fn a_marker_that_cannot_be_read_is_not_lost() {
        for line in ["known-finding lost-page", "figures reopenings=many", "seed=", "sikp reason=x"]
        {
            let markers = parse(&format!("mace-prod: {line}\n"));
            assert_eq!(markers.malformed, [line]);
        }
    }

    #[test]
    fn a_quoted_marker_is_no_marker() {
        let markers = parse("assertion failed: got `mace-prod: known-finding id=x case=y`\n");
        assert_eq!(markers, parse(""));
    }
}
