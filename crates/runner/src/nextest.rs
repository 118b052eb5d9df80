//! The commands given to nextest: what exists in a part, and running it. The only module that
//! starts nextest; it reads its inventory but judges nothing.

use crate::{
    files,
    origin::Origin,
    part::Part,
    progress::{Progress, Soaking},
    session::Session,
};
use knobs::{Home, knob, runtime};
use nextest_metadata::TestListSummary;
use process::{Error, Interrupts, Result, console, wanted::Wanted};
use results::{CaseId, seeds::Shard};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

/// The cases of a part.
pub(crate) type Inventory = BTreeSet<CaseId>;

/// What was built for a part.
pub(crate) struct Listing {
    pub(crate) inventory: Inventory,
    /// The programs that came with the cases, by name.
    pub(crate) programs: BTreeMap<String, PathBuf>,
    /// The programs of the cases themselves.
    pub(crate) binaries: Vec<PathBuf>,
}

/// Starts nextest for one session.
pub(crate) struct Nextest<'s> {
    pub(crate) session: &'s Session,
    pub(crate) interrupts: &'s Interrupts,
    /// What is run instead of building it.
    pub(crate) archived: Option<&'s Archived>,
    /// Where the soak stands that runs it.
    pub(crate) soaking: Option<Soaking>,
    /// Only cases of a part that one of these matches, in nextest's own language; none is all.
    pub(crate) filters: &'s [String],
    /// The seed and the settings of an earlier run, in place of the session's.
    pub(crate) repeats: Option<&'s Repetition>,
    /// End with the first failure.
    pub(crate) fail_fast: bool,
}

/// Cases that were built elsewhere.
#[derive(Debug)]
pub(crate) struct Archived {
    pub(crate) folder: PathBuf,
    /// The slice of them that is run here, where nextest deals them out.
    pub(crate) slice: Option<Shard>,
}

/// The root seed of an earlier run, and what its cases were set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Repetition {
    pub(crate) seed: u64,
    pub(crate) settings: Vec<(String, String)>,
    /// The first of this seed is 1: one seed may be repeated under several settings.
    pub(crate) number: usize,
}

/// What stands between the name of a part and the seed of a repetition.
const SEED: &str = ", seed ";

impl Repetition {
    /// The part whose cases a layer of the reports holds.
    pub(crate) fn part_of(label: &str) -> &str {
        label.split_once(SEED).map_or(label, |(part, _)| part)
    }
}

/// What the reports call cases of a part.
pub(crate) fn label(part: &Part, repeats: Option<&Repetition>) -> String {
    let own = || part.label.to_owned();
    repeats.map_or_else(own, |Repetition { seed, .. }| format!("{}{SEED}{seed}", part.label))
}

/// What file names and shards call cases of a part.
pub(crate) fn slug(part: &Part, repeats: Option<&Repetition>) -> String {
    let slug = part.slug;
    match repeats {
        None => slug.to_owned(),
        Some(Repetition { seed, number: 1, .. }) => format!("{slug}-seed-{seed}"),
        Some(Repetition { seed, number, .. }) => format!("{slug}-seed-{seed}-{number}"),
    }
}

/// The file that the report of cases of a part is kept in.
pub(crate) fn kept_report(part: &Part, repeats: Option<&Repetition>) -> String {
    format!("{}.junit.xml", slug(part, repeats))
}

/// Where cases come from that may be repeated in a run that comes from `own`.
pub(crate) fn origin(own: Origin, repeats: Option<&Repetition>) -> Origin {
    match repeats.cloned() {
        Some(Repetition { seed, settings, .. }) => Origin { seed, settings, ..own },
        None => own,
    }
}

/// Filters that match exactly these cases.
pub(crate) fn exactly(cases: &Inventory) -> Vec<String> {
    let filter = |id: &CaseId| format!("binary_id(={}) & test(={})", id.binary, id.name);
    if cases.is_empty() {
        // Without a filter nextest runs everything.
        return vec!["none()".to_owned()];
    }
    cases.iter().map(filter).collect()
}

impl<'s> Nextest<'s> {
    pub(crate) fn new(session: &'s Session, interrupts: &'s Interrupts) -> Self {
        Self {
            session,
            interrupts,
            archived: None,
            soaking: None,
            filters: &[],
            repeats: None,
            fail_fast: false,
        }
    }

    /// Whether it runs all cases of a part.
    pub(crate) fn runs_all(&self) -> bool {
        self.filters.is_empty() && self.archived.is_none_or(|archived| archived.slice.is_none())
    }

    /// Where what is run comes from.
    pub(crate) fn origin(&self) -> Origin {
        origin(Origin::of(self.session), self.repeats)
    }

    /// What the reports call what is run of a part.
    pub(crate) fn label(&self, part: &Part) -> String {
        label(part, self.repeats)
    }

    /// Builds what `part` needs into an archive.
    pub(crate) fn archive(&self, part: &Part, file: &Path) -> Result<ExitStatus> {
        let mut command = self.command("archive", part);
        command.arg("--archive-file").arg(file);
        self.interrupts.run(&mut command).map_err(|error| cannot_start(&error))
    }

    /// Builds what `part` needs and lists its cases. A build that fails is an error here, before
    /// anything long starts; cargo's own messages have said why.
    pub(crate) fn inventory(&self, part: &Part) -> Result<Inventory> {
        Ok(self.listing(part)?.inventory)
    }

