//! The workflows and the recipes they name: each step one recipe, run so that a cancelled job
//! reaches it and limited below its job; nothing that is not pinned. Reads files; linters are asked
//! where `just bootstrap --all` has fetched them.

use crate::consumers::{ask, tool};
use knobs::{
    engines,
    findings::{Finding, Findings, Severity},
};
use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

fn root() -> PathBuf {
    knobs::runtime::root()
}

fn workflows() -> Vec<(String, String)> {
    let folder = root().join(".github/workflows");
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let named = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.file_name().unwrap().to_string_lossy().into_owned(), text)
    };
    files.into_iter().map(named).collect()
}

/// The action that all jobs begin with.
fn setup() -> String {
    fs::read_to_string(root().join(".github/actions/setup/action.yml")).unwrap()
}

/// The names of a justfile's recipes.
fn recipes(justfile: &str) -> BTreeSet<&str> {
    let heads = justfile.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let heads =
        heads.filter_map(|line| line.split_once(':').filter(|(_, rest)| !rest.starts_with('=')));
    heads.filter_map(|(head, _)| head.split_whitespace().next()).collect()
}

/// The recipes that a text names: after `just` and after `./run`.
fn named(text: &str) -> BTreeSet<&str> {
    let words: Vec<_> = text.split_whitespace().collect();
    let calls = words.windows(2).filter(|pair| ["just", "./run"].contains(&pair[0]));
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    let is_name = |word: &&str| *word != "just" && word.bytes().all(is_letter);
    calls.map(|pair| pair[1]).filter(is_name).collect()
}

/// The code in a page of Markdown: what stands between its backticks.
fn code(markdown: &str) -> String {
    markdown.split('`').skip(1).step_by(2).collect::<Vec<_>>().join("\n")
}

/// What is wrong with a workflow, by its lines.
fn offences(text: &str) -> Vec<String> {
    let mut offences = Vec::new();
    let mut job = 0;
    for line in text.lines() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        let body = trimmed.strip_prefix("- ").unwrap_or(trimmed);
        if let Some(minutes) = body.strip_prefix("timeout-minutes: ") {
            let minutes: u32 = minutes.parse().unwrap();
            match indent {
                4 => job = minutes,
                _ if minutes >= job => {
                    offences.push(format!("{minutes} minutes are not below the job's {job}"));
                }
                _ => {}
            }
        } else if let Some(run) = body.strip_prefix("run: ") {
            if !["exec just ", "exec .github/tell ", "for result in"]
                .iter()
                .any(|it| run.starts_with(it))
            {
                offences.push(format!("no recipe run with exec: {run}"));
            }
            if run.contains("${{") {
                offences.push(format!("a value pasted into a command: {run}"));
            }
        } else if let Some(action) = body.strip_prefix("uses: ").filter(|it| !it.starts_with("./"))
        {
            let hash = action.split(['@', ' ']).nth(1).unwrap_or_default();
            let hex = hash.len() == 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !hex || !action.contains(" # v") {
                offences
                    .push(format!("not pinned by its commit and named by its version: {action}"));
            }
        }
    }
    let is_command = |line: &&str| line.trim_start().trim_start_matches("- ").starts_with("run: ");
    let runs = text.lines().filter(is_command).count();
    let limits = text.matches("        timeout-minutes: ").count();
    if runs != limits {
        offences.push(format!("{runs} commands and {limits} limits"));
    }
    // What only tells of a run has the permissions that its caller gives.
    let only_tells = text.contains("exec .github/tell ") && !text.contains("exec just ");
    if !only_tells && !text.contains("\npermissions:\n  contents: read\n") {
        offences.push("more permissions than reading".to_owned());
    }
    offences
}

#[test]
fn every_recipe_that_is_named_exists() {
    let justfile = fs::read_to_string(root().join("justfile")).unwrap();
    let recipes = recipes(&justfile);
    assert!(recipes.contains("prod") && !recipes.contains("set"), "{recipes:?}");
    let page =
        |file: &str| (file.to_owned(), code(&fs::read_to_string(root().join(file)).unwrap()));
    let mut texts = vec![page("README.md"), page("docs/manual.md")];
    texts.extend(workflows());
    for (file, text) in &texts {
        let unknown: Vec<_> =
            named(text).into_iter().filter(|name| !recipes.contains(name)).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}, and the justfile has {recipes:?}");
    }
    assert_eq!(named(&code("`just nosuch x` and just words")), BTreeSet::from(["nosuch"]));
}

