//! What the hooks see: every way that std and libc offer to change a folder. Also that a change
//! past the hooks is detected. Judges traces, not stores.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use faultfs::{Call, Image, Op, Plan, Recording, Session, Trace, acked, begun};
use std::{
    ffi::CString,
    fs::{self, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::{
        fd::AsRawFd,
        unix::fs::{FileExt, OpenOptionsExt},
    },
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
};

/// A process has one session; `cargo test` runs these as threads.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` in a fresh folder under a session and returns the trace, which `finish` compared
/// with the folder byte for byte.
#[track_caller]
fn traced(work: impl FnOnce(&Path)) -> Trace {
    recorded(Session::new(), work).unwrap()
}

fn recorded(session: Session, work: impl FnOnce(&Path)) -> faultfs::Result<Trace> {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let recording = session.start(dir.path())?;
    work(recording.root());
    recording.finish()
}

fn path(at: &Path) -> CString {
    CString::new(at.to_str().unwrap()).unwrap()
}

#[test]
fn what_std_does_to_a_folder_is_rebuilt_byte_for_byte() {
    let trace = traced(|root| {
        fs::create_dir_all(root.join("a/b")).unwrap();
        let mut file = File::create(root.join("a/b/one")).unwrap();
        file.write_all(b"hello world").unwrap();
        file.seek(SeekFrom::Start(3)).unwrap();
        file.write_all(b"XY").unwrap();
        file.write_all_at(&[7; 9000], 100).unwrap();
        file.set_len(5000).unwrap();
        file.sync_all().unwrap();
        file.sync_data().unwrap();
        let twin = file.try_clone().unwrap();
        drop(file);
        twin.write_all_at(b"twin", 4998).unwrap();
        let mut log = OpenOptions::new().append(true).create(true).open(root.join("log")).unwrap();
        log.write_all(b"12").unwrap();
        log.write_all_at(b"appended all the same", 0).unwrap();
        fs::hard_link(root.join("log"), root.join("a/link")).unwrap();
        fs::copy(root.join("a/b/one"), root.join("copy")).unwrap();
        fs::rename(root.join("a/b/one"), root.join("two")).unwrap();
        fs::rename(root.join("copy"), root.join("two")).unwrap();
        std::os::unix::fs::symlink("two", root.join("symlink")).unwrap();
        OpenOptions::new().write(true).truncate(true).open(root.join("a/link")).unwrap();
        File::open(root).unwrap().sync_all().unwrap();
        fs::create_dir_all(root.join("gone/deep")).unwrap();
        fs::write(root.join("gone/deep/file"), b"x").unwrap();
        fs::remove_dir_all(root.join("gone")).unwrap();
    });
    let paths: Vec<String> =
        trace.final_image().paths().map(|(path, size)| format!("{path} {size}")).collect();
    assert_eq!(paths, ["a 0", "a/b 0", "a/link 0", "log 0", "symlink 0", "two 5002"]);
    assert_eq!(trace.summary().refused, []);
}

#[test]
fn what_libc_offers_beyond_std_is_seen_as_well() {
    let trace = traced(|root| {
        fs::write(root.join("f"), vec![1; 20000]).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(root.join("f")).unwrap();
        let fd = file.as_raw_fd();
        let one = [5_u8; 10];
        let two = [6_u8; 20];
        let parts = [
            libc::iovec { iov_base: one.as_ptr().cast_mut().cast(), iov_len: one.len() },
            libc::iovec { iov_base: two.as_ptr().cast_mut().cast(), iov_len: two.len() },
        ];
        let f = path(&root.join("f"));
        let g = path(&root.join("g"));
        let h = path(&root.join("h"));
        let d = path(&root.join("d"));
        let mut from: i64 = 0;
        let mut to: i64 = 30000;
        // SAFETY: the buffers, parts and paths outlive the calls.
        let results = unsafe {
            [
                libc::writev(fd, parts.as_ptr(), 2),
                libc::pwritev(fd, parts.as_ptr(), 2, 100),
                libc::pwritev2(fd, parts.as_ptr(), 2, 200, libc::RWF_DSYNC),
                libc::pwritev2(fd, parts.as_ptr(), 2, -1, 0),
                libc::syscall(libc::SYS_pwrite64, fd, one.as_ptr(), one.len(), 300_i64) as isize,
                libc::fallocate(fd, 0, 0, 22000) as isize,
                libc::fallocate(fd, 3, 4000, 5000) as isize,
                libc::posix_fallocate(fd, 0, 23000) as isize,
                libc::copy_file_range(fd, &raw mut from, fd, &raw mut to, 50, 0),
                libc::link(f.as_ptr(), g.as_ptr()) as isize,
                libc::renameat2(libc::AT_FDCWD, f.as_ptr(), libc::AT_FDCWD, g.as_ptr(), 0) as isize,
                libc::syscall(libc::SYS_rename, f.as_ptr(), h.as_ptr()) as isize,
                libc::truncate(g.as_ptr(), 29000) as isize,
                libc::mkdir(d.as_ptr(), 0o755) as isize,
                libc::renameat2(libc::AT_FDCWD, g.as_ptr(), libc::AT_FDCWD, d.as_ptr(), 2) as isize,
                libc::rmdir(g.as_ptr()) as isize,
                libc::syncfs(fd) as isize,
            ]
        };
        assert!(results.iter().all(|result| *result >= 0), "{results:?}");
        // SAFETY: takes nothing.
        unsafe { libc::sync() };
    });
    let synced = |call| {
        trace
            .events()
            .iter()
            .any(|event| event.call == call && matches!(event.op, Op::SyncEnd { .. }))
    };
    assert!(synced(Call::Pwritev2) && synced(Call::Syncfs) && synced(Call::Sync));
    let paths: Vec<_> = trace.final_image().paths().map(|(path, _)| path.to_owned()).collect();
    assert_eq!(paths, ["d", "h"], "{trace}");
}

#[test]
fn a_folder_that_held_something_is_the_base() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sub")).unwrap();
    fs::write(dir.path().join("sub/old"), b"old").unwrap();
    let before = File::options().write(true).open(dir.path().join("sub/old")).unwrap();
    let recording = Session::new().start(dir.path()).unwrap();
    before.write_all_at(b"NEW", 3).unwrap();
    let trace = recording.finish().unwrap();
    assert_eq!(trace.final_image().paths().collect::<Vec<_>>(), [("sub", 0), ("sub/old", 6)]);
}

