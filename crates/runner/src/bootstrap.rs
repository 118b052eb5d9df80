//! `prod bootstrap`: fetches cargo-nextest when it is missing, prebuilt where that can be reached,
//! else from source. It says what it does, and never touches what is already there.

use knobs::runtime;
use process::{Error, Interrupts, Outcome, Result, console};
use std::process::{Command, Stdio};

/// The version this suite was proved with; `.config/nextest.toml` recommends the same.
const VERSION: &str = "0.9.143";

/// Makes sure that `cargo nextest` runs.
pub(crate) fn bootstrap(all: bool, interrupts: &Interrupts) -> Result<Outcome> {
    fetch_nextest(interrupts)?;
    if all {
        fetch_tools(interrupts)?;
    }
    Ok(Outcome::Passed)
}

/// The commands that fetch what some own tests ask, linters of workflows and readers of reports, and what
/// lists the mutants of the engine.
const TOOLS: [&str; 4] = [
    "python3 -m venv target/tools/ci",
    "target/tools/ci/bin/pip install --quiet zizmor==1.32.0 check-jsonschema==0.39.0 \
     junitparser==5.0.3 junit2html==31.0.2 prometheus-client==0.26.0",
    "npm install --silent --no-audit --no-fund --prefix target/tools/npm xunit-viewer@10.6.1 \
     junit-report-merger@9.0.4",
    "cargo install --quiet --locked --root target/tools/cargo --version 27.1.0 cargo-mutants",
];

/// Where the last of them puts its program, below the root.
pub(crate) const MUTANTS: &str = "target/tools/cargo/bin/cargo-mutants";

fn fetch_tools(interrupts: &Interrupts) -> Result<()> {
    for line in TOOLS {
        console::note(&format!("bootstrap: {line}"));
        let done = run(&words(line), interrupts)?;
        if !done {
            let remedy = "see its messages above; the tests that need the tool skip without it";
            return Err(Error::new("a command failed", line, remedy));
        }
    }
    Ok(())
}

fn fetch_nextest(interrupts: &Interrupts) -> Result<()> {
    if let Some(version) = installed() {
        console::note(&format!("bootstrap: {version} is there; nothing to do"));
        return Ok(());
    }
    console::note(&format!("bootstrap: cargo-nextest is missing; fetching {VERSION}"));
    for Way { says, line } in ways() {
        console::note(&format!("bootstrap: {says}"));
        // A way that is not there (no curl, no binstall) or does not get through is not the end.
        let done = run(&line, interrupts)?;
        if let (true, Some(version)) = (done, installed()) {
            console::note(&format!("bootstrap: {version} is ready"));
            return Ok(());
        }
        console::note("bootstrap: that did not work");
    }
    Err(Error::new(
        "cannot fetch cargo-nextest",
        "PATH",
        format_args!("install version {VERSION} by hand, see https://nexte.st"),
    ))
}

/// Runs a program with its arguments; says whether it was there and got through.
fn run(line: &[String], interrupts: &Interrupts) -> Result<bool> {
    let status = interrupts.run(Command::new(&line[0]).args(&line[1..]));
    interrupts.check()?;
    Ok(status.is_ok_and(|status| status.success()))
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// One way to get it.
struct Way {
    says: String,
    /// The program and its arguments.
    line: Vec<String>,
}

fn ways() -> Vec<Way> {
    let mut ways = vec![Way {
        says: "asking cargo-binstall for the prebuilt program".into(),
        line: words(&format!("cargo binstall --no-confirm cargo-nextest@{VERSION}")),
    }];
    if let (Some(platform), Some(folder)) = (platform(), runtime::cargo_bin()) {
        let url = format!("https://get.nexte.st/{VERSION}/{platform}");
        // Fetched whole before it is unpacked: half a program must not end up in the folder. The
        // variable parts are arguments, not script.
        let script = "set -eu; f=$(mktemp); trap 'rm -f \"$f\"' EXIT; \
                      curl -fsSL --proto '=https' --tlsv1.2 --connect-timeout 15 --max-time 300 -o \"$f\" \"$1\"; \
                      mkdir -p \"$2\"; tar -xzf \"$f\" -C \"$2\"";
        let folder = folder.display().to_string();
        let says = format!("downloading {url} into {folder}");
        let line = ["sh", "-c", script, "bootstrap", &url, &folder].map(str::to_owned).into();
        ways.push(Way { says, line });
    }
    ways.push(Way {
        says: "building it from source, which takes about ten minutes on two cores".into(),
        line: words(&format!(
            "cargo install --locked cargo-nextest --version {VERSION} --no-default-features \
             --features default-no-update"
        )),
    });
    ways
}

/// The name that get.nexte.st has for this machine.
fn platform() -> Option<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Some("linux"),
        ("linux", "aarch64") => Some("linux-arm"),
        ("macos", _) => Some("mac"),
        _ => None,
    }
}

/// The version line of the cargo-nextest that cargo finds.
pub(crate) fn installed() -> Option<String> {
    let mut command = Command::new("cargo");
    command.args(["nextest", "--version"]).stdin(Stdio::null());
    for name in runtime::nextest_variables() {
        command.env_remove(name);
    }
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(str::to_owned)
}