/// The table of findings as the README has to have it.
fn table(findings: &Findings) -> String {
    let rows = |severity: Severity| {
        let row = |finding: &Finding| {
            let Finding { id, summary, .. } = finding;
            format!("| [`{id}`](docs/findings/{id}.md) | {summary} | {} |\n", finding.takes())
        };
        let rows: Vec<_> = findings.of(severity).into_iter().map(row).collect();
        format!("| **{} ({})** | | |\n{}", severity.title(), rows.len(), rows.concat())
    };
    Severity::ALL.map(rows).concat()
}

#[test]
fn the_readme_names_each_finding_by_its_severity() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let findings = Findings::load(&root()).unwrap();
    assert!(readme.contains(&table(&findings)), "it should have:\n{}", table(&findings));
    let count = format!("{} confirmed defects in mace-kv", findings.for_engine("0.2.0").count());
    assert!(readme.contains(&count), "{count}");
}

/// The number in front of `confirmed finding` in a line.
fn confirmed(line: &str) -> Option<usize> {
    let (before, _) = line.split_once(" confirmed finding")?;
    before.rsplit([' ', '(']).next()?.parse().ok()
}

/// The numbers of findings in the README's run that passed: of the headline, and of the promises together.
fn sample(readme: &str) -> (usize, usize) {
    let (_, text) = readme.split_once("\nthe engine: ").expect("the README shows a run");
    let mut lines = text.lines();
    let headline = lines.next().and_then(confirmed).expect("its headline counts");
    (headline, lines.take_while(|line| line.starts_with("  ")).filter_map(confirmed).sum())
}

#[test]
fn the_readmes_run_is_one_run() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (headline, promises) = sample(&readme);
    assert_eq!(headline, promises);
    let findings = Findings::load(&root()).unwrap();
    assert_eq!(headline, findings.for_engine("0.2.0").count());
    let sin = "\nthe engine: breaks 2 of 8 promises (5 confirmed findings)\n  \
        atomicity broken, 3 confirmed findings   1 case\n  space broken, 1 confirmed finding\n\n";
    assert_eq!(sample(sin), (5, 4));
}

#[test]
fn every_step_is_a_recipe_with_a_limit_and_pinned() {
    let unpinned = |text: &str| {
        offences(text).into_iter().filter(|line| line.starts_with("not pinned")).count()
    };
    assert_eq!((unpinned(&setup()), unpinned(&setup().replace(" # v", " "))), (0, 2));
    for (file, text) in workflows() {
        assert_eq!(offences(&text), [""; 0], "{file}");
    }
    let sin = "permissions:\n  contents: write\njobs:\n  a:\n    timeout-minutes: 5\n    steps:\n      \
        - uses: actions/checkout@v4\n      - run: cargo test ${{ x }}\n        timeout-minutes: 5\n";
    assert_eq!(offences(sin).len(), 5, "{:?}", offences(sin));
}

/// Recipes that `just` lists without a group or a line of help.
fn unexplained(justfile: &str) -> Vec<&str> {
    let lines: Vec<_> = justfile.lines().collect();
    let of = |name: &&str| {
        let is_head =
            |line: &&str| line.split([' ', ':']).next() == Some(name) && line.contains(':');
        let head = lines.iter().position(is_head).expect("its recipe is there");
        let above = lines[..head].iter().rev().take_while(|line| !line.is_empty());
        let above: Vec<_> = above.collect();
        let has = |start: &str| above.iter().any(|line| line.starts_with(start));
        !(has("[private]") || has("# ") && has("[group('"))
    };
    recipes(justfile).into_iter().filter(of).collect()
}

#[test]
fn every_recipe_has_its_group_and_its_line_of_help() {
    let justfile = fs::read_to_string(root().join("justfile")).unwrap();
    assert!(recipes(&justfile).len() > 10);
    assert_eq!(unexplained(&justfile), Vec::<&str>::new());
    let sins = "# Said\n[group('x')]\nsaid:\n\n[group('x')]\nunsaid a=\"b\":\n\n# Alone\nalone *args:\n\n[private]\nhidden:\n";
    assert_eq!(unexplained(sins), ["alone", "unsaid"]);
}

