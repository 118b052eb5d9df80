//! The names of a folder and what they name: the tree that the recorder keeps while tracing and
//! that every crash state rebuilds. No file content and no I/O.

use crate::op::{Ino, Kind, Name, Op};
use std::{collections::BTreeMap, sync::Arc};

/// Folders with their entries, and the kind of every file.
#[derive(Clone, Default)]
pub(crate) struct Names {
    entries: BTreeMap<(Ino, Name), Ino>,
    /// Shared between states: kinds are only ever added.
    kinds: Arc<BTreeMap<Ino, Kind>>,
}

impl Names {
    /// A root folder without entries.
    pub(crate) fn new() -> Self {
        let mut names = Self::default();
        names.declare(Ino::ROOT, Kind::Dir);
        names
    }

    pub(crate) fn declare(&mut self, ino: Ino, kind: Kind) {
        Arc::make_mut(&mut self.kinds).insert(ino, kind);
    }

    pub(crate) fn kind(&self, ino: Ino) -> &Kind {
        self.kinds.get(&ino).unwrap_or(&Kind::File)
    }

    pub(crate) fn get(&self, dir: Ino, name: &str) -> Option<Ino> {
        // A lookup by parts needs an owned name. Folders are small and calls on names are rare.
        self.entries.get(&(dir, Name::from(name))).copied()
    }

    pub(crate) fn set(&mut self, dir: Ino, name: &Name, ino: Ino) {
        self.entries.insert((dir, name.clone()), ino);
    }

    fn clear(&mut self, dir: Ino, name: &Name, ino: Ino) {
        // Removes only the file that the operation saw: a later name for another file is not its to
        // remove.
        if self.entries.get(&(dir, name.clone())) == Some(&ino) {
            self.entries.remove(&(dir, name.clone()));
        }
    }

    /// Applies an operation to the names. Other operations change nothing here.
    pub(crate) fn apply(&mut self, op: &Op) {
        if let Op::Create { ino, kind, .. } = op
            && self.kinds.get(ino) != Some(kind)
        {
            self.declare(*ino, kind.clone());
        }
        self.remove_half(op);
        self.insert_half(op);
    }

    /// The half of an operation that removes a name.
    pub(crate) fn remove_half(&mut self, op: &Op) {
        match op {
            Op::Unlink { dir, name, ino } => self.clear(*dir, name, *ino),
            Op::Rename { from_dir, from, ino, .. } => self.clear(*from_dir, from, *ino),
            _ => {}
        }
    }

    /// The half of an operation that adds a name.
    pub(crate) fn insert_half(&mut self, op: &Op) {
        match op {
            Op::Create { dir, name, ino, .. }
            | Op::Link { dir, name, ino }
            | Op::Rename { dir, name, ino, .. } => self.set(*dir, name, *ino),
            Op::Exchange { from_dir, from, dir, name, from_ino, ino } => {
                self.set(*dir, name, *from_ino);
                self.set(*from_dir, from, *ino);
            }
            _ => {}
        }
    }

    /// Everything that a walk from the root finds, in path order: relative path and file. A file
    /// without a name is not found.
    pub(crate) fn walk(&self) -> Vec<(String, Ino)> {
        let mut found = Vec::new();
        let mut above = vec![Ino::ROOT];
        self.walk_dir("", &mut above, &mut found);
        found
    }

    fn walk_dir(&self, prefix: &str, above: &mut Vec<Ino>, found: &mut Vec<(String, Ino)>) {
        let dir = *above.last().expect("the walk starts at the root");
        for ((_, name), ino) in
            self.entries.range((dir, Name::from(""))..).take_while(|((at, _), _)| *at == dir)
        {
            let path = format!("{prefix}{name}");
            let inside = format!("{path}/");
            found.push((path, *ino));
            // Half a rename can leave a folder below itself; a walk into it would not end.
            if *self.kind(*ino) == Kind::Dir && !above.contains(ino) {
                above.push(*ino);
                self.walk_dir(&inside, above, found);
                above.pop();
            }
        }
    }

    /// A path of the file, for rules and for people; `None` when it has no name.
    pub(crate) fn path(&self, ino: Ino) -> Option<String> {
        if ino == Ino::ROOT {
            return Some(String::new());
        }
        let ((dir, name), _) = self.entries.iter().find(|(_, at)| **at == ino)?;
        self.join(*dir, name)
    }

    /// The path of a name in a folder.
    pub(crate) fn join(&self, dir: Ino, name: &str) -> Option<String> {
        let dir = self.path(dir)?;
        Some(if dir.is_empty() { name.to_owned() } else { format!("{dir}/{name}") })
    }
}

#[cfg(test)]
mod tests {
    use super::Names;
    use crate::op::{Ino, Kind, Op};

    fn create(dir: u32, name: &str, ino: u32, kind: Kind) -> Op {
        Op::Create { dir: Ino(dir), name: name.into(), ino: Ino(ino), kind }
    }

    #[test]
    fn a_walk_sees_what_renames_and_unlinks_leave() {
        let mut names = Names::new();
        names.apply(&create(0, "d", 1, Kind::Dir));
        names.apply(&create(1, "a", 2, Kind::File));
        names.apply(&Op::Link { dir: Ino(0), name: "b".into(), ino: Ino(2) });
        names.apply(&Op::Rename {
            from_dir: Ino(1),
            from: "a".into(),
            dir: Ino(0),
            name: "c".into(),
            ino: Ino(2),
        });
        names.apply(&Op::Unlink { dir: Ino(0), name: "b".into(), ino: Ino(2) });
        assert_eq!(names.walk(), [("c".to_owned(), Ino(2)), ("d".to_owned(), Ino(1))]);
        assert_eq!(names.path(Ino(2)).as_deref(), Some("c"));
    }
}
