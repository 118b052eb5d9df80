//! Ways: how a thread came to where it is, as a number that is the same in every process of one
//! program. A way is made of the return addresses on the thread's stack, so that one request for memory
//! is told from another one without a word in the engine's source; an engine's hook is a way by its
//! name. A recording counts which threads come which ways. Linux only. Judges nothing and holds nobody.

use serde::{Deserialize, Serialize};
use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt::{self, Debug, Write},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
};

/// Bytes of a thread's name that the kernel keeps.
pub const NAME: usize = 15;

/// So many return addresses tell one way from another.
const DEPTH: usize = 12;

/// So many are kept, to name the way by.
const KEPT: usize = 24;

/// No program is larger, and no library is loaded so close to it.
const IMAGE: usize = 1 << 30;

/// Room for so many ways of a recording.
const ROOM: usize = 1 << 14;

/// What a thread does at the end of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// It asks for memory, of the size of a page or more.
    Page,
    /// It asks for less.
    Small,
    /// It comes by a hook of the engine.
    Hook,
}

/// A way that a thread came in a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The thread's name, as far as the kernel keeps it.
    pub thread: String,
    /// What it did there.
    pub kind: Kind,
    /// The way.
    pub way: u64,
    /// The three innermost calls on it that the engine or the suite made: where ways part further out, or
    /// in what these call, they lead to the same place.
    pub site: u64,
    /// In which act.
    pub act: u64,
    /// How often in that act.
    pub times: u64,
    /// The functions of the engine and of the suite on it, the innermost first; the name of a hook.
    pub names: Vec<String>,
}

thread_local! {
    // Without a destructor, and so without an allocation: an allocator asks for it.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Does something that may ask for memory itself; nothing when it is that request.
pub(super) fn once(work: impl FnOnce()) {
    if !INSIDE.replace(true) {
        work();
        INSIDE.set(false);
    }
}

/// What the kernel calls the calling thread. Asks for no memory.
#[cfg(target_os = "linux")]
pub(super) fn name() -> [u8; NAME + 1] {
    let mut name = [0; NAME + 1];
    // SAFETY: the kernel writes at most sixteen bytes, which the buffer has.
    unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
    name
}

#[cfg(not(target_os = "linux"))]
pub(super) fn name() -> [u8; NAME + 1] {
    [0; NAME + 1]
}

/// FNV-1a (Fowler, Noll, Vo).
fn hash(start: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes
        .into_iter()
        .fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

/// The return addresses of the calling thread, the innermost first, from the allocator on, one of whose
/// local variables lies at `from`: what is further in differs from build to build. Asks for no memory.
#[cfg(target_os = "linux")]
fn addresses(from: usize) -> [usize; KEPT] {
    let mut found = [0; KEPT];
    let mut count = 0;
    // SAFETY: only the unwinder of Windows needs to be called by one thread at a time.
    unsafe {
        backtrace::trace_unsynchronized(|frame| {
            if frame.sp().addr() > from {
                found[count] = frame.ip().addr();
                count += 1;
            }
            count < KEPT
        });
    }
    found
}

#[cfg(not(target_os = "linux"))]
fn addresses(_: usize) -> [usize; KEPT] {
    [0; KEPT]
}

/// The way of these addresses: as distances from this function, since a program is loaded elsewhere
/// each time. It ends where the program was entered: its libraries are loaded elsewhere again.
fn way_of(addresses: &[usize; KEPT]) -> u64 {
    let base = way_of as fn(&[usize; KEPT]) -> u64 as usize;
    let offsets = addresses[..DEPTH].iter().map(|at| at.wrapping_sub(base).cast_signed());
    let own = offsets.take_while(|offset| offset.unsigned_abs() < IMAGE);
    hash(START, own.flat_map(isize::to_le_bytes))
}

/// The way that the calling thread came to the allocator, one of whose local variables lies at `from`.
pub(super) fn here(from: usize) -> u64 {
    way_of(&addresses(from))
}

/// The way to a hook with this name, `hook/point`.
pub(super) fn of_name(name: &str) -> u64 {
    hash(START, name.bytes())
}

/// The way to a point of a hook: its name without what it carries.
pub(super) fn of_hook(hook: &str, point: &dyn Debug) -> u64 {
    let mut name = Name { hash: hash(START, hook.bytes()), over: false };
    // It never fails.
    let _ = write!(name, "/{point:?}");
    name.hash
}

/// Whether a byte belongs to the name of a point: what it carries follows.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte == b'/'
}

/// A name that is hashed as it is written, up to what it carries.
struct Name {
    hash: u64,
    over: bool,
}

impl Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.over |= !is_of_name(byte);
            if !self.over {
                self.hash = hash(self.hash, [byte]);
            }
        }
        Ok(())
    }
}

