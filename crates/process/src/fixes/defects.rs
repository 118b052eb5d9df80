//! Defects that are planted in the engine to see whether the suite catches them:
//! `.config/defects/<version>/<name>.toml`, what each changes and which failure counts as its detection; and
//! in `.config/costs`, in the same form, what makes it cost more and nothing else. Reads files; applies
//! nothing and runs nothing.

use super::{Edit, Fix, Fixes, Kind, apply, hash, names, of_version};
use crate::{Error, Result, engine::Engine};
use serde::Deserialize;
use std::{fs, path::Path};

/// Where the defects are, relative to the workspace root: a folder for each version of the engine.
const FOLDER: &str = ".config/defects";

/// Where those are that cost more and do nothing wrong.
const COSTLY: &str = ".config/costs";

/// A defect that can be planted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Defect {
    /// What it changes: its id is the defect's name, its reason says what the engine then does.
    pub change: Fix,
    /// The failures that count. Any of them is enough.
    pub expect: Vec<Expected>,
    /// The root seed of its run, 0 unless it says one.
    pub seed: u64,
    /// The cases to run, as a filter of nextest; without one the fast layer is run.
    pub cases: Option<String>,
    /// Which of our fixes the engine gets as well, as `MACE_PROD_FIXES` says it: what a known finding
    /// makes the cases leave out can be seen on an engine without it only.
    pub fixes: Option<String>,
    /// Tells this text of the file from others.
    pub hash: String,
}

/// A failure that shows the defect itself, and not something that broke beside it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Expected {
    /// How the case's name begins.
    pub case: String,
    /// What the failure says, or which cost grows.
    pub words: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    what: String,
    #[serde(default)]
    seed: u64,
    cases: Option<String>,
    fixes: Option<String>,
    expect: Vec<Expected>,
    edit: Vec<Edit>,
}

/// Reads the defects for `engine`, by their names: those of its version, or of the newest version that
/// has some. `root` is the workspace's.
pub fn load(root: &Path, engine: &Engine) -> Result<Vec<Defect>> {
    below(&root.join(FOLDER), engine)
}

/// The same for what makes the engine cost more: what is expected is a case of the benches, and which of its
/// costs grows.
pub fn costly(root: &Path, engine: &Engine) -> Result<Vec<Defect>> {
    below(&root.join(COSTLY), engine)
}

fn below(folder: &Path, engine: &Engine) -> Result<Vec<Defect>> {
    let Some(folder) = of_version(folder, engine)? else {
        return Ok(Vec::new());
    };
    let read = |name: String| {
        let file = folder.join(&name);
        let remedy = "keep nothing but defects there";
        let stem = name.strip_suffix(".toml");
        let stem = stem.ok_or_else(|| Error::new("no defect", file.display(), remedy))?;
        Defect::read(stem, &file)
    };
    names(&folder)?.into_iter().map(read).collect()
}

impl Defect {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.change.id
    }

    /// Whether it can be planted in the files that `read` gives, and `fixes` on top of it.
    pub fn check(&self, fixes: &Fixes, read: impl Fn(&str) -> Result<String>) -> Result<()> {
        let planted = apply(&[&self.change], &read)?;
        let fixes = self.fixes.as_deref().map_or(Ok(Vec::new()), |text| fixes.select(text))?;
        let text = |file: &str| planted.get(file).cloned().map_or_else(|| read(file), Ok);
        apply(&fixes, text).map(drop)
    }

    fn read(name: &str, file: &Path) -> Result<Self> {
        let remedy = "correct the file";
        let text = fs::read_to_string(file)
            .map_err(|error| Error::io("read the defect", file, remedy, error))?;
        let hash = hash(&text.lines().collect::<Vec<_>>());
        let Document { what, seed, cases, fixes, expect, edit } =
            toml::from_str(&text).map_err(|error| {
                let what = format!("malformed defect ({})", error.message());
                Error::new(what, file.display(), remedy).because(error)
            })?;
        let incomplete = if what.trim().is_empty() {
            Some("say what the engine then does")
        } else if expect.is_empty() || expect.iter().any(|expected| expected.words.is_empty()) {
            Some("say which failure shows it, and in which words")
        } else if edit.is_empty() {
            Some("give it an edit")
        } else {
            edit.iter().find_map(Edit::lacks)
        };
        if let Some(remedy) = incomplete {
            return Err(Error::new("incomplete defect", file.display(), remedy));
        }
        let change = Fix {
            kind: Kind::Defect,
            id: name.to_owned(),
            reason: what,
            cost: String::new(),
            gap: String::new(),
            after: Vec::new(),
            pins: Vec::new(),
            edits: edit,
        };
        Ok(Self { change, expect, seed, cases, fixes, hash })
    }
}