#[test]
fn a_write_past_the_hooks_is_noticed() {
    let error = recorded(Session::new(), |root| {
        let file = File::create(root.join("f")).unwrap();
        // rustix makes the system call itself.
        rustix::io::write(&file, b"unseen").unwrap();
    });
    let message = error.err().unwrap().to_string();
    assert!(message.contains("not seen whole"), "{message}");
    assert!(message.contains("f: 0 bytes against 6"), "{message}");
}

#[test]
fn untraceable_calls_are_refused() {
    let trace = traced(|root| {
        let name = path(&root.join("f"));
        let file =
            File::options().create_new(true).read(true).write(true).open(root.join("f")).unwrap();
        file.set_len(4096).unwrap();
        // SAFETY: a fresh mapping that nothing else uses, and a path that outlives the call.
        let (map, direct, ring) = unsafe {
            let shared = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
            let map =
                libc::mmap(std::ptr::null_mut(), 4096, shared.0, shared.1, file.as_raw_fd(), 0);
            let direct = libc::open(name.as_ptr(), libc::O_RDWR | libc::O_DIRECT);
            (map, direct, libc::syscall(libc::SYS_io_uring_setup, 8, 0))
        };
        assert_eq!((map, direct, ring), (libc::MAP_FAILED, -1, -1));
        // SAFETY: paths that outlive the calls and a descriptor that is open.
        let late = unsafe {
            let folder = path(root);
            let flags = libc::O_TMPFILE | libc::O_RDWR;
            let nameless = libc::openat(libc::AT_FDCWD, folder.as_ptr(), flags, 0o600);
            (nameless, libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_DIRECT))
        };
        assert_eq!(late, (-1, -1));
    });
    let calls: Vec<Call> = trace.summary().refused.iter().map(|refusal| refusal.call).collect();
    assert_eq!(calls, [Call::Mmap, Call::Open, Call::Syscall, Call::Openat, Call::Fcntl]);
}

