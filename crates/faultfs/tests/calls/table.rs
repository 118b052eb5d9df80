//! The expected trace of each interposed call with the arguments of `acts.rs`, and the errors that
//! its man page lists. Expectations only: nothing is called here.

use faultfs::Call;

/// A call, the errors that a rule may inject, and the lines of its trace: call and operation, for a
/// write also its bytes, and what the call read.
pub(super) type Row = (Call, &'static [&'static str], &'static [&'static str]);

const READS: &[&str] = &["EIO", "EINTR"];
const WRITES: &[&str] = &["EIO", "ENOSPC", "EDQUOT", "EINTR"];
const OPENS: &[&str] = &["EIO", "EACCES", "ENOSPC", "EDQUOT", "EINTR", "EMFILE"];
const NAMES: &[&str] = &["EIO", "EACCES", "ENOSPC", "EDQUOT"];
const REMOVES: &[&str] = &["EIO", "EACCES"];
const SIZES: &[&str] = &["EIO", "EINTR"];
const ALLOCATES: &[&str] = &["EIO", "ENOSPC", "EINTR"];

pub(super) const ROWS: &[Row] = &[
    (Call::Open, OPENS, &["open create new File"]),
    (Call::Open64, OPENS, &["open64 size f = 0"]),
    (Call::Openat, OPENS, &["openat create d/new File"]),
    (Call::Openat64, OPENS, &["openat64 size f = 0"]),
    (Call::Creat, OPENS, &["creat size f = 0"]),
    (Call::Creat64, OPENS, &["creat64 create d/new File"]),
    (Call::Write, WRITES, &["write write f 4..7 = xyz"]),
    (Call::Writev, WRITES, &["writev write f 4..8 = xyz!"]),
    (Call::Pwrite, WRITES, &["pwrite write f 8..11 = xyz"]),
    (Call::Pwrite64, WRITES, &["pwrite64 write f 20..23 = xyz"]),
    (Call::Pwritev, WRITES, &["pwritev write f 12..16 = xyz!"]),
    (Call::Pwritev64, WRITES, &["pwritev64 write f 1..5 = xyz!"]),
    (Call::Pwritev2, WRITES, &["pwritev2 write f 4..8 = xyz!"]),
    (Call::Pwritev64v2, WRITES, &["pwritev64v2 write f 10..14 = xyz!"]),
    (Call::Fsync, WRITES, &["fsync sync f begins [1]", "fsync sync f done [1]"]),
    (Call::Fdatasync, WRITES, &["fdatasync sync f begins [1]", "fdatasync sync f done [1]"]),
    (Call::SyncFileRange, &["EIO", "ENOSPC"], &[]),
    (
        Call::Syncfs,
        &["EIO", "ENOSPC", "EDQUOT"],
        &["syncfs sync everything begins [1]", "syncfs sync everything done [1]"],
    ),
    (Call::Sync, &[], &["sync sync everything begins [1]", "sync sync everything done [1]"]),
    (Call::Ftruncate, SIZES, &["ftruncate size f = 3"]),
    (Call::Ftruncate64, SIZES, &["ftruncate64 size f = 20"]),
    (Call::Truncate, SIZES, &["truncate size f = 5"]),
    (Call::Truncate64, SIZES, &["truncate64 size f = 2"]),
    (Call::Fallocate, ALLOCATES, &["fallocate size f = 30"]),
    (Call::Fallocate64, ALLOCATES, &["fallocate64 zero, size kept f 2..5"]),
    (Call::PosixFallocate, ALLOCATES, &["posix_fallocate size f = 15"]),
    (Call::PosixFallocate64, ALLOCATES, &["posix_fallocate64 size f = 12"]),
    (Call::Rename, NAMES, &["rename rename f -> new"]),
    (Call::Renameat, NAMES, &["renameat rename f -> g"]),
    (Call::Renameat2, NAMES, &["renameat2 exchange f <-> d"]),
    (Call::Link, NAMES, &["link link d/new = f"]),
    (Call::Linkat, NAMES, &["linkat link new = f"]),
    (Call::Symlink, NAMES, &["symlink create new Symlink(\"g\")"]),
    (Call::Symlinkat, NAMES, &["symlinkat create d/new Symlink(\"g\")"]),
    (Call::Unlink, REMOVES, &["unlink unlink g"]),
    (Call::Unlinkat, REMOVES, &["unlinkat unlink e"]),
    (Call::Mkdir, NAMES, &["mkdir create new Dir"]),
    (Call::Mkdirat, NAMES, &["mkdirat create d/new Dir"]),
    (Call::Rmdir, REMOVES, &["rmdir unlink e"]),
    (Call::CopyFileRange, &["EIO", "ENOSPC"], &["copy_file_range write f 2..5 = bcd"]),
    (Call::Sendfile, &["EIO"], &["sendfile write f 4..7 = cde"]),
    (Call::Sendfile64, &["EIO"], &["sendfile64 write f 4..8 = abcd"]),
    // Duplicates and flags are visible by what is then written through them.
    (Call::Fcntl, &[], &["write write f 4..7 = xyz"]),
    (Call::Fcntl64, &[], &["write write f 10..13 = xyz"]),
    (Call::Dup, &["EMFILE"], &["write write f 4..7 = xyz"]),
    (Call::Dup2, &["EMFILE", "EINTR"], &["write write f 4..7 = xyz"]),
    (Call::Dup3, &["EMFILE", "EINTR"], &["write write f 4..7 = xyz"]),
    (Call::Close, WRITES, &[]),
    (Call::Mmap, &[], &["refused mmap: a writable shared mapping changes the file unseen"]),
    (Call::Mmap64, &[], &["refused mmap64: a writable shared mapping changes the file unseen"]),
    // The numbers of `syscall` are in `numbers.rs`; this one is none of them.
    (Call::Syscall, &[], &[]),
    (Call::Read, READS, &["got 456"]),
    (Call::Pread, READS, &["got 123"]),
    (Call::Pread64, READS, &["got 89"]),
    (Call::Readv, READS, &["got 4567"]),
    (Call::Preadv, READS, &["got 1234"]),
    (Call::Preadv64, READS, &["got 2345"]),
    (Call::Preadv2, READS, &["got 4567"]),
    (Call::Preadv64v2, READS, &["got 3456"]),
];

/// The expected trace of a call.
pub(super) fn seen(call: Call) -> Vec<String> {
    let (.., lines) = ROWS.iter().find(|(row, ..)| *row == call).expect("each call has a row");
    lines.iter().map(|line| (*line).to_owned()).collect()
}