/// The engines that `just engines` runs are those that the manifest has features for.
#[test]
fn the_recipe_of_other_engines_knows_them_all() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let manifest = read("Cargo.toml");
    let justfile = read("justfile");
    let (_, features) = manifest.split_once("\n[features]\n").expect("the suite has features");
    let features = features.split("\n[").next().unwrap_or_default();
    let engines = features.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" = ")?;
        rest.contains("dep:").then_some(name)
    });
    let engines = engines.collect::<Vec<_>>().join(",");
    assert!(justfile.contains(&format!("\nengines which=\"{engines}\" ")), "{engines}");
}

/// The places that name a version of just or cargo-nextest.
fn pins(files: &[(String, String)]) -> Vec<String> {
    let names = |line: &&str| {
        let digit = |word: &str| {
            line.split(word).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        digit("just@") || digit("nextest@") || digit("just_version=") || digit("recommended = \"")
    };
    let of = |(file, text): &(String, String)| {
        text.lines()
            .filter(names)
            .map(|line| format!("{file}: {}", line.trim()))
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(of).collect()
}

#[test]
fn tools_are_pinned_in_one_place_each() {
    let read = |file: &str| (file.to_owned(), fs::read_to_string(root().join(file)).unwrap());
    let mut files: Vec<_> =
        ["run", ".config/nextest.toml", "justfile", ".github/actions/setup/action.yml"]
            .map(read)
            .into();
    files.extend(workflows());
    let found = pins(&files);
    assert!(found.len() == 2 && found[0].starts_with("run: just_version="), "{found:?}");
    files.push(("sin".to_owned(), "tool: nextest@0.9.143,just@1.58.0".to_owned()));
    assert_eq!(pins(&files).len(), 3);
}

#[test]
fn the_contracts_jobs_are_there() {
    let all: String = workflows().into_iter().map(|(_, text)| text).collect();
    for part in [
        "\n  test-prod-all:\n",
        "\n  perf-regression:\n",
        "fetch-depth: 0",
        "\nname: Prod Soak Nightly\n",
        "MACE_ENGINE: \"0.1.2\"\n",
        "\n  CHAOS_RETRY: \"1\"\n",
        "macos",
        "windows",
    ] {
        assert!(all.contains(part), "{part:?} is missing");
    }
    for recipe in ["prod fast", "prod all", "fixes test", "fixes overlap", "soak"] {
        let step = format!("just {recipe}\n");
        let fixed = all.split(&step).skip(1).any(|rest| {
            let step = rest.split("timeout-minutes").next().unwrap_or_default();
            step.contains("MACE_PROD_FIXES: all\n")
        });
        assert!(fixed, "{recipe} does not run on the fixed engine");
    }
    assert!(all.contains("just fixes try\n"), "no fix is tried alone");
}

/// What the gate of a workflow lacks: the machine's help, or another commit to compare with.
fn weak_gate(ci: &str, justfile: &str) -> Vec<&'static str> {
    let job = ci.split("\n  perf-regression:\n").nth(1).unwrap_or_default();
    let job = job.split("\n\n").next().unwrap_or_default();
    let before = job.split("just perf compare").next().unwrap_or_default();
    let recipe = justfile.split("\nperf-host:\n").nth(1).unwrap_or_default();
    let recipe = recipe.split("\n\n").next().unwrap_or_default();
    let needs = [
        ("no runner is prepared", before.contains("exec just perf-host")),
        ("no priority", recipe.contains("setcap cap_sys_nice=eip \"$(command -v chrt)\"")),
        ("no valgrind", recipe.contains("valgrind")),
        ("a push is compared with itself", job.contains("github.event.before")),
        (
            "a force-push has a base that is gone",
            job.contains("(github.event.created || github.event.forced) && 'HEAD~1'"),
        ),
        ("a merge queue has no base", job.contains("github.event.merge_group.base_sha")),
        ("noise blocks", job.contains("just perf compare --warn-inconclusive\n")),
        ("nobody answers the recipe's question", job.contains("JUST_YES: \"true\"")),
    ];
    needs.into_iter().filter(|(_, met)| !met).map(|(lack, _)| lack).collect()
}

#[test]
fn the_gate_has_its_runner_and_compares_commits() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let ci = read(".github/workflows/ci.yml");
    let justfile = read("justfile");
    assert_eq!(weak_gate(&ci, &justfile), [""; 0]);
    let sin = ci.replace("exec just perf-host", "").replace("github.event.before", "github.sha");
    let lacks = ["no runner is prepared", "a push is compared with itself"];
    assert_eq!(weak_gate(&sin, &justfile), lacks);
    assert_eq!(weak_gate(&ci, "\nperf-host:\n    true\n"), ["no priority", "no valgrind"]);
    for (told, lack) in [
        ("|| github.event.forced", "a force-push has a base that is gone"),
        ("github.event.merge_group.base_sha || ", "a merge queue has no base"),
        (" --warn-inconclusive", "noise blocks"),
        ("JUST_YES: \"true\"", "nobody answers the recipe's question"),
    ] {
        assert_eq!(weak_gate(&ci.replace(told, ""), &justfile), [lack]);
    }
}

