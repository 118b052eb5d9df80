//! Result files: read as documents, written whole, removed before a run writes its own. The errors say
//! which file and what to do; what is in the files is the business of `results`.

pub(crate) use process::store::remove;
use process::{Error, Result, store::if_there};
use results::document::{self, Document};
use std::{error, fmt::Display, fs, path::Path};

const REMEDY: &str = "make the folder writable";

/// The text of a file; `None` when there is no such file.
pub(crate) fn text(path: &Path) -> Result<Option<String>> {
    if_there(fs::read_to_string(path))
        .map_err(|error| Error::io("read the file", path, "make it readable", error))
}

/// What `parse` makes of a file; `None` when there is no such file. `remedy` is for one that cannot be
/// used.
pub(crate) fn parsed<T, E: Display + Into<Box<dyn error::Error + Send + Sync>>>(
    path: &Path,
    remedy: &str,
    parse: impl FnOnce(&str) -> std::result::Result<T, E>,
) -> Result<Option<T>> {
    let refused = |error: E| Error::new(&error, path.display(), remedy).because(error);
    text(path)?.map(|text| parse(&text).map_err(refused)).transpose()
}

/// Reads a document that has to be there.
pub(crate) fn required<D: Document>(path: &Path, remedy: &str) -> Result<D> {
    let found = parsed(path, remedy, document::decode)?;
    found.ok_or_else(|| Error::new("no such file", path.display(), remedy))
}

/// Writes a file.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|error| Error::io("write the file", path, REMEDY, error))
}

/// Copies a file that may not be there.
pub(crate) fn copy(from: &Path, to: &Path) -> Result<()> {
    if_there(fs::copy(from, to))
        .map(drop)
        .map_err(|error| Error::io("keep the file", to, "make room for it", error))
}

/// Removes a folder that may not be there, with all that is in it.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    if_there(fs::remove_dir_all(path))
        .map(drop)
        .map_err(|error| Error::io("remove the folder", path, "remove it by hand", error))
}
