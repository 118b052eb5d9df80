//! What an opening makes of files that were damaged, for findings that damage shows: what is left of
//! commits of one key each, and whether an error was logged.

use mace_prod::{
    engine::{Driver, EngineOptions, Order, Preset, Scan, mace::MaceDriver},
    history::{clients::Traffic, listen::Listening, script::Step},
    scenario::{
        database::{Database, Stage},
        regression::Regression,
        run::Judging,
    },
    workload::Sweep,
};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// How many keys are committed.
pub(crate) const KEYS: u64 = 60;

/// What an opening shows.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    /// The keys of the commits that are there, or how the engine declined.
    pub(crate) keys: Result<u64, String>,
    /// It logged an error.
    pub(crate) is_logged: bool,
}

impl Shown {
    /// Something is gone, and the engine said nothing.
    pub(crate) fn is_silent_loss(&self) -> bool {
        self.is_loss() && !self.is_logged
    }

    /// It is whole, or the engine says that it is not.
    pub(crate) fn is_right_or_said(&self) -> bool {
        self.keys.is_err() || self.is_logged || self.keys == Ok(KEYS)
    }

    fn is_loss(&self) -> bool {
        self.keys.as_ref().is_ok_and(|keys| *keys < KEYS)
    }
}

/// How the databases are opened: log files of 4 KiB.
pub(crate) fn options() -> EngineOptions {
    EngineOptions { wal_file_bytes: 4 << 10, ..Preset::OneWriter.engine() }
}

/// A database with a commit for each key, a checkpoint after half of them, whose process closed it or died.
pub(crate) fn made(finding: &mut Regression<'_>, closes: bool) -> Judging<Database> {
    let bucket = || "a".to_owned();
    let open = Step::Open {
        bucket: bucket(),
        options: Preset::OneWriter.bucket().checkpoints_when_asked(),
    };
    let half = |first, end| {
        let traffic = Traffic::sweep(Sweep { first, ..Sweep::fill(end, 100, 1) });
        Step::Traffic { bucket: bucket(), traffic }
    };
    let checkpoint = Step::Checkpoint { bucket: bucket() };
    let steps = vec![open, half(0, KEYS / 2), checkpoint, half(KEYS / 2, KEYS)];
    let options = options();
    let stage =
        if closes { Stage::closing(&options, steps) } else { Stage::dying(&options, steps) };
    let mut database = finding.database("database");
    let ended = finding.process(&mut database, &stage);
    finding.expects(ended.is_done(), &ended)?;
    Ok(database)
}

/// Its log files, the oldest first.
pub(crate) fn logs(database: &Database) -> Vec<PathBuf> {
    let path = |number: u64| database.dir().join(format!("log/group_wal_{number}"));
    let all = (1..=KEYS).map(path).filter(|path| path.exists()).collect::<Vec<_>>();
    assert!(all.len() > 2, "the log has several files");
    all
}

/// Opens a database and reads it.
pub(crate) fn shown(dir: &Path) -> Shown {
    let is_logged = Arc::new(AtomicBool::new(false));
    let heard = Arc::clone(&is_logged);
    let listening = Listening::telling(move |_| heard.store(true, Ordering::SeqCst));
    let keys = MaceDriver.open(dir, &options()).and_then(|engine| {
        let Ok(bucket) = engine.open_bucket("a", Preset::OneWriter.bucket().merge) else {
            return Ok(0);
        };
        let view = bucket.view()?;
        let pairs = view.scan(&Scan::all().order(Order::Forward))?;
        Ok(pairs.iter().filter(|(key, _)| key.starts_with(b"k/")).count() as u64)
    });
    drop(listening);
    let keys = keys.map_err(|denial| denial.to_string());
    Shown { keys, is_logged: is_logged.load(Ordering::SeqCst) }
}
