//! `prod upgrade`: one version of the engine beside another one. The fast layer runs on both with one seed,
//! each makes a database that the other one opens, and the gate compares the two.
//! Says what got better and what got worse; the layers' cases are judged where they always are.

use crate::{
    files,
    nextest::{self, Nextest},
    part::{self, Mode},
    record::Judged,
    run,
    session::Session,
    standing,
};
use knobs::{
    Knobs,
    findings::{Finding, Findings},
    knob,
};
use process::{
    Error, Interrupts, Outcome, Result, console,
    engine::Engine,
    wanted::{Wanted, mace_alone},
};
use results::{
    CaseOutcome,
    contents::{Contents, PROGRAM},
    costs::Change,
    document,
    gate::{Comparison, Gate, Verdict},
    standing::{Standing, Word},
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Where everything of it is, below the root.
const FOLDER: &str = "target/upgrade";

/// How the process ends that makes a database, and what that is called.
const ENDS: [(&str, &str); 2] = [("close", "closed"), ("die", "killed")];

/// One of the two engines, after its layer ran.
struct Side {
    /// `old` or `new`, as its folder is called.
    name: String,
    engine: Engine,
    judged: Judged,
    standings: Vec<Standing>,
    /// The suite's program with this engine in it.
    program: PathBuf,
}

/// A folder as its maker left it, or why there is none.
type Made = std::result::Result<Contents, String>;

/// A database that a side made.
struct Database {
    dir: PathBuf,
    contents: Made,
}

/// What got better, what got worse, and what is as it was.
#[derive(Default)]
struct Page {
    lines: Vec<String>,
    worse: usize,
}

impl Page {
    fn title(&mut self, title: &str) {
        self.lines.push(format!("\n{title}"));
    }

    fn say(&mut self, line: &str) {
        self.lines.push(format!("  {line}"));
    }

    fn worse(&mut self, line: &str) {
        self.worse += 1;
        self.say(&format!("WORSE   {line}"));
    }

    fn better(&mut self, line: &str) {
        self.say(&format!("better  {line}"));
    }
}

/// Compares the engines that two arguments name.
pub(crate) fn upgrade(
    flags: &[(&str, &str)],
    names: [&str; 2],
    threads: u32,
    with_speed: bool,
    interrupts: &Interrupts,
) -> Result<Outcome> {
    let knobs = Knobs::load_with(flags)?;
    mace_alone(&knobs)?;
    let root = knobs.root();
    let folder = root.join(FOLDER);
    let seed = knobs.get(knob::MACE_PROD_SEED).unwrap_or(1).to_string();
    let flags = [flags, &[(knob::MACE_PROD_SEED.name(), seed.as_str())]].concat();
    let wanted = [Wanted::parse(names[0])?, Wanted::parse(names[1])?];
    let old = Side::new(&flags, &wanted[0], "old", threads, interrupts)?;
    let new = Side::new(&flags, &wanted[1], "new", threads, interrupts)?;
    let mut page = Page::default();
    page.lines
        .push(format!("{} -> {}, the fast layer with root seed {seed}", old.engine, new.engine));
    let known = Findings::load(root)?;
    findings(&mut page, &known, &old, &new);
    promises(&mut page, &old, &new);
    cases(&mut page, &old, &new);
    folders(&mut page, &folder, [&old, &new], interrupts)?;
    let compared = root.join(knobs.get(knob::MACE_PERF_OUT_DIR)).join("compare.json");
    page.title("speed and costs");
    if !with_speed {
        page.say("not measured: --no-speed");
    } else if let Err(why) = measure(root, &flags, &wanted, &compared, interrupts)? {
        page.say(&format!("not measured: {why}"));
    } else {
        speed(&mut page, &compared, [&old, &new])?;
    }
    let verdict = match page.worse {
        0 => Outcome::Passed,
        _ => Outcome::Failed,
    };
    page.lines.push(format!("\nupgrade: {}: {} got worse", verdict.headline(), page.worse));
    let text = page.lines.join("\n");
    files::write(&folder.join("page.txt"), &format!("{text}\n"))?;
    console::page(&text);
    Ok(verdict)
}

/// An engine as an argument names it.
fn named(wanted: &Wanted) -> String {
    match wanted {
        Wanted::Path(path) => path.display().to_string(),
        Wanted::Version(version) => version.clone(),
        Wanted::Locked => unreachable!("an argument names an engine"),
    }
}

impl Side {
    fn new(
        flags: &[(&str, &str)],
        wanted: &Wanted,
        name: &str,
        threads: u32,
        interrupts: &Interrupts,
    ) -> Result<Self> {
        let knob = match wanted {
            Wanted::Path(_) => knob::MACE_ENGINE_PATH.name(),
            _ => knob::MACE_ENGINE.name(),
        };
        let value = named(wanted);
        let flags = [flags, &[(knob, value.as_str())]].concat();
        let mut session = Session::open_on(&flags, None, &format!("{FOLDER}/{name}"))?;
        // Which of the two has a finding is what is asked: the list of its versions must not decide.
        session.findings = session.findings.expected(true);
        run::remove_old_reports(&session.out)?;
        nextest::announce(&session);
        let nextest = Nextest::new(&session, interrupts);
        let part = part::parts(Mode::Fast, session.knobs.get(knob::FEATURES)).remove(0);
        let mut listing = nextest.listing(&part)?;
        interrupts.check()?;
        run::refuse_empty(&part, &listing.inventory)?;
        // The next engine's takes its place.
        let program = session.out.join(PROGRAM);
        let built = listing.programs.remove(PROGRAM).ok_or_else(|| {
            let what = format!("the suite has no program `{PROGRAM}`");
            Error::new(what, session.root.display(), "use a checkout that has it")
        })?;
        fs::copy(&built, &program)
            .map_err(|error| Error::io("keep the program", &built, "make room for it", error))?;
        let mut judged = run::run_part(&nextest, &part, &listing.inventory, threads)?.judged;
        interrupts.check()?;
        if judged.outcome == Outcome::Broken {
            let what = format!("nextest could not run the cases on {}", session.engine);
            return Err(Error::new(what, "layer fast", "see above"));
        }
        // One that it does not have is no failure.
        for case in &mut judged.layer.cases {
            if case.outcome == CaseOutcome::NotReproduced {
                case.outcome = CaseOutcome::Passed;
            }
        }
        let met = session.findings.clone().expected(false);
        let standings = standing::standings(&met, "", std::slice::from_ref(&judged));
        let Session { engine, .. } = session;
        Ok(Self { name: name.to_owned(), engine, judged, standings, program })
    }

    /// Whether a finding shows, where its case did its work.
    fn shows(&self, finding: &Finding) -> Option<bool> {
        let cases = &self.judged.layer.cases;
        if cases.iter().any(|case| case.known.contains(&finding.id)) {
            return Some(true);
        }
        let own = cases.iter().find(|case| case.id.name == finding.case)?;
        (own.outcome == CaseOutcome::Passed).then_some(false)
    }

    fn run(&self, args: &[&str], dir: &Path, interrupts: &Interrupts) -> Result<Made> {
        let mut command = Command::new(&self.program);
        command.args(args).arg(dir).stdin(Stdio::null());
        let (status, output) = interrupts.capture(&mut command).map_err(|error| {
            Error::io("run the program", &self.program, "make it executable", error)
        })?;
        interrupts.check()?;
        let text = String::from_utf8_lossy(&output);
        let said = text.lines().last().unwrap_or("it said nothing");
        let failed = || format!("{said} ({status})");
        // One that is to die has said before what it acknowledged.
        if !status.success() && args != ["make", ENDS[1].0] {
            return Ok(Err(failed()));
        }
        Ok(document::decode(said).map_err(|_| failed()))
    }
}

fn findings(page: &mut Page, known: &Findings, old: &Side, new: &Side) {
    page.title("findings");
    let mut both = Vec::new();
    let mut open = Vec::new();
    for finding in known.all() {
        let Finding { id, summary, .. } = finding;
        match (old.shows(finding), new.shows(finding)) {
            (Some(true), Some(false)) => page.better(&format!("gone: {id}: {summary}")),
            (Some(false), Some(true)) => page.worse(&format!("new: {id}: {summary}")),
            (Some(true), Some(true)) => both.push(id.as_str()),
            (Some(false), Some(false)) => {}
            _ => open.push(id.as_str()),
        }
    }
    let list = |ids: &[&str]| if ids.is_empty() { "none".to_owned() } else { ids.join(", ") };
    page.say(&format!("on both: {}", list(&both)));
    page.say(&format!("not told apart, since a case was skipped or failed: {}", list(&open)));
}

fn promises(page: &mut Page, old: &Side, new: &Side) {
    page.title("promises");
    for (before, after) in old.standings.iter().zip(&new.standings) {
        let line = format!("{}: {} -> {}", after.promise.title(), before.said(), after.said());
        // What fails and is not explained may be worse or better than a finding; what was not tried says nothing.
        match (before.verdict, after.verdict) {
            (Word::Kept, Word::InDoubt | Word::Broken) => page.worse(&line),
            (Word::InDoubt | Word::Broken, Word::Kept) => page.better(&line),
            _ => page.say(&line),
        }
    }
}

/// Cases that fail with one of the two alone. A known finding is no failure, whether it shows or not:
/// [`findings`] has it. A regression that fails in another way is one.
fn cases(page: &mut Page, old: &Side, new: &Side) {
    page.title("cases");
    let failing = |side: &Side| -> BTreeSet<String> {
        side.judged.layer.failures().map(|case| case.id.name.clone()).collect()
    };
    let was = failing(old);
    let is = failing(new);
    is.difference(&was).for_each(|name| page.worse(&format!("fails: {name}")));
    was.difference(&is).for_each(|name| page.better(&format!("fails no longer: {name}")));
    page.say(&format!("failing on both: {}", is.intersection(&was).count()));
}

/// Makes a database with a side's engine in its folder, in place of the one there.
fn made(side: &Side, folder: &Path, end: &str, interrupts: &Interrupts) -> Result<Database> {
    let dir = folder.join(&side.name).join(format!("db-{end}"));
    files::remove_folder(&dir)?;
    let contents = side.run(&["make", end], &dir, interrupts)?;
    Ok(Database { dir, contents })
}

/// What a side's engine finds in a database, which has to be all that its maker acknowledged.
fn opened(side: &Side, from: &Database, interrupts: &Interrupts) -> Result<Made> {
    let there = match &from.contents {
        Ok(there) => there,
        Err(why) => return Ok(Err(format!("could not be made: {why}"))),
    };
    let found = side.run(&["read"], &from.dir, interrupts)?;
    Ok(found.and_then(|found| {
        let is_all = found.digest == there.digest;
        let differs = || format!("{} of {} pairs, or others", found.pairs, there.pairs);
        if is_all { Ok(found) } else { Err(differs()) }
    }))
}

fn folders(
    page: &mut Page,
    folder: &Path,
    [old, new]: [&Side; 2],
    interrupts: &Interrupts,
) -> Result<()> {
    page.title("folders");
    let mut sizes = Vec::new();
    for (end, word) in ENDS {
        let by_maker =
            |side: &Side| opened(side, &made(side, folder, end, interrupts)?, interrupts);
        let from_old = made(old, folder, end, interrupts)?;
        let from_new = made(new, folder, end, interrupts)?;
        if let (Ok(_), Err(why)) = (&from_old.contents, &from_new.contents) {
            page.worse(&format!("the new makes none that is {word}: {why}"));
        }
        sizes.push((word, from_old.contents.clone(), from_new.contents.clone()));
        let forth = format!("one of the old, {word}, opened by the new");
        match opened(new, &from_old, interrupts)? {
            Ok(found) => page.say(&format!("{forth}: all {} pairs", found.pairs)),
            Err(why) => {
                // What its own maker cannot open either is not the other one's doing.
                match by_maker(old)? {
                    Ok(_) => page.worse(&format!("{forth}: {why}")),
                    Err(own) => page.say(&format!("{forth}: {why}; nor by the old: {own}")),
                }
            }
        }
        let back = format!("one of the new, {word}, opened by the old");
        match opened(old, &from_new, interrupts)? {
            Ok(found) => page.say(&format!("{back}: all {} pairs", found.pairs)),
            Err(why) => page.say(&format!("{back}: {why}")),
        }
        let own = format!("one of the new, {word}, opened by the new");
        match by_maker(new)? {
            Ok(found) => page.say(&format!("{own}: all {} pairs", found.pairs)),
            Err(why) if from_new.contents.is_ok() && by_maker(old)?.is_ok() => {
                page.worse(&format!("{own}: {why}"));
            }
            Err(why) => page.say(&format!("{own}: {why}")),
        }
    }
    page.title("file sizes, the same work");
    for (word, was, is) in sizes {
        match (was, is) {
            (Ok(Contents { file_bytes: was, .. }), Ok(Contents { file_bytes: is, .. })) => {
                let percent = (is as f64 - was as f64) / was.max(1) as f64 * 100.0;
                page.say(&format!("{word}: {was} -> {is} bytes ({percent:+.1} %)"));
            }
            _ => page.say(&format!("{word}: not measured")),
        }
    }
    Ok(())
}

/// Has the gate compare the two; why it did not.
fn measure(
    root: &Path,
    flags: &[(&str, &str)],
    wanted: &[Wanted; 2],
    compared: &Path,
    interrupts: &Interrupts,
) -> Result<std::result::Result<(), String>> {
    // One that an earlier run left must not be taken for this one.
    files::remove(compared)?;
    console::note("upgrade    just perf engines");
    let mut command = Command::new("cargo");
    command
        .args(["run", "--quiet", "--package", "perf", "--", "engines"])
        .args(wanted.each_ref().map(named));
    command.envs(flags.iter().copied()).current_dir(root).stdout(Stdio::null());
    let mut last = String::new();
    let status = interrupts.stream(&mut command, &mut |line| {
        if !line.trim().is_empty() {
            console::note(line);
            line.clone_into(&mut last);
        }
    });
    let status = status.map_err(|error| Error::io("run cargo", root, "install it", error))?;
    interrupts.check()?;
    Ok(if compared.exists() { Ok(()) } else { Err(format!("{last} ({status})")) })
}

/// What the gate measured and counted.
fn speed(page: &mut Page, path: &Path, sides: [&Side; 2]) -> Result<()> {
    let compared: Option<Comparison> =
        files::parsed(path, "remove the file", |text| serde_json::from_str(text))?;
    let Some(compared) = compared else { return Ok(()) };
    let engines = [&compared.base.engine, &compared.head.engine];
    if sides.map(|side| side.engine.to_string()) != engines.map(String::clone) {
        let what = format!("the comparison is of {} and {}", engines[0], engines[1]);
        return Err(Error::new(what, path.display(), "report this as a bug of the runner"));
    }
    let before = page.worse;
    for case in &compared.cases {
        let verdict = case.verdict.name();
        let Some(estimate) = &case.estimate else {
            page.say(&format!("{}: {verdict}", case.case));
            continue;
        };
        let results::gate::Estimate { base_ns, head_ns, delta_pct, .. } = estimate;
        let line = format!(
            "{}: {base_ns:.0} -> {head_ns:.0} ns ({delta_pct:+.1} %), {verdict}",
            case.case
        );
        match case.verdict {
            Verdict::Regressed => page.worse(&line),
            Verdict::Faster => page.better(&line),
            _ => page.say(&line),
        }
    }
    for change in compared.costs.iter().flat_map(|costs| &costs.changes) {
        let Change { case, figure, base, head, delta_pct, .. } = change;
        let line = format!("costs {case}: {} {base} -> {head} ({delta_pct:+.1} %)", figure.name());
        match change {
            change if change.is_beyond() => page.worse(&line),
            change if change.head < change.base => page.better(&line),
            _ => page.say(&line),
        }
    }
    let gate = format!("the gate says {}", compared.gate.name());
    // It may have failed by what none of the lines above says.
    if compared.gate == Gate::Failed && page.worse == before {
        page.worse(&gate);
    } else {
        page.say(&gate);
    }
    Ok(())
}
