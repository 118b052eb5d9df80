//! Our fixes for known defects of the engine: `.config/fixes/<version>/<finding>.toml`, and how they are
//! applied to its sources. Text in, text out; it writes no file and starts no process. No text of the
//! engine is stored: the lines that a fix replaces are found by their number and their hash.

mod apply;
mod form;

use crate::{Error, Result, engine::Engine};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

pub use apply::{apply, hash};
pub use form::{Edit, Fix};

/// Where the fixes are, relative to the workspace root: a folder for each version of the engine.
const FOLDER: &str = ".config/fixes";

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
        let versions = names(&folder)?;
        let number = |name: &String| name.split('.').map(|n| n.parse().unwrap_or(0)).collect();
        let newest = versions.iter().max_by_key(|name| -> Vec<u64> { number(name) });
        let exact = versions.iter().find(|name| **name == engine.version);
        match exact.or(newest) {
            Some(version) => Self::read(folder.join(version)),
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
