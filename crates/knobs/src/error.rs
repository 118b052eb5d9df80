//! The crate's one error: what is wrong, where it stands, and what to do about it, in one line.
//! Opaque on purpose: callers print it and stop, they do not branch on it.

use std::{error::Error, fmt};

/// A knob, a file in `.config/` or an environment variable that the suite cannot accept.
#[derive(Debug)]
pub struct KnobError {
    what: String,
    place: String,
    remedy: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl KnobError {
    pub(crate) fn new(
        what: impl Into<String>,
        place: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { what: what.into(), place: place.into(), remedy: remedy.into(), source: None }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for KnobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.what, self.place, self.remedy)
    }
}

impl Error for KnobError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::KnobError;

    #[test]
    fn is_one_line_and_keeps_its_source() {
        fn travels<T: Send + Sync>(_: &T) {}

        let error = KnobError::new("what", "where", "remedy").because("root cause");
        travels(&error);
        assert_eq!(error.to_string(), "what: where: remedy");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "root cause");
    }
}
