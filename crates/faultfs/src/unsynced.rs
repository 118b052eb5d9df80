//! What was not synced when work was acknowledged: what an acknowledgement does not rest on, in a recorded
//! run. Explores no crash state, and does not say whether a store needs what is missing.

use crate::{
    crash::data_range,
    describe::{describe, file},
    names::Names,
    op::{Ino, MarkKind, Op},
    persist::{Model, What, named},
    trace::Trace,
};
use std::{
    collections::BTreeMap,
    fmt::{Display, Formatter, Result as FmtResult},
    ops::Range,
    sync::Arc,
};

/// What was not synced at an acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsynced {
    /// The number given to [`crate::acked`].
    pub id: u64,
    /// The event of the acknowledgement.
    pub event: u32,
    /// By path: that of a name as it was given or removed, that of data and size as the file is called now.
    pub files: BTreeMap<String, Pending>,
}

/// What of one file was not synced, or whose sync failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// What happened to the name, in order, such as `create wal File`.
    pub names: Vec<String>,
    /// Ranges of bytes, ascending, none of which touches the next.
    pub data: Vec<Range<u64>>,
    /// The newest size, in bytes.
    pub size: Option<u64>,
}

/// What happened to a name.
struct Entry {
    path: String,
    what: String,
    /// The file that it was about, and the one that the name had led to.
    files: [Option<Ino>; 2],
}

impl Trace {
    /// What was not synced at each acknowledgement, in order. A removed name counts like a new one, until its
    /// folder is synced. A file that lost its last name for good is left out, with all that was in it.
    pub fn unsynced(&self) -> Vec<Unsynced> {
        let model = Model::new(&Arc::new(self.clone()));
        let mut names = self.base_names();
        let mut open: Vec<u32> = Vec::new();
        let mut entries: BTreeMap<u32, Entry> = BTreeMap::new();
        let mut found = Vec::new();
        for (seq, event) in self.events().iter().enumerate() {
            let seq = seq as u32;
            for id in model.units_of(seq) {
                open.push(id);
                entries.extend(entry(&names, &event.op).map(|entry| (id, entry)));
            }
            names.apply(&event.op);
            let Op::Mark(mark) = &event.op else { continue };
            if mark.kind == MarkKind::Acked {
                open.retain(|id| !model.is_durable(*id, seq, &[]));
                let files = pending(&model, &names, &entries, &open);
                found.push(Unsynced { id: mark.id, event: seq, files });
            }
        }
        found
    }
}

fn pending(
    model: &Model,
    names: &Names,
    entries: &BTreeMap<u32, Entry>,
    open: &[u32],
) -> BTreeMap<String, Pending> {
    let mut files: BTreeMap<String, Pending> = BTreeMap::new();
    let may_return = |ino| {
        let mut open = open.iter().filter_map(|id| entries.get(id));
        open.any(|entry| entry.files.contains(&Some(ino)))
    };
    for id in open {
        let unit = model.units[*id as usize];
        if let Some(Entry { path, what, .. }) = entries.get(id) {
            files.entry(path.clone()).or_default().names.push(what.clone());
            continue;
        }
        if names.path(unit.ino).is_none() && !may_return(unit.ino) {
            continue;
        }
        let pending = files.entry(file(names, unit.ino)).or_default();
        match unit.what {
            What::Size { to, .. } => pending.size = Some(to),
            What::Data | What::Entry => {
                let (start, len) = data_range(model, *id);
                add(&mut pending.data, start..start + len);
            }
        }
    }
    files
}

fn entry(names: &Names, op: &Op) -> Option<Entry> {
    let (Op::Create { dir, name, .. }
    | Op::Unlink { dir, name, .. }
    | Op::Link { dir, name, .. }
    | Op::Rename { dir, name, .. }
    | Op::Exchange { dir, name, .. }) = op
    else {
        return None;
    };
    let path = names.join(*dir, name).unwrap_or_else(|| name.to_string());
    let files = [named(op), names.get(*dir, name)];
    Some(Entry { path, what: describe(names, op), files })
}

/// Adds a range to ascending ranges of which none touches the next.
fn add(ranges: &mut Vec<Range<u64>>, new: Range<u64>) {
    let first = ranges.partition_point(|range| range.end < new.start);
    let after = ranges.partition_point(|range| range.start <= new.end);
    let touched = &ranges[first..after];
    let start = touched.first().map_or(new.start, |range| range.start.min(new.start));
    let end = touched.last().map_or(new.end, |range| range.end.max(new.end));
    ranges.splice(first..after, std::iter::once(start..end));
}

impl Display for Unsynced {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "{} acknowledged at event {}, ", self.id, self.event)?;
        if self.files.is_empty() {
            return writeln!(f, "all synced");
        }
        writeln!(f, "not synced:")?;
        self.files.iter().try_for_each(|(path, pending)| writeln!(f, "  {path}: {pending}"))
    }
}

impl Display for Pending {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let ranges = self.data.iter().map(|range| format!("data {}..{}", range.start, range.end));
        let size = self.size.map(|size| format!("size {size}"));
        let all: Vec<String> = self.names.iter().cloned().chain(ranges).chain(size).collect();
        f.write_str(&all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::add;

    #[test]
    fn ranges_that_touch_are_one() {
        let mut ranges = Vec::new();
        for (new, expected) in [
            (10..20, "[10..20]"),
            (30..40, "[10..20, 30..40]"),
            (0..5, "[0..5, 10..20, 30..40]"),
            (12..15, "[0..5, 10..20, 30..40]"),
            (20..25, "[0..5, 10..25, 30..40]"),
            (4..31, "[0..40]"),
        ] {
            add(&mut ranges, new);
            assert_eq!(format!("{ranges:?}"), expected);
        }
    }
}