#[test]
fn what_is_refused_in_the_folder_passes_outside() {
    let outside = tempfile::tempdir().unwrap();
    let trace = traced(|_| {
        let folder = path(outside.path());
        let flags = libc::O_TMPFILE | libc::O_RDWR;
        let place = path(&outside.path().join("node"));
        let mode = libc::S_IFREG | 0o644;
        // SAFETY: paths that outlive the calls.
        let results = unsafe {
            let nameless = libc::open(folder.as_ptr(), flags, 0o600);
            let node =
                libc::syscall(libc::SYS_mknodat, libc::AT_FDCWD, place.as_ptr(), mode, 0_i64);
            [i64::from(nameless.min(0)), node]
        };
        assert_eq!(results, [0, 0]);
    });
    assert_eq!((trace.summary().refused.as_slice(), trace.events()), (&[][..], &[][..]));
    assert!(outside.path().join("node").is_file());
}

#[test]
fn reused_inode_outside_is_not_traced() {
    let outside = tempfile::tempdir().unwrap();
    // Only some filesystems reuse an inode number at once.
    let other = |n: u32| outside.path().join(n.to_string());
    let session = Session::new().plan("write=return(EIO)".parse().unwrap());
    let trace = recorded(session, |root| {
        for n in 0..8 {
            fs::create_dir(root.join("d")).unwrap();
            fs::remove_dir(root.join("d")).unwrap();
            fs::create_dir(other(n)).unwrap();
            drop(File::create(root.join("f")).unwrap());
            fs::remove_file(root.join("f")).unwrap();
            let mut file = File::create(other(n).join("f")).unwrap();
            file.write_all(b"not traced").unwrap();
            file.sync_all().unwrap();
        }
        // A file whose last name is gone is still traced while it is open.
        let mut open = File::create(root.join("f")).unwrap();
        fs::remove_file(root.join("f")).unwrap();
        assert_eq!(open.write_all(b"x").unwrap_err().raw_os_error(), Some(libc::EIO));
    });
    let trace = trace.unwrap();
    assert_eq!(trace.summary().rules[0].matched, 1, "{trace}");
    assert_eq!(trace.summary().calls.get(&Call::Fsync), None, "{trace}");
    let made = trace.events().iter().filter(|event| matches!(event.op, Op::Create { .. }));
    assert_eq!(made.count(), 2 * 8 + 1, "{trace}");
}

#[test]
fn an_appending_descriptor_can_be_told_not_to_append() {
    let mut told = 0;
    let trace = traced(|root| {
        fs::write(root.join("f"), b"0123456789").unwrap();
        let file = OpenOptions::new().append(true).open(root.join("f")).unwrap();
        let part = libc::iovec { iov_base: b"xyz".as_ptr().cast_mut().cast(), iov_len: 3 };
        // SAFETY: the part outlives the call.
        told =
            unsafe { libc::pwritev2(file.as_raw_fd(), &raw const part, 1, 2, libc::RWF_NOAPPEND) };
    });
    // A kernel before 6.9 does not know the flag.
    let expected = if told < 0 { "write f 0..10" } else { "write f 2..5" };
    let text = trace.to_string();
    assert!(text.trim_end().ends_with(expected), "{text}");
}

