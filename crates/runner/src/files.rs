//! Result files: read as documents, written whole, removed before a run writes its own. The errors say
//! which file and what to do; what is in the files is the business of `results`.

use process::{Error, Result};
use results::document::{self, Document};
use std::{fs, io, path::Path};

const REMEDY: &str = "make the folder writable";

/// The text of a file; `None` when there is no such file.
pub(crate) fn text(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read the file", path, "make it readable", error)),
    }
}

/// Reads a document; `None` when there is no such file. `remedy` is for one that cannot be used.
pub(crate) fn document<D: Document>(path: &Path, remedy: &str) -> Result<Option<D>> {
    let decode = |text: String| {
        document::decode(&text)
            .map_err(|error| Error::new(&error, path.display(), remedy).because(error.clone()))
    };
    text(path)?.map(decode).transpose()
}

/// Reads a document that has to be there.
pub(crate) fn required<D: Document>(path: &Path, remedy: &str) -> Result<D> {
    document(path, remedy)?.ok_or_else(|| Error::new("no such file", path.display(), remedy))
}

/// Writes a file.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| Error::io("write the file", path, REMEDY, error))
}

/// Removes a file that may not be there.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove the old file", path, REMEDY, error))
        }
        _ => Ok(()),
    }
}

/// Copies a file that may not be there.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    match fs::copy(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("keep the file", to, "make room for it", error))
        }
        _ => Ok(()),
    }
}

/// Removes a folder that may not be there, with all that is in it.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove the folder", path, "remove it by hand", error))
        }
        _ => Ok(()),
    }
}
