//! Describes operations in words, for readers of traces and findings. Knows names, and nothing of
//! crashes.

use crate::{
    names::Names,
    op::{Ino, Mark, MarkKind, Op, Scope},
};

/// An operation and its path, in one line.
pub(crate) fn describe(names: &Names, op: &Op) -> String {
    let file = |ino: &Ino| file(names, *ino);
    let at = |dir: &Ino, name: &str| names.join(*dir, name).unwrap_or_else(|| name.to_owned());
    match op {
        Op::Create { dir, name, kind, .. } => format!("create {} {kind:?}", at(dir, name)),
        Op::Write { ino, offset, data } => {
            format!("write {} {offset}..{}", file(ino), offset + data.len() as u64)
        }
        Op::Zero { ino, offset, len, extends } => {
            let how = if *extends { "zero" } else { "zero, size kept" };
            format!("{how} {} {offset}..{}", file(ino), offset + len)
        }
        Op::Truncate { ino, size } => format!("size {} = {size}", file(ino)),
        Op::Unlink { dir, name, .. } => format!("unlink {}", at(dir, name)),
        Op::Link { dir, name, ino } => format!("link {} = {}", at(dir, name), file(ino)),
        Op::Rename { from_dir, from, dir, name, .. } => {
            format!("rename {} -> {}", at(from_dir, from), at(dir, name))
        }
        Op::Exchange { from_dir, from, dir, name, .. } => {
            format!("exchange {} <-> {}", at(from_dir, from), at(dir, name))
        }
        Op::SyncBegin { call, scope } => format!("sync {} begins [{call}]", of(names, *scope)),
        Op::SyncEnd { call, scope, errno: 0 } => {
            format!("sync {} done [{call}]", of(names, *scope))
        }
        Op::SyncEnd { call, scope, errno } => {
            format!("sync {} FAILED, errno {errno} [{call}]", of(names, *scope))
        }
        Op::Mark(Mark { kind: MarkKind::Begun, id }) => format!("{id} begun"),
        Op::Mark(Mark { kind: MarkKind::Acked, id }) => format!("{id} acknowledged"),
        Op::Mark(Mark { kind: MarkKind::Note, id }) => format!("note {id}"),
        Op::Fault { path, what } => format!("FAULT {path}: {what}"),
    }
}

/// The path of a file, or what stands for it when it has no name.
pub(crate) fn file(names: &Names, ino: Ino) -> String {
    names.path(ino).unwrap_or_else(|| format!("#{} (no name)", ino.0))
}

fn of(names: &Names, scope: Scope) -> String {
    match scope {
        Scope::Ino(Ino::ROOT) => "the root folder".to_owned(),
        Scope::Ino(ino) => file(names, ino),
        Scope::Write(at) => format!("write {at}"),
        Scope::All => "everything".to_owned(),
    }
}
