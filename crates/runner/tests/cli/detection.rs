//! Defects planted in the engine of the miniature workspace: caught for the reason that was planted, for
//! another one, or not at all; and what is done when the run was cut off or says nothing.

use crate::fixture::{Fixture, PROD};
use process::{
    fixes::hash,
    miniature::{Run, command_in},
};

const LOCKED: &str = "pub const WHO: &str = \"locked\";";
const HONEST: (&str, &str) = ("SUITE_ENGINE", "locked");

/// A workspace whose engine can say that it is another one, in three ways of being found or not.
fn fixture() -> Fixture {
    let fixture = Fixture::new();
    let plant = |name: &str, cases: &str, words: &str| {
        let hash = hash(&[LOCKED]);
        let text = format!(
            "what = \"The engine says that it is {name}.\"\nseed = 7\ncases = 'test(={cases})'\n\
             [[expect]]\ncase = \"engine_is\"\nwords = \"{words}\"\n[[edit]]\nfile = \"src/lib.rs\"\n\
             lines = 1\nhash = \"{hash}\"\ntext = '''\npub const WHO: &str = \"{name}\";\n'''\n"
        );
        fixture.write(&format!(".config/defects/0.2.0/{name}.toml"), &text);
    };
    plant("found", "engine_is", "left == right");
    plant("misread", "engine_is", "what no case says");
    plant("missed", "a_first", "left == right");
    fixture
}

#[test]
fn cargo_defects_count_for_their_own_reason() {
    let fixture = fixture();
    let before = fixture.read("engine/src/lib.rs");
    fixture.write("target/prod/run.json", "of another run");
    let run = fixture.prod_with(&["detection"], &[HONEST]);
    run.ended(
        1,
        &[
            "\nfound: caught (",
            "\n    engine_is: assertion",
            "\nmisread: caught for another reason (",
            "\nmissed: not caught (",
            "\n1 of 3 planted defects are caught",
        ],
    );
    assert_eq!(fixture.read("target/prod/run.json"), "of another run");
    assert_eq!(fixture.read("engine/src/lib.rs"), before, "the engine itself was changed");

    // As if the second defect had been cut off while its line was written. Each of the two sets of cases
    // has its control.
    let ledger = fixture.read("target/detection/ledger.jsonl");
    assert_eq!(ledger.matches("\"unchanged\"").count(), 2, "{ledger}");
    let cut = ledger.find("\"misread\"").unwrap();
    fixture.write("target/detection/ledger.jsonl", &ledger[..cut]);
    let run = fixture.prod_with(&["detection", "--resume"], &[HONEST]);
    run.ended(1, &["\nfound: caught (", "\nmissed: not caught (", "\n1 of 3 planted"]);
    assert!(!run.stderr.contains("trying     found"), "done twice: {run:#?}");
    assert!(run.stderr.contains("trying     misread"), "not done again: {run:#?}");
    let lines = fixture.read("target/detection/ledger.jsonl").lines().count();
    assert_eq!(lines, ledger.lines().count());

    let run = fixture.prod_with(&["detection", "found"], &[HONEST]);
    run.ended(0, &["\n1 of 1 planted defects are caught"]);
    // The honest engine is not what the case wants: that it fails then shows nothing.
    let run = fixture.prod_with(&["detection", "found"], &[("SUITE_ENGINE", "other")]);
    run.ended(1, &["\nfound: the control fails", "\n0 of 1 planted defects are caught"]);
    assert!(!run.stderr.contains("trying     found"), "run without a control: {run:#?}");
    // What did not count is tried again.
    let run = fixture.prod_with(&["detection", "found", "--resume"], &[HONEST]);
    run.ended(0, &["\nfound: caught (", "\n1 of 1 planted defects are caught"]);
}

