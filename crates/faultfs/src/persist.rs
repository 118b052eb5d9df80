//! What a power loss may take: the trace is cut into units that persist independently. This module
//! says when each unit becomes durable and which crash states each persistence profile allows.
//! Builds no image and chooses no state.
//!
//! A write is its data and, when it grows the file, its size. The two persist independently (redb
//! 4.1 lost databases to "header kept, growth lost"; ALICE, OSDI'14, rule 2). A name is a unit of
//! its folder and independent of both: `fsync` of a file does not cover its name (fsync(2),
//! DESCRIPTION). These calls make units durable: `fsync` and `fdatasync` of a file, for data and
//! size (fdatasync(2): the size is needed to read the data back), `fsync` of a folder, `sync`,
//! `syncfs`, and synchronous writes. `close`, `rename`, `sync_file_range` and the end of the
//! process make nothing durable.

use crate::{
    describe::describe,
    names::Names,
    op::{Ino, MarkKind, Op, Scope},
    state::State,
    trace::{INTERRUPTED, Trace},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter, Result as FmtResult},
    sync::Arc,
};

/// A set of rules for what a crash may leave, from the mildest to the harshest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Profile {
    /// P0: the process dies, the machine does not. Everything issued is there: states are prefixes
    /// of the trace. A failure here is a bug of logic, not of durability.
    ProcessKill,
    /// P1: everything that is not durable is gone. The model of `RocksDB`'s fault-injection file
    /// system, of `LazyFS`'s `clear-cache` and of redb's crash backend.
    StrictLoss,
    /// P2 on ext4 with `data=ordered`: names and sizes are one journal, of which a prefix survives.
    /// Every sync of any file commits the journal up to the call (Goldstein, linux-fsdevel
    /// msg140973). Appended data is on disk before its size (ext4 documentation, `data=ordered`).
    /// Overwritten data is not ordered with anything.
    Ext4Ordered,
    /// P2 on xfs: the journal as on ext4, but a sync commits it only up to the last change of the
    /// synced inode (Chinner, strictly ordered metadata). A size may be there without its data:
    /// unwritten extents read as zeros.
    Xfs,
    /// P3: names, sizes and data persist in any combination, and unsynced data persists in 512-byte
    /// sectors. A rename is atomic. This is what POSIX permits, and the default for findings. (BOB,
    /// OSDI'14: single sectors are atomic everywhere, nothing larger is.)
    PosixWeak,
    /// P4: P3, and data tears inside a sector, unsynced sectors hold garbage or the data of an
    /// older write, and a rename may leave both names or none (ALICE's default model, rule 5;
    /// `SQLite`'s `test6.c` for the garbage).
    Hostile,
}

impl Profile {
    /// All profiles, the mildest first. The mildest profile that allows a state is the most
    /// telling.
    pub const ALL: &[Self] = &[
        Self::ProcessKill,
        Self::StrictLoss,
        Self::Ext4Ordered,
        Self::Xfs,
        Self::PosixWeak,
        Self::Hostile,
    ];
}

impl Display for Profile {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.pad(match self {
            Self::ProcessKill => "process-kill",
            Self::StrictLoss => "strict-loss",
            Self::Ext4Ordered => "ext4-ordered",
            Self::Xfs => "xfs",
            Self::PosixWeak => "posix-weak",
            Self::Hostile => "hostile",
        })
    }
}

/// No sync makes the unit durable.
pub(crate) const NEVER: u32 = u32::MAX;

/// The smallest part of the trace that persists or is lost as a whole (data may be torn).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// The event it belongs to.
    pub(crate) seq: u32,
    pub(crate) what: What,
    /// The file, or the folder of the name.
    pub(crate) ino: Ino,
    /// The event that makes the unit durable.
    pub(crate) covered: u32,
    /// A sync that should have made it durable failed. No later sync makes it durable.
    pub(crate) doubtful: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Data,
    Size {
        to: u64,
        /// `ftruncate` sets the size exactly; a write only grows it.
        exact: bool,
    },
    Entry,
}

/// A sync call that returned.
#[derive(Clone, Copy, Debug)]
struct Synced {
    begin: u32,
    end: u32,
    scope: Scope,
}

