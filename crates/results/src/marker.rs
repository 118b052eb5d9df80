//! The lines by which a case tells the runner what a test result cannot: its seed, a known finding,
//! a skip with its reason, figures. The one grammar of them, written by the suite and read by the
//! runner. Text only: prints nothing and judges nothing.
//!
//! A marker is alone on a line of standard output (an inconclusive case panics with it, on standard
//! error). A line that starts as a marker and cannot be read is kept as malformed, because a marker
//! that is lost in silence would make a run look better than it is.

use std::{collections::BTreeMap, fmt};

const PREFIX: &str = "mace-prod: ";

/// Named amounts.
pub type Figures = BTreeMap<String, f64>;

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub enum Marker {
    /// The first line of every case.
    Start(Start),
    /// What the case counted, at its end. Amounts of one name add up.
    Figures(Figures),
    /// The case did not do its work. It passes without having judged anything.
    Skip {
        /// Why.
        reason: String,
    },
    /// A known finding showed.
    KnownFinding {
        /// Its id.
        id: String,
        /// The case that met it.
        case: String,
    },
    /// The case could not tell, and fails.
    Inconclusive {
        /// Why.
        reason: String,
    },
}

/// What a case says before it does anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The case's own seed, derived from the root seed.
    pub seed: u64,
    /// The root seed.
    pub root: u64,
    /// The case's name.
    pub case: String,
    /// The engine's name and version.
    pub engine: String,
    /// How the engine was built: `failpoints` or `plain`.
    pub build: String,
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        match self {
            Self::Start(Start { seed, root, case, engine, build }) => {
                write!(f, "seed={seed} root={root} case={case} engine={engine} build={build}")
            }
            Self::Figures(figures) => {
                f.write_str("figures")?;
                figures.iter().try_for_each(|(name, amount)| write!(f, " {name}={amount}"))
            }
            Self::Skip { reason } => write!(f, "skip reason={}", one_line(reason)),
            Self::KnownFinding { id, case } => write!(f, "known-finding id={id} case={case}"),
            Self::Inconclusive { reason } => write!(f, "inconclusive {}", one_line(reason)),
        }
    }
}

fn one_line(text: &str) -> String {
    text.trim().replace(['\n', '\r'], " ")
}

impl Marker {
    /// The marker in a line; `None` when there is none, the text behind the prefix when it is
    /// malformed.
    pub fn read(line: &str) -> Option<Result<Self, String>> {
        let (before, body) = line.split_once(PREFIX)?;
        // On one thread libtest prints `test name ... ` without a line break before the first line.
        let before = before.trim();
        let starts = before.is_empty() || (before.starts_with("test ") && before.ends_with("..."));
        starts.then(|| Self::parse(body.trim_end()).ok_or_else(|| body.to_owned()))
    }

    fn parse(body: &str) -> Option<Self> {
        if let Some(reason) = body.strip_prefix("skip reason=") {
            return Some(Self::Skip { reason: reason.to_owned() });
        }
        if let Some(reason) = body.strip_prefix("inconclusive ") {
            return Some(Self::Inconclusive { reason: reason.to_owned() });
        }
        let mut words = body.split_whitespace();
        if body.starts_with("seed=") {
            let start = Start {
                seed: value(&mut words, "seed")?.parse().ok()?,
                root: value(&mut words, "root")?.parse().ok()?,
                case: value(&mut words, "case")?.to_owned(),
                engine: value(&mut words, "engine")?.to_owned(),
                build: value(&mut words, "build")?.to_owned(),
            };
            return words.next().is_none().then_some(Self::Start(start));
        }
        match words.next()? {
            "figures" => words.map(figure).collect::<Option<_>>().map(Self::Figures),
            "known-finding" => {
                let id = value(&mut words, "id")?.to_owned();
                let case = value(&mut words, "case")?.to_owned();
                words.next().is_none().then_some(Self::KnownFinding { id, case })
            }
            _ => None,
        }
    }
}

/// The value of the next word, which has to be `name=value`.
fn value<'b>(words: &mut impl Iterator<Item = &'b str>, name: &str) -> Option<&'b str> {
    words.next()?.strip_prefix(name)?.strip_prefix('=').filter(|value| !value.is_empty())
}

fn figure(word: &str) -> Option<(String, f64)> {
    let (name, amount) = word.split_once('=')?;
    let amount: f64 = amount.parse().ok()?;
    (amount.is_finite() && !name.is_empty()).then(|| (name.to_owned(), amount))
}

