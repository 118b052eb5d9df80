//! The end of a run as text: a table of layers, their figures, what was skipped and is known, then
//! the failures with the command that repeats each, then the verdict. Renders only.

use crate::report::Verdict;
use crate::{
    judge::{Judged, Layer},
    merge::Origin,
};
use knobs::findings::Findings;
use process::Outcome;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Everything the end of a run says.
pub(crate) struct Summary<'s> {
    pub(crate) layers: &'s [Layer],
    pub(crate) origin: &'s Origin,
    /// What is known to be wrong with the engine.
    pub(crate) findings: &'s Findings,
    /// What failed besides cases, one line each.
    pub(crate) notes: &'s [String],
    pub(crate) outcome: Outcome,
}

const COLUMNS: [(&str, &[Verdict]); 6] = [
    ("passed", &[Verdict::Passed]),
    ("failed", &[Verdict::Failed, Verdict::Missing, Verdict::Stray, Verdict::Vanished]),
    ("timed out", &[Verdict::TimedOut]),
    ("flaky", &[Verdict::Flaky, Verdict::FlakyPassed]),
    ("known", &[Verdict::Known]),
    ("skipped", &[Verdict::Skipped]),
];

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.table(f)?;
        self.figures(f)?;
        self.reasons(f)?;
        self.failures(f)?;
        writeln!(f)?;
        f.write_str(&self.verdict())
    }
}