/// What is wrong with the page for an engine's own repository: its workflow has to be one that the called ones
/// understand, and to be started as its jobs suppose.
fn page_offences(page: &str) -> Vec<String> {
    let blocks = page.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap());
    let yaml: String = blocks.collect();
    let mut offences = Vec::new();
    for job in yaml.split("uses: OWNER/mace-prod/.github/workflows/").skip(1) {
        let (file, rest) = job.split_once("@main\n").unwrap_or((job, ""));
        let called = fs::read_to_string(root().join(".github/workflows").join(file)).unwrap();
        let (_, with) = rest.split_once("with:\n").unwrap_or_default();
        let given = with.lines().take_while(|line| line.starts_with("      "));
        for line in given.filter(|line| !line.trim_start().starts_with('#')) {
            let name = line.trim().split(':').next().unwrap_or_default();
            if !called.contains(&format!("\n      {name}:\n        description:")) {
                offences.push(format!("{file} has no input {name}"));
            }
        }
    }
    for event in ["pull_request", "schedule"] {
        if yaml.contains(&format!("event_name == '{event}'"))
            && !yaml.contains(&format!("\n  {event}:\n"))
        {
            offences.push(format!("nothing starts it on {event}"));
        }
    }
    if !yaml.contains("github.event.before") {
        offences.push("a push is compared with itself".to_owned());
    }
    offences
}

#[test]
fn the_page_for_an_engines_ci_is_understood() {
    let page = fs::read_to_string(root().join("docs/engine-ci.md")).unwrap();
    assert_eq!(page_offences(&page), [""; 0]);
    for (there, instead, offence) in [
        ("      layers: fast\n", "      layer: fast\n", "engine.yml has no input layer"),
        ("      what: issue\n", "      that: issue\n", "tell.yml has no input that"),
        ("\n  schedule:\n", "\n", "nothing starts it on schedule"),
        ("github.event.before", "'origin/main'", "a push is compared with itself"),
    ] {
        assert!(page.contains(there), "{there}");
        assert_eq!(page_offences(&page.replace(there, instead)), [offence]);
    }
}

/// The recipes that change a program's capabilities without asking.
fn unasked(justfile: &str) -> Vec<&str> {
    let recipes = justfile.split("\n\n").filter(|recipe| recipe.contains("setcap"));
    recipes.filter(|recipe| !recipe.contains("[confirm(")).collect()
}

#[test]
fn a_recipe_asks_before_it_changes_capabilities() {
    let justfile = fs::read_to_string(root().join("justfile")).unwrap();
    assert!(justfile.contains("setcap"));
    assert_eq!(unasked(&justfile), [""; 0]);
    assert_eq!(unasked("# Help\nhost:\n    sudo setcap x y\n\nother:\n    true\n").len(), 1);
}

/// The artifact that a step uploads or downloads: its lines.
fn steps<'t>(text: &'t str, action: &'t str) -> impl Iterator<Item = &'t str> {
    let all = text.split("\n      - ").filter(move |step| step.contains(action));
    all.map(|step| step.split("\n\n").next().unwrap_or_default())
}

