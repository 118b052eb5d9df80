//! What a store did to its folder, as plain data: calls, operations, marks. Knows no file
//! descriptor, does no I/O and holds no rule about what survives a power loss.

use serde::{Deserialize, Serialize};
use std::{
    fmt::{Display, Formatter, Result as FmtResult},
    str::FromStr,
    sync::Arc,
};

/// A file, folder or symlink of the traced folder. Names refer to it. It is never reused, even if
/// the kernel reuses the inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ino(
    /// Counts from 0, which is the traced folder itself.
    pub u32,
);

impl Ino {
    /// The traced folder.
    pub const ROOT: Self = Self(0);
}

/// A name inside a folder.
pub type Name = Arc<str>;

/// What an [`Ino`] is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Dir,
    /// A symbolic link and its target.
    Symlink(String),
}

/// What a sync call makes durable when it returns 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    /// One file or folder: everything issued before the call started.
    Ino(Ino),
    /// One write (`O_SYNC`, `O_DSYNC`, `RWF_DSYNC`), by its place in the trace.
    Write(u32),
    /// The whole filesystem.
    All,
}

/// One event. Calls that failed without an effect are not operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields say it: which folder, which name, which bytes")]
pub enum Op {
    /// A new name for a new file, folder or symlink.
    Create { dir: Ino, name: Name, ino: Ino, kind: Kind },
    /// Bytes at an offset. They extend the file when they pass its end.
    Write {
        ino: Ino,
        offset: u64,
        #[serde(with = "bytes")]
        data: Arc<[u8]>,
    },
    /// Zeros at an offset (`fallocate` and writes of nothing but zeros). With `extends`, the size
    /// grows when they pass the end of the file.
    Zero { ino: Ino, offset: u64, len: u64, extends: bool },
    /// The size is set to this; growth reads as zeros.
    Truncate { ino: Ino, size: u64 },
    /// A name is removed. The file lives on while it has other names or open descriptors.
    Unlink { dir: Ino, name: Name, ino: Ino },
    /// A second name for a file.
    Link { dir: Ino, name: Name, ino: Ino },
    /// A name is moved to another place and replaces what was there.
    Rename { from_dir: Ino, from: Name, dir: Ino, name: Name, ino: Ino },
    /// Two names are exchanged.
    Exchange { from_dir: Ino, from: Name, dir: Ino, name: Name, from_ino: Ino, ino: Ino },
    /// A sync call begins. Its end has the same number.
    SyncBegin { call: u32, scope: Scope },
    /// A sync call returned: 0, or its errno.
    SyncEnd { call: u32, scope: Scope, errno: i32 },
    /// A mark of the workload, see [`Mark`].
    Mark(Mark),
    /// A fault was injected: the path, and the effect.
    Fault { path: String, what: String },
}

/// A mark of the workload in the trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mark {
    /// The kind of mark.
    pub kind: MarkKind,
    /// The caller's number, such as a transaction's.
    pub id: u64,
}

/// What a [`Mark`] says about the work with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum MarkKind {
    /// The work has begun: from here on a crash may leave its effects.
    Begun,
    /// The work was acknowledged as durable: from here on a crash must leave its effects.
    Acked,
    /// Anything else worth seeing in the trace.
    Note,
}

/// One operation in the order in which operations took effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The thread, counted from 0 in order of appearance.
    pub thread: u16,
    /// How many events there were when the call began. An event of another thread at or after this
    /// place overlapped the call, so the two may be reordered.
    pub entered: u32,
    /// The call that caused it.
    pub call: Call,
    /// The operation.
    pub op: Op,
}

macro_rules! calls {
    ($($variant:ident $name:literal,)*) => {
        /// Every interposed call, by its symbol, and `mark` for the workload's marks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[expect(missing_docs, reason = "each is the libc symbol of its name")]
        #[non_exhaustive]
        pub enum Call { $($variant,)* }

        impl Call {
            /// All of them, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The symbol.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

calls! {
    Open "open", Open64 "open64", Openat "openat", Openat64 "openat64", Creat "creat",
    Creat64 "creat64", Write "write", Writev "writev", Pwrite "pwrite", Pwrite64 "pwrite64",
    Pwritev "pwritev", Pwritev64 "pwritev64", Pwritev2 "pwritev2", Pwritev64v2 "pwritev64v2",
    Fsync "fsync", Fdatasync "fdatasync", SyncFileRange "sync_file_range", Syncfs "syncfs",
    Sync "sync", Ftruncate "ftruncate", Ftruncate64 "ftruncate64", Truncate "truncate",
    Truncate64 "truncate64", Fallocate "fallocate", Fallocate64 "fallocate64",
    PosixFallocate "posix_fallocate", PosixFallocate64 "posix_fallocate64", Rename "rename",
    Renameat "renameat", Renameat2 "renameat2", Link "link", Linkat "linkat", Symlink "symlink",
    Symlinkat "symlinkat", Unlink "unlink", Unlinkat "unlinkat", Mkdir "mkdir",
    Mkdirat "mkdirat", Rmdir "rmdir", CopyFileRange "copy_file_range", Sendfile "sendfile",
    Sendfile64 "sendfile64", Fcntl "fcntl", Fcntl64 "fcntl64", Dup "dup", Dup2 "dup2",
    Dup3 "dup3", Close "close", Mmap "mmap", Mmap64 "mmap64", Syscall "syscall", Read "read",
    Pread "pread", Pread64 "pread64", Readv "readv", Preadv "preadv", Preadv64 "preadv64",
    Preadv2 "preadv2", Preadv64v2 "preadv64v2", Mark "mark",
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.pad(self.name())
    }
}

impl FromStr for Call {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|call| call.name() == text && **call != Self::Mark);
        found.copied().ok_or_else(|| format!("`{text}` is no interposed call"))
    }
}

/// Bytes as one blob: serde's default would visit them one by one.
mod bytes {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(data: &Arc<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(data)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<[u8]>, D::Error> {
        <&[u8]>::deserialize(from).map(Arc::from)
    }
}

#[cfg(test)]
mod tests {
    use super::Call;

    #[test]
    fn a_call_parses_from_its_symbol_and_a_mark_is_none() {
        assert_eq!("pwrite64".parse(), Ok(Call::Pwrite64));
        assert!("mark".parse::<Call>().is_err());
        assert!("fsnyc".parse::<Call>().is_err());
    }
}