impl Summary<'_> {
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "engine {}, root seed {}", self.origin.engine, self.origin.seed)?;
        write!(f, "{:20} {:>6}", "layer", "cases")?;
        for (name, _) in COLUMNS {
            write!(f, " {name:>9}")?;
        }
        writeln!(f, " {:>9}", "seconds")?;
        for layer in self.layers {
            write!(f, "{:20} {:>6}", layer.part.label, layer.cases.len())?;
            for (_, verdicts) in COLUMNS {
                let count: usize = verdicts.iter().map(|verdict| layer.count(*verdict)).sum();
                write!(f, " {count:>9}")?;
            }
            writeln!(f, " {:>9.1}", layer.wall.as_secs_f64())?;
        }
        Ok(())
    }

    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for layer in self.layers.iter().filter(|layer| !layer.figures.is_empty()) {
            write!(f, "{:20}", format!("{}:", layer.part.label))?;
            for (index, (name, amount)) in layer.figures.iter().enumerate() {
                let comma = if index == 0 { "" } else { "," };
                let digits = usize::from(amount.fract() != 0.0);
                write!(f, "{comma} {} {amount:.digits$}", name.replace('_', " "))?;
            }
            writeln!(f)?;
        }
        Ok(())
    }

    fn reasons(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.known(f)?;
        let heading = |f: &mut fmt::Formatter<'_>, text: &str, verdict, line: Line| {
            let mut chosen = self.cases().filter(|(_, case)| case.verdict == verdict).peekable();
            if chosen.peek().is_some() {
                writeln!(f, "\n{text}")?;
            }
            chosen.try_for_each(|(layer, case)| {
                writeln!(f, "  {}  {}: {}", layer.part.label, case.id.name, line(case))
            })
        };
        heading(f, "flaky, and let pass by CHAOS_FLAKY", Verdict::FlakyPassed, |case| {
            format!("passed on attempt {}", case.attempts)
        })?;
        self.skips(f)
    }

    /// Each known finding once, whatever number of layers and builds it showed in.
    fn known(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seen = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (layer, case) in self.cases().filter(|(_, case)| case.verdict == Verdict::Known) {
            for id in &case.markers.known {
                seen.entry(id).or_default().insert(layer.part.label);
            }
        }
        if !seen.is_empty() {
            writeln!(f, "\nknown findings")?;
        }
        for (id, labels) in seen {
            let labels: Vec<&str> = labels.into_iter().collect();
            let entry = self.findings.find(id);
            let summary = entry.map_or("", |finding| finding.summary.as_str());
            writeln!(f, "  {id}: {summary} [{}]", labels.join(", "))?;
            if let Some(class) = entry.and_then(|finding| finding.leaves_out.as_deref()) {
                writeln!(f, "      left out of random cases: {class}")?;
            }
        }
        Ok(())
    }

    /// Skips by reason: a hundred cases that skip for one reason are one fact.
    fn skips(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reasons = BTreeMap::<(&str, &str), usize>::new();
        for (layer, case) in self.cases().filter(|(_, case)| case.verdict == Verdict::Skipped) {
            let reason = case.message.as_deref().unwrap_or_default();
            *reasons.entry((layer.part.label, reason)).or_default() += 1;
        }
        if !reasons.is_empty() {
            writeln!(f, "\nskipped")?;
        }
        for ((label, reason), count) in reasons {
            writeln!(f, "  {label}  {count} cases: {reason}")?;
        }
        Ok(())
    }

    /// The heading stands in every run, so that a script can look for what is below it.
    fn failures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let interrupted = matches!(self.outcome, Outcome::Interrupted(_));
        // After Ctrl-C the cases that did not run are a number, not failures to look at.
        let shown = |case: &Judged| !(interrupted && case.verdict == Verdict::Missing);
        let mut none = true;
        writeln!(f, "\nfailures")?;
        for (layer, case) in self.cases().filter(|(_, case)| case.verdict.fails() && shown(case)) {
            none = false;
            let (name, binary) = (&case.id.name, &case.id.binary);
            writeln!(f, "  {name}  [{}: {}, {binary}]", layer.part.label, case.verdict.name())?;
            let message = case.message.as_deref().unwrap_or_default();
            writeln!(f, "      {}", message.lines().next().unwrap_or_default())?;
            write!(f, "      seed {}", self.origin.seed)?;
            if let Some(own) = case.markers.seed.filter(|own| *own != self.origin.seed) {
                write!(f, " (the case's own, derived from it: {own})")?;
            }
            writeln!(f, "\n      {}", self.origin.repro(&layer.part, &case.id.name))?;
        }
        for note in self.notes {
            none = false;
            writeln!(f, "  {note}")?;
        }
        if none { writeln!(f, "  none") } else { Ok(()) }
    }

    fn verdict(&self) -> String {
        let cases: usize = self.layers.iter().map(|layer| layer.cases.len()).sum();
        let failures: usize = self.layers.iter().map(|layer| layer.failures().count()).sum();
        let known = self.layers.iter().map(|layer| layer.count(Verdict::Known)).sum::<usize>();
        let known = match known {
            0 => "no known findings".to_owned(),
            1 => "1 known finding counted apart".to_owned(),
            count => format!("{count} known findings counted apart"),
        };
        let failures = failures + self.notes.len();
        let code = self.outcome.code();
        match self.outcome {
            Outcome::Passed => format!("passed (exit {code}): {cases} cases, {known}"),
            Outcome::Failed => {
                format!("FAILED (exit {code}): {failures} failures in {cases} cases, {known}")
            }
            // No layer ends like this; only the perf gate does.
            Outcome::Unclear => format!("UNCLEAR (exit {code}): {cases} cases, {known}"),
            Outcome::Broken => {
                format!(
                    "BROKEN (exit {code}): configuration or build, after {cases} cases, {known}"
                )
            }
            Outcome::Interrupted(_) => {
                let missing = self.layers.iter().map(|layer| layer.count(Verdict::Missing));
                let missing = missing.sum::<usize>();
                format!("INTERRUPTED (exit {code}): {missing} of {cases} cases not run, {known}")
            }
        }
    }

    /// `N passed, N failed, N skipped`: known findings passed, flaky ones let pass too.
    pub(crate) fn counts(&self) -> String {
        let all: usize = self.layers.iter().map(|layer| layer.cases.len()).sum();
        let failed: usize = self.layers.iter().map(|layer| layer.failures().count()).sum();
        let skipped: usize = self.layers.iter().map(|layer| layer.count(Verdict::Skipped)).sum();
        let passed = all - failed - skipped;
        let failed = failed + self.notes.len();
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }

    fn cases(&self) -> impl Iterator<Item = (&Layer, &Judged)> {
        self.layers.iter().flat_map(|layer| layer.cases.iter().map(move |case| (layer, case)))
    }
}

type Line = fn(&Judged) -> String;
