//! Folders that a program writes to. Proves that it can, and that no other run does, before anything
//! long starts.

use crate::{Error, Result};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

/// Creates the folder and proves that a file can be written there.
pub fn writable(folder: &Path) -> Result<PathBuf> {
    let probe = fs::create_dir_all(folder).and_then(|()| tempfile::tempfile_in(folder));
    match probe {
        Ok(_) => Ok(folder.to_owned()),
        Err(error) => {
            Err(Error::io("write to the output folder", folder, "make it a writable folder", error))
        }
    }
}

/// A folder that is this process's alone until this is dropped, or the process is gone.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

/// Claims the folder by a lock on the file `lock` in it. While another process has it, the error says
/// `busy` and the remedy. The file stays where it is and means nothing by itself: the system takes the
/// lock off when its process ends, however it ends.
pub fn claim(folder: &Path, busy: &str, remedy: &str) -> Result<Claim> {
    let path = folder.join("lock");
    let file = File::create(&path)
        .map_err(|error| Error::io("create the file", &path, "make the folder writable", error))?;
    match file.try_lock() {
        Ok(()) => Ok(Claim { _lock: file }),
        Err(TryLockError::WouldBlock) => Err(Error::new(busy, path.display(), remedy)),
        Err(TryLockError::Error(error)) => {
            Err(Error::io("lock the file", &path, "use a folder where files can be locked", error))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{claim, writable};
    use std::fs;

    #[test]
    fn a_file_in_place_of_the_folder_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a/b");
        assert_eq!(writable(&folder).unwrap(), folder);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "the probe is left behind");
        fs::write(folder.join("file"), "").unwrap();
        let line = writable(&folder.join("file")).unwrap_err().to_string();
        assert!(line.starts_with("cannot write to the output folder"), "{line}");
    }
    #[test]
    fn a_folder_belongs_to_one_run_at_a_time() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("lock"), "left by a run that was killed").unwrap();
        let claimed = claim(temp.path(), "another run", "wait").unwrap();
        let line = claim(temp.path(), "another run", "wait").unwrap_err().to_string();
        assert!(line.starts_with("another run: ") && line.ends_with("lock: wait"), "{line}");
        drop(claimed);
        assert!(claim(temp.path(), "another run", "wait").is_ok());
    }
}
