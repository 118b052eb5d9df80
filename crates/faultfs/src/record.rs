//! The recorder behind the hooks: one for each process, armed by a session. Holds the names and the
//! identities of the traced folder and appends events in the order in which they take effect.
//! Decides no fault and knows no libc signature.

use crate::{
    armed::Armed,
    error::{Error, Result},
    fd, frame,
    image::{Identity, Image},
    names::Names,
    op::{Call, Event, Ino, Kind, Name, Op, Scope},
    trace::{Frame, Refusal, Summary},
};
use rustix::{fd::OwnedFd, thread::gettid};
use std::{
    cell::Cell,
    collections::{HashMap, HashSet},
    ffi::CStr,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Whether a session runs. It is checked first, so an unarmed hook costs one load.
static ARMED: AtomicBool = AtomicBool::new(false);

/// Whether the session has fault rules.
static PLANNED: AtomicBool = AtomicBool::new(false);

/// How many calls entered the hooks while armed. A session uses it to prove that its binary is
/// interposed.
static ENTERED: AtomicU64 = AtomicU64::new(0);

static RECORDER: Mutex<Option<Recorder>> = Mutex::new(None);

thread_local! {
    /// Constant and without a destructor: reading it neither allocates nor registers anything.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// The state of a running session.
pub(crate) struct Recorder {
    base: Image,
    known: HashMap<Identity, Ino>,
    /// Files without a name in the folder. While such a file is open, writes to it still belong to
    /// it. A file with the same identity and a name elsewhere is another file that got the inode
    /// number.
    nameless: HashSet<Ino>,
    names: Names,
    next: u32,
    events: Vec<Event>,
    threads: HashMap<i32, u16>,
    calls: Vec<u64>,
    refused: Vec<Refusal>,
    syncs: u32,
    log: Option<OwnedFd>,
    log_error: Option<rustix::io::Errno>,
    plan: Option<Arc<Armed>>,
}

/// Proof that this thread is in its outermost hook while a session runs.
pub(crate) struct Entry(());

/// The file or name that a call refers to.
pub(crate) struct Target {
    /// The file, or the folder of the name.
    pub(crate) ino: Ino,
    /// The name, for calls that take a path; empty otherwise.
    pub(crate) name: Name,
    /// Relative path; empty when there are no fault rules to match.
    pub(crate) path: String,
    /// How many events there were at entry.
    pub(crate) entered: u32,
}

/// Enters a hook. `None` when no session is armed, or when this thread is inside a hook already.
pub(crate) fn enter() -> Option<Entry> {
    if !ARMED.load(Ordering::Relaxed) || INSIDE.replace(true) {
        return None;
    }
    ENTERED.fetch_add(1, Ordering::Relaxed);
    Some(Entry(()))
}

impl Drop for Entry {
    fn drop(&mut self) {
        INSIDE.set(false);
    }
}

fn recorder() -> MutexGuard<'static, Option<Recorder>> {
    RECORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many calls entered the hooks while armed, in this process so far.
pub(crate) fn entered() -> u64 {
    ENTERED.load(Ordering::Relaxed)
}

impl Entry {
    /// Locks the recorder for the duration of a real call, so that trace order is effect order.
    #[expect(clippy::unused_self, reason = "the entry is the proof of being inside one hook")]
    pub(crate) fn locked<R>(&self, act: impl FnOnce(&mut Recorder) -> R) -> Option<R> {
        recorder().as_mut().map(act)
    }

    /// The traced file behind a descriptor; counts the call.
    pub(crate) fn file(&self, call: Call, fd: i32) -> Option<Target> {
        let identity = fd::identity(fd)?;
        self.locked(|recorder| {
            let ino = *recorder.known.get(&identity)?;
            if recorder.nameless.contains(&ino) && fd::is_named(fd) {
                return None;
            }
            let path = if PLANNED.load(Ordering::Relaxed) {
                recorder.names.path(ino).unwrap_or_default()
            } else {
                String::new()
            };
            let entered = recorder.count(call);
            Some(Target { ino, name: "".into(), path, entered })
        })?
    }

    /// The place of a path whose folder is traced; counts the call.
    pub(crate) fn place(&self, call: Call, dir: i32, path: &CStr) -> Option<Target> {
        let place = self.place_uncounted(dir, path)?;
        self.count(call);
        Some(place)
    }

    /// Like `place`, for a call with two places that counts once.
    pub(crate) fn place_uncounted(&self, dir: i32, path: &CStr) -> Option<Target> {
        let (folder, name) = fd::split(dir, path)?;
        self.locked(|recorder| {
            let ino = recorder.known(folder)?;
            let path = recorder.names.join(ino, &name).unwrap_or_default();
            Some(Target { ino, name: name.into(), path, entered: recorder.len() })
        })?
    }

    pub(crate) fn count(&self, call: Call) {
        self.locked(|recorder| recorder.count(call));
    }

    /// Whether the target of a path is traced.
    pub(crate) fn leads_to_traced(&self, dir: i32, path: &CStr) -> bool {
        let identity = fd::identity_at(dir, path, true);
        identity.is_some_and(|at| self.locked(|recorder| recorder.known(at)).flatten().is_some())
    }

    /// The fault rules, if there are any.
    pub(crate) fn plan(&self) -> Option<Arc<Armed>> {
        PLANNED.load(Ordering::Relaxed).then(|| self.locked(|recorder| recorder.plan.clone()))??
    }

    /// Records a refused call, whose effects cannot be followed.
    pub(crate) fn refuse(&self, call: Call, why: &str) {
        self.locked(|recorder| recorder.refuse(call, why));
    }
}

impl Recorder {
    /// Counts a call and returns the number of events at its entry.
    pub(crate) fn count(&mut self, call: Call) -> u32 {
        self.calls[call as usize] += 1;
        self.len()
    }

    pub(crate) fn refuse(&mut self, call: Call, why: &str) {
        let refusal = Refusal { call, why: why.to_owned() };
        if !self.refused.contains(&refusal) {
            self.refused.push(refusal);
        }
    }

    /// Appends an event and returns its place.
    pub(crate) fn push(&mut self, call: Call, entered: u32, op: Op) -> u32 {
        let next = self.threads.len() as u16;
        let thread = *self.threads.entry(gettid().as_raw_nonzero().get()).or_insert(next);
        self.apply(&op);
        self.events.push(Event { thread, entered, call, op });
        self.flush_last();
        let place = self.events.len() as u32 - 1;
        if let Some(plan) = &self.plan {
            plan.saw(&self.events[place as usize].op, place);
        }
        place
    }

    fn apply(&mut self, op: &Op) {
        let robbed = match op {
            Op::Unlink { ino, .. } => Some(*ino),
            Op::Rename { dir, name, .. } => self.names.get(*dir, name),
            _ => None,
        };
        self.names.apply(op);
        self.nameless.extend(robbed.filter(|ino| self.names.path(*ino).is_none()));
    }

    /// Appends the newest event to the log, which survives the death of the process.
    fn flush_last(&mut self) {
        let (Some(log), Some(event)) = (&self.log, self.events.last()) else { return };
        let mut bytes = Vec::new();
        frame::push(&mut bytes, &Frame::Event(event.clone()));
        if let Err(error) = write_all(log, &bytes) {
            self.log_error = Some(error);
            self.log = None;
        }
    }

    /// Records the begin of a sync call; the returned number pairs it with its end.
    pub(crate) fn sync_begin(&mut self, call: Call, entered: u32, scope: Scope) -> u32 {
        self.syncs += 1;
        self.push(call, entered, Op::SyncBegin { call: self.syncs, scope });
        self.syncs
    }

    /// Records a new file, folder or symlink at a place, with the identity that the kernel
    /// assigned.
    pub(crate) fn create(&mut self, call: Call, at: &Target, new: Identity, kind: Kind) {
        let ino = Ino(self.next);
        self.next += 1;
        self.known.insert(new, ino);
        let op = Op::Create { dir: at.ino, name: at.name.clone(), ino, kind };
        self.push(call, at.entered, op);
    }

    /// The file that a place names.
    pub(crate) fn at(&self, place: &Target) -> Option<Ino> {
        self.names.get(place.ino, &place.name)
    }

    /// The file with this identity, if it has a name in the folder.
    pub(crate) fn known(&self, identity: Identity) -> Option<Ino> {
        self.known.get(&identity).copied().filter(|ino| !self.nameless.contains(ino))
    }

    /// How many events there are.
    pub(crate) fn len(&self) -> u32 {
        self.events.len() as u32
    }
}

/// Starts to record a folder. The log, if there is one, begins with the folder's current content.
pub(crate) fn arm(root: &Path, log: Option<OwnedFd>, plan: Option<Armed>) -> Result<()> {
    let (base, known) = Image::read_with_identities(root)?;
    let mut names = Names::new();
    base.kinds.iter().for_each(|(ino, kind)| names.declare(*ino, kind.clone()));
    base.names().for_each(|(dir, name, ino)| names.set(dir, &name, ino));
    if let Some(log) = &log {
        let mut bytes = frame::header();
        frame::push(&mut bytes, &Frame::Base(base.packed()));
        write_all(log, &bytes).map_err(|error| Error::new("write the log of", root, error))?;
    }
    let mut slot = recorder();
    // A recorder inherited through a fork belongs to the parent.
    if slot.is_some() && is_armed() {
        return Err(Error::new("trace", root, "this process already traces a folder"));
    }
    PLANNED.store(plan.is_some(), Ordering::Relaxed);
    *slot = Some(Recorder {
        next: known.len() as u32,
        base,
        known,
        nameless: HashSet::new(),
        names,
        events: Vec::new(),
        threads: HashMap::new(),
        calls: vec![0; Call::ALL.len()],
        refused: Vec::new(),
        syncs: 0,
        log,
        log_error: None,
        plan: plan.map(Arc::new),
    });
    ARMED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Stops recording and returns the result; `None` when no session was armed.
pub(crate) fn disarm() -> Option<(Image, Vec<Event>, Summary, Option<rustix::io::Errno>)> {
    ARMED.store(false, Ordering::Relaxed);
    PLANNED.store(false, Ordering::Relaxed);
    let mut recorder = recorder().take()?;
    let calls = Call::ALL.iter().zip(&recorder.calls).filter(|(_, count)| **count > 0);
    let summary = Summary {
        calls: calls.map(|(call, count)| (*call, *count)).collect(),
        refused: std::mem::take(&mut recorder.refused),
        rules: recorder.plan.as_ref().map(|plan| plan.hits()).unwrap_or_default(),
    };
    if let Some(log) = &recorder.log {
        let mut bytes = Vec::new();
        frame::push(&mut bytes, &Frame::End(summary.clone()));
        recorder.log_error = write_all(log, &bytes).err();
    }
    Some((recorder.base, recorder.events, summary, recorder.log_error))
}

/// Whether a session runs in this process.
pub(crate) fn is_armed() -> bool {
    ARMED.load(Ordering::Relaxed)
}

/// Drops a session that belongs to the parent of this process. Called in a child right after
/// `fork`, where a thread that does not exist may hold the lock.
pub(crate) extern "C" fn forget_after_fork() {
    ARMED.store(false, Ordering::Relaxed);
    PLANNED.store(false, Ordering::Relaxed);
    INSIDE.set(false);
}

fn write_all(log: &OwnedFd, mut bytes: &[u8]) -> std::result::Result<(), rustix::io::Errno> {
    while !bytes.is_empty() {
        let done = rustix::io::write(log, bytes)?;
        bytes = &bytes[done..];
    }
    Ok(())
}
