//! The only creator of database folders: fresh for each case, removed when the case passed, kept
//! as evidence when it did not. Knows no engine and reads no knob.

use crate::error::{Error, Result};
use process::scratch::Folder;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A fresh folder. Dropping it removes it, unless the thread is panicking or [`TestDir::keep`]
/// was called.
#[derive(Debug)]
pub struct TestDir {
    folder: Folder,
    kept: bool,
}

impl TestDir {
    /// Makes a fresh folder whose name tells `label`, where databases live.
    pub fn new(label: &str) -> Result<Self> {
        Self::below(&process::scratch::base(), label)
    }

    /// The same in a folder of the caller's choice, for work that is about a disk.
    pub fn below(base: &Path, label: &str) -> Result<Self> {
        let folder = Folder::new(base, label)
            .map_err(|error| Error::new("create a folder in", base, error))?;
        Ok(Self { folder, kept: false })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path inside the folder; nothing is created.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Empties the folder, so that the next crash starts from nothing. It stays the same folder, which
    /// is locked.
    pub fn clear(&self) -> Result<()> {
        let emptied = fs::read_dir(self.path()).and_then(|mut entries| {
            entries.try_for_each(|entry| {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    fs::remove_dir_all(entry.path())
                } else {
                    fs::remove_file(entry.path())
                }
            })
        });
        emptied.map_err(|error| Error::new("empty", self.path(), error))
    }

    /// Moves the folder to `target` as evidence and forgets it.
    pub fn keep(mut self, target: &Path) -> Result<()> {
        self.kept = true;
        process::scratch::keep(self.path(), target)
            .map_err(|error| Error::new("move", self.path(), error))
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        if !self.kept && !std::thread::panicking() {
            let _ = fs::remove_dir_all(self.path());
        }
    }
}

/// Copies a folder with everything in it; the target's parents are made.
pub fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    process::scratch::copy_tree(from, to).map_err(|error| Error::new("copy", from, error))
}

/// The same with links to the files: they are the same ones there.
pub fn link_tree(from: &Path, to: &Path) -> Result<()> {
    process::scratch::link_tree(from, to).map_err(|error| Error::new("link", from, error))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_leaves_nothing_and_kept_evidence_stays() {
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
