//! A folder as a value: read from disk, written to disk, packed into one file, compared, hashed.
//! The only module that writes the files of crash states; it does not decide what they hold.

use crate::{
    content::Content,
    error::{Error, Result},
    frame,
    op::{Ino, Kind, Name},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    path::{Path, PathBuf},
};
use xxhash_rust::xxh3::Xxh3;

/// The content of a folder, below its own name: paths in order, with their kinds and bytes.
#[derive(Clone, Default)]
pub struct Image {
    pub(crate) entries: Vec<(String, Ino)>,
    pub(crate) kinds: BTreeMap<Ino, Kind>,
    pub(crate) files: BTreeMap<Ino, Content>,
}

/// Files that states share instead of having copies, each with its place outside of all states.
pub(crate) type Shared = BTreeMap<Ino, PathBuf>;

/// The kernel's identity of a file.
pub(crate) type Identity = (u64, u64);

/// The packed form: files as runs of non-zero bytes.
#[derive(Serialize, Deserialize)]
pub(crate) struct Packed {
    entries: Vec<(String, Ino, Kind)>,
    files: Vec<(Ino, u64, Runs)>,
}

/// The runs of non-zero bytes, each with its offset.
type Runs = Vec<(u64, Vec<u8>)>;

impl Image {
    /// Reads a folder. Hard links are recognised; sockets, pipes and devices are an error.
    pub fn read(folder: &Path) -> Result<Self> {
        Self::read_with_identities(folder).map(|(image, _)| image)
    }

    /// Reads a folder and returns the kernel identity of each file, including the root.
    pub(crate) fn read_with_identities(folder: &Path) -> Result<(Self, HashMap<Identity, Ino>)> {
        let mut image = Self::default();
        let mut known = HashMap::new();
        let meta = fs::metadata(folder).map_err(|error| Error::new("read", folder, error))?;
        known.insert(identity(&meta), Ino::ROOT);
        image.read_folder(folder, "", &mut known)?;
        image.entries.sort();
        Ok((image, known))
    }

    fn read_folder(
        &mut self,
        folder: &Path,
        prefix: &str,
        known: &mut HashMap<Identity, Ino>,
    ) -> Result<()> {
        let fail = |error| Error::new("read", folder, error);
        for entry in fs::read_dir(folder).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let path = entry.path();
            let meta = entry.metadata().map_err(fail)?;
            let relative = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let next = Ino(known.len() as u32);
            let ino = *known.entry(identity(&meta)).or_insert(next);
            self.entries.push((relative.clone(), ino));
            if ino != next {
                continue;
            }
            let fail = |error| Error::new("read", &path, error);
            let kind = if meta.is_dir() {
                self.read_folder(&path, &format!("{relative}/"), known)?;
                Kind::Dir
            } else if meta.is_symlink() {
                Kind::Symlink(fs::read_link(&path).map_err(fail)?.to_string_lossy().into_owned())
            } else if meta.is_file() {
                let bytes = fs::read(&path).map_err(fail)?;
                self.files.insert(ino, Content::from_bytes(&bytes));
                Kind::File
            } else {
                return Err(Error::new("read", &path, "neither file, folder nor symlink"));
            };
            self.kinds.insert(ino, kind);
        }
        Ok(())
    }

    /// Writes the image into an existing empty folder.
    pub fn write(&self, folder: &Path) -> Result<()> {
        self.write_sharing(folder, &Shared::new())
    }

    /// The same, with links to what is shared instead of copies.
    pub(crate) fn write_sharing(&self, folder: &Path, shared: &Shared) -> Result<()> {
        let mut first: BTreeMap<Ino, &str> = BTreeMap::new();
        for (path, ino) in &self.entries {
            let target = folder.join(path);
            let fail = |error| Error::new("write", &target, error);
            match self.kind(*ino) {
                Kind::Dir => fs::create_dir(&target).map_err(fail)?,
                Kind::Symlink(to) => symlink(to, &target).map_err(fail)?,
                Kind::File => match (first.insert(*ino, path), shared.get(ino)) {
                    (Some(other), _) => fs::hard_link(folder.join(other), &target).map_err(fail)?,
                    (None, Some(file)) => fs::hard_link(file, &target).map_err(fail)?,
                    (None, None) => write_file(&self.files[ino], &target).map_err(fail)?,
                },
            }
        }
        Ok(())
    }

    pub(crate) fn kind(&self, ino: Ino) -> &Kind {
        self.kinds.get(&ino).unwrap_or(&Kind::File)
    }

    /// Two images with the same hash look the same to every reader.
    pub fn hash(&self) -> u128 {
        let mut state = Xxh3::new();
        let mut order: BTreeMap<Ino, u32> = BTreeMap::new();
        for (path, ino) in &self.entries {
            // The file is identified by its order of first appearance, which shows the hard links.
            let next = order.len() as u32;
            let number = *order.entry(*ino).or_insert(next);
            state.update(path.as_bytes());
            state.update(&[0]);
            state.update(&number.to_le_bytes());
            match (self.kind(*ino), number == next) {
                (Kind::Dir, _) => state.update(b"d"),
                (Kind::Symlink(to), _) => state.update(to.as_bytes()),
                (Kind::File, true) => self.files[ino].hash_into(&mut state),
                (Kind::File, false) => {}
            }
        }
        state.digest128()
    }

    /// Describes the first difference to another image; `None` when there is none.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let paths =
            |image: &Self| -> BTreeMap<String, Ino> { image.entries.iter().cloned().collect() };
        let mine = paths(self);
        let theirs = paths(other);
        for (path, ino) in &mine {
            let Some(at) = theirs.get(path) else { return Some(format!("{path} is missing")) };
            if self.kind(*ino) != other.kind(*at) {
                return Some(format!("{path} is of another kind"));
            }
            let (Some(a), Some(b)) = (self.files.get(ino), other.files.get(at)) else { continue };
            if let Some(what) = differs(a, b) {
                return Some(format!("{path}: {what}"));
            }
        }
        let extra = theirs.keys().find(|path| !mine.contains_key(*path))?;
        Some(format!("{extra} should not be there"))
    }

    /// Stores the image as one file, which [`Image::unpack`] reads.
    pub fn pack(&self, file: &Path) -> Result<()> {
        let mut bytes = frame::header();
        frame::push(&mut bytes, &self.packed());
        fs::write(file, bytes).map_err(|error| Error::new("write", file, error))
    }

    /// Reads what [`Image::pack`] stored.
    pub fn unpack(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).map_err(|error| Error::new("read", file, error))?;
        let mut frames = frame::Frames::new(&bytes).map_err(|why| Error::new("read", file, why))?;
        let packed = frames.next().ok_or_else(|| Error::new("read", file, "the image is torn"))?;
        Ok(Self::from_packed(packed))
    }

    pub(crate) fn packed(&self) -> Packed {
        let entries = self.entries.iter();
        Packed {
            entries: entries
                .map(|(path, ino)| (path.clone(), *ino, self.kind(*ino).clone()))
                .collect(),
            files: self.files.iter().map(|(ino, file)| (*ino, file.size(), file.runs())).collect(),
        }
    }

    pub(crate) fn from_packed(packed: Packed) -> Self {
        let mut image = Self::default();
        for (path, ino, kind) in packed.entries {
            image.entries.push((path, ino));
            image.kinds.insert(ino, kind);
        }
        for (ino, size, runs) in packed.files {
            let mut content = Content::default();
            for (at, bytes) in &runs {
                content.write(*at, bytes);
            }
            content.set_size(size);
            image.files.insert(ino, content);
        }
        image
    }

    /// The paths of the image, in order, each with its size in bytes (0 for anything but a file).
    pub fn paths(&self) -> impl Iterator<Item = (&str, u64)> {
        self.entries
            .iter()
            .map(|(path, ino)| (path.as_str(), self.files.get(ino).map_or(0, Content::size)))
    }

    /// For each entry: the folder that it is in, and its name there.
    pub(crate) fn names(&self) -> impl Iterator<Item = (Ino, Name, Ino)> {
        let dirs: BTreeMap<&str, Ino> =
            self.entries.iter().map(|(path, ino)| (path.as_str(), *ino)).collect();
        self.entries.iter().map(move |(path, ino)| match path.rsplit_once('/') {
            Some((dir, name)) => (dirs[dir], Name::from(name), *ino),
            None => (Ino::ROOT, Name::from(path.as_str()), *ino),
        })
    }
}

