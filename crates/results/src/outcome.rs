//! How a run, or a part of it, ended: one enum, one word for each outcome, one exit code. Data only.

use serde::{Deserialize, Serialize};
use std::process::ExitCode;

/// How a run, or a part of it, ended. The worse is the greater. Written as its exit code; the
/// codec [`word`] writes it as its word.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum Outcome {
    /// Every case passed or met a known finding, and no benchmark is slower.
    #[default]
    Passed,
    /// A measurement could not tell. Never a pass.
    Inconclusive,
    /// A case failed, a known finding did not reproduce, or the perf gate failed.
    Failed,
    /// Usage, configuration or build.
    Broken,
    /// Ended by this signal, after cleaning up.
    Interrupted(i32),
}

impl Outcome {
    /// The exit code of the contract.
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Broken => 2,
            Self::Inconclusive => 3,
            Self::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
        }
    }

    /// The word for it, wherever one is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Inconclusive => "inconclusive",
            Self::Failed => "failed",
            Self::Broken => "broken",
            Self::Interrupted(_) => "interrupted",
        }
    }

    /// The word as a run ends with it: everything but a pass is in capitals.
    pub fn shouted(self) -> String {
        match self {
            Self::Passed => self.name().to_owned(),
            _ => self.name().to_uppercase(),
        }
    }

    /// That word, and the exit code.
    pub fn headline(self) -> String {
        format!("{} (exit {})", self.shouted(), self.code())
    }
}

/// The outcome that an exit code of the contract stands for.
impl From<u8> for Outcome {
    fn from(code: u8) -> Self {
        match code {
            0 => Self::Passed,
            1 => Self::Failed,
            3 => Self::Inconclusive,
            code if code > 128 => Self::Interrupted(i32::from(code) - 128),
            _ => Self::Broken,
        }
    }
}

impl From<Outcome> for u8 {
    fn from(outcome: Outcome) -> Self {
        outcome.code()
    }
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(outcome.code())
    }
}

/// Writes an outcome as its word. The word does not say which signal interrupted a run, so that one
/// is read back as SIGINT.
pub mod word {
    use super::Outcome;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const SIGINT: i32 = 2;

    /// Writes the word.
    pub fn serialize<S: Serializer>(outcome: &Outcome, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(outcome.name())
    }

    /// Reads the word.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Outcome, D::Error> {
        let word = String::deserialize(from)?;
        let signal = Outcome::Interrupted(SIGINT);
        let all =
            [Outcome::Passed, Outcome::Inconclusive, Outcome::Failed, Outcome::Broken, signal];
        let named = all.into_iter().find(|outcome| outcome.name() == word);
        named.ok_or_else(|| D::Error::custom(format!("no outcome is called {word:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, word};
    use serde_json::{Value, json};

    const ALL: [Outcome; 5] = [
        Outcome::Passed,
        Outcome::Failed,
        Outcome::Broken,
        Outcome::Inconclusive,
        Outcome::Interrupted(2),
    ];

    #[test]
    fn exit_codes_match_the_contract() {
        assert_eq!(ALL.map(Outcome::code), [0, 1, 2, 3, 130]);
        assert_eq!(Outcome::Interrupted(15).code(), 143);
        assert_eq!(Outcome::from(101), Outcome::Broken);
    }

    #[test]
    fn the_worst_outcome_is_two_then_one_then_three() {
        let worst = |codes: &[u8]| codes.iter().copied().map(Outcome::from).max().map(u8::from);
        assert_eq!(worst(&[0, 3, 0]), Some(3));
        assert_eq!(worst(&[3, 1, 0]), Some(1));
        assert_eq!(worst(&[1, 2, 3]), Some(2));
        assert_eq!(worst(&[2, 130, 1]), Some(130));
    }

    #[test]
    fn codes_and_words_are_read_back() {
        for outcome in ALL {
            let code = serde_json::to_value(outcome).unwrap();
            assert_eq!(code, json!(outcome.code()));
            assert_eq!(serde_json::from_value::<Outcome>(code).unwrap(), outcome);
            let text = word::serialize(&outcome, serde_json::value::Serializer).unwrap();
            assert_eq!(text, json!(outcome.name()));
            assert_eq!(word::deserialize(text).unwrap(), outcome);
        }
        assert!(word::deserialize(Value::from("green")).is_err());
        let headlines = [Outcome::Passed, Outcome::Inconclusive].map(Outcome::headline);
        assert_eq!(headlines, ["passed (exit 0)", "INCONCLUSIVE (exit 3)"]);
    }
}
