//! What a rule may do to a call: the errors that its man page lists, and the effects that make
//! sense for it. Parses nothing and injects nothing.

use super::effect::{Effect, Errno, Then};
use crate::op::Call;

/// The kind of call, as far as faults are concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Read,
    Write,
    /// `copy_file_range`: the transfer can be short, but is never torn.
    Copy,
    /// `sendfile`: the same.
    Send,
    Open,
    Name,
    /// `unlink`, `rmdir`: they free space, so they never run out of it.
    Remove,
    Sync,
    /// `syncfs`.
    SyncAll,
    /// `sync_file_range`.
    SyncRange,
    Size,
    Allocate,
    Close,
    Duplicate,
    /// `dup2`, `dup3`: close what they replace.
    Replace,
    /// No fault can be injected.
    Fixed,
}

fn class(call: Call) -> Class {
    use Call as C;
    match call {
        C::Read
        | C::Pread
        | C::Pread64
        | C::Readv
        | C::Preadv
        | C::Preadv64
        | C::Preadv2
        | C::Preadv64v2 => Class::Read,
        C::Write
        | C::Writev
        | C::Pwrite
        | C::Pwrite64
        | C::Pwritev
        | C::Pwritev64
        | C::Pwritev2
        | C::Pwritev64v2 => Class::Write,
        C::CopyFileRange => Class::Copy,
        C::Sendfile | C::Sendfile64 => Class::Send,
        C::Open | C::Open64 | C::Openat | C::Openat64 | C::Creat | C::Creat64 => Class::Open,
        C::Rename
        | C::Renameat
        | C::Renameat2
        | C::Link
        | C::Linkat
        | C::Symlink
        | C::Symlinkat
        | C::Mkdir
        | C::Mkdirat => Class::Name,
        C::Unlink | C::Unlinkat | C::Rmdir => Class::Remove,
        C::Fsync | C::Fdatasync => Class::Sync,
        C::Syncfs => Class::SyncAll,
        C::SyncFileRange => Class::SyncRange,
        C::Ftruncate | C::Ftruncate64 | C::Truncate | C::Truncate64 => Class::Size,
        C::Fallocate | C::Fallocate64 | C::PosixFallocate | C::PosixFallocate64 => Class::Allocate,
        C::Close => Class::Close,
        C::Dup => Class::Duplicate,
        C::Dup2 | C::Dup3 => Class::Replace,
        C::Sync | C::Fcntl | C::Fcntl64 | C::Mmap | C::Mmap64 | C::Syscall | C::Mark => {
            Class::Fixed
        }
    }
}

/// Whether a rule can inject any fault into the call.
pub(super) fn can_fail(call: Call) -> bool {
    class(call) != Class::Fixed
}

/// Whether the effect is legal for the call.
pub(super) fn is_legal(call: Call, effect: Effect) -> bool {
    let class = class(call);
    match effect {
        Effect::Fail(errno) => legal_errno(class, errno),
        Effect::Short(_) => {
            matches!(class, Class::Read | Class::Write | Class::Copy | Class::Send)
        }
        Effect::Torn { then: Then::Fail(errno), .. } => {
            class == Class::Write && legal_errno(class, errno)
        }
        Effect::Torn { then: Then::Crash, .. } | Effect::Astray(_) => class == Class::Write,
        Effect::Delay(_) | Effect::Crash => true,
        Effect::Lie => matches!(class, Class::Sync | Class::SyncAll | Class::SyncRange),
        Effect::Rot(_) => class == Class::Read,
    }
}

/// Whether Linux's man page of the call lists the error (section ERRORS, man-pages 6.03; pread(2)
/// and readv(2) refer to read(2), pwrite(2) and writev(2) to write(2)).
fn legal_errno(class: Class, errno: Errno) -> bool {
    match errno {
        // Some pages omit it. POSIX lists it for `rename`, `rmdir` and `posix_fallocate`, and
        // allows it for any call that meets a physical error (XSH 2.3), as `open` and `mkdir` may.
        Errno::Eio => !matches!(class, Class::Duplicate | Class::Replace),
        // Of what has a path; truncate(2) lists it for `truncate` and not for `ftruncate`.
        Errno::Eacces => matches!(class, Class::Open | Class::Name | Class::Remove),
        // open(2) lists these two for opens that create a file; a rule does not distinguish such
        // opens. fsync(2): delayed allocation may find the disk full only at the sync; close(2): so
        // does NFS. sendfile(2) lists only errors of its reading half.
        Errno::Enospc => matches!(
            class,
            Class::Write
                | Class::Copy
                | Class::Open
                | Class::Name
                | Class::Sync
                | Class::SyncAll
                | Class::SyncRange
                | Class::Allocate
                | Class::Close
        ),
        // copy_file_range(2), sync_file_range(2) and fallocate(2) list ENOSPC but not EDQUOT.
        Errno::Edquot => matches!(
            class,
            Class::Write | Class::Open | Class::Name | Class::Sync | Class::SyncAll | Class::Close
        ),
        // sync(2) lists none for `syncfs`; dup(2) lists it for `dup2` and `dup3`.
        Errno::Eintr => matches!(
            class,
            Class::Read
                | Class::Write
                | Class::Open
                | Class::Sync
                | Class::Size
                | Class::Allocate
                | Class::Close
                | Class::Replace
        ),
        Errno::Emfile => matches!(class, Class::Open | Class::Duplicate | Class::Replace),
    }
}
