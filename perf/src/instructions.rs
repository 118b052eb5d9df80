//! The second signal: how many instructions a case takes, counted by callgrind where valgrind is
//! there. Nearly free of noise, and blind to caches, locks and the kernel. It explains a verdict and
//! never overrules one. Only cases of one client: callgrind follows the calling thread.

use crate::{
    bench::Program,
    gate::{Judged, Limits, Verdict},
    settings::Settings,
    stats,
};
use launch::Interrupts;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

/// Items of a counted batch: enough for every function to show, and a second or two of valgrind.
const ITEMS: u64 = 500;

/// A count that grew by fewer instructions says nothing.
const LEAST: u64 = 150;

/// A case that valgrind needs longer for is left out.
const LIMIT: Duration = Duration::from_mins(2);

/// Instructions of a case on both sides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counted {
    pub(crate) case: String,
    /// The smaller of two runs.
    pub(crate) base: u64,
    pub(crate) head: u64,
    pub(crate) delta_pct: f64,
    /// What a growth has to exceed: one per cent, three times what base differs from itself by.
    pub(crate) limit_pct: f64,
    /// What time and count say together.
    pub(crate) meaning: String,
    /// The functions whose counts grew most, with by how much.
    pub(crate) grew: Vec<(String, u64)>,
}

/// What a run of callgrind counted, by function.
type Counts = BTreeMap<String, u64>;

/// Counts the cases of one client. Empty, with a note, where there is no valgrind.
pub(crate) fn count(
    (base, head): (&Program, &Program),
    judged: &[Judged],
    settings: &Settings,
    interrupts: &Interrupts,
    notes: &mut Vec<String>,
) -> Vec<Counted> {
    let mut version = Command::new("valgrind");
    version.arg("--version").stdin(Stdio::null());
    if !version.output().is_ok_and(|output| output.status.success()) {
        notes.push("valgrind is not installed: instructions are not counted".into());
        return Vec::new();
    }
    let mut counted = Vec::new();
    for case in judged.iter().filter(|case| case.case.ends_with("/1")) {
        let run = |program: &Program| one(program, &case.case, settings, interrupts);
        let (Some(one), Some(two)) = (run(base), run(base)) else { continue };
        let Some(head) = run(head) else { continue };
        counted.push(weigh(case, &settings.limits, (&one, &two), &head));
    }
    counted
}

fn one(
    program: &Program,
    case: &str,
    settings: &Settings,
    interrupts: &Interrupts,
) -> Option<Counts> {
    if interrupts.outcome().is_some() {
        return None;
    }
    let file = settings.file("callgrind.out");
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--toggle-collect=*bench::batch::timed*"]);
    command.arg(format!("--callgrind-out-file={}", file.display()));
    program.prepare(&mut command, settings);
    command.arg(&program.layouts[0]).args(["--test", "--exact", case]);
    command.env("MACE_BENCH_TOTAL_ITEMS", ITEMS.to_string());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    // A program that valgrind cannot run has no count; it has its time all the same.
    let done = interrupts.run_within(&mut command, LIMIT).ok().flatten();
    let counts = done.filter(std::process::ExitStatus::success).and_then(|_| annotate(&file));
    let _ = fs::remove_file(&file);
    counts.filter(|counts| total(counts) > 0)
}

fn annotate(file: &Path) -> Option<Counts> {
    let mut command = Command::new("callgrind_annotate");
    command.args(["--threshold=100", "--auto=no"]).arg(file).stdin(Stdio::null());
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(parse(&String::from_utf8_lossy(&output.stdout)))
}

/// The lines `1,234 (5.6%)  file:function [object]` that `callgrind_annotate` lists.
fn parse(text: &str) -> Counts {
    let mut counts = Counts::new();
    for line in text.lines() {
        let Some((number, rest)) = line.trim_start().split_once(' ') else { continue };
        let Ok(number) = number.replace(',', "").parse::<u64>() else { continue };
        let rest = rest.trim_start();
        // The share stands in brackets in newer releases, and not in older ones.
        let rest = match rest.strip_prefix('(') {
            Some(share) => share.split_once(')').map_or("", |(_, rest)| rest.trim_start()),
            None => rest,
        };
        let name = rest.split(" [").next().unwrap_or_default();
        let name = name.split_once(':').map_or(name, |(_, name)| name);
        if name != "PROGRAM TOTALS" && !rest.starts_with("PROGRAM TOTALS") && !name.is_empty() {
            *counts.entry(name.to_owned()).or_default() += number;
        }
    }
    counts
}

fn total(counts: &Counts) -> u64 {
    counts.values().sum()
}

