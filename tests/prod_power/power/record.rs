//! Records a work: the processes before it as children, the one that is recorded in a fork of this
//! binary, under a session. Judges nothing.

use faultfs::{Case as State, Fork, Outcome, Plan as Faults, Session, Trace, acked, begun};
use mace_prod::{
    engine::{Driver, mace::MaceDriver},
    error::Result,
    history::{
        Event, Milestone,
        child::{self, Plan},
        journal::{self, Recorder},
    },
    oracle::recovery::{Expect, Streams},
    scenario::{
        chaos::recipes::Stages,
        database::{DEADLINE, Stage},
        power::{Crash, DATABASE, LogFile, Notes, Recorded, SecondCrashes, TraceMark, TraceMarks},
    },
    settings::Seed,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The folders and files of a recording below the folder of its case.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    root: PathBuf,
}

impl Places {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The folder that is traced: the database, and its copies.
    pub(crate) fn disk(&self) -> PathBuf {
        self.root.join("disk")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn trace(&self) -> PathBuf {
        self.root.join("trace")
    }

    /// Where what databases do after a power loss is kept.
    pub(crate) fn lives(&self) -> SecondCrashes {
        SecondCrashes::new(self.root.join("lives"))
    }

    /// Where judges note what is beside their answers.
    pub(crate) fn notes(&self) -> PathBuf {
        self.root.join("notes")
    }

    /// What the recorded process was doing when its time was up.
    pub(crate) fn hung(&self) -> String {
        let printed = fs::read_to_string(self.root.join("recorded")).unwrap_or_default();
        format!("it hung; {}", printed.trim_end())
    }

    /// Where findings are stored.
    pub(crate) fn findings(&self) -> PathBuf {
        self.root.join("findings")
    }

    /// A recorded run, from its journal.
    pub(crate) fn recorded<'a>(
        &self,
        driver: &'a dyn Driver,
        stages: &Stages,
    ) -> Result<Recorded<'a>> {
        let history = Arc::new(journal::read(&self.journal())?);
        let started = |event: &Event| matches!(event, Event::Milestone(Milestone::Started));
        let mut begins = (0..history.events.len()).filter(|at| started(&history.events[*at]));
        let before = begins.nth(stages.setup.len()).unwrap_or_default();
        let all = stages.setup.iter().chain([&stages.armed]);
        let many = all.into_iter().any(|stage| {
            Expect::of(&stage.options, driver.capabilities()).streams == Streams::Many
        });
        let streams = if many { Streams::Many } else { Streams::One };
        let options = stages.armed.options.clone();
        let files =
            Trace::read(&self.trace()).map(|trace| trace.last_bytes(|path| path.contains("wal")));
        let files = files.unwrap_or_else(|error| panic!("{error}"));
        let logs =
            files.into_iter().filter_map(|(path, bytes, gone)| LogFile::at(&path, bytes, gone));
        let logs = logs.collect();
        let life = 0;
        let notes = Arc::new(Notes::new(self.notes()));
        Ok(Recorded { driver, options, history, before, streams, logs, life, notes })
    }

    /// Makes the folder of a database that the recording makes.
    pub(crate) fn make(&self) {
        fs::create_dir_all(self.disk().join(DATABASE)).expect("the case's folder takes folders");
    }

    /// Removes what an earlier recording left.
    fn empty(&self) {
        let places = ["disk", "journal", "trace", "lives", "notes", "recorded"];
        for place in places.map(|name| self.root.join(name)).iter().filter(|place| place.exists()) {
            let removed =
                if place.is_dir() { fs::remove_dir_all(place) } else { fs::remove_file(place) };
            removed.expect("the case's folder can be emptied");
        }
    }

    fn plan(&self, stage: &Stage, seed: Seed) -> Plan {
        Plan {
            dir: self.disk().join(DATABASE),
            journal: self.journal(),
            options: stage.options.clone(),
            seed,
            dump: None,
            steps: stage.steps.clone(),
            count: Vec::new(),
            end: stage.end,
            kill: stage.kill,
            open_files: None,
            listens: false,
        }
    }
}

/// A recording: how it ended, and what was recorded.
pub(crate) struct Recording<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) run: Recorded<'a>,
}

