//! A small folder with a session, in which one call is made, and the result of the call. Makes no
//! call of its own while the session runs.

use faultfs::{Image, Op, Session, Trace};
use std::{
    cell::{Cell, RefCell},
    ffi::CString,
    fs::{self, File},
    io::{Error, Seek, SeekFrom},
    os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// A process has one session; `cargo test` runs these as threads.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The folder before the call: `f` (ten digits), `g` (six letters), `s` -> `f`, and the empty
/// folders `d` and `e`.
pub(super) struct Place {
    root: PathBuf,
    file: File,
    other: File,
    dir: File,
    spare: File,
    /// A second descriptor of `g` for `close` to take, and its number after that.
    closing: Cell<Option<OwnedFd>>,
    closed: Cell<Option<RawFd>>,
    made: RefCell<Vec<OwnedFd>>,
    got: RefCell<Vec<u8>>,
}

impl Place {
    fn new(root: &Path) -> Self {
        fs::write(root.join("f"), "0123456789").unwrap();
        fs::write(root.join("g"), "abcdef").unwrap();
        std::os::unix::fs::symlink("f", root.join("s")).unwrap();
        fs::create_dir(root.join("d")).unwrap();
        fs::create_dir(root.join("e")).unwrap();
        let mut file = File::options().read(true).write(true).open(root.join("f")).unwrap();
        file.seek(SeekFrom::Start(4)).unwrap();
        Self {
            root: root.to_owned(),
            file,
            other: File::open(root.join("g")).unwrap(),
            dir: File::open(root).unwrap(),
            spare: File::open("/dev/null").unwrap(),
            closing: Cell::new(Some(File::open(root.join("g")).unwrap().into())),
            closed: Cell::default(),
            made: RefCell::default(),
            got: RefCell::default(),
        }
    }

    /// `f` at offset 4, `g`, the folder, and a descriptor of another file that may be replaced.
    pub(super) fn fds(&self) -> (RawFd, RawFd, RawFd, RawFd) {
        let file = self.file.as_raw_fd();
        let other = self.other.as_raw_fd();
        (file, other, self.dir.as_raw_fd(), self.spare.as_raw_fd())
    }

    pub(super) fn path(&self, name: &str) -> CString {
        CString::new(self.root.join(name).to_str().unwrap()).unwrap()
    }

    /// The descriptor for `close`; it can be taken once.
    pub(super) fn closing(&self) -> RawFd {
        let fd = self.closing.take().expect("one close a place").into_raw_fd();
        self.closed.set(Some(fd));
        fd
    }

    /// Keeps a new descriptor open until the session is over. Returns the call's result.
    pub(super) fn keep(&self, fd: isize) -> isize {
        if fd >= 0 {
            // SAFETY: a call has just made it, and nobody else knows it.
            self.made.borrow_mut().push(unsafe { OwnedFd::from_raw_fd(fd as RawFd) });
        }
        fd
    }

    /// Keeps the bytes that a call read. Returns the call's result.
    pub(super) fn read(&self, room: &[u8], len: isize) -> isize {
        let got = &room[..usize::try_from(len).unwrap_or(0)];
        self.got.borrow_mut().extend_from_slice(got);
        len
    }
}

/// The result of a call.
pub(super) struct Done {
    pub(super) result: isize,
    pub(super) errno: Option<i32>,
    /// The trace, one event a line, and what was read and refused.
    pub(super) lines: Vec<String>,
    pub(super) trace: Trace,
    /// New files in the folder.
    pub(super) change: Option<String>,
    /// The file position of `f`.
    pub(super) position: u64,
}

/// Makes a call in a fresh folder under a session with these rules. The end of the session compares
/// the folder with the trace byte for byte.
#[track_caller]
pub(super) fn done(rules: &str, act: impl FnOnce(&Place) -> isize) -> Done {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let mut place = Place::new(dir.path());
    let before = Image::read(dir.path()).unwrap();
    let recording = Session::new().plan(rules.parse().unwrap()).start(dir.path()).unwrap();
    let result = act(&place);
    let errno = (result < 0).then(|| Error::last_os_error().raw_os_error().unwrap());
    // A close that fails has still closed the descriptor (close(2), NOTES).
    let open = place.closed.get().is_some_and(is_open);
    assert!(!open, "close leaves its descriptor open");
    let trace = recording.finish().unwrap();
    let mut lines = lines(&trace);
    let got = String::from_utf8(place.got.take()).unwrap();
    lines.extend((!got.is_empty()).then(|| format!("got {got}")));
    let change = before.difference(&Image::read(dir.path()).unwrap());
    Done { result, errno, lines, change, position: place.file.stream_position().unwrap(), trace }
}

/// The lines of a trace without numbers and threads, but with the bytes of writes.
fn lines(trace: &Trace) -> Vec<String> {
    let mut events = trace.events().iter();
    let text = trace.to_string();
    let lines =
        text.lines().filter(|line| !["  base", "rule "].iter().any(|no| line.starts_with(no)));
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match events.next().map(|event| &event.op) {
            None => line.to_owned(),
            Some(Op::Write { data, .. }) => {
                format!("{} = {}", words[2..].join(" "), String::from_utf8_lossy(data))
            }
            Some(_) => words[2..].join(" "),
        }
    };
    lines.map(line).collect()
}

fn is_open(fd: RawFd) -> bool {
    Path::new(&format!("/proc/self/fd/{fd}")).symlink_metadata().is_ok()
}
