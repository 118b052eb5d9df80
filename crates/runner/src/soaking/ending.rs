//! The end of a soak: judges all of it, writes the summary and prints it.

use super::{plan::Plan, store::SoakStore};
use crate::progress::clock;
use process::{Outcome, Result, console, sample};
use results::{
    judge::{self, Judgement, Resource},
    row::Row,
    state::{SoakState, Stage},
};
use std::{fmt::Write, time::Duration};

/// Failures that are printed; all that were kept are in the state.
const SHOWN: usize = 20;

/// Judges, writes and prints; returns the one outcome.
pub(super) fn end(
    plan: &Plan,
    store: &mut SoakStore,
    stage: Stage,
    signal: Option<Outcome>,
) -> Result<Outcome> {
    store.state.judgements = judgements(plan, store);
    let outcome = signal.unwrap_or(store.state.outcome());
    store.state.state = stage;
    store.state.exit_code = Some(outcome);
    store.write_state()?;
    console::page(&format!("\n{}", render(&store.state, outcome)));
    Ok(outcome)
}

fn judgements(plan: &Plan, store: &SoakStore) -> Vec<Judgement> {
    let mut judgements: Vec<_> = Resource::ALL
        .into_iter()
        .map(|resource| {
            if resource == Resource::Disk {
                // The database lives on while its processes come and go.
                let rows = store.rows.iter().map(|row| Row { process: 0, ..row.clone() });
                judge::growth(resource, &rows.collect::<Vec<_>>(), &plan.limits.growth)
            } else if sample::AVAILABLE {
                judge::growth(resource, &store.rests, &plan.limits.growth)
            } else {
                Judgement::not_judged(resource.name(), sample::UNAVAILABLE)
            }
        })
        .collect();
    judgements.push(if plan.perf_every == 0 {
        Judgement::not_judged("pace", "SOAK_PERF_EVERY = 0 takes no snapshots")
    } else {
        judge::pace(&store.snapshots, &plan.limits.pace)
    });
    judgements
}

/// What the chaos layer saw of power losses and failing disks; nothing where it did not run.
fn crashes(state: &SoakState) -> String {
    let all = |prefix: &str| {
        let named = state.below(prefix).map(|(name, amount)| format!("{name} {amount}"));
        named.collect::<Vec<_>>().join(", ")
    };
    let sum = |figure: &str| state.figures.get(figure).copied().unwrap_or_default();
    let judged = sum("crash_states.distinct");
    if judged == 0.0 && sum("faults.runs") == 0.0 {
        return String::new();
    }
    let faults = state.below("faults.").filter(|(name, _)| name.contains('.'));
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

/// What became of the aging database; nothing where it did not live.
fn aged(state: &SoakState) -> String {
    let sum = |figure: &str| state.figures.get(figure).copied().unwrap_or_default();
    let operations = sum("aging.operations");
    if sum("aging.reads") == 0.0 {
        return String::new();
    }
    format!(
        "\naging database      {operations} operations, {} keys compared, {} crashes, {} states of power \
         losses\n",
        sum("aging.reads"),
        sum("aging.crashes"),
        sum("aging.states"),
    )
}

fn render(state: &SoakState, outcome: Outcome) -> String {
    let mut page = format!(
        "engine {}, soak seed {}, shard {}\n{} cycles in {} of {}\n\n{:20} {:>6} {:>10} {:>9}\n",
        state.subject,
        state.soak_seed,
        state.shard,
        state.cycles,
        clock(Duration::from_secs(state.elapsed_secs)),
        clock(Duration::from_secs(state.duration_secs)),
        "part",
        "runs",
        "not passed",
        "cases",
    );
    for (name, part) in &state.parts {
        let _ =
            writeln!(page, "{name:20} {:>6} {:>10} {:>9}", part.runs, part.not_passed, part.cases);
    }
    page.push_str(&aged(state));
    page.push_str(&crashes(state));
    page.push('\n');
    for judgement in &state.judgements {
        let _ = writeln!(page, "{judgement}");
    }
    page.push_str("\nfailures\n");
    for failure in state.failures.iter().take(SHOWN) {
        let case = failure.case.as_deref().unwrap_or("-");
        let _ = writeln!(
            page,
            "  {case}  [cycle {}, {}: {}]\n      {}\n      seed {}",
            failure.cycle, failure.part, failure.outcome, failure.message, failure.seed
        );
        if let Some(repro) = &failure.repro {
            let _ = writeln!(page, "      {repro}");
        }
    }
    match state.failed() {
        0 => page.push_str("  none\n"),
        all if all > SHOWN as u64 => {
            let _ = writeln!(page, "  … and {} more, see summary.json", all - SHOWN as u64);
        }
        _ => {}
    }
    let _ = write!(
        page,
        "\n{}: {} cycles, {} failures, all parts together {}",
        outcome.headline(),
        state.cycles,
        state.failed(),
        state.outcome().name(),
    );
    page
}

#[cfg(test)]
mod tests {
    use super::render;
    use results::{Outcome, ledger::Subject, state::SoakState};

    #[test]
    fn chaos_figures_are_shown_where_chaos_ran() {
        let mut state = SoakState::new(Subject::default(), 5, "1/1".into(), 60);
        assert!(!render(&state, Outcome::Passed).contains("power losses"));
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
        state.add(&figures.map(|(name, amount)| (name.to_owned(), amount)).into());
        let page = render(&state, Outcome::Passed);
        for line in [
            "120 states judged, 3000 left out; legal on ext4-ordered 20, xfs 60\n",
            "found in them       xfs 2\n",
            "49 faults of 2 kinds in 50 runs\n",
        ] {
            assert!(page.contains(line), "{line} in {page}");
        }
    }
}