/// The first difference between two files.
fn differs(a: &Content, b: &Content) -> Option<String> {
    if a.size() != b.size() {
        return Some(format!("{} bytes against {}", a.size(), b.size()));
    }
    let size = a.size() as usize;
    let left = a.read(0, size);
    let right = b.read(0, size);
    let at = left.iter().zip(&right).position(|(a, b)| a != b)?;
    Some(format!("byte {at} is {:#04x} against {:#04x}", left[at], right[at]))
}

fn write_file(content: &Content, target: &Path) -> std::io::Result<()> {
    let file = File::create_new(target)?;
    for (at, bytes) in content.runs() {
        write_at(&file, &bytes, at)?;
    }
    file.set_len(content.size())
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(not(unix))]
fn write_at(mut file: &File, bytes: &[u8], at: u64) -> std::io::Result<()> {
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(at))?;
    std::io::Write::write_all(&mut file, bytes)
}

#[cfg(unix)]
fn symlink(to: &str, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn symlink(_: &str, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn identity(meta: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (meta.dev(), meta.ino())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Identity {
    // There is no identity without unix: every name is a file of its own. Only hard links are lost.
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    (0, NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::Image;
    use std::fs;

    #[test]
    fn an_image_survives_packing_and_writing() {
        let dir = tempfile::tempdir().unwrap();
        let from = dir.path().join("from");
        let to = dir.path().join("to");
        fs::create_dir_all(from.join("sub")).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(from.join("sub/a"), [[0; 5000], [9; 5000]].concat()).unwrap();
        fs::hard_link(from.join("sub/a"), from.join("b")).unwrap();
        fs::write(from.join("empty"), "").unwrap();
        let image = Image::read(&from).unwrap();
        let file = dir.path().join("image");
        image.pack(&file).unwrap();
        let again = Image::unpack(&file).unwrap();
        assert_eq!(image.hash(), again.hash());
        again.write(&to).unwrap();
        let written = Image::read(&to).unwrap();
        assert_eq!(image.difference(&written), None);
        assert_eq!(image.hash(), written.hash());
        fs::write(to.join("sub/a"), [1]).unwrap();
        let spoilt = Image::read(&to).unwrap();
        assert_eq!(image.difference(&spoilt).unwrap(), "b: 10000 bytes against 1");
    }
}