/// One way of a recording.
struct Entry {
    key: AtomicU64,
    thread: [AtomicU8; NAME],
    kind: AtomicU8,
    way: AtomicU64,
    act: AtomicU64,
    times: AtomicU64,
    addresses: [AtomicUsize; KEPT],
}

impl Entry {
    const fn new() -> Self {
        Self {
            key: AtomicU64::new(0),
            thread: [const { AtomicU8::new(0) }; NAME],
            kind: AtomicU8::new(0),
            way: AtomicU64::new(0),
            act: AtomicU64::new(0),
            times: AtomicU64::new(0),
            addresses: [const { AtomicUsize::new(0) }; KEPT],
        }
    }
}

static TABLE: [Entry; ROOM] = [const { Entry::new() }; ROOM];

static ACT: AtomicU64 = AtomicU64::new(0);

/// Ways for which there was no room.
static LOST: AtomicU64 = AtomicU64::new(0);

static HOOKS: Mutex<BTreeMap<u64, String>> = Mutex::new(BTreeMap::new());

/// The name of the thread that records, which holds others and is never held.
static OWN: OnceLock<[u8; NAME + 1]> = OnceLock::new();

fn own_name() -> &'static [u8; NAME + 1] {
    OWN.get_or_init(name)
}

/// What is recorded from now on belongs to this act.
pub(super) fn set_act(act: u64) {
    own_name();
    ACT.store(act, Ordering::SeqCst);
}

/// Records a request for memory.
pub(super) fn record_request(kind: Kind, from: usize) {
    let addresses = addresses(from);
    record(kind, way_of(&addresses), &addresses);
}

/// Records a hook.
pub(super) fn record_hook(hook: &str, point: &dyn Debug) {
    let way = of_hook(hook, point);
    let mut hooks = HOOKS.lock().unwrap_or_else(PoisonError::into_inner);
    hooks.entry(way).or_insert_with(|| {
        let mut name = format!("{hook}/{point:?}");
        let end = name.bytes().position(|byte| !is_of_name(byte)).unwrap_or(name.len());
        name.truncate(end);
        name
    });
    drop(hooks);
    record(Kind::Hook, way, &[0; KEPT]);
}

fn record(kind: Kind, way: u64, addresses: &[usize; KEPT]) {
    let thread = name();
    if thread == *own_name() {
        return;
    }
    let act = ACT.load(Ordering::Relaxed);
    let key = hash(hash(hash(START, thread), way.to_le_bytes()), act.to_le_bytes()).max(1);
    for step in 0..ROOM {
        let entry = &TABLE[(key as usize).wrapping_add(step) % ROOM];
        let found = entry.key.compare_exchange(0, key, Ordering::SeqCst, Ordering::SeqCst);
        match found {
            Ok(_) => {
                for (to, from) in entry.thread.iter().zip(thread) {
                    to.store(from, Ordering::Relaxed);
                }
                for (to, from) in entry.addresses.iter().zip(addresses) {
                    to.store(*from, Ordering::Relaxed);
                }
                entry.kind.store(kind as u8, Ordering::Relaxed);
                entry.way.store(way, Ordering::Relaxed);
                entry.act.store(act, Ordering::Relaxed);
            }
            Err(taken) if taken == key => {}
            Err(_) => continue,
        }
        entry.times.fetch_add(1, Ordering::Relaxed);
        return;
    }
    LOST.fetch_add(1, Ordering::Relaxed);
}