/// What all markers in one case's output say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Markers {
    /// The case's own seed.
    pub seed: Option<u64>,
    /// Ids of the known findings that showed.
    pub known: Vec<String>,
    /// Why the case did not do its work.
    pub skip: Option<String>,
    /// Why the case could not tell.
    pub inconclusive: Option<String>,
    /// What it counted, each name's amounts added up.
    pub figures: Figures,
    /// Lines that look like markers and are none.
    pub malformed: Vec<String>,
}

impl Markers {
    /// Reads the markers in a case's output.
    pub fn of(output: &str) -> Self {
        let mut markers = Self::default();
        for marker in output.lines().filter_map(Marker::read) {
            match marker {
                Ok(Marker::Start(start)) => markers.seed = Some(start.seed),
                Ok(Marker::Figures(figures)) => add(&mut markers.figures, &figures),
                Ok(Marker::Skip { reason }) => markers.skip = Some(reason),
                Ok(Marker::KnownFinding { id, .. }) => markers.known.push(id),
                Ok(Marker::Inconclusive { reason }) => markers.inconclusive = Some(reason),
                Err(body) => markers.malformed.push(body),
            }
        }
        markers
    }
}

/// Adds the amounts of `more` to those of `sums`.
pub fn add(sums: &mut Figures, more: &Figures) {
    for (name, amount) in more {
        *sums.entry(name.clone()).or_default() += amount;
    }
}

#[cfg(test)]
mod tests {
    use super::{Marker, Markers, Start};

    fn all() -> [Marker; 5] {
        let start = Start {
            seed: u64::MAX,
            root: 7,
            case: "a::b".into(),
            engine: "mace-kv-0.2.0".into(),
            build: "plain".into(),
        };
        [
            Marker::Start(start),
            Marker::Figures([("reopenings".into(), 3.0), ("seconds".into(), 0.5)].into()),
            Marker::Skip { reason: "needs failpoints".into() },
            Marker::KnownFinding { id: "lost-page".into(), case: "lost_page::survives".into() },
            Marker::Inconclusive { reason: "no hit".into() },
        ]
    }

    #[test]
    fn every_marker_is_read_back_as_written() {
        for marker in all() {
            let line = marker.to_string();
            assert_eq!(Marker::read(&line), Some(Ok(marker.clone())), "{line}");
            let behind_libtest = format!("test chaos_x ... {line}");
            assert_eq!(Marker::read(&behind_libtest), Some(Ok(marker)), "{line}");
        }
        let [start, figures, ..] = all().map(|marker| marker.to_string());
        let text = "mace-prod: seed=18446744073709551615 root=7 case=a::b engine=mace-kv-0.2.0";
        assert_eq!(start, format!("{text} build=plain"));
        assert_eq!(figures, "mace-prod: figures reopenings=3 seconds=0.5");
    }

    #[test]
    fn markers_of_one_case_add_up() {
        let lines = all().map(|marker| marker.to_string()).join("\n");
        let markers = Markers::of(&format!("running 1 test\n{lines}\n{lines}"));
        assert_eq!(markers.seed, Some(u64::MAX));
        assert_eq!(markers.known, ["lost-page", "lost-page"]);
        assert_eq!(markers.skip.as_deref(), Some("needs failpoints"));
        assert_eq!(markers.inconclusive.as_deref(), Some("no hit"));
        assert_eq!(markers.figures, [("reopenings".into(), 6.0), ("seconds".into(), 1.0)].into());
        assert!(markers.malformed.is_empty());
    }

    #[test]
    fn a_reason_of_several_lines_stays_one_marker() {
        let marker = Marker::Inconclusive { reason: "no hit\nof any point\n".into() };
        assert_eq!(marker.to_string(), "mace-prod: inconclusive no hit of any point");
    }

    #[test]
    fn malformed_markers_are_kept() {
        for line in ["known-finding lost-page", "figures reopenings=many", "seed=", "sikp reason=x"]
        {
            let markers = Markers::of(&format!("mace-prod: {line}\n"));
            assert_eq!(markers.malformed, [line]);
        }
    }

    #[test]
    fn a_quoted_marker_is_no_marker() {
        let line = "assertion failed: got `mace-prod: known-finding id=x case=y`";
        assert_eq!(Marker::read(line), None);
    }
}
