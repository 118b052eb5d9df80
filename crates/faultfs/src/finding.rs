//! A finding: what broke, on which state, on which profiles such a state is legal, and everything
//! that is needed to reproduce it. Stores and loads itself; judges nothing.

use crate::{
    error::{Error, Result},
    frame,
    image::{Image, Packed},
    judge::{Outcome, Promises},
    persist::Profile,
    state::{State, Step},
};
use serde::{Deserialize, Serialize};
use std::{
    fmt::{Display, Formatter, Result as FmtResult},
    fs,
    path::{Path, PathBuf},
};

/// A state on which the judge found something.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// The judge's outcome.
    pub outcome: Outcome,
    /// The step that found it.
    pub step: Step,
    /// 1: a crash of the workload; 2: a crash during the recovery from one.
    pub depth: u8,
    /// The seed of the exploration.
    pub seed: u64,
    /// The state as it was found.
    pub state: State,
    /// For depth 2, the state whose recovery was cut off.
    pub outer: Option<State>,
    /// The operations that the state lacks, one a line.
    pub outer_lost: Vec<String>,
    /// A smallest state of the same cut that fails in the same way.
    pub minimal: State,
    /// The operations that the minimal state lacks, one a line.
    pub lost: Vec<String>,
    /// The profiles on which the found state is legal, the mildest first.
    pub legal: Vec<Profile>,
    /// The profiles on which the minimal state is legal, the mildest first.
    pub minimal_legal: Vec<Profile>,
    /// How many states failed in the same way.
    pub count: u64,
    /// From how many states of the workload they come. All crashes within one recovery come from one, and
    /// are no independent evidence.
    pub origins: u64,
    /// The file of the finding, if findings are stored.
    pub file: Option<PathBuf>,
    /// The command that judges it again, if the exploration has one.
    pub replay: Option<String>,
    pub(crate) promises: Promises,
}

impl Finding {
    /// The mildest profile that allows the state or its minimal form: how credible the finding is.
    pub fn mildest_profile(&self) -> Option<Profile> {
        self.legal.iter().chain(&self.minimal_legal).min().copied()
    }

    /// Stores the finding and the image of its minimal state in one file.
    pub(crate) fn store(&self, image: &Image, file: &Path) -> Result<()> {
        let mut bytes = frame::header();
        frame::push(&mut bytes, self);
        frame::push(&mut bytes, &image.packed());
        fs::write(file, bytes).map_err(|error| Error::new("write", file, error))
    }

    /// Reads a stored finding and the image to judge.
    pub fn load(file: &Path) -> Result<(Self, Image)> {
        let bytes = fs::read(file).map_err(|error| Error::new("read", file, error))?;
        let mut frames = frame::Frames::new(&bytes).map_err(|why| Error::new("read", file, why))?;
        match (frames.next::<Self>(), frames.next::<Packed>()) {
            (Some(finding), Some(image)) => Ok((finding, Image::from_packed(image))),
            _ => Err(Error::new("read", file, "the finding is torn")),
        }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        writeln!(f, "{}", self.outcome)?;
        let depth = if self.depth > 1 { " during recovery" } else { "" };
        writeln!(
            f,
            "  found by {}{depth}, {} state(s) from {} of the workload, seed {}",
            self.step, self.count, self.origins, self.seed
        )?;
        if let Some(outer) = &self.outer {
            writeln!(f, "  recovery from a crash after event {}", outer.cut)?;
            self.outer_lost.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        }
        writeln!(f, "  crash after event {}", self.minimal.cut)?;
        self.lost.iter().try_for_each(|line| writeln!(f, "    {line}"))?;
        writeln!(f, "  legal as found on: {}", list(&self.legal))?;
        writeln!(f, "  legal when minimal on: {}", list(&self.minimal_legal))?;
        if let Some(command) = &self.replay {
            writeln!(f, "  again: {command}")?;
        }
        Ok(())
    }
}

fn list(profiles: &[Profile]) -> String {
    let names: Vec<String> = profiles.iter().map(Profile::to_string).collect();
    if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
}
