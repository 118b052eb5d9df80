//! What travels between machines: the plan that goes with an archive, and what a shard of it left.
//! Documents and their files; decides nothing. Seeds are text, as in every record.

use crate::{
    again::{self, Again},
    balance::Took,
    files,
    nextest::Inventory,
    part::{self, Mode, Part},
};
use process::{Error, Outcome, Result};
use results::{Document, failing::FailingSeed, seeds};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// The plan's name in the folder of the archives.
pub(crate) const PLAN: &str = "plan.json";

/// The name of a shard's record in its folder.
pub(crate) const SHARD: &str = "shard.json";

/// What is to be run, on however many machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) format: u32,
    pub(crate) mode: Mode,
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
    /// How long the cases of each part took in the last report, by its slug; empty where it has none.
    pub(crate) times: BTreeMap<String, Vec<Took>>,
    /// The failing seeds of earlier runs, which the first shard tries first.
    pub(crate) failing: BTreeSet<FailingSeed>,
}

/// What one shard did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Shard {
    pub(crate) format: u32,
    #[serde(flatten)]
    pub(crate) which: seeds::Shard,
    pub(crate) plan: Plan,
    /// What it did of each part and of the failing seeds, by the slug of its report; what could not run is
    /// absent.
    pub(crate) parts: BTreeMap<String, Slice>,
    /// What failed besides cases, one line each.
    pub(crate) notes: Vec<String>,
}

/// A shard's slice of a part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Slice {
    /// The cases that nextest gave to this shard.
    pub(crate) listed: Inventory,
    /// How the slice alone would have ended.
    pub(crate) exit_code: Outcome,
    /// How nextest ended, in words.
    pub(crate) ended: String,
    pub(crate) wall_s: f64,
    /// The longest that a yardstick saw the machine away meanwhile, in microseconds.
    #[serde(default)]
    pub(crate) machine_away_us: Option<u64>,
}

impl Document for Plan {
    const FORMAT: u32 = 4;
}

impl Document for Shard {
    const FORMAT: u32 = 4;
}

/// The shard that tries the failing seeds.
pub(crate) const FIRST: u32 = 1;

impl Plan {
    /// Reads the plan of a folder of archives.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(PLAN);
        files::required(
            &path,
            "make the archives with `just archive`, by this version of the suite",
        )
    }

    /// Its parts in order, each with its whole inventory.
    pub(crate) fn parts(&self, file: &Path) -> Result<Vec<(Part, &Inventory)>> {
        let parts = part::parts(self.mode, &self.features).into_iter();
        let with = |part: Part| {
            let Some(inventory) = self.inventories.get(part.slug) else {
                let what = format!("the plan has no inventory of {}", part.slug);
                return Err(Error::new(what, file.display(), "make the archives anew"));
            };
            Ok((part, inventory))
        };
        parts.map(with).collect()
    }

    /// The cases of its failing seeds, in its parts.
    pub(crate) fn before(&self) -> Vec<Again> {
        again::of_seeds(&self.failing, &part::parts(self.mode, &self.features))
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
    pub(crate) fn new(which: seeds::Shard, plan: Plan) -> Self {
        Self { format: Self::FORMAT, which, plan, parts: BTreeMap::new(), notes: Vec::new() }
    }

    /// Reads the record in a shard's folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(SHARD);
        files::required(
            &path,
            "pass the folders that `just shard` wrote, by this version of the suite",
        )
    }
}
