//! The tables that the gate prints. Text only; it decides nothing.

use crate::{
    files::{Comparison, InTime, Origin, Proof, Summary},
    gate::{Gate, Judged, Verdict},
    instructions::Counted,
    stats,
};
use std::fmt::Write;

/// A time in the unit that suits it.
pub(crate) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

fn put(page: &mut String, line: std::fmt::Arguments<'_>) {
    page.write_fmt(line).expect("writing to a string cannot fail");
    page.push('\n');
}

/// The table of a snapshot.
pub(crate) fn snapshot(summary: &Summary) -> String {
    let mut page = String::new();
    let head = ["median", "95 % interval", "p2", "samples"];
    let [median, interval, low, samples] = head;
    put(
        &mut page,
        format_args!("{:28} {median:>12} {interval:>25} {low:>12} {samples:>8}", "case"),
    );
    for (name, case) in &summary.cases {
        let interval = format!("{} .. {}", time(case.median_low_ns), time(case.median_high_ns));
        let (median, low) = (time(case.median_ns), time(case.low_ns));
        let samples = case.samples;
        put(
            &mut page,
            format_args!("{name:28} {median:>12} {interval:>25} {low:>12} {samples:>8}"),
        );
    }
    if let Some((p50, p95)) = summary.spread() {
        let count = summary.count;
        put(&mut page, format_args!("{count} cases, median_ns p50 {p50:.0}, p95 {p95:.0}"));
    }
    page
}

/// The table of a comparison, the worst first, and the verdict.
pub(crate) fn comparison(comparison: &Comparison, proofs: &[Proof]) -> String {
    let mut page = String::new();
    let reference = &comparison.base_reference;
    put(
        &mut page,
        format_args!("base  {} ({reference}), {}", comparison.base.commit, comparison.base.engine),
    );
    put(&mut page, format_args!("head  {}, {}", comparison.head.commit, comparison.head.engine));
    for note in &comparison.notes {
        put(&mut page, format_args!("note  {note}"));
    }
    if !comparison.cases.is_empty() {
        put(
            &mut page,
            format_args!(
                "\n{:24} {:>11} {:>11} {:>8} {:>17} {:>9} {:>8} {:>6}  verdict",
                "case", "base", "head", "delta", "5 % .. 95 %", "medians", "A/A", "rounds"
            ),
        );
    }
    let mut cases: Vec<&Judged> = comparison.cases.iter().collect();
    let delta = |case: &Judged| case.estimate.as_ref().map_or(f64::INFINITY, |e| e.delta_pct);
    cases.sort_by(|a, b| a.verdict.cmp(&b.verdict).then(delta(b).total_cmp(&delta(a))));
    for case in cases {
        put(&mut page, format_args!("{}", row(case)));
    }
    for counted in &comparison.instructions {
        put(&mut page, format_args!("{}", instructions(counted)));
    }
    put(&mut page, format_args!("\n{}", verdict(comparison)));
    for proof in proofs {
        put(
            &mut page,
            format_args!("selftest {}: {}", whence(proof, &comparison.head), proved(proof)),
        );
    }
    page
}

/// How old a proof is, and whether it speaks of what has just been measured.
fn whence(proof: &Proof, now: &Origin) -> String {
    let hours = now.at_secs.saturating_sub(proof.origin.at_secs) / 3600;
    let age = match hours {
        0 => "of the last hour".to_owned(),
        hours if hours < 48 => format!("of {hours} h ago"),
        hours => format!("of {} days ago", hours / 24),
    };
    let place = if proof.origin.machine == now.machine { "here" } else { "ON ANOTHER MACHINE" };
    format!("{place} {age}, at {}", short(&proof.origin.commit))
}

/// As much of a commit's name as tells it from the others.
pub(crate) fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

fn instructions(counted: &Counted) -> String {
    let Counted { case, base, head, delta_pct, limit_pct, meaning, grew } = counted;
    let mut line = format!(
        "instructions {case}: {base} to {head}, {delta_pct:+.2} % (limit {limit_pct:.2} %): {meaning}"
    );
    for (function, by) in grew {
        write!(line, "\n    +{by} {function}").expect("writing to a string cannot fail");
    }
    line
}

