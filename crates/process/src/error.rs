//! Why a program cannot go on: one line saying what, where and what to do about it. Opaque:
//! nobody branches on it, `main` prints it and exits with 2. A failing case is never an error.

use knobs::KnobError;
use std::{error, fmt, io, path::Path};

/// A usage, configuration or build problem.
#[derive(Debug)]
pub struct Error {
    line: String,
    source: Option<Box<dyn error::Error + Send + Sync>>,
}

/// What a fallible step of a program returns.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// One line: what is wrong, where, and what to do about it.
    pub fn new(
        what: impl fmt::Display,
        place: impl fmt::Display,
        remedy: impl fmt::Display,
    ) -> Self {
        // Text from outside (an argument, a tool's message) may hold line breaks; an error is a line.
        Self::line(format!("{what}: {place}: {remedy}").replace(['\n', '\r'], " "))
    }

    /// Such a line, said by somebody else.
    pub(crate) fn line(line: String) -> Self {
        Self { line, source: None }
    }

    /// A file or folder that resists: `verb` is what was tried, in the infinitive.
    pub fn io(verb: &str, path: &Path, remedy: &str, source: io::Error) -> Self {
        Self::new(format_args!("cannot {verb} ({source})"), path.display(), remedy).because(source)
    }

    /// Keeps the cause for whoever walks the sources.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn error::Error + 'static))
    }
}

impl From<KnobError> for Error {
    fn from(error: KnobError) -> Self {
        Self::line(error.to_string()).because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::Error;

    #[test]
    fn an_error_stays_one_line() {
        let error = Error::new("mode `a\nb`", "command line", "use fast");
        assert_eq!(error.to_string(), "mode `a b`: command line: use fast");
    }
}