/// A trace with its units.
pub(crate) struct Model {
    pub(crate) trace: Arc<Trace>,
    pub(crate) units: Vec<Unit>,
    /// The units of each event: `first[seq]..first[seq + 1]`.
    first: Vec<u32>,
    /// Data and sizes of each file, in order.
    pub(crate) by_file: BTreeMap<Ino, Vec<u32>>,
    /// Names, in order.
    pub(crate) entries: Vec<u32>,
    /// Successful syncs, in the order of their ends.
    syncs: Vec<Synced>,
    /// The marks of the workload, with their places.
    pub(crate) marks: Vec<(u32, MarkKind, u64)>,
}

impl Model {
    pub(crate) fn new(trace: &Arc<Trace>) -> Self {
        let mut model = Self {
            units: Vec::new(),
            first: vec![0],
            by_file: BTreeMap::new(),
            entries: Vec::new(),
            syncs: Vec::new(),
            marks: Vec::new(),
            trace: trace.clone(),
        };
        let mut sizes: BTreeMap<Ino, u64> =
            trace.base.files.iter().map(|(ino, file)| (*ino, file.size())).collect();
        let mut begins = BTreeMap::new();
        let mut open: Vec<u32> = Vec::new();
        let mut kept = trace.kept.map(|kept| (kept, trace.base_names()));
        for (seq, event) in trace.events.iter().enumerate() {
            let seq = seq as u32;
            let before = model.units.len() as u32;
            model.add_units(seq, &event.op, &mut sizes);
            if kept.as_mut().is_some_and(|(kept, names)| gives(&event.op, *kept, names)) {
                model.units[before as usize].covered = seq;
            } else {
                open.extend(before..model.units.len() as u32);
            }
            match &event.op {
                Op::SyncBegin { call, .. } => drop(begins.insert(*call, seq)),
                Op::SyncEnd { call, scope, errno } => {
                    let begin = begins.remove(call).unwrap_or(seq);
                    model.close(&mut open, Synced { begin, end: seq, scope: *scope }, *errno);
                }
                Op::Mark(mark) => model.marks.push((seq, mark.kind, mark.id)),
                _ => {}
            }
            model.first.push(model.units.len() as u32);
        }
        model
    }

    fn add_units(&mut self, seq: u32, op: &Op, sizes: &mut BTreeMap<Ino, u64>) {
        let file = |model: &mut Self, ino: Ino, what| {
            model.by_file.entry(ino).or_default().push(model.units.len() as u32);
            model.units.push(Unit { seq, what, ino, covered: NEVER, doubtful: false });
        };
        match op {
            Op::Write { ino, .. } | Op::Zero { ino, .. } => {
                file(self, *ino, What::Data);
                let size = sizes.entry(*ino).or_default();
                if let Some(to) = grown(op).filter(|to| *to > *size) {
                    *size = to;
                    file(self, *ino, What::Size { to, exact: false });
                }
            }
            Op::Truncate { ino, size: to } => {
                let size = sizes.entry(*ino).or_default();
                if *to != *size {
                    *size = *to;
                    file(self, *ino, What::Size { to: *to, exact: true });
                }
            }
            Op::Create { dir, .. }
            | Op::Unlink { dir, .. }
            | Op::Link { dir, .. }
            | Op::Rename { dir, .. }
            | Op::Exchange { dir, .. } => {
                self.entries.push(self.units.len() as u32);
                self.units.push(Unit {
                    seq,
                    what: What::Entry,
                    ino: *dir,
                    covered: NEVER,
                    doubtful: false,
                });
            }
            Op::SyncBegin { .. } | Op::SyncEnd { .. } | Op::Mark(_) | Op::Fault { .. } => {}
        }
    }

