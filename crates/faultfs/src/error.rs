//! The only error type of the crate: what was tried, where, and the cause. A finding about a store
//! is never an error, and a bug of this crate is a panic.

use std::{
    fmt::{Debug, Display, Formatter, Result as FmtResult},
    path::{Path, PathBuf},
};

/// A result. A failure is caused by the caller or the machine, never by the store.
pub type Result<T> = std::result::Result<T, Error>;

/// Verb, place and cause in one line. It is opaque because callers have nothing to match on: every
/// failure here means that the run says nothing about the store.
pub struct Error(Box<Kind>);

struct Kind {
    verb: &'static str,
    place: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Error {
    /// `verb` is what was tried ("read", "trace"), `place` the file, folder or rule it was tried on.
    pub(crate) fn new(
        verb: &'static str,
        place: impl AsRef<Path>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Kind { verb, place: place.as_ref().to_owned(), source: source.into() }))
    }

    /// On a platform whose libc cannot be interposed by this crate.
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    pub(crate) fn unsupported(verb: &'static str, place: impl AsRef<Path>) -> Self {
        Self::new(verb, place, "unsupported platform: faultfs interposes glibc on Linux only")
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let Kind { verb, place, source } = &*self.0;
        write!(f, "cannot {verb} {}: {source}", place.display())
    }
}

impl Debug for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.0.source.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn an_error_says_verb_place_and_cause_in_one_line() {
        let error = Error::new("read", "run.trace", "not a trace");
        assert_eq!(error.to_string(), "cannot read run.trace: not a trace");
    }

    #[test]
    fn an_error_crosses_threads() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<Error>();
    }
}
