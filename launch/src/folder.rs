//! Folders that a program writes to. Proves that it can, before anything long starts.

use crate::{Error, Result};
use std::{
    fs,
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

#[cfg(test)]
mod tests {
    use super::writable;
    use std::fs;

    #[test]
    fn a_folder_is_made_and_a_file_in_its_place_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a/b");
        assert_eq!(writable(&folder).unwrap(), folder);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "the probe is left behind");
        fs::write(folder.join("file"), "").unwrap();
        let line = writable(&folder.join("file")).unwrap_err().to_string();
        assert!(line.starts_with("cannot write to the output folder"), "{line}");
    }
}
