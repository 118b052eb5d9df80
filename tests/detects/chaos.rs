//! The chaos harness is tested before it is believed: failpoints planted in sources must be found,
//! a failpoint without a recipe must fail, a hit that never comes, a child that dies elsewhere and
//! a journal that claims more than happened must each end in the verdict that is theirs.

#[path = "../../build/extract.rs"]
pub(crate) mod extract;

use extract::{Catalogue, Kind, extract};
use mace_prod::{
    engine::{
        Driver, Preset,
        failpoint::{self, Action},
        mace::MaceDriver,
    },
    history::{Event, child, script::Step},
    oracle::OracleName,
    scenario::{
        Case,
        chaos::{
            ChaosCase, Fault, Position, cases, cases_of,
            flow::{Flow, check_recovery},
            recipes::Recipe,
        },
        database::Stage,
        exits::must,
        run::Run,
    },
    settings::FindingId,
    testdir::TestDir,
    verdict::Verdict,
    workload::TxnId,
};
use std::{
    collections::BTreeSet,
    path::Path,
    process::{Command, Stdio},
};

const IMPLEMENTATION: &str = r#"
    fn rule(op: Op) -> &'static str { match op { Op::Open => "mace_fs_open" } }
    fn parse(raw: &str) { raw.strip_prefix("mace_fs_"); }
    fn parse_io_kind(raw: &str) -> Option<Kind> {
        match raw.replace('-', "_") { "other" => Some(Kind::Other), _ => None }
    }
    #[cfg(test)] mod tests { fn probe() { check("mace_unit_probe"); } }
"#;

fn extracted(source: &str) -> Result<Catalogue, String> {
    let file = |path: &str, text: &str| (path.to_owned(), text.to_owned());
    extract(&[file("src/utils/failpoint.rs", IMPLEMENTATION), file("src/a.rs", source)])
}

fn points(source: &str) -> Vec<(String, Kind)> {
    let catalogue = extracted(source).expect("the source has a failpoint");
    catalogue.points.into_iter().map(|(name, (kind, _))| (name, kind)).collect()
}

