//! Files that survive a kill and a power cut: replaced as a whole, or appended line by line; and the
//! removal of old ones. Knows nothing of what is in them.

use crate::{Error, Result};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

const REMEDY: &str = "make the folder writable and see that the disk has room";

/// What was done to a file or folder that may be absent; `None` when it is.
pub fn if_there<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

/// Replaces the file with `text`: whoever reads it, and whatever happens meanwhile, finds the old
/// text or the new one. When this returns, it is the new one, also after a power cut.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    try_replace(path, text).map_err(|error| Error::io("write the file", path, REMEDY, error))
}

fn try_replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut file = builder().tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Removes a file that may not be there, such as what an earlier run left: beside the error of a run that
/// gave nothing, it would look like what that run found.
pub fn remove(path: &Path) -> Result<()> {
    if_there(fs::remove_file(path))
        .map(drop)
        .map_err(|error| Error::io("remove the old file", path, "make the folder writable", error))
}

/// A temporary file has no reader but its owner; a result is for everybody.
#[cfg(unix)]
fn builder() -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;

    let mut builder = tempfile::Builder::new();
    builder.permissions(fs::Permissions::from_mode(0o644));
    builder
}

#[cfg(not(unix))]
fn builder() -> tempfile::Builder<'static, 'static> {
    tempfile::Builder::new()
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be opened for this elsewhere; the file system keeps its own order.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Appends lines, each on the disk when [`Lines::append`] returns.
#[derive(Debug)]
pub struct Lines {
    file: File,
    path: std::path::PathBuf,
}

impl Lines {
    /// Opens the file at its end. A last line without its end was being written when its writer died;
    /// it is cut off.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = Self::try_open(path);
        let file = opened.map_err(|error| Error::io("open the file", path, REMEDY, error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    fn try_open(path: &Path) -> io::Result<File> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let bytes = fs::read(path)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64)?;
        }
        Ok(file)
    }

    /// Appends one line.
    pub fn append(&mut self, line: &str) -> Result<()> {
        let written = self.file.write_all(format!("{line}\n").as_bytes());
        let written = written.and_then(|()| self.file.sync_data());
        written.map_err(|error| Error::io("append to the file", &self.path, REMEDY, error))
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, if_there, remove, replace};
    use std::fs;

    #[test]
    fn only_what_is_absent_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(if_there(fs::read(folder.path().join("no"))).unwrap(), None);
        assert!(if_there(fs::read(folder.path())).is_err());
    }

    #[test]
    fn a_file_is_replaced_and_nothing_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        replace(&path, "old\n").unwrap();
        replace(&path, "new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let line = replace(&folder.path().join("no/rows"), "").unwrap_err().to_string();
        assert!(line.starts_with("cannot write the file"), "{line}");
    }

    #[test]
    fn a_file_is_removed_if_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("compare.json");
        fs::write(&path, "").unwrap();
        for _ in 0..2 {
            remove(&path).unwrap();
            assert!(!path.exists());
        }
        let line = remove(folder.path()).unwrap_err().to_string();
        assert!(line.starts_with("cannot remove the old file"), "{line}");
    }

    #[test]
    fn half_a_line_is_cut_off_before_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        fs::write(&path, "one\ntw").unwrap();
        Lines::open(&path).unwrap().append("three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\nthree\n");
    }
}
