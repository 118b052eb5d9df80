//! Everything about a soak that is known before anything long starts. A problem found here ends it
//! with one line and code 2.

use crate::{files, session::Session, waits};
use knobs::{Handle, Home, Knobs, knob, value::Seconds};
use process::{Result, engine::Engine, folder, wanted::mace_alone};
use results::{ledger::Subject, limits::Limits, seeds::Shard};
use std::{path::PathBuf, time::Duration};

/// What was asked for, validated.
pub(super) struct Plan {
    /// What the layers share; its root seed is another one in each cycle.
    pub(super) session: Session,
    /// Where everything is written.
    pub(super) folder: PathBuf,
    pub(super) limits: Limits,
    /// What a call of a client may take.
    pub(super) longest_call: Duration,
    pub(super) subject: Subject,
    pub(super) shard: Shard,
    pub(super) threads: u32,
    pub(super) chaos_every: u64,
    pub(super) perf_every: u64,
    pub(super) duration: Duration,
    pub(super) pause: Duration,
    pub(super) keys: u64,
    pub(super) operations: u64,
    /// How long the aging database may take for a cycle.
    pub(super) patience: Duration,
}

/// The soak's own limits, and the layers' that they become.
const TIMEOUTS: [(Handle<Seconds>, Handle<Seconds>); 3] = [
    (knob::SOAK_STRESS_TIMEOUT, knob::STRESS_TIMEOUT),
    (knob::SOAK_CHAOS_TIMEOUT, knob::CHAOS_TIMEOUT),
    (knob::SOAK_FAST_TIMEOUT, knob::FAST_TIMEOUT),
];

impl Plan {
    pub(super) fn open(flags: &[(&str, &str)], shard: Shard) -> Result<Self> {
        let knobs = Knobs::load_with(flags)?;
        let file = Home::Soak.file().expect("soak has a file");
        let limits = files::parsed(&knobs.root().join(file), "correct the file", Limits::parse)?;
        let mut flags = flags.to_vec();
        for (ours, theirs) in TIMEOUTS {
            flags.extend(knobs.setting(ours).value.as_deref().map(|limit| (theirs.name(), limit)));
        }
        let session = Session::open(&flags)?;
        mace_alone(&session.knobs)?;
        let folder = knobs.get(knob::SOAK_METRICS_DIR);
        let threads = knobs.get(knob::SOAK_THREADS);
        Ok(Self {
            folder: folder::writable(&folder)?,
            limits: limits.unwrap_or_default(),
            longest_call: waits::bound(&knobs),
            subject: subject(&session.engine, knobs.features()),
            shard,
            threads: u32::try_from(threads).expect("the knob's kind has a limit"),
            chaos_every: knobs.get(knob::SOAK_CHAOS_EVERY),
            perf_every: knobs.get(knob::SOAK_PERF_EVERY),
            duration: knobs.get(knob::SOAK_DURATION_SECS),
            pause: knobs.get(knob::SOAK_CYCLE_PAUSE_SECS),
            keys: knobs.get(knob::SOAK_AGING_KEYS),
            operations: knobs.get(knob::SOAK_AGING_OPERATIONS),
            patience: knobs.get(knob::SOAK_STRESS_TIMEOUT),
            session,
        })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The engine that cargo resolved, built with these features.
fn subject(engine: &Engine, features: &str) -> Subject {
    let source = match &engine.checkout {
        None => "registry".to_owned(),
        Some(checkout) => {
            let commit = checkout.commit.as_deref().unwrap_or("no commit");
            format!("checkout, {commit}")
        }
    };
    Subject { engine: engine.name(), source, features: features.to_owned() }
}
