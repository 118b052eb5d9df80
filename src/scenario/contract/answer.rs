//! What an engine answered, or should have: compared whole, printed short. Judges nothing but
//! equality.

use crate::{engine::Outcome, history::KeyText};
use std::fmt::{Display, Formatter, Result as FmtResult};

/// An answer to one operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done, or not.
    Done(Outcome<()>),
    /// The answers to the steps of one operation.
    Steps(Vec<Outcome<()>>),
    /// A value, or none.
    Value(Outcome<Vec<u8>>),
    /// What a scan met.
    Pairs(Outcome<Vec<(Vec<u8>, Vec<u8>)>>),
    /// Sentences about what disagrees; none when all is well.
    Sound(Vec<String>),
    /// The operation was not carried out: its input belongs to a known finding.
    LeftOut,
}

impl Answer {
    /// All is well.
    pub const DONE: Self = Self::Done(Ok(()));

    /// What tells a wrong answer from the right one, for a person.
    pub fn difference(&self, expected: &Self) -> String {
        if let (Self::Pairs(Ok(got)), Self::Pairs(Ok(expected))) = (self, expected) {
            let same = got.iter().zip(expected).take_while(|(a, b)| a == b).count();
            return format!(
                "{} pairs instead of {}; after {same} equal ones it met {} instead of {}",
                got.len(),
                expected.len(),
                pair(got.get(same)),
                pair(expected.get(same))
            );
        }
        if let (Self::Steps(got), Self::Steps(expected)) = (self, expected) {
            let same = got.iter().zip(expected).take_while(|(a, b)| a == b).count();
            let step = |steps: &[Outcome<()>]| {
                steps.get(same).map_or("nothing".to_owned(), |step| Self::Done(step.clone()).text())
            };
            return format!("step {same}: {} instead of {}", step(got), step(expected));
        }
        format!("{self} instead of {expected}")
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

fn pair(pair: Option<&(Vec<u8>, Vec<u8>)>) -> String {
    match pair {
        None => "the end".to_owned(),
        Some((key, value)) => format!("{}={}", short(key), short(value)),
    }
}

/// The start of some bytes, and how many there are when that is not all.
pub(super) fn short(bytes: &[u8]) -> String {
    const SHOWN: usize = 16;
    let text = KeyText::new(&bytes[..bytes.len().min(SHOWN)]).0;
    if bytes.len() > SHOWN {
        format!("`{text}…`({} bytes)", bytes.len())
    } else {
        format!("`{text}`")
    }
}

impl Display for Answer {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self {
            Self::Done(Ok(())) => f.write_str("done"),
            Self::Steps(steps) => write!(f, "{} steps", steps.len()),
            Self::Value(Ok(value)) => f.write_str(&short(value)),
            Self::Pairs(Ok(pairs)) => write!(f, "{} pairs", pairs.len()),
            Self::Done(Err(denial)) | Self::Value(Err(denial)) | Self::Pairs(Err(denial)) => {
                denial.fmt(f)
            }
            Self::Sound(sentences) if sentences.is_empty() => f.write_str("agreement"),
            Self::Sound(sentences) => f.write_str(&sentences.join("; ")),
            Self::LeftOut => f.write_str("left out"),
        }
    }
}
