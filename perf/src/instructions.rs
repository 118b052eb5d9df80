//! The second signal: how many instructions a case takes, counted by callgrind where valgrind is
//! there. Nearly free of noise, and blind to caches, locks and the kernel. It explains a verdict and
//! never overrules one. Whatever is not counted is said, with its reason. Clients are counted on their
//! own threads, which callgrind runs in turn: one that tries again until another is done takes more then.

mod callgrind;

use crate::{
    bench::Pair,
    build::Program,
    gate::{Limits, layout_bias},
    session::Session,
};
use callgrind::{Counts, total};
use results::{
    gate::{Counted, Judged, Verdict},
    stats,
};
use std::process::Stdio;

/// Items of a counted batch: enough for every function to show, and a second or two of valgrind.
const ITEMS: u64 = 500;

/// A count that grew by fewer instructions says nothing.
const LEAST: u64 = 150;

/// Counts the cases, base twice and head once. A note for each that has no count.
pub(crate) fn count(
    session: &Session,
    pair: Pair<'_>,
    cases: &[String],
    notes: &mut Vec<String>,
) -> Vec<Counted> {
    if !callgrind::is_there() {
        notes.push("valgrind is not installed: instructions are not counted".to_owned());
        return Vec::new();
    }
    let mut counted = Vec::new();
    for case in cases {
        let run = |program: &Program| {
            let counts = one(session, program, case);
            let side = program.tree.name;
            counts.map_err(|why| format!("instructions of {case} are not counted: {side} {why}"))
        };
        let all = || Ok([run(pair.base)?, run(pair.base)?, run(pair.head)?]);
        let counts: Result<_, String> = all();
        // What a signal has ended says nothing about the case.
        if session.is_over() {
            return counted;
        }
        match counts {
            Ok([one, two, head]) => counted.push(weigh(case, &one, &two, &head)),
            Err(why) => notes.push(why),
        }
    }
    counted
}

fn one(session: &Session, program: &Program, case: &str) -> Result<Counts, String> {
    let file = session.file("callgrind.out");
    let mut command = callgrind::command(&file);
    command.arg(&program.layouts[0]).args(["--test", "--exact", case]);
    program.prepare(&mut command, session);
    command.env("MACE_BENCH_TOTAL_ITEMS", ITEMS.to_string());
    // What it says is for whoever looks why it was not counted; a log is no reason not to count.
    if program.log_output(&mut command).is_err() {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    }
    callgrind::count(&mut command, &file, callgrind::LIMIT, &session.interrupts)
}

fn weigh(case: &str, one: &Counts, two: &Counts, head: &Counts) -> Counted {
    let first = total(one);
    let second = total(two);
    let base = first.min(second);
    let spread = stats::delta_pct(base as f64, first.max(second) as f64);
    let limit_pct = (3.0 * spread).max(1.0).max(LEAST as f64 / base as f64 * 100.0);
    let delta_pct = stats::delta_pct(base as f64, total(head) as f64);
    let before = |name: &String| one.get(name).max(two.get(name)).copied().unwrap_or(0);
    let mut grew: Vec<_> = head
        .iter()
        .map(|(name, count)| (name.clone(), count.saturating_sub(before(name))))
        .filter(|(_, by)| delta_pct > limit_pct && *by > LEAST)
        .collect();
    grew.sort_by_key(|(_, by)| std::cmp::Reverse(*by));
    grew.truncate(5);
    let case = case.to_owned();
    Counted { case, base, head: total(head), delta_pct, limit_pct, meaning: String::new(), grew }
}

/// Whether head does more work: such a case is a suspect, whatever its screening shows.
pub(crate) fn is_more(counted: &Counted) -> bool {
    counted.delta_pct > counted.limit_pct
}

/// What the count and the time say together.
pub(crate) fn meaning(counted: &Counted, case: &Judged, limits: &Limits) -> &'static str {
    match (case.verdict, is_more(counted)) {
        (Verdict::Regressed, true) => "slower by more work",
        (Verdict::Regressed, false) => "slower with the same work: caches, locks, the kernel",
        (Verdict::Inconclusive, true) => "more work; the time cannot be told",
        (Verdict::Inconclusive, false) => "the same work; the time cannot be told",
        (_, true) => "WARNING: more work, not slower beyond the threshold",
        (_, false) if layout_bias(case, limits).is_some() => {
            "the same work, slower in the default layout alone: its bias"
        }
        (_, false) => "the same work",
    }
}

#[cfg(test)]
mod tests {
    use super::{Counted, Counts, meaning};
    use crate::gate::Limits;
    use results::gate::{Judged, Place, Run, Side, Verdict};

    fn weigh(case: &Judged, base: [&Counts; 2], head: &Counts) -> Counted {
        let limits = Limits { layouts: 2, ..Limits::USUAL };
        let counted = super::weigh(&case.case, base[0], base[1], head);
        Counted { meaning: meaning(&counted, case, &limits).to_owned(), ..counted }
    }

    fn case(verdict: Verdict) -> Judged {
        Judged {
            case: "Get/a/1".to_owned(),
            verdict,
            estimate: None,
            suspect: false,
            screening: Vec::new(),
            confirming: Vec::new(),
        }
    }

    fn counts(get: u64, hash: u64) -> Counts {
        [("get", get), ("hash", hash)].map(|(name, count)| (name.to_owned(), count)).into()
    }

    #[test]
    fn the_count_explains_the_time_and_never_overrules_it() {
        let one = counts(900_000, 100_000);
        let two = counts(901_000, 100_000);
        let same = weigh(&case(Verdict::Regressed), [&one, &two], &counts(903_000, 100_000));
        assert!(same.meaning.starts_with("slower with the same work") && same.grew.is_empty());
        let more = weigh(&case(Verdict::Regressed), [&one, &two], &counts(900_000, 150_000));
        assert_eq!((more.meaning.as_str(), more.base), ("slower by more work", 1_000_000));
        assert_eq!(more.grew, [("hash".to_owned(), 50_000)]);
        let warn = weigh(&case(Verdict::Unchanged), [&one, &two], &counts(950_000, 100_000));
        assert!(warn.meaning.starts_with("WARNING") && warn.grew[0].0 == "get");
        // Base differs from itself by two per cent: a growth of four says nothing.
        let noisy = [&counts(900_000, 100_000), &counts(920_000, 100_000)];
        let noisy = weigh(&case(Verdict::Unchanged), noisy, &counts(940_000, 100_000));
        assert_eq!(noisy.meaning, "the same work");
    }

    #[test]
    fn layout_bias_is_told_from_work() {
        let run = |side, layout, low_ns| Run {
            place: Place { side, round: layout, slot: 0, layout },
            low_ns,
            median_ns: low_ns,
            mean_ns: low_ns,
            samples: 10,
            wall_ms: 300.0,
            load: 0.0,
        };
        let mut biased = case(Verdict::Unchanged);
        for (layout, slower) in [(0, 1.1), (1, 1.0)] {
            biased.screening.push(run(Side::Base, layout, 1e6));
            biased.screening.push(run(Side::Head, layout, 1e6 * slower));
        }
        let same = counts(900_000, 100_000);
        let means = |case: &Judged, head: &Counts| weigh(case, [&same, &same], head).meaning;
        let bias = "the same work, slower in the default layout alone: its bias";
        assert_eq!(means(&biased, &same), bias);
        assert!(means(&biased, &counts(950_000, 100_000)).starts_with("WARNING: more work"));
        biased.verdict = Verdict::Regressed;
        assert!(means(&biased, &same).starts_with("slower with the same work"));
    }
}