    /// Handles the end of a sync. A failed sync leaves its units in doubt for ever: their pages are
    /// clean now and were perhaps never written, and the next sync succeeds without writing them
    /// (Rebello et al., ATC'20). An interrupted call wrote nothing and cleaned nothing.
    fn close(&mut self, open: &mut Vec<u32>, sync: Synced, errno: i32) {
        if errno == 0 {
            self.syncs.push(sync);
        } else if errno == INTERRUPTED {
            return;
        }
        open.retain(|id| {
            let hit = self.covers(sync, self.units[*id as usize]);
            let unit = &mut self.units[*id as usize];
            match errno {
                0 if hit => unit.covered = sync.end,
                _ => unit.doubtful |= hit,
            }
            !hit
        });
    }

    /// Whether a sync covers a unit: the unit was issued before the sync began and is of its file
    /// or folder.
    fn covers(&self, sync: Synced, unit: Unit) -> bool {
        unit.seq < sync.begin
            && match sync.scope {
                Scope::All => true,
                Scope::Write(seq) => unit.seq == seq,
                Scope::Ino(ino) => unit.ino == ino || self.other_dir(unit) == Some(ino),
            }
    }

    /// The folder from which a rename removes the name. A sync of either folder makes the whole of
    /// an atomic rename durable.
    fn other_dir(&self, unit: Unit) -> Option<Ino> {
        match &self.trace.events[unit.seq as usize].op {
            Op::Rename { from_dir, .. } | Op::Exchange { from_dir, .. } => Some(*from_dir),
            _ => None,
        }
    }

    /// The units of an event.
    pub(crate) fn units_of(&self, seq: u32) -> std::ops::Range<u32> {
        self.first[seq as usize]..self.first[seq as usize + 1]
    }

    /// The units of all events before a cut.
    pub(crate) fn issued(&self, cut: u32) -> u32 {
        self.first[cut as usize]
    }

    /// Whether the unit survives every crash at this cut. Hidden events have not happened, so a
    /// hidden sync makes nothing durable; another sync may.
    pub(crate) fn is_durable(&self, id: u32, cut: u32, hidden: &[u32]) -> bool {
        let unit = self.units[id as usize];
        let needs_no_sync = unit.covered == unit.seq;
        if unit.covered >= cut || hidden.is_empty() || needs_no_sync {
            return unit.covered < cut;
        }
        // Only syncs from the first covering one on: earlier ones that failed do not cover the
        // unit.
        self.syncs.iter().any(|sync| {
            sync.end >= unit.covered
                && sync.end < cut
                && hidden.binary_search(&sync.end).is_err()
                && self.covers(*sync, unit)
        })
    }

    /// The units that a crash at this cut can take.
    pub(crate) fn pending(&self, cut: u32, hidden: &[u32]) -> Vec<u32> {
        self.each_pending(cut, hidden).collect()
    }

    /// The same, one by one.
    pub(crate) fn each_pending(&self, cut: u32, hidden: &[u32]) -> impl Iterator<Item = u32> {
        (0..self.issued(cut))
            .filter(|id| hidden.binary_search(&self.units[*id as usize].seq).is_err())
            .filter(move |id| !self.is_durable(*id, cut, hidden))
    }

    /// The profiles that allow a state, the mildest first.
    pub(crate) fn legality(&self, state: &State) -> Vec<Profile> {
        Profile::ALL.iter().copied().filter(|profile| self.is_legal(*profile, state)).collect()
    }

    pub(crate) fn is_legal(&self, profile: Profile, state: &State) -> bool {
        let tame = state.torn.iter().all(|(_, tear)| !tear.is_hostile());
        match profile {
            Profile::ProcessKill => state.lost.is_empty() && state.torn.is_empty(),
            Profile::StrictLoss => {
                state.torn.is_empty() && state.lost == self.pending(state.cut, &state.hidden)
            }
            Profile::Ext4Ordered => {
                tame && self.is_journalled(state, Self::ext4_floor) && self.keeps_appends(state)
            }
            Profile::Xfs => tame && self.is_journalled(state, Self::xfs_floor),
            Profile::PosixWeak => tame,
            Profile::Hostile => true,
        }
    }

