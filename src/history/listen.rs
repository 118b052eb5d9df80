//! Listens to what the engine logs: errors, of all threads of this process. Judges nothing.

use crate::history::{Event, Milestone, journal::Recorder};
use log::{LevelFilter, Log, Metadata, Record};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

/// Who is told.
type Told = Arc<dyn Fn(String) + Send + Sync>;

/// Tells of errors until it is dropped.
pub struct Listening(Told);

static LISTENERS: Mutex<Vec<Told>> = Mutex::new(Vec::new());

fn listeners() -> MutexGuard<'static, Vec<Told>> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Listening {
    /// Records every error that is logged from now on.
    ///
    /// # Panics
    /// When the process has another logger.
    pub fn begin(recorder: &Arc<Recorder>) -> Self {
        recorder.record(Event::Milestone(Milestone::Listening));
        let recorder = Arc::clone(recorder);
        Self::telling(move |error| recorder.record(Event::Milestone(Milestone::Logged { error })))
    }

    /// Tells of every error that is logged from now on.
    ///
    /// # Panics
    /// When the process has another logger.
    pub fn telling(tell: impl Fn(String) + Send + Sync + 'static) -> Self {
        static SET: Once = Once::new();
        SET.call_once(|| {
            log::set_logger(&Logger).expect("the process has no other logger");
            log::set_max_level(LevelFilter::Error);
        });
        let told: Told = Arc::new(tell);
        listeners().push(Arc::clone(&told));
        Self(told)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        listeners().retain(|told| !Arc::ptr_eq(told, &self.0));
    }
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Error
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let error = format!("{}: {}", record.target(), record.args());
        let told = listeners().clone();
        for tell in told {
            tell(error.clone());
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_are_told_and_only_while_listening() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let listening = Listening::telling({
            let heard = Arc::clone(&heard);
            move |error| heard.lock().unwrap().push(error)
        });
        log::warn!(target: "engine", "a warning");
        log::error!(target: "engine", "an error");
        drop(listening);
        log::error!(target: "engine", "another one");
        assert_eq!(*heard.lock().unwrap(), ["engine: an error"]);
    }
}
