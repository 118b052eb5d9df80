//! The one error of the library: what we tried, where, and what stopped us.
//! A finding about an engine is never an error; a bug of ours is a panic.

use std::{
    fmt::{Debug, Display, Formatter, Result as FmtResult},
    path::{Path, PathBuf},
};

/// A result whose failure is ours or the machine's, never the engine's.
pub type Result<T> = std::result::Result<T, Error>;

/// Something the suite needed and did not get: verb, place and cause in one line.
pub struct Error(Box<Kind>);

struct Kind {
    verb: &'static str,
    place: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Error {
    /// `verb` is what was tried ("write", "start"), `place` the file or program it was tried on.
    pub fn new(
        verb: &'static str,
        place: impl AsRef<Path>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Kind { verb, place: place.as_ref().to_owned(), source: source.into() }))
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
    use super::*;

    #[test]
    fn an_error_says_verb_place_and_cause_in_one_line() {
        let error = Error::new("open", "/nowhere/db", "no such folder");
        assert_eq!(error.to_string(), "cannot open /nowhere/db: no such folder");
    }

    #[test]
    fn an_error_crosses_threads() {
        fn assert_send_sync<T: Send + Sync>() {}
        assert_send_sync::<Error>();
    }
}