/// What goes wrong on hosted runners, in all workflows and the set-up together.
fn hosted(text: &str) -> Vec<&'static str> {
    let uploads: Vec<_> = steps(text, "actions/upload-artifact@").collect();
    let downloads: Vec<_> = steps(text, "actions/download-artifact@").collect();
    let archive = uploads.iter().find(|step| step.contains("\n          name: archive\n"));
    let days = archive.and_then(|step| step.split("retention-days: ").nth(1));
    let days = days.and_then(|rest| rest.split_whitespace().next()?.parse::<u32>().ok());
    let needs = [
        ("each job has a cache of its own", text.contains("\n        shared-key: ")),
        ("a merge queue runs nothing", text.contains("\n  merge_group:\n")),
        ("no arm64 runner", text.contains("ubuntu-24.04-arm")),
        ("builds are uploaded", uploads.iter().all(|step| !step.contains("target/perf_gate\n"))),
        (
            "a run again cannot replace what it left",
            uploads.iter().all(|step| step.contains("\n          overwrite: true\n")),
        ),
        (
            "an artifact stays as long as anybody's",
            uploads.iter().all(|step| step.contains("\n          retention-days: ")),
        ),
        ("a shard cannot be run again the next day", days.is_some_and(|days| days >= 7)),
        (
            "states of two legs are merged",
            downloads.iter().all(|step| !step.contains("merge-multiple")),
        ),
        ("one shard alone is not found", text.contains("just merge target/shards\n")),
        ("advisories are never asked for", text.contains("just deny\n")),
        ("licences are never asked for", text.contains("just deny bans licenses sources\n")),
        ("the newest toolchain is not tried", text.contains("RUSTUP_TOOLCHAIN: stable\n")),
        ("our own tests are not tried", text.contains("just mutants \"$PACKAGE\" ")),
        ("no byte is damaged in turn", text.contains("\n      MACE_ROT_DAMAGES: \"0\"\n")),
        // Each is read before a run, and written behind it.
        (
            "shards are cut blindly",
            text.matches(" target/prod/junit.xml\n          key: report-").count() == 2,
        ),
        ("failing seeds are forgotten", text.matches("prod/failing-seeds.json\n").count() == 4),
    ];
    needs.into_iter().filter(|(_, met)| !met).map(|(lack, _)| lack).collect()
}

#[test]
fn the_workflows_hold_on_hosted_runners() {
    let all: Vec<_> = workflows().into_iter().map(|(_, text)| text).collect();
    let all = all.join("\n\n") + &setup();
    assert_eq!(hosted(&all), [""; 0]);
    for (told, instead, lack) in [
        ("        shared-key:", "        key:", "each job has a cache of its own"),
        ("\n  merge_group:\n", "\n", "a merge queue runs nothing"),
        ("ubuntu-24.04-arm", "ubuntu-24.04", "no arm64 runner"),
        ("target/perf_gate/*.json\n", "target/perf_gate\n", "builds are uploaded"),
        ("overwrite: true", "overwrite: false", "a run again cannot replace what it left"),
        ("retention-days: 14", "", "an artifact stays as long as anybody's"),
        ("retention-days: 7", "retention-days: 1", "a shard cannot be run again the next day"),
        (
            "name: soak-state-${{ inputs.after }}\n",
            "pattern: soak-state-*\n          merge-multiple: true\n",
            "states of two legs are merged",
        ),
        ("merge target/shards\n", "merge target/shards/*\n", "one shard alone is not found"),
        ("just deny\n", "just lint\n", "advisories are never asked for"),
        ("licenses", "", "licences are never asked for"),
        ("TOOLCHAIN: stable", "TOOLCHAIN: 1.95.0", "the newest toolchain is not tried"),
        ("just mutants", "just test", "our own tests are not tried"),
        ("MACE_ROT_DAMAGES: \"0\"", "MACE_ROT_DAMAGES: \"1\"", "no byte is damaged in turn"),
        ("prod/junit.xml\n          key", "junit.xml\n          key", "shards are cut blindly"),
        ("prod/failing-seeds.json", "prod/seeds.json", "failing seeds are forgotten"),
    ] {
        assert_eq!(hosted(&all.replace(told, instead)), [lack], "{told}");
    }
}

