//! Our fixes for known defects of the engine: `.config/fixes/<version>/<finding>.toml`, and how they are
//! applied to its sources; [`defects`] are planted in the same way. Text in, text out; it writes no file and starts no process. No text of the
//! engine is stored: the lines that a fix replaces are found by their number and their hash.

mod apply;
pub mod defects;

use crate::{Error, Result, engine::Engine};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs, io,
    path::{Path, PathBuf},
};

pub use apply::{apply, hash};

/// Where the fixes are, relative to the workspace root: a folder for each version of the engine.
const FOLDER: &str = ".config/fixes";

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
    fn remedy(self, id: &str) -> String {
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
    edit: Vec<Edit>,
}

/// The fixes for one version of the engine, by their ids.
#[derive(Debug, Clone, Default)]
pub struct Fixes {
    /// Each stands behind those that it is made on top of.
    ordered: Vec<Fix>,
    /// Where they came from, for messages.
    folder: PathBuf,
}

impl Fixes {
    /// Reads the fixes for `engine`: those of its version, or of the newest version that has some, for a
    /// checkout that has moved on. A fix is then refused when its lines are no longer there.
    pub fn load(root: &Path, engine: &Engine) -> Result<Self> {
        let folder = root.join(FOLDER);
        match of_version(&folder, engine)? {
            Some(folder) => Self::read(folder),
            None => Ok(Self { ordered: Vec::new(), folder }),
        }
    }

    fn read(folder: PathBuf) -> Result<Self> {
        let mut found = BTreeMap::new();
        for name in names(&folder)? {
            let file = folder.join(&name);
            let Some(id) = name.strip_suffix(".toml") else {
                let remedy = "keep nothing but fixes there";
                return Err(Error::new("no fix of a finding", file.display(), remedy));
            };
            found.insert(id.to_owned(), Fix::read(id, &file)?);
        }
        let mut fixes = Self { ordered: Vec::new(), folder };
        while !found.is_empty() {
            let is_next = |fix: &Fix| fix.after.iter().all(|id| fixes.find(id).is_some());
            let Some(id) = found.values().find(|fix| is_next(fix)).map(|fix| fix.id.clone()) else {
                let stuck: Vec<_> = found.keys().map(|id| format!("`{id}`")).collect();
                let what = format!("`after` leads in a circle or to no fix: {}", stuck.join(", "));
                return Err(Error::new(what, fixes.folder.display(), "correct their order"));
            };
            fixes.ordered.extend(found.remove(&id));
        }
        Ok(fixes)
    }

    /// All of them, each behind those that it is made on top of.
    pub fn all(&self) -> &[Fix] {
        &self.ordered
    }

    /// The fix for a finding.
    pub fn find(&self, id: &str) -> Option<&Fix> {
        self.ordered.iter().find(|fix| fix.id == id)
    }

    /// The fix called `id`, or the error that names it. `place` is where it was asked for.
    pub fn named(&self, id: &str, place: &str) -> Result<&Fix> {
        self.find(id).ok_or_else(|| {
            let what = format!("no fix is called `{id}`");
            Error::new(what, place, "`just fixes list` lists them")
        })
    }

    /// What the text of `MACE_PROD_FIXES` asks for: `none`, `all`, `ID,ID` or `all,-ID`, in the order in
    /// which they are applied. A fix that is left out takes those along that include it.
    pub fn select(&self, text: &str) -> Result<Vec<&Fix>> {
        let place = "MACE_PROD_FIXES";
        let words: Vec<_> = text.split(',').map(str::trim).collect();
        let mut chosen = BTreeSet::new();
        match words.as_slice() {
            ["none"] => {}
            ["all", left_out @ ..] => {
                chosen.extend(self.ordered.iter().map(|fix| fix.id.as_str()));
                for word in left_out {
                    let Some(id) = word.strip_prefix('-') else {
                        let what = format!("`{word}` behind `all`");
                        return Err(Error::new(what, place, "say `-ID` for each to leave out"));
                    };
                    self.leave_out(self.named(id, place)?, &mut chosen);
                }
            }
            ids => {
                for id in ids {
                    self.with_basis(self.named(id, place)?, &mut chosen);
                }
            }
        }
        for fix in self.ordered.iter().filter(|fix| fix.edits.is_empty()) {
            if fix.after.iter().all(|id| chosen.contains(id.as_str())) {
                chosen.insert(&fix.id);
            }
        }
        Ok(self.ordered.iter().filter(|fix| chosen.contains(fix.id.as_str())).collect())
    }

    /// The fix and all that it is made on top of, in the order in which they are applied.
    pub fn basis(&self, fix: &Fix) -> Vec<&Fix> {
        let mut with = BTreeSet::new();
        self.with_basis(fix, &mut with);
        self.ordered.iter().filter(|fix| with.contains(fix.id.as_str())).collect()
    }

    fn with_basis<'f>(&'f self, fix: &Fix, chosen: &mut BTreeSet<&'f str>) {
        for fix in self.ordered.iter().filter(|other| other.id == fix.id) {
            chosen.insert(&fix.id);
            for below in fix.after.iter().filter_map(|id| self.find(id)) {
                self.with_basis(below, chosen);
            }
        }
    }

    fn leave_out(&self, fix: &Fix, chosen: &mut BTreeSet<&str>) {
        if !chosen.remove(fix.id.as_str()) {
            return;
        }
        for above in self.ordered.iter().filter(|other| other.after.contains(&fix.id)) {
            self.leave_out(above, chosen);
        }
        if fix.edits.is_empty() {
            for below in fix.after.iter().filter_map(|id| self.find(id)) {
                self.leave_out(below, chosen);
            }
        }
    }
}

impl Fix {
    fn read(id: &str, file: &Path) -> Result<Self> {
        let remedy = "correct the file";
        let text = fs::read_to_string(file)
            .map_err(|error| Error::io("read the fix", file, remedy, error))?;
        let Document { reason, cost, gap, after, edit } =
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
                edits: edit,
            }),
        }
    }
}

impl Edit {
    /// What has to be corrected before it can be used.
    fn lacks(&self) -> Option<&'static str> {
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

/// The folder in `folder` for `engine`: that of its version, or else of the newest.
fn of_version(folder: &Path, engine: &Engine) -> Result<Option<PathBuf>> {
    let versions = names(folder)?;
    let number = |name: &String| name.split('.').map(|n| n.parse().unwrap_or(0)).collect();
    let newest = versions.iter().max_by_key(|name| -> Vec<u64> { number(name) });
    let exact = versions.iter().find(|name| **name == engine.version);
    Ok(exact.or(newest).map(|version| folder.join(version)))
}

fn names(folder: &Path) -> Result<BTreeSet<String>> {
    let unreadable = |error| Error::io("read the folder", folder, "make it readable", error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
    entries.map(|entry| entry.map(name).map_err(unreadable)).collect()
}

#[cfg(test)]
mod tests;
