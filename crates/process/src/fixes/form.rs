//! The form of a fix: its file below `.config/fixes/`, read and checked. Applies nothing.

use crate::{Error, Result};
use serde::Deserialize;
use std::{fmt, fs, path::Path};

/// What a change of the engine is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It takes a finding away.
    Fix,
    /// It is planted to be found.
    Defect,
}

impl Kind {
    /// What to do about the one called `id` when it does not fit the engine.
    pub(super) fn remedy(self, id: &str) -> String {
        match self {
            Self::Fix => {
                format!("leave it out (MACE_PROD_FIXES=all,-{id}), or fit it to this engine")
            }
            Self::Defect => "fit it to this engine".to_owned(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fix => "fix",
            Self::Defect => "defect",
        })
    }
}

/// The fix for one finding, or the change that plants a defect.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fix {
    /// Which of the two.
    pub kind: Kind,
    /// The finding that it closes, or the defect's name: the file's name.
    pub id: String,
    /// What it changes, in a sentence or two.
    pub reason: String,
    /// What it costs.
    pub cost: String,
    /// What it does not cover; empty when that is nothing.
    pub gap: String,
    /// The fixes that this one is made on top of. They are applied with it and before it.
    pub after: Vec<String>,
    /// Tests of the engine's own that want the broken behaviour, and fail with the fix.
    pub pins: Vec<String>,
    /// Its changes. One without any holds wherever the fixes it is made on top of are applied.
    pub edits: Vec<Edit>,
}

/// One change: some of the lines that are found by their hash give way to ours.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Edit {
    /// The file, relative to the folder of the engine's manifest.
    pub file: String,
    /// How many lines are looked for.
    pub lines: usize,
    /// Their [`hash`].
    pub hash: String,
    /// How many of them stay, in front of ours.
    #[serde(default)]
    pub keep_before: usize,
    /// How many of them stay, behind ours.
    #[serde(default)]
    pub keep_after: usize,
    /// Our lines.
    #[serde(default)]
    pub text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    reason: String,
    cost: String,
    #[serde(default)]
    gap: String,
    #[serde(default)]
    after: Vec<String>,
    #[serde(default)]
    pins: Vec<String>,
    #[serde(default)]
    edit: Vec<Edit>,
}

impl Fix {
    pub(super) fn read(id: &str, file: &Path) -> Result<Self> {
        let remedy = "correct the file";
        let text = fs::read_to_string(file)
            .map_err(|error| Error::io("read the fix", file, remedy, error))?;
        let Document { reason, cost, gap, after, pins, edit } =
            toml::from_str(&text).map_err(|error| {
                let what = format!("malformed fix ({})", error.message());
                Error::new(what, file.display(), remedy).because(error)
            })?;
        let incomplete = if reason.trim().is_empty() || cost.trim().is_empty() {
            Some("say its reason and its cost")
        } else if edit.is_empty() && after.is_empty() {
            Some("give it an edit, or the fixes that close its finding as well")
        } else {
            edit.iter().find_map(Edit::lacks)
        };
        match incomplete {
            Some(remedy) => Err(Error::new("incomplete fix", file.display(), remedy)),
            None => Ok(Self {
                kind: Kind::Fix,
                id: id.to_owned(),
                reason,
                cost,
                gap,
                after,
                pins,
                edits: edit,
            }),
        }
    }
}

impl Edit {
    /// What has to be corrected before it can be used.
    pub(super) fn lacks(&self) -> Option<&'static str> {
        if self.keep_before + self.keep_after > self.lines {
            Some("keep no more lines than are looked for")
        } else if self.lines == 0 {
            Some("look for at least one line")
        } else if !self.text.is_empty() && !self.text.ends_with('\n') {
            Some("end each text with a line feed")
        } else {
            None
        }
    }
}