/// What a workflow lacks of what all of them set: the first attempt is the answer, and the cache's key has
/// the variables of cargo in it, so that another colour is another cache.
fn unset(text: &str) -> Vec<&'static str> {
    let all = ["CARGO_TERM_COLOR: never", "CHAOS_RETRY: \"1\""];
    let (_, env) = text.split_once("\nenv:\n").unwrap_or_default();
    let env = env.split("\n\n").next().unwrap_or_default();
    all.into_iter().filter(|line| !env.contains(line)).collect()
}

#[test]
fn all_workflows_share_a_cache_and_try_once() {
    for (file, text) in workflows() {
        assert_eq!(unset(&text), [""; 0], "{file}");
    }
    assert_eq!(unset("\nenv:\n  CARGO_TERM_COLOR: never\n\njobs:\n").len(), 1);
    assert_eq!(unset("\njobs:\n  a:\n    env:\n      CHAOS_RETRY: \"1\"\n").len(), 2);
}

/// What decides how a file's bytes come to another machine, and who keeps the dependencies new.
#[test]
fn line_ends_and_dependencies_are_looked_after() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    assert!(read(".gitattributes").contains("* text=auto eol=lf\n*.png binary\n"));
    let mut git = Command::new("git");
    let asked = ["check-attr", "eol", "--", "Cargo.toml", ".config/fixes/0.2.0/x.toml"];
    let (_, text) = ask(git.args(asked).current_dir(root()));
    assert_eq!(text.matches(": eol: lf").count(), 2, "{text}");
    let dependabot = read(".github/dependabot.yml");
    for part in ["package-ecosystem: cargo", "package-ecosystem: github-actions", "weekly"] {
        assert!(dependabot.contains(part), "{part}");
    }
    for engine in engines::NAMES {
        let part = format!("dependency-name: {}\n", engines::package(engine));
        assert!(dependabot.contains(&part), "findings are pinned to one version: {part}");
    }
}

#[test]
fn zizmor_finds_nothing_of_medium_or_high_severity() {
    let Some(zizmor) = tool("zizmor") else { return };
    let lint = |path: PathBuf| {
        let args = ["--offline", "--no-progress", "--min-severity", "medium"];
        ask(Command::new(&zizmor).args(args).arg(path))
    };
    let (content, text) = lint(root().join(".github/workflows"));
    assert!(content, "{text}");
    let folder = tempfile::tempdir().unwrap();
    let sin = "on: pull_request\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      \
        - run: echo ${{ github.event.pull_request.title }}\n";
    fs::write(folder.path().join("sin.yml"), sin).unwrap();
    let (content, text) = lint(folder.path().join("sin.yml"));
    assert!(!content && text.contains("template-injection"), "{text}");
}

#[test]
fn the_files_fit_their_schemas() {
    let Some(check) = tool("check-jsonschema") else { return };
    let files =
        workflows().into_iter().map(|(file, _)| root().join(".github/workflows").join(file));
    let builtin = ["--builtin-schema", "vendor.github-workflows"];
    let (content, text) = ask(Command::new(&check).args(builtin).args(files));
    assert!(content, "{text}");

    let mut schema = Command::new("cargo");
    process::miniature::clean(&mut schema);
    let output = schema.args(["nextest", "self", "schema", "repo-config"]).output().unwrap();
    if !output.status.success() {
        return skip("this cargo-nextest has no `self schema`");
    }
    let folder = tempfile::tempdir().unwrap();
    let schema = folder.path().join("schema.json");
    fs::write(&schema, output.stdout).unwrap();
    let config = fs::read_to_string(root().join(".config/nextest.toml")).unwrap();
    let fits = |text: &str| {
        let file = folder.path().join("nextest.toml");
        fs::write(&file, text).unwrap();
        ask(Command::new(&check).arg("--schemafile").arg(&schema).arg(file))
    };
    let (content, text) = fits(&config);
    assert!(content, "{text}");
    assert!(!fits(&config.replacen("fail-fast", "fail-fats", 1)).0, "a typing error passes");
}

#[expect(clippy::print_stdout, reason = "a skipped test says why")]
fn skip(why: &str) {
    println!("skipped: {why}");
}