/// Runs the stages one after the other, the last one under a session with these faults.
pub(crate) fn record<'a>(
    places: &Places,
    driver: &'a dyn Driver,
    stages: &Stages,
    seed: Seed,
    faults: &Faults,
) -> Result<Recording<'a>> {
    set_up(places, driver, stages, seed)?;
    recorded(places, driver, stages, seed, faults)
}

/// What is there before the recording: what the processes before it leave. The database of another
/// engine is made here, and synced with its folder: that its making may be cut off is a test of its
/// own (`detects_power`). What an earlier recording in these places left is gone first: its events
/// would count as this one's.
pub(crate) fn set_up(
    places: &Places,
    driver: &dyn Driver,
    stages: &Stages,
    seed: Seed,
) -> Result<()> {
    places.empty();
    let dir = places.disk().join(DATABASE);
    places.make();
    if driver.identity().name != MaceDriver.identity().name {
        let made = Fork::new(places.root.join("made")).deadline(DEADLINE).run(|| {
            // The second opening gives back what the making took in advance: fjall's 64 MiB.
            let open = || driver.open(&dir, &stages.armed.options).map(drop);
            open().and_then(|()| open()).map_err(|denial| denial.to_string())
        });
        let made = made.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(made, Outcome::Sound, "a new database is made");
    }
    for (number, stage) in stages.setup.iter().enumerate() {
        let plan = places.plan(stage, seed.derive(&format!("setup {number}")));
        plan.run(&stage.rules, DEADLINE)?;
    }
    Ok(())
}

/// The recorded process, on what was set up.
pub(crate) fn recorded<'a>(
    places: &Places,
    driver: &'a dyn Driver,
    stages: &Stages,
    seed: Seed,
    faults: &Faults,
) -> Result<Recording<'a>> {
    recorded_after(places, driver, stages, &[], seed, faults)
}

/// The recorded process, which opens the database several times.
pub(crate) fn recorded_after<'a>(
    places: &Places,
    driver: &'a dyn Driver,
    stages: &Stages,
    first: &[Stage],
    seed: Seed,
    faults: &Faults,
) -> Result<Recording<'a>> {
    let plan = places.plan(&stages.armed, seed.derive("recorded"));
    let first: Vec<Plan> = first.iter().map(|stage| places.plan(stage, seed)).collect();
    let words = TraceMarks::of(&plan.options);
    let fork = Fork::new(places.root.join("recorded")).deadline(stages.armed.deadline);
    let outcome = fork.run(move || {
        let recorder = Recorder::file(&plan.journal).map_err(|error| error.to_string())?;
        let recorder = recorder.telling(move |event| match words.of_event(event) {
            Some(TraceMark::Asked(number)) => begun(number),
            Some(TraceMark::Promised(number)) => acked(number),
            None => {}
        });
        let session = Session::new().plan(faults.clone()).log(places.trace());
        let recording = session.start(&places.disk()).map_err(|error| error.to_string())?;
        let mut plans = first.iter().chain([&plan]);
        let done = plans.try_for_each(|plan| child::carry_out(driver, plan, &recorder));
        recording.finish().map_err(|error| error.to_string())?;
        done.map_err(|denial| format!("denied {denial}"))
    });
    let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
    Ok(Recording { outcome, run: places.recorded(driver, stages)? })
}

/// The trace of a recording, as far as it went.
pub(crate) fn trace(places: &Places) -> Trace {
    Trace::read(&places.trace()).unwrap_or_else(|error| panic!("{error}"))
}

/// What a crash left, as its judge sees it.
pub(crate) fn crash(state: &State) -> Crash<'_> {
    Crash { folder: state.dir(), asked: state.begun(), promised: state.acked(), at: state.cut() }
}

/// Goes on with what a crash left, under the recording that is running.
pub(crate) fn live_on(
    run: &Recorded<'_>,
    state: &State,
    lives: &SecondCrashes,
) -> std::result::Result<(), String> {
    run.live_on(&crash(state), lives, |word| match word {
        TraceMark::Asked(number) => begun(number),
        TraceMark::Promised(number) => acked(number),
    })
}