    /// Whether the surviving names and sizes are a prefix of the journal that reaches at least as
    /// far as the syncs before the crash committed it.
    fn is_journalled(&self, state: &State, floor: fn(&Self, Synced) -> u32) -> bool {
        let is_meta = |id: u32| self.units[id as usize].what != What::Data;
        let Some(first) = state.lost.iter().copied().find(|id| is_meta(*id)) else { return true };
        let reached =
            |sync: &&Synced| sync.end < state.cut && state.hidden.binary_search(&sync.end).is_err();
        if self.syncs.iter().filter(reached).any(|sync| first < floor(self, *sync)) {
            return false;
        }
        (first..self.issued(state.cut))
            .filter(|id| is_meta(*id))
            .filter(|id| state.hidden.binary_search(&self.units[*id as usize].seq).is_err())
            .all(|id| state.lost.binary_search(&id).is_ok())
    }

    /// ext4: one running transaction; a sync of any file commits all of it.
    fn ext4_floor(&self, sync: Synced) -> u32 {
        self.issued(sync.begin)
    }

    /// xfs: the log is forced up to the last change of the synced inode.
    fn xfs_floor(&self, sync: Synced) -> u32 {
        let Scope::Ino(ino) = sync.scope else { return self.issued(sync.begin) };
        let touches = |id: &u32| {
            let unit = self.units[*id as usize];
            unit.what != What::Data
                && (unit.ino == ino || named(&self.trace.events[unit.seq as usize].op) == Some(ino))
        };
        (0..self.issued(sync.begin)).rev().find(touches).map_or(0, |id| id + 1)
    }

    /// ext4 writes appended data before the size that exposes it, unless that write failed.
    fn keeps_appends(&self, state: &State) -> bool {
        let damaged = state.lost.iter().copied().chain(state.torn.iter().map(|(id, _)| *id));
        let ordered = |unit: Unit| unit.what == What::Data && !unit.doubtful;
        damaged.filter(|id| ordered(self.units[*id as usize])).all(|id| {
            let mut sizes = self
                .units_of(self.units[id as usize].seq)
                .filter(|other| matches!(self.units[*other as usize].what, What::Size { .. }));
            sizes.all(|size| state.lost.binary_search(&size).is_ok())
        })
    }
}

impl Model {
    /// What a state lacks, one line for each unit and event.
    pub(crate) fn describe(&self, state: &State) -> Vec<String> {
        let mut damage: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        let what = |id: u32| match self.units[id as usize].what {
            What::Data => "data",
            What::Size { .. } => "size",
            What::Entry => "name",
        };
        let mut note = |seq: u32, text: String| damage.entry(seq).or_default().push(text);
        let seq = |id: u32| self.units[id as usize].seq;
        state.lost.iter().for_each(|id| note(seq(*id), format!("lost the {} of", what(*id))));
        for (id, tear) in &state.torn {
            note(seq(*id), format!("torn ({tear:?}) the {} of", what(*id)));
        }
        state.hidden.iter().for_each(|seq| note(*seq, "not yet:".to_owned()));
        let mut names = self.trace.base_names();
        let mut lines = Vec::new();
        for (seq, event) in self.trace.events.iter().enumerate() {
            for text in damage.remove(&(seq as u32)).unwrap_or_default() {
                lines.push(format!("{text} {seq}: {}", describe(&names, &event.op)));
            }
            names.apply(&event.op);
        }
        lines
    }
}

/// The end offset of a write that may grow its file.
fn grown(op: &Op) -> Option<u64> {
    match op {
        Op::Write { offset, data, .. } => Some(offset + data.len() as u64),
        Op::Zero { offset, len, extends: true, .. } => Some(offset + len),
        _ => None,
    }
}

/// Applies an operation to names, and says whether it creates a wanted name.
fn gives(op: &Op, wanted: fn(&str) -> bool, names: &mut Names) -> bool {
    names.apply(op);
    let (Op::Create { dir, name, .. } | Op::Link { dir, name, .. } | Op::Rename { dir, name, .. }) =
        op
    else {
        return false;
    };
    names.join(*dir, name).is_some_and(|path| wanted(&path))
}

/// The file that an operation on names is about.
pub(crate) fn named(op: &Op) -> Option<Ino> {
    match op {
        Op::Create { ino, .. }
        | Op::Unlink { ino, .. }
        | Op::Link { ino, .. }
        | Op::Rename { ino, .. } => Some(*ino),
        _ => None,
    }
}