/// The engine says its name by way of another line, which the fix changes.
#[test]
fn cargo_a_defect_is_planted_below_the_fixes() {
    const NAME: &str = "const NAME: &str = \"locked\";";
    const SAYS: &str = "pub const WHO: &str = NAME;";
    let fixture = Fixture::new();
    let edit = |line: &str, text: &str| {
        let hash = hash(&[line]);
        let place = format!("[[edit]]\nfile = \"src/lib.rs\"\nlines = 1\nhash = \"{hash}\"\n");
        format!("{place}text = '''\n{text}\n'''\n")
    };
    let defect = |line: &str, text: &str| {
        let head = "what = \"It says another name.\"\nseed = 7\ncases = 'test(=engine_is)'\n\
                    fixes = \"all\"\n[[expect]]\ncase = \"engine_is\"\nwords = \"left == right\"\n";
        let text = format!("{head}{}", edit(line, text));
        fixture.write(".config/defects/0.2.0/found.toml", &text);
    };
    fixture.write("engine/src/lib.rs", &format!("{NAME}\n{SAYS}\n"));
    let fix = edit(NAME, "const NAME: &str = \"fixed\";");
    let fix = format!("reason = \"It has a name.\"\ncost = \"Nothing.\"\n{fix}");
    fixture.write(".config/fixes/0.2.0/lost-page.toml", &fix);
    defect(SAYS, "pub const WHO: &str = \"found\";");
    fixture.prod(&["detection", "--list"]).ended(0, &["seed 7, fixes all"]);
    // What is planted is never taken for the fixed engine, nor the other way round, in whatever order
    // they are built.
    let honest = || {
        let env = [("MACE_PROD_FIXES", "all"), ("SUITE_ENGINE", "fixed"), ("SUITE_SIN", "vanish")];
        fixture.prod_with(&["run"], &env).ended(0, &["+ 1 fix", "passed (exit 0)"]);
    };
    honest();
    let run = fixture.prod_with(&["detection"], &[("SUITE_ENGINE", "fixed")]);
    run.ended(0, &["\nfound: caught (", "\n1 of 1 planted defects are caught"]);
    honest();
    let run = fixture.prod_with(&["detection"], &[HONEST]);
    run.ended(1, &["\nfound: the control fails"]);

    defect(NAME, "const NAME: &str = \"found\";");
    let run = fixture.prod(&["detection"]);
    run.refused_at_once_by("prod", &["fix `lost-page` does not apply", "src/lib.rs"]);
}

/// The fixture's one finding, whose regression does not show it here: an honest engine is `fixed`.
#[test]
fn cargo_a_finding_appears_without_its_fix() {
    let fixture = Fixture::new();
    let hash = hash(&[LOCKED]);
    let fix = format!(
        "reason = \"The engine says who it is.\"\ncost = \"Nothing.\"\n[[edit]]\n\
         file = \"src/lib.rs\"\nlines = 1\nhash = \"{hash}\"\ntext = '''\n\
         pub const WHO: &str = \"fixed\";\n'''\n"
    );
    fixture.write(".config/fixes/0.2.0/lost-page.toml", &fix);
    let left_out = |who: &[(&str, &str)], args: &[&str]| {
        let env: Vec<_> = who.iter().copied().chain([("SUITE_SIN", "vanish")]).collect();
        fixture.prod_with(&[&["detection", "--left-out"], args].concat(), &env)
    };
    let run = left_out(&[("SUITE_ENGINE", "fixed")], &[]);
    run.ended(0, &["\nlost-page: fast, in 1 of 1 runs (", "\n    engine_is: assertion"]);
    run.ended(0, &["\n1 of 1 findings appear when their fix is left out"]);
    let run = left_out(&[("SUITE_ENGINE", "fixed")], &["--resume"]);
    run.ended(0, &["\nlost-page: fast, in 1 of 1 runs ("]);
    assert!(!run.stderr.contains("trying     "), "done twice: {run:#?}");

    // Nothing fails without the fix.
    left_out(&[], &[]).ended(1, &["\nlost-page: not found in 1 runs", "\n0 of 1 findings"]);
    // What fails with every fix shows nothing.
    let run = left_out(&[("SUITE_ENGINE", "locked")], &[]);
    run.ended(1, &["\nlost-page: not found", "with every fix, seed 1: engine_is fails"]);
    left_out(&[], &["typo"]).refused_at_once_by("prod", &["no fix is called `typo`"]);
}

#[test]
fn defects_that_cannot_be_planted_are_refused() {
    let fixture = fixture();
    let refused = |args: &[&str], parts: &[&str]| {
        fixture.prod_with(args, &[HONEST]).refused_at_once_by("prod", parts);
    };
    refused(&["detection", "typo"], &["no defect is called `typo`", "--list"]);
    refused(&["detection", "--threads", "0"], &["thread count \"0\""]);
    fixture.prod(&["detection", "--list"]).ended(0, &["found: The engine says", "left == right"]);
    let file = ".config/defects/0.2.0/found.toml";
    let text = fixture.read(file);
    for (old, new, what) in [
        ("left == right", "", "say which failure shows it, and in which words"),
        ("lines = 1", "lines = 0", "look for at least one line"),
        ("seed = 7", "seeds = 7", "malformed defect"),
    ] {
        fixture.write(file, &text.replace(old, new));
        refused(&["detection", "missed"], &[what, "found.toml"]);
    }
    fixture.write(file, &text);
    fixture.write("engine/src/lib.rs", "pub const WHO: &str = \"changed\";\n");
    refused(&["detection"], &["defect `found` does not apply", "src/lib.rs", "fit it"]);
    assert!(!fixture.path("target/debug").exists(), "something was built");
}

/// The repository's own defects, against the engine of its lock file.
#[test]
fn every_defect_applies() {
    let root = knobs::runtime::root();
    let listed = Run::of(command_in(&root, PROD).args(["detection", "--list"]));
    listed.ended(0, &["commit-before-the-log: ", "pair-over-the-limit: "]);
}
