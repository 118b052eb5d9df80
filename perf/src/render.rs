//! What the gate prints: one renderer of tables, and the texts of a snapshot, a comparison and a proof.
//! Text only; it decides nothing.

use crate::gate;
use results::{
    costs::{Change, Compared, Costs, Figure},
    gate::{Comparison, Counted, Gate, InTime, Judged, Origin, Proof, Summary, Verdict},
    snapshot::Snapshot,
    stats,
};
use std::collections::BTreeMap;

/// Rows of a comparison that come first: those with the largest deltas.
const LARGEST: usize = 12;

/// A time in the unit that suits it.
pub(crate) fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// A table: the first and the last column are aligned to the left, those between to the right.
pub(crate) fn table<const N: usize>(rows: impl IntoIterator<Item = [String; N]>) -> Vec<String> {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; N] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let line = |row: &[String; N]| {
        let cell = |column: usize| match column {
            0 => format!("{:<1$}", row[column], widths[column]),
            last if last == N - 1 => row[column].clone(),
            _ => format!("{:>1$}", row[column], widths[column]),
        };
        std::array::from_fn::<_, N, _>(cell).join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// The table of a snapshot.
pub(crate) fn snapshot(summary: &Summary) -> String {
    let header = ["case", "median", "95 % interval", "p2", "samples"].map(str::to_owned);
    let rows = summary.cases.iter().map(|(name, case)| {
        let (low, high) = case.median_interval_ns().unwrap_or_default();
        let interval = format!("{} .. {}", time(low), time(high));
        let samples = case.samples.to_string();
        [name.clone(), time(case.median_ns), interval, time(case.low_ns), samples]
    });
    let mut lines = table([header].into_iter().chain(rows));
    if let Some(snapshot) = Snapshot::of(summary) {
        let p50 = snapshot.p50_ns();
        let p95 = snapshot.p95_ns();
        let count = summary.count;
        lines.push(format!("{count} cases, median_ns p50 {p50:.0}, p95 {p95:.0}"));
    }
    lines.join("\n")
}

/// The table of a comparison, the largest deltas first, and the verdict.
pub(crate) fn comparison(comparison: &Comparison, proofs: &[Proof]) -> String {
    let Comparison { base, head, base_reference, .. } = comparison;
    let mut lines = vec![
        format!("base  {} ({base_reference}), {}", base.commit, base.engine),
        format!("head  {}, {}", head.commit, head.engine),
    ];
    lines.extend(comparison.notes.iter().map(|note| format!("note  {note}")));
    if !comparison.cases.is_empty() {
        let mut cases: Vec<&Judged> = comparison.cases.iter().collect();
        let delta = |case: &Judged| case.estimate.as_ref().map_or(f64::INFINITY, |e| e.delta_pct);
        cases.sort_by(|a, b| delta(b).total_cmp(&delta(a)));
        let header =
            ["case", "base", "head", "delta", "5 % .. 95 %", "medians", "A/A", "rounds", "verdict"];
        let header = header.map(str::to_owned);
        let mut table = table([header].into_iter().chain(cases.into_iter().map(row)));
        if table.len() > LARGEST + 1 {
            let others = format!("the {} other cases", table.len() - LARGEST - 1);
            table.insert(LARGEST + 1, others);
        }
        lines.push(String::new());
        lines.extend(table);
    }
    lines.extend(comparison.instructions.iter().flat_map(instructions));
    lines.extend(comparison.costs.iter().flat_map(compared_costs));
    lines.extend([String::new(), verdict(comparison)]);
    let proof = |proof: &Proof| format!("selftest {}: {}", proof_age(proof, head), proved(proof));
    lines.extend(proofs.iter().map(proof));
    lines.join("\n")
}

fn row(case: &Judged) -> [String; 9] {
    let mut verdict = case.verdict.name();
    if case.verdict == Verdict::TooSmall {
        verdict += " to be gated";
    }
    let Some(e) = &case.estimate else {
        let mut row = [(); 9].map(|()| "-".to_owned());
        row[0].clone_from(&case.case);
        row[8] = verdict + ", not measured";
        return row;
    };
    [
        case.case.clone(),
        time(e.base_ns),
        time(e.head_ns),
        format!("{:+.1}%", e.delta_pct),
        format!("{:+.1} .. {:+.1}", e.low_pct, e.high_pct),
        format!("{:+.1}%", e.median_delta_pct),
        format!("{:.1}%", e.noise_floor_pct),
        e.rounds.to_string(),
        verdict,
    ]
}

fn instructions(counted: &Counted) -> Vec<String> {
    let Counted { case, base, head, delta_pct, limit_pct, meaning, grew } = counted;
    let line = format!(
        "instructions {case}: {base} to {head}, {delta_pct:+.2} % (limit {limit_pct:.2} %): {meaning}"
    );
    let grown = grew.iter().map(|(function, by)| format!("    +{by} {function}"));
    [line].into_iter().chain(grown).collect()
}

/// The table of what an operation costs, by case.
pub(crate) fn costs(cases: &BTreeMap<String, Costs>) -> String {
    let cells = |cells: Vec<String>| -> [String; 10] { cells.try_into().expect("ten columns") };
    let names = ["case", "operations"].into_iter().chain(Figure::ALL.map(Figure::name));
    let header = cells(names.chain(["by call"]).map(str::to_owned).collect());
    let row = |(case, costs): (&String, &Costs)| {
        let each = |count: u64| format!("{:.2}", count as f64 / costs.operations.max(1) as f64);
        let shown = |figure: Figure| match figure {
            // The most at a time is of the whole work.
            Figure::PeakBytes => costs.peak_bytes.to_string(),
            figure => each(figure.of(costs)),
        };
        let by_call = costs.calls.iter().map(|(call, count)| format!("{call} {}", each(*count)));
        let by_call = by_call.collect::<Vec<_>>().join(", ");
        let ahead = [case.clone(), costs.operations.to_string()];
        cells(ahead.into_iter().chain(Figure::ALL.map(shown)).chain([by_call]).collect())
    };
    table::<10>([header].into_iter().chain(cases.iter().map(row))).join("\n")
}

/// What costs more or less, and how many cases cost the same.
pub(crate) fn compared_costs(compared: &Compared) -> Vec<String> {
    let counted = format!(
        "costs: {} of the counts of {} cases grew beyond their limits",
        compared.beyond().count(),
        compared.cases()
    );
    let alone = compared
        .alone()
        .map(|case| format!("costs {case}: not compared, one side has not the same work"));
    compared.changes.iter().map(change).chain(alone).chain([counted]).collect()
}

/// A count that is another one in head, in a line.
pub(crate) fn change(change: &Change) -> String {
    let Change { case, figure, base, head, delta_pct, limit_pct } = change;
    let says = match (change.is_beyond(), *delta_pct > 0.0) {
        (true, _) => "COSTS MORE",
        (false, true) => "allowed",
        (false, false) => "less",
    };
    let figure = figure.name();
    format!(
        "costs {case}: {figure} {base} to {head}, {delta_pct:+.2} % (limit {limit_pct} %): {says}"
    )
}

fn verdict(comparison: &Comparison) -> String {
    let Comparison { threshold_pct, max_regress_cases, load, .. } = comparison;
    let why = match comparison.gate {
        Gate::Passed if comparison.is_unmeasured() => {
            "identical machine code, nothing to measure".to_owned()
        }
        Gate::Passed | Gate::Failed => format!(
            "{} of {} cases slower by more than {threshold_pct} %, {max_regress_cases} allowed; \
             load {load}{}",
            comparison.count(Verdict::Regressed),
            comparison.cases.len(),
            match comparison.costs.as_ref().map_or(0, |costs| costs.beyond().count()) {
                0 => String::new(),
                more => format!("; costs beyond their limits: {more}"),
            }
        ),
        Gate::TooFewCases => "too few comparable cases: see MACE_PERF_COMPARE_FILTERS, \
             MACE_PERF_MIN_COMPARE_CASES and MACE_PERF_MIN_BASE_NS"
            .to_owned(),
        Gate::Inconclusive => format!(
            "{} cases cannot be told on this machine now (load {load}); that is no pass",
            comparison.count(Verdict::Inconclusive)
        ),
    };
    format!("{}: {why}", gate::outcome(comparison.gate).name())
}

/// How old a proof is, and whether it speaks of the machine that was measured now.
fn proof_age(proof: &Proof, now: &Origin) -> String {
    let hours = now.at_secs.saturating_sub(proof.origin.at_secs) / 3600;
    let age = match hours {
        0 => "of the last hour".to_owned(),
        hours if hours < 48 => format!("of {hours} h ago"),
        hours => format!("of {} days ago", hours / 24),
    };
    let place = if proof.origin.machine == now.machine { "here" } else { "ON ANOTHER MACHINE" };
    format!("{place} {age}, at {}", proof.origin.short_commit())
}

/// What a self-test proved, in a line.
pub(crate) fn proved(proof: &Proof) -> String {
    let rate = |hits, of| {
        let (low, high) = stats::wilson(hits, of);
        format!("{hits} of {of} ({:.2} .. {:.2} %)", low * 100.0, high * 100.0)
    };
    let in_time = proof.in_time.map_or_else(String::new, |InTime { secs, found }| {
        format!(", within {secs:.0} s {}", rate(found, proof.runs))
    });
    format!(
        "{}: gate failed {}{in_time}, inconclusive {}; clean cases flagged {}; \
         median {:.0} s, at most {:.0} s, load {:.1}",
        proof.kind,
        rate(proof.failed, proof.runs),
        rate(proof.inconclusive, proof.runs),
        rate(proof.falsely_flagged, proof.clean_cases),
        proof.median_secs,
        proof.slowest_secs,
        proof.load,
    )
}

#[cfg(test)]
mod tests {
    use super::{comparison, proof_age, time};
    use crate::machine::origin;
    use results::gate::{Comparison, Estimate, Gate, Judged, Origin, Proof, Verdict};

    #[test]
    fn a_proof_shows_its_age_and_its_machine() {
        let now = origin("e".into(), "c".into());
        let proof = |secs, cores| {
            let mut origin = Origin { at_secs: now.at_secs - secs, ..now.clone() };
            origin.commit = "0123456789abcdef".into();
            origin.machine.cores = cores;
            Proof { origin, ..Proof::default() }
        };
        let cores = now.machine.cores;
        for (secs, cores, says) in [
            (3599, cores, "here of the last hour, at 0123456789ab"),
            (7200, cores, "here of 2 h ago, at 0123456789ab"),
            (49 * 3600, cores, "here of 2 days ago, at 0123456789ab"),
            (0, cores + 1, "ON ANOTHER MACHINE of the last hour, at 0123456789ab"),
        ] {
            assert_eq!(proof_age(&proof(secs, cores), &now), says);
        }
    }

    #[test]
    fn times_have_the_unit_that_suits_them() {
        let shown = [12.4, 1234.0, 1.5e6, 2.25e9].map(time);
        assert_eq!(shown, ["12 ns", "1.23 us", "1.50 ms", "2.25 s"]);
    }

    #[test]
    fn the_twelve_largest_deltas_come_first() {
        let case = |at: u32| Judged {
            case: format!("case-{at}"),
            verdict: Verdict::Unchanged,
            estimate: Some(Estimate { delta_pct: f64::from(at), ..Estimate::default() }),
            suspect: false,
            screening: Vec::new(),
            confirming: Vec::new(),
        };
        let shown = |count| {
            let found = Comparison {
                format: 1,
                gate: Gate::Passed,
                identical: false,
                base_reference: "r".into(),
                base: Origin::default(),
                head: Origin::default(),
                notes: Vec::new(),
                seed: 1,
                layouts: 1,
                threshold_pct: 5.0,
                max_regress_cases: 0,
                load: 0.0,
                cpu_pressure_pct: None,
                cases: (0..count).map(case).collect(),
                instructions: Vec::new(),
                costs: None,
            };
            comparison(&found, &[])
        };
        let text = shown(15);
        let rows: Vec<_> = text.lines().filter(|line| line.contains("case")).collect();
        assert!(rows[1].starts_with("case-14 ") && rows[12].starts_with("case-3 "), "{text}");
        assert!(rows[13] == "the 3 other cases" && rows[14].starts_with("case-2 "), "{text}");
        assert!(!shown(12).contains("other cases"));
    }
}