#[test]
fn concurrent_threads_are_traced_in_order() {
    let trace = traced(|root| {
        let file = File::create(root.join("f")).unwrap();
        thread::scope(|scope| {
            for byte in 1..=4_u8 {
                let file = &file;
                scope.spawn(move || {
                    for at in 0..200 {
                        file.write_all_at(&[byte; 64], at * 16).unwrap();
                    }
                });
            }
        });
    });
    let threads = trace.events().iter().map(|event| event.thread).max();
    assert_eq!(threads, Some(4));
}

#[test]
fn the_log_of_a_process_says_what_the_trace_says() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("r");
    let log = dir.path().join("log");
    let file = dir.path().join("trace");
    fs::create_dir(&root).unwrap();
    let recording: Recording = Session::new().log(&log).start(&root).unwrap();
    begun(7);
    fs::write(root.join("f"), b"data").unwrap();
    acked(7);
    let trace = recording.finish().unwrap();
    trace.write(&file).unwrap();
    let logged = Trace::read(&log).unwrap();
    let stored = Trace::read(&file).unwrap();
    assert_eq!(logged.events(), trace.events());
    assert_eq!(stored.events(), trace.events());
    assert_eq!(stored.summary(), trace.summary());
    assert_eq!(stored.final_image().difference(&Image::read(&root).unwrap()), None);
    let torn = fs::read(&log).unwrap();
    fs::write(&file, &torn[..torn.len() - 20]).unwrap();
    let torn = Trace::read(&file).unwrap();
    assert!(logged.is_whole() && !torn.is_whole());
    assert!(trace.to_string().contains("write f 0..4"), "{trace}");
}

#[test]
fn a_read_through_the_hooks_is_the_real_one() {
    let trace = traced(|root| {
        fs::write(root.join("f"), b"0123456789").unwrap();
        let mut text = String::new();
        File::open(root.join("f")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "0123456789");
    });
    assert!(trace.summary().calls[&Call::Read] > 0);
}

#[test]
fn two_sessions_at_once_are_refused() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let first = Session::new().plan(Plan::default()).start(dir.path()).unwrap();
    assert!(Session::new().start(dir.path()).is_err());
    assert!(first.finish().is_ok());
}

#[test]
fn what_was_written_and_synced_is_counted() {
    fn new(root: &Path, name: &str) -> File {
        File::create(root.join(name)).unwrap()
    }
    let volume = |work: fn(&Path)| {
        let volume = traced(work).volume();
        (volume.written_bytes, volume.syncs, volume.synced_bytes)
    };
    // A second sync finds nothing; another file's bytes are not of this one.
    assert_eq!(
        volume(|root| {
            let a = new(root, "a");
            let b = new(root, "b");
            a.write_all_at(b"0123456789", 0).unwrap();
            b.write_all_at(b"other", 0).unwrap();
            a.sync_data().unwrap();
            a.sync_all().unwrap();
        }),
        (15, 2, 10)
    );
    // A write that syncs itself leaves alone what was written before.
    assert_eq!(
        volume(|root| {
            let mut open = OpenOptions::new();
            open.create(true).append(true);
            open.open(root.join("log")).unwrap().write_all(b"0123456789").unwrap();
            open.custom_flags(libc::O_DSYNC);
            open.open(root.join("log")).unwrap().write_all(b"01234").unwrap();
        }),
        (15, 1, 5)
    );
    // Zeros are written, room is not; `sync` takes all files.
    assert_eq!(
        volume(|root| {
            let a = new(root, "a");
            a.write_all_at(&[0; 100], 0).unwrap();
            // SAFETY: the descriptor is open.
            assert_eq!(unsafe { libc::fallocate(a.as_raw_fd(), 0, 100, 4096) }, 0);
            new(root, "b").write_all_at(b"other", 0).unwrap();
            // SAFETY: it takes nothing.
            unsafe { libc::sync() };
        }),
        (105, 1, 105)
    );
    assert_eq!(volume(|_| ()), (0, 0, 0));
}
