//! Where a run comes from: its seed, its engine, its settings, and the one command that runs a case of
//! it again. Data and text; runs nothing.

use crate::{
    part::{Build, Part},
    session::Session,
};
use knobs::{Home, Knobs, Source, engines, knob};
use process::wanted::Wanted;
use results::run::Setting;
use std::{fmt::Write, time::SystemTime};

/// What the reports say about the run as a whole.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) seed: u64,
    pub(crate) engine: String,
    /// What the environment or a flag had set, and a repetition has to set again.
    pub(crate) settings: Vec<(String, String)>,
    /// Every knob with its effective value.
    pub(crate) knobs: Vec<Setting>,
    /// When the run started.
    pub(crate) started: SystemTime,
}

/// Set by the repetition's own arguments.
const BY_ARGUMENT: [&str; 2] = [knob::MACE_PROD_SEED.name(), knob::FEATURES.name()];

impl Origin {
    pub(crate) fn of(session: &Session) -> Self {
        let mut settings = Vec::new();
        for knobs::Setting { knob, value, source } in session.knobs.settings() {
            let turned = matches!(source, Source::Flag | Source::Environment);
            let Some(value) = value.as_ref().filter(|_| turned && knob.home == Home::Prod) else {
                continue;
            };
            match &session.wanted {
                _ if BY_ARGUMENT.contains(&knob.name) => {}
                Wanted::Path(path) if knob.name == knob::MACE_ENGINE_PATH.name() => {
                    settings.push((knob.name.to_owned(), path.display().to_string()));
                }
                _ => settings.push((knob.name.to_owned(), value.clone())),
            }
        }
        Self {
            seed: session.seed,
            engine: session.engine_name(),
            settings,
            knobs: effective(&session.knobs),
            started: session.started,
        }
    }

    /// The one command that runs a case again as it ran.
    pub(crate) fn repro(&self, part: &Part, case: &str) -> String {
        let mut command = String::new();
        // The knob of another engine says how the suite is built.
        let is_engine = |knob: &&Setting| knob.name == knob::MACE_PROD_ENGINE.name();
        let engine = self.knobs.iter().find(is_engine).and_then(|knob| knob.value.as_deref());
        let is_other = engine.is_some_and(|engine| engine != engines::MACE);
        for (name, value) in &self.settings {
            let _ = write!(command, "{name}={} ", quoted(value));
        }
        if let Build::Suite(features) = &part.build
            && features != "failpoints"
            && !features.is_empty()
            && !is_other
        {
            let _ = write!(command, "FEATURES={} ", quoted(features));
        }
        let _ = write!(command, "just repro {} {}", quoted(case), self.seed);
        if !is_other && !part.build.has_failpoints() {
            command.push_str(" --plain");
        }
        command
    }
}

/// Every knob with its effective value, files relative to the workspace.
pub(crate) fn effective(knobs: &Knobs) -> Vec<Setting> {
    let setting = |setting: &knobs::Setting| {
        let source = match &setting.source {
            Source::File(file) => {
                file.strip_prefix(knobs.root()).unwrap_or(file).display().to_string()
            }
            other => other.to_string(),
        };
        Setting { name: setting.knob.name.to_owned(), value: setting.value.clone(), source }
    };
    knobs.settings().iter().map(setting).collect()
}

/// `text` as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-:./,@=+".contains(c);
    if text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}
