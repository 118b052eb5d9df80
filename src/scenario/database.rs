//! One database over all the processes that open it: children run stages on it, and what they
//! left behind becomes the evidence. Owns paths and counts; judges nothing.

use crate::{
    engine::EngineOptions,
    error::{Error, Result},
    history::{
        Event, History, Milestone,
        child::{self, End, Exit, Plan},
        dump::Dump,
        journal,
        kill::Mark,
        script::Step,
    },
    report::Figures,
    settings::Seed,
    testdir,
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The time after which a child that should have ended is ended; generous, since it is only there
/// to turn a hang into a verdict.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// What one process does with the database.
#[derive(Clone, Debug)]
pub struct Stage {
    /// How it opens it.
    pub options: EngineOptions,
    /// Whether it dumps the state that it finds.
    pub dump: bool,
    /// What it does then.
    pub steps: Vec<Step>,
    /// Failpoints whose hits it reports.
    pub count: Vec<String>,
    /// How it ends.
    pub end: End,
    /// Failpoint rules it runs under; empty for none.
    pub rules: String,
    /// When it is ended if it has not ended by itself.
    pub deadline: Duration,
    /// Where it is killed.
    pub kill: Option<Mark>,
    /// How many files it may have open at once; what the system allows without.
    pub open_files: Option<u64>,
}

impl Stage {
    /// A process that carries out steps and dies with the database open.
    pub fn dying(options: &EngineOptions, steps: Vec<Step>) -> Self {
        Self {
            options: options.clone(),
            dump: false,
            steps,
            count: Vec::new(),
            end: End::Die,
            rules: String::new(),
            deadline: DEADLINE,
            kill: None,
            open_files: None,
        }
    }

    /// A process that is killed at a counted point of its steps, or of its opening.
    pub fn killed(options: &EngineOptions, steps: Vec<Step>, mark: Mark) -> Self {
        Self { kill: Some(mark), ..Self::dying(options, steps) }
    }

    /// The same, closing the database cleanly at the end.
    pub fn closing(options: &EngineOptions, steps: Vec<Step>) -> Self {
        Self { end: End::Close, ..Self::dying(options, steps) }
    }

    /// A process that opens the database, dumps what it finds and dies with it open.
    pub fn looking(options: &EngineOptions) -> Self {
        Self { dump: true, ..Self::dying(options, Vec::new()) }
    }

    /// The same under failpoint rules.
    #[must_use]
    pub fn under(mut self, rules: impl Into<String>) -> Self {
        self.rules = rules.into();
        self
    }
}

/// A database in a folder of the case, with the journal and the dumps of its processes.
#[derive(Debug)]
pub struct Database {
    root: PathBuf,
    seed: Seed,
    processes: u32,
    /// What each process that was to dump found, in order.
    pub dumps: Vec<Dump>,
}

impl Database {
    /// A database that is not there yet, in `root`.
    pub fn new(root: PathBuf, seed: Seed) -> Result<Self> {
        fs::create_dir_all(&root).map_err(|error| Error::new("create", &root, error))?;
        Ok(Self { root, seed, processes: 0, dumps: Vec::new() })
    }

    /// A copy of the database as it is now, with all that was recorded, in `root`. It must not be
    /// open. Its next process draws what the original's next process draws.
    pub fn fork(&self, root: PathBuf) -> Result<Self> {
        if root.exists() {
            fs::remove_dir_all(&root).map_err(|error| Error::new("replace", &root, error))?;
        }
        testdir::copy_tree(&self.root, &root)?;
        Ok(Self { root, seed: self.seed, processes: self.processes, dumps: self.dumps.clone() })
    }

    /// A copy that the engine made, as a database of its own with all that was recorded so far;
    /// nothing when there is none under that name.
    pub fn published_copy(&self, name: &str) -> Result<Option<Self>> {
        let copy = self.root.join(name);
        if !copy.exists() {
            return Ok(None);
        }
        let root = self.root.join(format!("{name}-opened"));
        testdir::copy_tree(&copy, &root.join("db"))?;
        let from = self.journal();
        let to = root.join("journal");
        fs::copy(&from, &to).map_err(|error| Error::new("copy", &from, error))?;
        Ok(Some(Self { root, seed: self.seed, processes: self.processes, dumps: Vec::new() }))
    }

    /// The engine's folder.
    pub fn dir(&self) -> PathBuf {
        self.root.join("db")
    }

    /// The journal of all processes.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// The folder that holds both.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Runs one process on the database and waits for its end.
    pub fn process(&mut self, stage: &Stage, figures: &mut Figures) -> Result<Exit> {
        self.processes += 1;
        let dump = self.root.join(format!("dump-{}", self.processes));
        let plan = Plan {
            dir: self.dir(),
            journal: self.journal(),
            options: stage.options.clone(),
            seed: self.seed.derive(&format!("process {}", self.processes)),
            dump: stage.dump.then(|| dump.clone()),
            steps: stage.steps.clone(),
            count: stage.count.clone(),
            end: stage.end,
            kill: stage.kill,
            open_files: stage.open_files,
            listens: stage.rules.is_empty(),
        };
        let exit = plan.run(&stage.rules, stage.deadline)?;
        figures.add("crash_children", 1);
        if self.processes > 1 {
            figures.add("reopenings", 1);
        }
        // A child that died before it opened left no dump; the exit class says so.
        if dump.exists() {
            self.dumps.push(child::read_dump(&dump)?);
        }
        Ok(exit)
    }

    /// What all processes recorded.
    pub fn history(&self) -> Result<History> {
        journal::read(&self.journal())
    }

    /// Milestones of the newest process, in order.
    pub fn milestones(&self) -> Result<Vec<Milestone>> {
        let mut milestones = Vec::new();
        for event in self.history()?.events {
            if let Event::Milestone(milestone) = event {
                if milestone == Milestone::Started {
                    milestones.clear();
                }
                milestones.push(milestone);
            }
        }
        Ok(milestones)
    }

    /// Hits of a failpoint that the newest process reported at its end.
    pub fn hits(&self, point: &str) -> Result<Option<u64>> {
        let of_point = |milestone: &Milestone| match milestone {
            Milestone::Hits { point: name, count } if name == point => Some(*count),
            _ => None,
        };
        Ok(self.milestones()?.iter().find_map(of_point))
    }
}
