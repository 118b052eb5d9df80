//! The only creator of database folders: fresh for each case, removed when the case passed, kept
//! as evidence when it did not. Knows no engine and reads no knob.

use crate::error::{Error, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Bytes a memory file system must have free before databases are put on it.
const ROOM_BYTES: u64 = 2 << 30;

/// A fresh folder. Dropping it removes it, unless the thread is panicking or [`TestDir::keep`]
/// was called.
#[derive(Debug)]
pub struct TestDir {
    path: PathBuf,
    kept: bool,
}

impl TestDir {
    /// Makes a fresh folder whose name starts with `label`. Folders live on a memory file system
    /// where there is one with room: a process kill keeps the page cache either way, and a
    /// thousand crash cases then cost no disk.
    pub fn new(label: &str) -> Result<Self> {
        Self::below(&base(), label)
    }

    /// The same in a folder of the caller's choice, for work that is about a disk.
    pub fn below(base: &Path, label: &str) -> Result<Self> {
        let name: String = label
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
            .take(64)
            .collect();
        let path = tempfile::Builder::new()
            .prefix(&format!("mace-prod-{name}-"))
            .tempdir_in(base)
            .map_err(|error| Error::new("create a folder in", base, error))?
            .keep();
        Ok(Self { path, kept: false })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside the folder; nothing is created.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Empties the folder, so that the next crash starts from nothing.
    pub fn clear(&self) -> Result<()> {
        fs::remove_dir_all(&self.path)
            .and_then(|()| fs::create_dir(&self.path))
            .map_err(|error| Error::new("empty", &self.path, error))
    }

    /// Moves the folder to `target` as evidence and forgets it.
    pub fn keep(mut self, target: &Path) -> Result<()> {
        self.kept = true;
        if target.exists() {
            fs::remove_dir_all(target).map_err(|error| Error::new("replace", target, error))?;
        }
        copy_tree(&self.path, target)?;
        fs::remove_dir_all(&self.path).map_err(|error| Error::new("remove", &self.path, error))
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        if !self.kept && !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

/// Copies a folder with everything in it; the target's parents are made.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).map_err(|error| Error::new("create", to, error))?;
    for entry in fs::read_dir(from).map_err(|error| Error::new("list", from, error))? {
        let entry = entry.map_err(|error| Error::new("list", from, error))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_tree(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(|error| Error::new("copy", &source, error))?;
        }
    }
    Ok(())
}

/// Bytes of all files below a folder; zero when it is not there.
pub fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => bytes_below(&entry.path()),
            Ok(meta) => meta.len(),
            // A file that a collector removed between listing and asking takes no room.
            Err(_) => 0,
        })
        .sum()
}

#[cfg(target_os = "linux")]
fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    let room = rustix::fs::statvfs(memory).is_ok_and(|fs| fs.f_bavail * fs.f_frsize >= ROOM_BYTES);
    let writable = rustix::fs::access(memory, rustix::fs::Access::WRITE_OK).is_ok();
    if room && writable { memory.to_owned() } else { std::env::temp_dir() }
}

#[cfg(not(target_os = "linux"))]
fn base() -> PathBuf {
    let _ = ROOM_BYTES;
    std::env::temp_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passed_case_leaves_nothing_and_kept_evidence_stays() {
        let dir = TestDir::new("own").unwrap();
        let path = dir.path().to_owned();
        fs::write(dir.join("file"), "evidence").unwrap();
        assert_eq!(bytes_below(dir.path()), 8);
        drop(dir);
        assert!(!path.exists());

        let target = TestDir::new("target").unwrap();
        let dir = TestDir::new("own").unwrap();
        fs::create_dir(dir.join("data")).unwrap();
        fs::write(dir.join("data/file"), "evidence").unwrap();
        dir.keep(&target.join("kept")).unwrap();
        assert_eq!(fs::read(target.join("kept/data/file")).unwrap(), b"evidence");
    }

    #[test]
    fn clearing_leaves_an_empty_folder() {
        let dir = TestDir::new("own").unwrap();
        fs::write(dir.join("file"), "old").unwrap();
        dir.clear().unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
