//! How much a recorded run wrote and how much of it its syncs had to wait for. Counts bytes; explores no crash state.

use crate::{
    op::{Call, Ino, Op, Scope},
    trace::Trace,
};
use std::collections::BTreeMap;

/// What a run wrote and synced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Volume {
    /// Bytes that were written, zeros too. Room that is only allocated is not written.
    pub written_bytes: u64,
    /// Calls that wait for a disk: syncs, and writes that sync what they write.
    pub syncs: u64,
    /// Bytes that such calls found written and not yet synced in what they sync.
    pub synced_bytes: u64,
}

impl Trace {
    /// How much the run wrote and synced. A sync counts when it begins, whether it succeeds or not.
    pub fn volume(&self) -> Volume {
        let mut volume = Volume::default();
        let mut dirty: BTreeMap<Ino, u64> = BTreeMap::new();
        for event in self.events() {
            if let Some((ino, bytes)) = written(&event.op).filter(|_| !is_room(event.call)) {
                volume.written_bytes += bytes;
                *dirty.entry(ino).or_default() += bytes;
            }
            let Op::SyncBegin { scope, .. } = &event.op else { continue };
            volume.syncs += 1;
            volume.synced_bytes += match scope {
                Scope::Ino(ino) => dirty.remove(ino).unwrap_or(0),
                Scope::Write(at) => {
                    let write = written(&self.events()[*at as usize].op);
                    write.map_or(0, |(ino, bytes)| {
                        let left = dirty.entry(ino).or_default();
                        let synced = bytes.min(*left);
                        *left -= synced;
                        synced
                    })
                }
                Scope::All => std::mem::take(&mut dirty).values().sum(),
            };
        }
        volume
    }
}

fn written(op: &Op) -> Option<(Ino, u64)> {
    match op {
        Op::Write { ino, data, .. } => Some((*ino, data.len() as u64)),
        Op::Zero { ino, len, .. } => Some((*ino, *len)),
        _ => None,
    }
}

/// Whether a call allocates room and writes nothing.
fn is_room(call: Call) -> bool {
    matches!(
        call,
        Call::Fallocate | Call::Fallocate64 | Call::PosixFallocate | Call::PosixFallocate64
    )
}