fn weigh(case: &Judged, limits: &Limits, (one, two): (&Counts, &Counts), head: &Counts) -> Counted {
    let (first, second) = (total(one), total(two));
    let base = first.min(second);
    let spread = stats::delta_pct(base as f64, first.max(second) as f64);
    let limit_pct = (3.0 * spread).max(1.0).max(LEAST as f64 / base as f64 * 100.0);
    let delta_pct = stats::delta_pct(base as f64, total(head) as f64);
    let more = delta_pct > limit_pct;
    let meaning = match (case.verdict, more) {
        (Verdict::Regressed, true) => "slower by more work",
        (Verdict::Regressed, false) => "slower with the same work: caches, locks, the kernel",
        (Verdict::Inconclusive, true) => "more work; the time cannot be told",
        (Verdict::Inconclusive, false) => "the same work; the time cannot be told",
        (_, true) => "WARNING: more work, not slower",
        (_, false) if case.layout_pct(limits).is_some() => {
            "the same work, slower in the default layout alone: its luck"
        }
        (_, false) => "the same work",
    };
    let before = |name: &String| one.get(name).max(two.get(name)).copied().unwrap_or(0);
    let mut grew: Vec<_> = head
        .iter()
        .map(|(name, count)| (name.clone(), count.saturating_sub(before(name))))
        .filter(|(_, by)| more && *by > LEAST)
        .collect();
    grew.sort_by_key(|(_, by)| std::cmp::Reverse(*by));
    grew.truncate(5);
    let (case, meaning) = (case.case.clone(), meaning.to_owned());
    Counted { case, base, head: total(head), delta_pct, limit_pct, meaning, grew }
}

#[cfg(test)]
mod tests {
    use super::{Counted, Counts, parse};
    use crate::{
        gate::{Judged, Limits, Verdict},
        run::{Run, Side},
    };

    fn weigh(case: &Judged, base: (&Counts, &Counts), head: &Counts) -> Counted {
        let limits = Limits { layouts: 2, ..Limits::USUAL };
        super::weigh(case, &limits, base, head)
    }

    fn case(verdict: Verdict) -> Judged {
        let (screening, confirming) = (Vec::new(), Vec::new());
        let (case, estimate, suspect) = ("Get/a/1".to_owned(), None, false);
        Judged { case, verdict, estimate, suspect, screening, confirming }
    }

    fn counts(get: u64, hash: u64) -> Counts {
        [("get", get), ("hash", hash)].map(|(name, count)| (name.to_owned(), count)).into()
    }

    #[test]
    fn recorded_output_of_both_formats_is_read() {
        let text = "1,203,424 (100.0%)  PROGRAM TOTALS\n\
                    Ir                  file:function\n\
                    900,000 (74.8%)  src/node.rs:mace::node::find [/x/perf]\n\
                    300,000 (24.9%)  ???:memcpy [/lib/libc.so]\n\
                    3,424  src/a.rs:mace::a'2 [/x/perf]\n";
        let counts = parse(text);
        assert_eq!(counts.len(), 3, "{counts:?}");
        assert_eq!(counts["mace::node::find"], 900_000);
        assert_eq!(counts.values().sum::<u64>(), 1_203_424);
    }

    #[test]
    fn the_count_explains_the_time_and_never_overrules_it() {
        let (one, two) = (counts(900_000, 100_000), counts(901_000, 100_000));
        let same = weigh(&case(Verdict::Regressed), (&one, &two), &counts(903_000, 100_000));
        assert!(same.meaning.starts_with("slower with the same work") && same.grew.is_empty());
        let more = weigh(&case(Verdict::Regressed), (&one, &two), &counts(900_000, 150_000));
        assert_eq!((more.meaning.as_str(), more.base), ("slower by more work", 1_000_000));
        assert_eq!(more.grew, [("hash".to_owned(), 50_000)]);
        let warn = weigh(&case(Verdict::Unchanged), (&one, &two), &counts(950_000, 100_000));
        assert!(warn.meaning.starts_with("WARNING") && warn.grew[0].0 == "get");
        // Base differs from itself by two per cent: a growth of four says nothing.
        let noisy = (&counts(900_000, 100_000), &counts(920_000, 100_000));
        let noisy = weigh(&case(Verdict::Unchanged), noisy, &counts(940_000, 100_000));
        assert_eq!(noisy.meaning, "the same work");
    }

    #[test]
    fn the_luck_of_the_default_layout_is_told_from_work() {
        let run = |side, layout, low_ns| Run {
            side,
            round: layout,
            slot: 0,
            layout,
            low_ns,
            median_ns: low_ns,
            mean_ns: low_ns,
            samples: 10,
            wall_ms: 300.0,
            load: 0.0,
        };
        let mut lucky = case(Verdict::Unchanged);
        for (layout, slower) in [(0, 1.1), (1, 1.0)] {
            lucky.screening.push(run(Side::Base, layout, 1e6));
            lucky.screening.push(run(Side::Head, layout, 1e6 * slower));
        }
        let same = counts(900_000, 100_000);
        let meaning = |case: &Judged, head: &Counts| weigh(case, (&same, &same), head).meaning;
        let luck = "the same work, slower in the default layout alone: its luck";
        assert_eq!(meaning(&lucky, &same), luck);
        assert!(meaning(&lucky, &counts(950_000, 100_000)).starts_with("WARNING: more work"));
        lucky.verdict = Verdict::Regressed;
        assert!(meaning(&lucky, &same).starts_with("slower with the same work"));
    }
}
