//! The files of a database as bytes in memory, and of which kind each is. Knows no damage.

use crate::{
    error::{Error, Result},
    scenario::power::LogFile,
};
use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter, Result as FmtResult},
    fs,
    path::Path,
};

/// Files by their path below the folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// What is in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Pages.
    Data,
    /// Values that are too long for pages.
    Blob,
    /// The log.
    Wal,
    /// What is where.
    Manifest,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Data, Self::Blob, Self::Wal, Self::Manifest];

    /// The kind of the file at this path, if it has one.
    pub fn of(path: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/')?;
        match folder {
            "data" if name.starts_with("data_") => Some(Self::Data),
            "data" if name.starts_with("blob_") => Some(Self::Blob),
            "log" if name == "manifest" => Some(Self::Manifest),
            "log" => stream(path).map(|_| Self::Wal),
            _ => None,
        }
    }

    /// The name in case names and figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Blob => "blob",
            Self::Wal => "wal",
            Self::Manifest => "manifest",
        }
    }
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.pad(self.name())
    }
}

/// The stream that a log file belongs to.
pub fn stream(path: &str) -> Option<String> {
    LogFile::at(&format!("db/{path}"), Vec::new(), None).map(|log| log.stream)
}

/// Which file of its stream a log file is.
fn number(path: &str) -> Option<u64> {
    LogFile::at(&format!("db/{path}"), Vec::new(), None).map(|log| log.number)
}

/// Whether it is a log file that no other of its stream is younger than.
pub fn is_newest(files: &Files, path: &str) -> bool {
    let own = stream(path);
    let is_younger = |other: &String| stream(other) == own && number(other) > number(path);
    own.is_some() && !files.keys().any(is_younger)
}

/// Reads the files of a database.
pub fn read(dir: &Path) -> Result<Files> {
    let mut files = Files::new();
    for folder in ["data", "log"] {
        let path = dir.join(folder);
        let failed = |error| Error::new("read", &path, error);
        for entry in fs::read_dir(&path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            files.insert(name, fs::read(entry.path()).map_err(failed)?);
        }
    }
    Ok(files)
}

/// Makes a folder that holds these files and nothing else.
pub fn write(files: &Files, dir: &Path) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(|error| Error::new("replace", dir, error))?;
    }
    for folder in ["data", "log"] {
        let path = dir.join(folder);
        fs::create_dir_all(&path).map_err(|error| Error::new("create", &path, error))?;
    }
    files.iter().try_for_each(|(name, bytes)| {
        let path = dir.join(name);
        fs::write(&path, bytes).map_err(|error| Error::new("write", &path, error))
    })
}
