//! The end of a soak: judges all of it, writes the summary and prints it.

use super::{books::Books, plan::Plan};
use crate::progress::clock;
use launch::{Outcome, Result, console};
use soak::{
    judge::{self, Judgement, Resource},
    ledger, sample,
    summary::{State, Summary},
};
use std::{fmt::Write, time::Duration};

/// Failures that are printed; all that were kept are in the summary.
const SHOWN: usize = 20;

/// Judges, writes and prints; returns the one outcome.
pub(super) fn end(
    plan: &Plan,
    books: &mut Books,
    state: State,
    signal: Option<Outcome>,
) -> Result<Outcome> {
    books.summary.judgements = judgements(plan, books);
    let outcome = signal.unwrap_or(books.summary.outcome());
    books.summary.state = state;
    books.summary.exit_code = Some(outcome.code());
    books.write_summary()?;
    console::page(&format!("\n{}", page(&books.summary, outcome)));
    Ok(outcome)
}

fn judgements(plan: &Plan, books: &Books) -> Vec<Judgement> {
    let mut judgements: Vec<_> = Resource::ALL
        .into_iter()
        .map(|resource| {
            if sample::AVAILABLE || resource == Resource::Disk {
                judge::growth(resource, &books.rows, &plan.limits.growth)
            } else {
                Judgement::not_judged(resource.name(), sample::UNAVAILABLE)
            }
        })
        .collect();
    judgements.push(if plan.perf_every == 0 {
        Judgement::not_judged("pace", "SOAK_PERF_EVERY = 0 takes no snapshots")
    } else {
        judge::pace(&books.snapshots, &plan.limits.pace)
    });
    judgements
}

fn page(summary: &Summary, outcome: Outcome) -> String {
    let mut page = format!(
        "engine {}, soak seed {}, shard {}\n{} cycles in {} of {}\n\n{:20} {:>6} {:>10} {:>9}\n",
        summary.subject,
        summary.soak_seed,
        summary.shard,
        summary.cycles,
        clock(Duration::from_secs(summary.elapsed_secs)),
        clock(Duration::from_secs(summary.duration_secs)),
        "part",
        "runs",
        "not passed",
        "cases",
    );
    for (name, part) in &summary.parts {
        let _ =
            writeln!(page, "{name:20} {:>6} {:>10} {:>9}", part.runs, part.not_passed, part.cases);
    }
    page.push('\n');
    for judgement in &summary.judgements {
        let _ = writeln!(page, "{judgement}");
    }
    page.push_str("\nfailures\n");
    for failure in summary.failures.iter().take(SHOWN) {
        let case = failure.case.as_deref().unwrap_or("-");
        let _ = writeln!(
            page,
            "  {case}  [cycle {}, {}: {}]\n      {}\n      seed {}",
            failure.cycle, failure.part, failure.verdict, failure.message, failure.seed
        );
        if let Some(repro) = &failure.repro {
            let _ = writeln!(page, "      {repro}");
        }
    }
    match summary.failed() {
        0 => page.push_str("  none\n"),
        all if all > SHOWN as u64 => {
            let _ = writeln!(page, "  … and {} more, see summary.json", all - SHOWN as u64);
        }
        _ => {}
    }
    let word = match outcome {
        Outcome::Passed => "passed",
        Outcome::Unclear => "INCONCLUSIVE",
        Outcome::Failed => "FAILED",
        Outcome::Broken => "BROKEN",
        Outcome::Interrupted(_) => "INTERRUPTED",
    };
    let worst = ledger::word(summary.outcome());
    let _ = write!(
        page,
        "\n{word} (exit {}): {} cycles, {} failures, all parts together {worst}",
        outcome.code(),
        summary.cycles,
        summary.failed(),
    );
    page
}
