//! The verdict on the engine: how it stands with each promise, and by how much that was tried. It says
//! what the engine may be trusted with; whether anything got worse is the run's outcome, and neither
//! changes the other. Data and words; the runner judges.

use crate::marker::Figures;
use knobs::findings::Promise;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a figure begins by which a case says that it tried a promise.
const TRIES: &str = "tries.";

/// The figure by which a case says that it tried this promise.
pub fn figure(promise: Promise) -> String {
    format!("{TRIES}{}", promise.name())
}

/// Whether a figure is one of those: it says what was tried, and counts nothing.
pub fn is_figure(name: &str) -> bool {
    name.starts_with(TRIES)
}

/// The promises that a case says it tried.
pub fn tried(figures: &Figures) -> impl Iterator<Item = Promise> {
    Promise::ALL.into_iter().filter(|promise| figures.contains_key(&figure(*promise)))
}

/// How it stands with a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Tried, and nothing is known or was found to break it.
    Kept,
    /// Confirmed findings break it.
    Broken,
    /// Nothing confirmed breaks it, and a case failed that may.
    InDoubt,
    /// No case of this run tried it.
    NotTried,
}

impl Word {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Kept, Self::Broken, Self::InDoubt, Self::NotTried];

    /// The word as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Broken => "broken",
            Self::InDoubt => "in-doubt",
            Self::NotTried => "not-tried",
        }
    }
}

/// How it stands with one promise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The promise.
    pub promise: Promise,
    /// How it stands.
    pub verdict: Word,
    /// The confirmed findings of this engine that break it, shown in this run or not.
    pub findings: Vec<String>,
    /// How many cases tried it to their end, those of known findings left out.
    pub cases: u64,
    /// How many cases failed that tried it, or that did not come to say what they try.
    pub failed: u64,
    /// What those that tried it counted, by the words for it.
    pub amounts: BTreeMap<String, u64>,
}

impl Standing {
    /// The verdict in words.
    pub fn said(&self) -> String {
        match self.verdict {
            Word::Kept => "kept as far as tried".to_owned(),
            Word::Broken => {
                format!("broken, {}", counted(self.findings.len() as u64, "confirmed finding"))
            }
            Word::InDoubt => format!("in doubt, {}", counted(self.failed, "failed case")),
            Word::NotTried => "not tried here".to_owned(),
        }
    }
}

/// The verdict on all promises in one line.
pub fn headline(standings: &[Standing]) -> String {
    let of = |word| standings.iter().filter(move |standing| standing.verdict == word);
    let all = standings.len();
    let open = of(Word::NotTried).count();
    let open = if open == 0 { String::new() } else { format!(", {open} not tried here") };
    let broken = of(Word::Broken).count();
    if broken > 0 {
        let findings: usize = of(Word::Broken).map(|standing| standing.findings.len()).sum();
        let findings = counted(findings as u64, "confirmed finding");
        return format!("breaks {broken} of {all} promises ({findings}){open}");
    }
    let doubtful = of(Word::InDoubt).count();
    if doubtful > 0 {
        return format!("{doubtful} of {all} promises in doubt{open}");
    }
    match of(Word::Kept).count() {
        0 => "no promise was tried here".to_owned(),
        kept => format!("{kept} of {all} promises kept as far as tried{open}"),
    }
}

/// `1 case`, `2 cases`.
fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::{Figures, Promise, Standing, Word, figure, headline, is_figure, tried};

    fn standing(promise: Promise, verdict: Word) -> Standing {
        let findings =
            if verdict == Word::Broken { vec!["a".into(), "b".into()] } else { Vec::new() };
        let failed = u64::from(verdict == Word::InDoubt);
        Standing { promise, verdict, findings, cases: 3, failed, amounts: [].into() }
    }

    #[test]
    fn what_a_case_tried_is_read_back() {
        let all = Promise::ALL.into_iter().map(|promise| (figure(promise), 1.0));
        let mut figures: Figures = all.collect();
        assert!(figures.keys().all(|name| is_figure(name)));
        figures.insert("transactions".into(), 7.0);
        assert!(!is_figure("transactions"));
        assert_eq!(tried(&figures).collect::<Vec<_>>(), Promise::ALL);
        figures.remove(&figure(Promise::Space));
        assert!(!tried(&figures).any(|promise| promise == Promise::Space));
    }

    #[test]
    fn a_verdict_has_its_words() {
        let of = |word| standing(Promise::Api, word);
        for word in Word::ALL {
            assert_eq!(serde_json::to_value(word).unwrap(), word.name());
        }
        assert_eq!(
            Word::ALL.map(|word| of(word).said()),
            [
                "kept as far as tried",
                "broken, 2 confirmed findings",
                "in doubt, 1 failed case",
                "not tried here"
            ]
        );
        let says =
            |words: &[Word]| headline(&words.iter().map(|word| of(*word)).collect::<Vec<_>>());
        for (words, line) in [
            (
                &[Word::Kept, Word::Broken, Word::InDoubt][..],
                "breaks 1 of 3 promises (2 confirmed findings)",
            ),
            (
                &[Word::Kept, Word::InDoubt, Word::NotTried],
                "1 of 3 promises in doubt, 1 not tried here",
            ),
            (
                &[Word::Kept, Word::NotTried],
                "1 of 2 promises kept as far as tried, 1 not tried here",
            ),
            (&[Word::NotTried], "no promise was tried here"),
        ] {
            assert_eq!(says(words), line);
        }
    }

    #[test]
    fn a_standing_is_read_back() {
        let before = standing(Promise::DurabilityPowerLoss, Word::NotTried);
        let text = serde_json::to_string(&before).unwrap();
        assert!(
            text.contains(r#""promise":"durability-power-loss","verdict":"not-tried""#),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<Standing>(&text).unwrap(), before);
    }
}
