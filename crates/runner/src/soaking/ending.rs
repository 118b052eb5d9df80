//! The end of a soak: judges all of it, writes the summary and prints it.

use super::{books::Books, plan::Plan};
use crate::progress::clock;
use process::{Outcome, Result, console};
use results::{
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

/// What the chaos layer saw of power losses and failing disks; nothing where it did not run.
fn crashes(summary: &Summary) -> String {
    let all = |prefix: &str| {
        let named = summary.below(prefix).map(|(name, amount)| format!("{name} {amount}"));
        named.collect::<Vec<_>>().join(", ")
    };
    let sum = |figure: &str| summary.figures.get(figure).copied().unwrap_or_default();
    let judged = sum("crash_states.distinct");
    if judged == 0.0 && sum("faults.runs") == 0.0 {
        return String::new();
    }
    let faults = summary.below("faults.").filter(|(name, _)| name.contains('.'));
    let (kinds, met) = faults.fold((0, 0.0), |(kinds, met), (_, times)| (kinds + 1, met + times));
    format!(
        "\npower losses        {judged} states judged, {} left out; legal on {}\n\
         found in them       {}\n\
         failing disks       {met} faults of {kinds} kinds in {} runs\n",
        sum("crash_states.left_out"),
        all("crash_states.under."),
        Some(all("findings.")).filter(|found| !found.is_empty()).unwrap_or("nothing".to_owned()),
        sum("faults.runs"),
    )
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
    page.push_str(&crashes(summary));
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

#[cfg(test)]
mod tests {
    use super::page;
    use process::Outcome;
    use results::{ledger::Subject, summary::Summary};

    #[test]
    fn what_the_chaos_layer_saw_is_shown_where_it_ran() {
        let subject = Subject {
            engine: "mace-kv 0.2.0".into(),
            source: "registry".into(),
            features: "failpoints".into(),
        };
        let mut summary = Summary::new(subject, 5, "1/1".into(), 60);
        assert!(!page(&summary, Outcome::Passed).contains("power losses"));
        let figures = [
            ("crash_states.distinct", 120.0),
            ("crash_states.left_out", 3000.0),
            ("crash_states.under.ext4-ordered", 20.0),
            ("crash_states.under.xfs", 60.0),
            ("findings.xfs", 2.0),
            ("faults.runs", 50.0),
            ("faults.served", 9.0),
            ("faults.fsync.EIO", 30.0),
            ("faults.write.torn", 19.0),
        ];
        summary.add(&figures.map(|(name, amount)| (name.to_owned(), amount)).into());
        let page = page(&summary, Outcome::Passed);
        for line in [
            "120 states judged, 3000 left out; legal on ext4-ordered 20, xfs 60\n",
            "found in them       xfs 2\n",
            "49 faults of 2 kinds in 50 runs\n",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
    }
}