fn row(case: &Judged) -> String {
    let name = &case.case;
    let verdict = match case.verdict {
        Verdict::Regressed => "REGRESSED",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Unchanged => "unchanged",
        Verdict::Faster => "faster",
        Verdict::TooSmall => "too small to be gated",
    };
    let Some(e) = &case.estimate else { return format!("{name:24} not measured  {verdict}") };
    let bounds = format!("{:+.1} .. {:+.1}", e.low_pct, e.high_pct);
    format!(
        "{name:24} {:>11} {:>11} {:>+7.1}% {bounds:>17} {:>+8.1}% {:>7.1}% {:>6}  {verdict}",
        time(e.base_ns),
        time(e.head_ns),
        e.delta_pct,
        e.median_delta_pct,
        e.floor_pct,
        e.rounds,
    )
}

fn verdict(comparison: &Comparison) -> String {
    let count = |verdict| comparison.cases.iter().filter(|case| case.verdict == verdict).count();
    let (limit, allowed) = (comparison.threshold_pct, comparison.max_regress_cases);
    let load = comparison.load;
    match comparison.gate {
        Gate::Passed if comparison.identical && comparison.cases.is_empty() => {
            "passed: identical machine code, nothing to measure".to_owned()
        }
        Gate::Passed => format!(
            "passed: {} of {} cases slower by more than {limit} %, {allowed} allowed; load {load}",
            count(Verdict::Regressed),
            comparison.cases.len()
        ),
        Gate::Failed => format!(
            "FAILED: {} of {} cases slower by more than {limit} %, {allowed} allowed; load {load}",
            count(Verdict::Regressed),
            comparison.cases.len()
        ),
        Gate::TooFewCases => "FAILED: too few comparable cases: see MACE_PERF_COMPARE_FILTERS, \
             MACE_PERF_MIN_COMPARE_CASES and MACE_PERF_MIN_BASE_NS"
            .to_owned(),
        Gate::Inconclusive => format!(
            "INCONCLUSIVE: {} cases cannot be told on this machine now (load {load}); that is no pass",
            count(Verdict::Inconclusive)
        ),
    }
}

/// What a self-test proved, in a line.
pub(crate) fn proved(proof: &Proof) -> String {
    let rate = |hits, of| {
        let (low, high) = stats::wilson(hits, of);
        format!("{hits} of {of} ({:.2} .. {:.2} %)", low * 100.0, high * 100.0)
    };
    let plain = match proof.plain_runs {
        0 => String::new(),
        runs => format!(
            "; base-then-head medians fail {}, and flag clean cases {}",
            rate(proof.plain_failed, runs),
            rate(proof.plain_falsely_flagged, proof.plain_clean_cases)
        ),
    };
    let in_time = proof.in_time.map_or_else(String::new, |InTime { secs, found }| {
        format!(", within {secs:.0} s {}", rate(found, proof.runs))
    });
    format!(
        "{} ({}): gate failed {}{in_time}, inconclusive {}; clean cases flagged {}{plain}; \
         {:.0} s, at most {:.0} s, load {:.1}",
        proof.kind,
        proof.source,
        rate(proof.failed, proof.runs),
        rate(proof.inconclusive, proof.runs),
        rate(proof.falsely_flagged, proof.clean_cases),
        proof.middle_secs,
        proof.slowest_secs,
        proof.load,
    )
}

#[cfg(test)]
mod tests {
    use super::{time, whence};
    use crate::files::{Origin, Proof};

    #[test]
    fn a_proof_says_how_old_it_is_and_whose() {
        let now = Origin::now("e".into(), "c".into());
        let proof = |secs, cores| {
            let mut origin = Origin { at_secs: now.at_secs - secs, ..now.clone() };
            (origin.commit, origin.machine.cores) = ("0123456789abcdef".into(), cores);
            Proof { origin, ..Proof::default() }
        };
        let cores = now.machine.cores;
        for (secs, cores, says) in [
            (3599, cores, "here of the last hour, at 0123456789ab"),
            (7200, cores, "here of 2 h ago, at 0123456789ab"),
            (49 * 3600, cores, "here of 2 days ago, at 0123456789ab"),
            (0, cores + 1, "ON ANOTHER MACHINE of the last hour, at 0123456789ab"),
        ] {
            assert_eq!(whence(&proof(secs, cores), &now), says);
        }
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let shown = [12.4, 1234.0, 1.5e6, 2.25e9].map(time);
        assert_eq!(shown, ["12 ns", "1.23 us", "1.50 ms", "2.25 s"]);
    }
}