    /// The same, with the programs that were built along.
    pub(crate) fn listing(&self, part: &Part) -> Result<Listing> {
        let mut command = self.command("list", part);
        command.args(["--message-format", "json"]);
        let (status, output) =
            self.interrupts.capture(&mut command).map_err(|error| cannot_start(&error))?;
        if !status.success() {
            let what = format!("cannot build or list the cases ({})", ended(status));
            let remedy = "correct what cargo says above";
            return Err(Error::new(what, format_args!("layer {}", part.label), remedy));
        }
        let text = String::from_utf8_lossy(&output);
        parse_listing(&text).map_err(|error| {
            let what = format!("nextest's list cannot be read ({error})");
            Error::new(what, format_args!("layer {}", part.label), "use nextest 0.9.143")
                .because(error)
        })
    }

    /// Runs `part`, and shows how far it is. The stale report is removed first: a run that is
    /// killed leaves the old one in place.
    pub(crate) fn run(&self, part: &Part, threads: u32, total: usize) -> Result<ExitStatus> {
        let report = self.report_path(part);
        files::remove(&report)?;
        let mut command = self.command("run", part);
        command.arg("-j").arg(threads.to_string());
        if self.archived.is_some() {
            // A slice of a small layer may hold nothing; the whole is checked when all are there.
            command.args(["--no-tests", "pass"]);
        } else {
            command.arg("--cargo-quiet");
        }
        command.args(["--color", "never"]);
        command.arg(if self.fail_fast { "--fail-fast" } else { "--no-fail-fast" });
        command.args(["--show-progress", "counter", "--final-status-level", "none"]);
        let mut progress = Progress::new(&self.label(part), total, self.soaking);
        let status = self.interrupts.stream(&mut command, &mut |line| progress.line(line));
        progress.finish();
        status.map_err(|error| cannot_start(&error))
    }

    /// Runs the cases called exactly `name`, once, with their output on the console.
    pub(crate) fn repeat(&self, part: &Part, name: &str) -> Result<ExitStatus> {
        let mut command = self.command("run", part);
        command.args(["--cargo-quiet", "--retries", "0", "--no-capture", "--no-fail-fast"]);
        command.args(["--ignore-default-filter", "--", "--exact", name]);
        self.interrupts.run(&mut command).map_err(|error| cannot_start(&error))
    }

    /// Where nextest writes the part's report.
    pub(crate) fn report_path(&self, part: &Part) -> PathBuf {
        let (manifest, _) = self.session.workspace(&part.build);
        let store = manifest.with_file_name("target").join("nextest");
        store.join(part.profile).join("junit.xml")
    }

    fn command(&self, verb: &str, part: &Part) -> Command {
        let session = self.session;
        let mut command = Command::new("cargo");
        let (manifest, target) = session.workspace(&part.build);
        command.args(["nextest", verb]);
        if let Some(Archived { folder, slice }) = self.archived {
            command.arg("--archive-file").arg(folder.join(part.build.archive()));
            let root = manifest.parent().expect("a manifest is in a folder");
            command.arg("--workspace-remap").arg(root);
            if let Some(slice) = slice {
                command.args(["--partition", &format!("slice:{slice}")]);
            }
        } else {
            command.arg("--manifest-path").arg(manifest).args(part.build.cargo_args());
            if let Some(target) = target {
                command.arg("--target-dir").arg(target);
            }
        }
        command.arg("--config-file").arg(&session.config).args(["--profile", part.profile]);
        for filter in self.filters {
            command.args(["-E", filter]);
        }
        for name in runtime::nextest_variables() {
            command.env_remove(name);
        }
        command.envs(session.flags());
        if let Wanted::Path(path) = &session.wanted {
            // A relative path would start elsewhere in the generated workspace.
            command.env(knob::MACE_ENGINE_PATH.name(), path);
        }
        let origin = self.origin();
        if self.repeats.is_some() {
            // What this run was set, and that one was not, changes its cases.
            for (name, _) in Origin::of(session).settings {
                command.env_remove(name);
            }
            command.envs(origin.settings);
        }
        command.env(knob::MACE_PROD_SEED.name(), origin.seed.to_string());
        command.env("MACE_PROD_INTERNAL_EVIDENCE", &session.evidence);
        if let Some(recording) = &session.recording {
            command.envs(recording.variables());
        }
        command.current_dir(&session.root);
        command
    }
}

/// How a child ended, in words.
pub(crate) fn ended(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("nextest exit code {code}"),
        None => format!("nextest {status}"),
    }
}

fn cannot_start(error: &io::Error) -> Error {
    Error::new(format_args!("cannot run cargo ({error})"), "PATH", "install it with rustup")
}

fn parse_listing(text: &str) -> std::result::Result<Listing, serde_json::Error> {
    let list = TestListSummary::parse_json(text)?;
    let target = list.rust_build_meta.target_directory;
    let programs = list.rust_build_meta.non_test_binaries.into_values().flatten();
    let programs = programs
        .map(|program| (program.name, target.join(program.path).into_std_path_buf()))
        .collect();
    let mut inventory = Inventory::new();
    let mut binaries = Vec::new();
    for (binary, suite) in list.rust_suites {
        binaries.push(suite.binary.binary_path.into_std_path_buf());
        for (name, case) in suite.test_cases {
            if case.filter_match.is_match() {
                let binary = binary.as_str().to_owned();
                inventory.insert(CaseId { binary, name: name.as_str().to_owned() });
            }
        }
    }
    Ok(Listing { inventory, programs, binaries })
}

/// Says which engine, seed and knobs hold, before anything else is said.
pub(crate) fn announce(session: &Session) {
    console::note(&session.knobs.render_of(&[Home::Nextest, Home::Prod]));
    console::note(&format!("engine     {}", session.engine_name()));
    console::note(&format!("root seed  {}", session.seed));
}