/// What was recorded, by act. Nobody records any more.
///
/// # Panics
/// When there was no room for all of it.
pub(super) fn recorded() -> Vec<Passed> {
    assert_eq!(LOST.load(Ordering::SeqCst), 0, "a recording has room for {ROOM} ways");
    let mut names = Names::default();
    let mut all: Vec<Passed> = TABLE
        .iter()
        .filter(|entry| entry.key.load(Ordering::SeqCst) != 0)
        .map(|entry| names.passed(entry))
        .collect();
    all.sort_by(|one, other| {
        let key = |it: &Passed| (it.act, it.kind, it.thread.clone(), it.names.clone(), it.way);
        key(one).cmp(&key(other))
    });
    all
}

/// Names of functions by their addresses.
#[derive(Default)]
struct Names(BTreeMap<usize, Option<String>>);

impl Names {
    fn passed(&mut self, entry: &Entry) -> Passed {
        let read = |from: &AtomicU8| from.load(Ordering::Relaxed);
        let thread: Vec<u8> = entry.thread.iter().map(read).take_while(|byte| *byte > 0).collect();
        let way = entry.way.load(Ordering::Relaxed);
        let kind = entry.kind.load(Ordering::Relaxed);
        let kind = match kind {
            0 => Kind::Page,
            1 => Kind::Small,
            _ => Kind::Hook,
        };
        let mut site = way;
        let names = if kind == Kind::Hook {
            let hooks = HOOKS.lock().unwrap_or_else(PoisonError::into_inner);
            hooks.get(&way).cloned().into_iter().collect()
        } else {
            let addresses = entry.addresses.iter().map(|at| at.load(Ordering::Relaxed));
            let named = addresses.filter_map(|at| Some((at, self.of(at)?)));
            let named: Vec<(usize, String)> = named.take(NAMED).collect();
            let calls = named.iter().take(CALLS).flat_map(|(at, _)| at.to_le_bytes());
            site = hash(START, calls);
            named.into_iter().map(|(_, name)| name).collect()
        };
        Passed {
            thread: String::from_utf8_lossy(&thread).into_owned(),
            kind,
            way,
            site,
            act: entry.act.load(Ordering::Relaxed),
            times: entry.times.load(Ordering::Relaxed),
            names,
        }
    }

    fn of(&mut self, at: usize) -> Option<String> {
        if at == 0 {
            return None;
        }
        self.0.entry(at).or_insert_with(|| function(at)).clone()
    }
}

/// So many functions name a way.
const NAMED: usize = 4;

/// So many calls tell one place from another.
const CALLS: usize = 3;

/// The function of the engine or of the suite that an address is in.
#[cfg(target_os = "linux")]
fn function(at: usize) -> Option<String> {
    let mut found = None;
    // The address is that of the instruction after the call.
    backtrace::resolve(std::ptr::without_provenance_mut(at - 1), |symbol| {
        found = found.take().or_else(|| symbol.name().map(|name| format!("{name:#}")));
    });
    let name = found?;
    let own = ["mace_prod::history::hold", "mace_prod::history::kill", "mace_prod::history::ways"];
    let plain = name.trim_start_matches(['<', '&']);
    let counts = ["mace::", "mace_prod::"].iter().any(|of| plain.starts_with(of));
    (counts && !own.iter().any(|of| plain.starts_with(of))).then_some(name)
}

#[cfg(not(target_os = "linux"))]
fn function(_: usize) -> Option<String> {
    None
}
