//! Where the databases of the cases live. A folder belongs to the process that made it, which holds
//! its lock as long as it or a fork of it lives; what is not locked was left by a case that was
//! killed, and can be told from a folder at work. Knows neither cases nor engines.

use std::{
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// Bytes a memory file system must have free before databases are put on it.
const MEMORY_BYTES: u64 = 2 << 30;

/// How the names of all folders begin; what is still being made has a dot before it.
const PREFIX: &str = "mace-prod-";

/// Characters that tell folders of one label apart.
const UNIQUE: usize = 8;

/// A label takes no more characters of a name.
const LABEL: usize = 160;

/// Where folders are made: on a memory file system where there is one with room, since a process kill
/// keeps the page cache either way, and a thousand crash cases then cost no disk.
#[cfg(target_os = "linux")]
pub fn base() -> PathBuf {
    use rustix::fs::{Access, access};
    let memory = Path::new("/dev/shm");
    let room = room(memory).is_ok_and(|room| room >= MEMORY_BYTES);
    if room && access(memory, Access::WRITE_OK).is_ok() {
        memory.to_owned()
    } else {
        env::temp_dir()
    }
}

/// Where folders are made.
#[cfg(not(target_os = "linux"))]
pub fn base() -> PathBuf {
    let _ = MEMORY_BYTES;
    env::temp_dir()
}

/// Bytes that can still be written below `folder`.
#[cfg(unix)]
pub fn room(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Bytes that can still be written below `folder`; unknown here.
#[cfg(not(unix))]
pub fn room(_folder: &Path) -> io::Result<u64> {
    Ok(u64::MAX)
}

/// `name` with the characters that every file system takes; others become `_`.
pub fn label(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    name.chars().map(safe).take(LABEL).collect()
}

/// A folder and its lock. Dropping it lets go of the lock and leaves the folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _lock: Option<File>,
}

impl Folder {
    /// Makes an empty folder in `base` whose name tells `label`.
    pub fn new(base: &Path, label: &str) -> io::Result<Self> {
        // A folder gets its name when it is locked, so that nobody takes it for one that was left.
        let hidden = format!(".{PREFIX}");
        let mut builder = tempfile::Builder::new();
        let made = builder.prefix(&hidden).rand_bytes(UNIQUE).tempdir_in(base)?;
        let lock = lock(made.path())?;
        let unique = made.path().file_name().and_then(|name| name.to_str());
        let unique = unique.and_then(|name| name.strip_prefix(&hidden)).unwrap_or_default();
        let path = base.join(format!("{PREFIX}{}-{unique}", self::label(label)));
        fs::rename(made.path(), &path)?;
        // It has another name now.
        let _ = made.keep();
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// A folder whose owner is gone.
#[derive(Debug)]
pub struct Left {
    /// Where it is.
    pub path: PathBuf,
    /// The label that its owner gave.
    pub label: String,
}

/// The folders in `base` whose owners are gone. Empty where folders cannot be locked.
pub fn left(base: &Path) -> io::Result<Vec<Left>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(base)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let label = name.and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| {
            let (label, unique) = rest.rsplit_once('-')?;
            (unique.len() == UNIQUE).then(|| label.to_owned())
        });
        if let Some(label) = label
            && is_free(&path)
        {
            found.push(Left { path, label });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Moves a folder to `target` as evidence, in the place of what is there.
pub fn keep(folder: &Path, target: &Path) -> io::Result<()> {
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    copy_tree(folder, target)?;
    fs::remove_dir_all(folder)
}

/// Copies a folder with everything in it; the target's parents are made.
pub fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    each_file(from, to, &|source, target| fs::copy(source, target).map(drop))
}

/// The same with links to the files: they are the same ones there.
pub fn link_tree(from: &Path, to: &Path) -> io::Result<()> {
    each_file(from, to, &|source, target| fs::hard_link(source, target))
}

fn each_file(
    from: &Path,
    to: &Path,
    file: &dyn Fn(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let source = entry.path();
        let target = to.join(entry.file_name());
        if source.is_dir() {
            each_file(&source, &target, file)?;
        } else {
            file(&source, &target)?;
        }
    }
    Ok(())
}

/// The lock of a folder, which goes with the last open file of those that were forked.
#[cfg(unix)]
fn lock(folder: &Path) -> io::Result<Option<File>> {
    let file = File::open(folder)?;
    file.lock()?;
    Ok(Some(file))
}

/// Folders cannot be opened here.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the signature is that of the systems with locks")]
fn lock(_folder: &Path) -> io::Result<Option<File>> {
    Ok(None)
}

/// Whether nobody holds the folder's lock; no where that cannot be known.
fn is_free(folder: &Path) -> bool {
    cfg!(unix) && File::open(folder).is_ok_and(|file| file.try_lock().is_ok())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    fn labels(base: &Path) -> Vec<String> {
        left(base).unwrap().into_iter().map(|left| left.label).collect()
    }

    #[test]
    fn a_folder_is_left_once_its_owner_is_gone() {
        let base = tempfile::tempdir().unwrap();
        let folder = Folder::new(base.path(), "stress::one-two").unwrap();
        fs::write(folder.path().join("file"), "evidence").unwrap();
        assert_eq!(labels(base.path()), Vec::<String>::new());
        let path = folder.path().to_owned();
        drop(folder);
        assert_eq!(labels(base.path()), ["stress__one-two"]);
        assert!(path.join("file").is_file());
    }

    #[test]
    fn folders_of_others_are_nobodys_business() {
        let base = tempfile::tempdir().unwrap();
        for name in ["mace-prod-child", ".mace-prod-12345678", "other"] {
            fs::create_dir(base.path().join(name)).unwrap();
        }
        assert_eq!(labels(base.path()), Vec::<String>::new());
    }

    #[test]
    fn the_room_is_that_of_the_file_system() {
        let base = tempfile::tempdir().unwrap();
        assert!(room(base.path()).unwrap() > 0);
        assert!(room(&base.path().join("absent")).is_err());
    }
}
