//! JSON documents with a format number: the one place that writes, reads and checks them. Text only;
//! files are the callers'.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::fmt;

/// What is written with the number of its format, under the key `format` or `version`.
pub trait Document: Serialize + DeserializeOwned {
    /// The format that is written; every other one is refused.
    const FORMAT: u32;
}

/// Why a text is no document of its kind, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatError(String);

impl FormatError {
    /// An error that says this.
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        Self(what.to_string())
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormatError {}

/// Reads a document. Its format number is checked first, so that a document of another format is
/// called that, whatever else is different.
pub fn decode<D: Document>(text: &str) -> Result<D, FormatError> {
    #[derive(Deserialize)]
    struct Number {
        #[serde(alias = "version")]
        format: u32,
    }

    let malformed = |error| FormatError::new(format_args!("malformed: {error}"));
    let Number { format } = serde_json::from_str(text).map_err(malformed)?;
    if format != D::FORMAT {
        let wanted = D::FORMAT;
        return Err(FormatError::new(format_args!("format {format} instead of {wanted}")));
    }
    serde_json::from_str(text).map_err(malformed)
}

/// A document as a file of its own.
pub fn encode<D: Document>(document: &D) -> String {
    let text = serde_json::to_string_pretty(document).expect("a document is plain data");
    text + "\n"
}

/// A document as a line among others, without its end.
pub fn encode_line<D: Document>(document: &D) -> String {
    serde_json::to_string(document).expect("a document is plain data")
}

/// The documents of a file that is only ever appended to, a line each. A last line without its end was
/// being written when its writer died, and is left out; any other line that is none is an error.
pub fn decode_lines<D: Document>(text: &str) -> Result<Vec<D>, FormatError> {
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    let entry = |(index, line)| {
        decode(line).map_err(|error| {
            FormatError::new(format_args!("line {} is no entry ({error})", index + 1))
        })
    };
    whole.lines().enumerate().map(entry).collect()
}

/// How people read what is written as one word: `too few cases` for `too_few_cases`.
pub(crate) fn words(value: &impl Serialize) -> String {
    let written = serde_json::to_value(value).expect("a word is plain data");
    written.as_str().expect("it is written as a word").replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::{Document, decode, encode, encode_line};
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        version: u32,
        word: String,
    }

    impl Document for Sample {
        const FORMAT: u32 = 2;
    }

    #[test]
    fn a_document_is_read_back_as_written() {
        let sample = Sample { version: 2, word: "x".into() };
        assert_eq!(decode::<Sample>(&encode(&sample)).unwrap(), sample);
        assert_eq!(encode_line(&sample), r#"{"version":2,"word":"x"}"#);
    }

    #[test]
    fn other_formats_and_damage_are_refused() {
        for (text, says) in [
            (r#"{"format": 3}"#, "format 3 instead of 2"),
            (r#"{"version": 1, "new": true}"#, "format 1 instead of 2"),
            (r#"{"version": 2}"#, "malformed: missing field `word`"),
            (r#"{"word": "x"}"#, "malformed: missing field `format`"),
            (r#"{"version": 2"#, "malformed: EOF"),
        ] {
            let error = decode::<Sample>(text).unwrap_err().to_string();
            assert!(error.starts_with(says), "{text}: {error}");
        }
    }
}