#[test]
fn calls_over_several_lines_and_both_kinds_are_found() {
    let source = r#"
        fn f() -> Result<(), OpCode> {
            crate::utils::failpoint::check("mace_a")?;
            crate::utils::failpoint::crash(
                "mace_b",
            );
            use failpoint::crash;
            crash("mace_c");
            Ok(())
        }"#;
    let expected = [("mace_a", Kind::Check), ("mace_b", Kind::Crash), ("mace_c", Kind::Crash)];
    assert_eq!(points(source), expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn chosen_names_take_the_kind_of_their_call() {
    let source = r#"
        const LATE: &str = "mace_late";
        fn name(kind: Kind) -> &'static str {
            match kind { Kind::Data => "mace_data", Kind::Blob => "mace_blob" }
        }
        fn f(kind: Kind) { failpoint::crash(Self::name(kind)); failpoint::check(LATE); }"#;
    let expected =
        [("mace_blob", Kind::Crash), ("mace_data", Kind::Crash), ("mace_late", Kind::Check)];
    assert_eq!(points(source), expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[test]
fn a_name_without_a_call_counts_and_decoys_do_not() {
    let source = r##"
        //! failpoint::crash("mace_in_a_comment")
        /// "mace_in_a_doc"
        fn f() { let names = ["mace_apart"]; let temp = "mace_tmp_"; }
        /* failpoint::crash("mace_in_a_block") */
        #[cfg(test)]
        mod tests { #[test] fn t() { failpoint::crash("mace_in_a_test"); } }
        #[cfg(test)]
        fn g<A, B>(a: A) -> B { failpoint::crash("mace_in_a_test_function") }
        fn h() { let text = r#"failpoint::crash("mace_in_a_text")"#; }"##;
    assert_eq!(points(source), [("mace_apart".to_owned(), Kind::Unseen)]);
}

#[test]
fn a_renamed_point_is_another_point_with_its_place() {
    let source = "fn f() {\n    failpoint::crash(\"mace_renamed\");\n}";
    let catalogue = extracted(source).expect("the source has a failpoint");
    let (_, sites) = &catalogue.points["mace_renamed"];
    assert_eq!(sites.iter().collect::<Vec<_>>(), [&("src/a.rs".to_owned(), 2)]);
    assert_eq!(catalogue.fs_ops.iter().collect::<Vec<_>>(), ["mace_fs_open"]);
    assert_eq!(catalogue.io_kinds, ["other"]);
}

#[test]
fn no_points_and_run_time_names_are_errors() {
    for source in ["fn f() {}", "fn f() { failpoint::crash(\"mace_{kind}_b\"); }", "fn f( {"] {
        let reason = extracted(&format!("{source} // mace_")).expect_err(source);
        assert!(!reason.contains('\n'), "{reason}");
    }
}

#[test]
fn every_point_operation_and_kind_is_covered() {
    let names: Vec<String> = cases().iter().map(ChaosCase::name).collect();
    let distinct: BTreeSet<&String> = names.iter().collect();
    assert_eq!(distinct.len(), names.len(), "each case has a name of its own");
    assert!(names.iter().all(|name| name.starts_with("chaos_")));
    let planned = failpoint::points().len() * 4 + failpoint::fs_ops().len() * 3;
    assert!(names.len() >= planned + failpoint::fs_ops().len() * failpoint::io_kinds().len());
    let uncovered: Vec<_> = cases().into_iter().filter(|case| !case.is_covered()).collect();
    assert!(uncovered.is_empty(), "{uncovered:?}");
}

#[test]
fn points_need_recipes_and_recipes_their_points() {
    const ROWS: &[(&str, Recipe)] = &[("known", Recipe::Commits), ("gone", Recipe::Commits)];
    let point = |name| failpoint::Point { name, kind: failpoint::Kind::Crash, sites: &["a.rs:7"] };
    let cases = cases_of(&[point("mace_known"), point("mace_planted")], &["mace_fs_new"], ROWS);
    let named = |name: &str| {
        let case = cases.iter().find(|case| case.name() == name);
        case.unwrap_or_else(|| panic!("no case {name}")).clone()
    };
    for name in ["chaos_point::planted::abort_first", "chaos_fs::new::io_other"] {
        assert!(!named(name).is_covered(), "{name}");
    }
    assert!(named("chaos_point::known::panic_first").is_covered());
    if !MaceDriver.capabilities().failpoints {
        return;
    }
    Case::run(|case| {
        let verdict = named("chaos_point::planted::abort_first").run(case);
        assert!(is_inconclusive(&verdict, "uncovered"), "{verdict:?}");
        named("chaos_point::gone::abort_first").run(case)
    });
}

fn is_inconclusive(verdict: &Verdict, word: &str) -> bool {
    matches!(verdict, Verdict::Inconclusive(text) if text.contains(word))
}

const fn first(point: &'static str, action: Action) -> Fault {
    Fault { point, action, position: Position::First, in_deep: false }
}

/// A flow whose verdict is the test's to judge.
fn flow(
    fault: Fault,
    recipe: Recipe,
    change: impl Fn(&mut Stage),
    judge: impl Fn(&Verdict) -> bool,
) {
    if !MaceDriver.capabilities().failpoints {
        return;
    }
    Case::run(|case| {
        let mut stages = recipe.stages(Preset::OneWriter);
        change(&mut stages.armed);
        let verdict = Flow { fault, stages }.run(case);
        assert!(judge(&verdict), "{verdict:?}");
        Verdict::Pass
    });
}

#[test]
fn a_point_that_is_never_hit_is_inconclusive() {
    let never = |verdict: &Verdict| is_inconclusive(verdict, "never hit");
    flow(first("no_such_point", Action::Abort), Recipe::Create, |_| {}, never);
    let armed = |verdict: &Verdict| is_inconclusive(verdict, "did not come");
    flow(first("no_such_point", Action::Panic), Recipe::Create, |_| {}, armed);
    flow(first("no_such_point", Action::Io), Recipe::Create, |_| {}, armed);
}

#[test]
fn a_child_that_dies_elsewhere_is_a_crash_of_its_own() {
    let dies = |stage: &mut Stage| stage.steps.insert(1, Step::Die);
    let crashed = |verdict: &Verdict| matches!(verdict, Verdict::Crashed(_));
    flow(
        first("bucket_create_after_manifest_commit", Action::Abort),
        Recipe::Create,
        dies,
        crashed,
    );
    let other = |stage: &mut Stage| stage.rules = "mace_fs_open=io".to_owned();
    let fault = first("checkpoint_after_dir_sync", Action::Panic);
    flow(fault, Recipe::Copy, other, crashed);
}

#[test]
fn an_acknowledged_commit_that_is_gone_is_a_violation() {
    Case::run(|case| {
        let verdict = case.over(Preset::OneWriter, |run| {
            let stages = Recipe::Commits.stages(Preset::OneWriter);
            run.options = stages.armed.options.clone();
            run.process(&stages.armed);
            claim_one_more(&run.journal());
            check_recovery(run);
        });
        let Verdict::Violated(found) = verdict else { panic!("{verdict:?}") };
        assert!(found.iter().any(|found| found.oracle == OracleName::Durability), "{found:?}");
        Verdict::Pass
    });
}

/// A run whose last process dies of a known finding, as it is told; it claims a commit that is not there
/// or it does not.
fn ended_by_a_finding(case: &Case, claims: bool) -> Verdict {
    let folder = case.dir().join(format!("claims-{claims}"));
    let mut run = Run::new(Preset::OneWriter, folder, case.seed());
    run.explain_by(|_, _, _| Some((FindingId::SPLIT_WITHOUT_ITS_CHILD, "it says so".to_owned())));
    let armed = Recipe::Commits.stages(Preset::OneWriter).armed;
    run.options = armed.options.clone();
    run.process(&armed);
    if claims {
        claim_one_more(&run.journal());
    }
    run.reopen();
    run.process(&Stage { steps: vec![Step::Die], ..armed });
    run.judge()
}

#[test]
fn a_known_finding_hides_no_violation_of_its_run() {
    Case::run(|case| {
        let known = ended_by_a_finding(case, false);
        assert_eq!(known, Verdict::Known(FindingId::SPLIT_WITHOUT_ITS_CHILD));
        let Verdict::Violated(found) = ended_by_a_finding(case, true) else { panic!("hidden") };
        assert!(found.iter().any(|found| found.oracle == OracleName::Durability), "{found:?}");
        Verdict::Pass
    });
}

/// Adds a commit to the journal that no process ever asked for.
fn claim_one_more(journal: &Path) {
    use mace_prod::{
        history::KeyText, history::Write, history::journal::Recorder, workload::Version,
    };
    let recorder = must(Recorder::file(journal));
    let txn: TxnId = recorder.next_txn(1);
    let version = Version { txn, op: 0, len: 64 };
    let marker = Version { txn, op: 1, len: 32 };
    let writes = vec![
        (KeyText::new(b"k/00000001"), Write::Set(version)),
        (KeyText::new(&mace_prod::workload::marker_key(1)), Write::Set(marker)),
    ];
    let bucket = "a".to_owned();
    recorder.record(Event::Begin { txn, bucket, stamp: recorder.stamp() });
    let begun = recorder.stamp();
    let stamp = recorder.stamp();
    let reads = Vec::new();
    recorder.record(Event::Commit { txn, begun, stamp, reads, writes, scans: Vec::new() });
    recorder.record(Event::Ok { txn, stamp: recorder.stamp() });
}

#[test]
fn a_child_of_another_build_does_nothing() {
    let dir = TestDir::new("own").unwrap();
    let plan = dir.join("plan");
    let ended = |build: String| {
        let mut child = Command::new(child::program());
        child.arg(&plan).arg(build).stderr(Stdio::null()).status().unwrap().code()
    };
    assert_eq!(ended("0.0.1 plain 0".to_owned()), Some(child::CODE_STRANGER));
    // With the right build it would look for the plan.
    assert_eq!(ended(child::build()), Some(101));
}
