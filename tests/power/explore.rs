//! A power loss: the work is recorded, what a crash may leave of it is rebuilt, opened and judged.

use crate::record::{Places, record, trace};
use faultfs::{Case as State, Explore, Outcome, Plan, Report};
use mace_prod::{
    engine::mace::MaceDriver,
    oracle::Violation,
    report::say,
    scenario::{Case, power::works::Work},
    verdict::Verdict,
};

const KEPT: &str = "what a power loss leaves keeps every promise";

pub(crate) fn power_loss(case: &mut Case, work: Work) -> Verdict {
    let places = Places::new(case.dir());
    let (seed, driver) = (case.seed(), MaceDriver);
    let recorded = record(&places, &driver, &work.stages(), seed, &Plan::default());
    let recorded = recorded.unwrap_or_else(|error| panic!("{error}"));
    if recorded.outcome != Outcome::Sound {
        return Verdict::Crashed(format!("while it was recorded: {}", recorded.outcome));
    }
    let run = recorded.run;
    let explore = Explore::new()
        .seed(seed.number())
        .limit(200)
        .nested(8)
        .nested_limit(40)
        .folder(case.dir())
        .store(places.findings());
    let judge = |state: &State| run.judge(state.dir(), state.begun(), state.acked());
    let report = explore.run(trace(&places), &judge).unwrap_or_else(|error| panic!("{error}"));
    for line in report.to_string().lines() {
        say(line);
    }
    let mut violations = run.live();
    violations.extend(found(&report));
    Verdict::from_violations(violations)
}

fn found(report: &Report) -> Vec<Violation> {
    let finding = |finding: &faultfs::Finding| Violation::new("power", KEPT, finding.to_string());
    report.findings.iter().map(finding).collect()
}
