//! What travels between machines: the plan that goes with an archive, and what a shard of it left.
//! Wire structures and their files; decides nothing. Seeds are text, as in every record.

use crate::{
    nextest::{CaseId, Inventory},
    part::{self, Mode, Part},
};
use process::{Error, Outcome, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{collections::BTreeMap, fs, path::Path};

/// The version of both formats.
const FORMAT: u32 = 2;

/// The plan's name in the folder of the archives.
pub(crate) const PLAN: &str = "plan.json";

/// The name of a shard's record in its folder.
pub(crate) const SHARD: &str = "shard.json";

/// What is to be run, on however many machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) format: u32,
    pub(crate) mode: String,
    pub(crate) features: String,
    /// The engine with its source, as reports name it.
    pub(crate) engine: String,
    pub(crate) engine_version: String,
    /// The findings whose fixes are applied to it.
    pub(crate) engine_fixes: Vec<String>,
    /// The root seed: one run has one, on whatever number of machines.
    pub(crate) root_seed: String,
    pub(crate) started_unix_s: u64,
    /// What a repetition has to set again.
    pub(crate) settings: Vec<(String, String)>,
    /// The whole inventory of each part, by its slug.
    pub(crate) inventories: BTreeMap<String, Inventory>,
}

/// What one shard did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) format: u32,
    /// Which one, from 1.
    pub(crate) number: u32,
    /// How many there are.
    pub(crate) of: u32,
    pub(crate) plan: Plan,
    /// What it did of each part, by slug; a part that could not run is absent.
    pub(crate) parts: BTreeMap<String, Slice>,
    /// What failed besides cases, one line each.
    pub(crate) notes: Vec<String>,
}

/// A shard's slice of a part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Slice {
    /// The cases that nextest gave to this shard.
    pub(crate) listed: Inventory,
    /// The exit code that the slice alone would have had.
    pub(crate) exit_code: u8,
    /// How nextest ended, in words.
    pub(crate) ended: String,
    pub(crate) wall_s: f64,
}

impl Slice {
    pub(crate) fn outcome(&self) -> Outcome {
        match self.exit_code {
            0 => Outcome::Passed,
            1 => Outcome::Failed,
            code @ 129.. => Outcome::Interrupted(i32::from(code) - 128),
            _ => Outcome::Broken,
        }
    }
}

impl Plan {
    pub(crate) const fn format() -> u32 {
        FORMAT
    }

    /// Reads the plan of a folder of archives.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(PLAN);
        let plan: Self = read(&path, "make the archives with `just archive`")?;
        check_format(plan.format, &path)?;
        Ok(plan)
    }

    /// Its parts in order, each with its whole inventory.
    pub(crate) fn parts(&self, file: &Path) -> Result<Vec<(Part, &Inventory)>> {
        let broken = |what: String| Error::new(what, file.display(), "make the archives anew");
        let mode = Mode::parse(&self.mode)
            .ok_or_else(|| broken(format!("the plan's mode is {:?}", self.mode)))?;
        let parts = part::parts(mode, &self.features).into_iter();
        let with = |part: Part| match self.inventories.get(part.slug) {
            Some(inventory) => Ok((part, inventory)),
            None => Err(broken(format!("the plan has no inventory of {}", part.slug))),
        };
        parts.map(with).collect()
    }

    /// The root seed as a number.
    pub(crate) fn seed(&self, file: &Path) -> Result<u64> {
        self.root_seed.parse().map_err(|error| {
            let what = format!("the plan's seed is {:?}", self.root_seed);
            Error::new(what, file.display(), "make the archives anew").because(error)
        })
    }
}

impl Shard {
    pub(crate) fn new((number, of): (u32, u32), plan: Plan) -> Self {
        Self { format: FORMAT, number, of, plan, parts: BTreeMap::new(), notes: Vec::new() }
    }

    /// Reads the record in a shard's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(SHARD);
        let shard: Self = read(&path, "pass the folders that `just shard` wrote")?;
        check_format(shard.format, &path)?;
        Ok(shard)
    }
}

fn check_format(format: u32, path: &Path) -> Result<()> {
    if format == FORMAT {
        return Ok(());
    }
    let what = format!("format {format} instead of {FORMAT}");
    Err(Error::new(what, path.display(), "use one version of the suite on all machines"))
}

fn read<T: DeserializeOwned>(path: &Path, remedy: &str) -> Result<T> {
    let text = fs::read_to_string(path)
        .map_err(|error| Error::io("read the record", path, remedy, error))?;
    serde_json::from_str(&text).map_err(|error| {
        Error::new(format!("malformed record ({error})"), path.display(), remedy).because(error)
    })
}

/// Writes a plan or a shard's record.
pub(crate) fn write(path: &Path, record: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(record).expect("a record has only names for keys");
    fs::write(path, text)
        .map_err(|error| Error::io("write the record", path, "make the folder writable", error))
}

impl Serialize for CaseId {
    fn serialize<S: serde::Serializer>(&self, to: S) -> std::result::Result<S::Ok, S::Error> {
        (&self.binary, &self.name).serialize(to)
    }
}

impl<'de> Deserialize<'de> for CaseId {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        let (binary, name) = Deserialize::deserialize(from)?;
        Ok(Self { binary, name })
    }
}
