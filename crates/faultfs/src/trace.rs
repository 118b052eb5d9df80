//! A recorded run: the folder at the start, every operation since, and the refused calls and
//! injected faults. Its file format, and a readable form. Says nothing about crashes.

use crate::{
    content::Content,
    describe::describe,
    error::{Error, Result},
    frame,
    image::{Image, Packed, Shared},
    names::Names,
    op::{Call, Event, Ino, Kind, Op},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::{Display, Formatter, Result as FmtResult},
    fs,
    path::Path,
};

/// `EINTR`: an interrupted sync wrote nothing and cleaned nothing.
pub(crate) const INTERRUPTED: i32 = 4;

/// A recorded run.
#[derive(Clone, Default)]
pub struct Trace {
    pub(crate) base: Image,
    pub(crate) events: Vec<Event>,
    pub(crate) summary: Summary,
    whole: bool,
    /// Names that no crash takes away; see [`Trace::keeping`].
    pub(crate) kept: Option<fn(&str) -> bool>,
}

/// What a run counted besides its operations.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Summary {
    /// How often each call reached the traced folder, including failed calls.
    pub calls: BTreeMap<Call, u64>,
    /// The calls that were refused because their effects cannot be followed.
    pub refused: Vec<Refusal>,
    /// What each fault rule did.
    pub rules: Vec<RuleHits>,
}

/// A call that was refused with an errno that a filesystem without the feature would give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The call.
    pub call: Call,
    /// Why its effects cannot be followed.
    pub why: String,
}

/// What a fault rule did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RuleHits {
    /// The rule as it was written.
    pub rule: String,
    /// How many events there were when it was armed; `None` when its moment never came.
    pub armed: Option<u32>,
    /// How many calls it matched since.
    pub matched: u64,
    /// How many calls it changed. A run whose rule never fired tested nothing.
    pub fired: u64,
}

/// The frames of a trace file, in file order.
#[derive(Serialize, Deserialize)]
pub(crate) enum Frame {
    Base(Packed),
    Event(Event),
    End(Summary),
}

impl Trace {
    pub(crate) fn new(base: Image, events: Vec<Event>, summary: Summary) -> Self {
        Self { base, events, summary, whole: true, kept: None }
    }

    /// What happened, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// Counts, refusals, fault hits.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Whether the recording session was finished. The log of a process that died is not finished:
    /// it ends at the death, and nobody compared it with the folder.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// The same run on a milder disk: data of a failed sync stays dirty, so the next sync writes
    /// it. A loss that this trace does not show is caused by trusting a sync after a failed one,
    /// and by nothing else.
    #[must_use]
    pub fn forgiving(mut self) -> Self {
        for event in &mut self.events {
            if let Op::SyncEnd { errno, .. } = &mut event.op
                && *errno != 0
            {
                *errno = INTERRUPTED;
            }
        }
        self
    }

    /// The same run by a store that makes these names durable when it creates them, and so do the
    /// recoveries from its states. A loss that this trace does not show is caused by such a name
    /// that is never synced, and by nothing else. A name is identified by its path below the
    /// folder.
    #[must_use]
    pub fn keeping(mut self, names: fn(&str) -> bool) -> Self {
        self.kept = Some(names);
        self
    }

    /// Reads the trace of a recovery from one of this trace's states.
    pub(crate) fn read_recovery(&self, file: &Path) -> Result<Self> {
        Ok(Self { kept: self.kept, ..Self::read(file)? })
    }

    /// The files that were there at the start and were never written, as far as a folder that was a
    /// copy of the traced one then has them.
    pub(crate) fn untouched(&self, folder: &Path) -> Shared {
        let written: BTreeSet<Ino> =
            self.events.iter().filter_map(|event| written(&event.op)).collect();
        let shared = self.base.entries.iter().filter(|(path, ino)| {
            self.base.files.contains_key(ino)
                && !written.contains(ino)
                && folder.join(path).is_file()
        });
        shared.map(|(path, ino)| (*ino, folder.join(path))).collect()
    }

    /// The names at the start.
    pub(crate) fn base_names(&self) -> Names {
        let mut names = Names::new();
        self.base.kinds.iter().for_each(|(ino, kind)| names.declare(*ino, kind.clone()));
        self.base.names().for_each(|(dir, name, ino)| names.set(dir, &name, ino));
        names
    }

    /// The folder after the whole trace, with nothing lost.
    pub fn final_image(&self) -> Image {
        let mut names = self.base_names();
        let mut files = self.base.files.clone();
        for event in &self.events {
            names.apply(&event.op);
            apply_bytes(&mut files, &event.op);
        }
        image_of(&names, |ino| files.get(&ino).cloned().unwrap_or_default())
    }

    /// The last bytes of every file that ever had a wanted name, with that name and the event that
    /// removed it, if there is one.
    pub fn last_bytes(&self, wanted: impl Fn(&str) -> bool) -> Vec<(String, Vec<u8>, Option<u32>)> {
        let mut names = self.base_names();
        let mut files = self.base.files.clone();
        let mut found: BTreeMap<(String, Ino), Option<u32>> = BTreeMap::new();
        let paths = |names: &Names| -> Vec<(String, Ino)> {
            let all = names.walk().into_iter();
            all.filter(|(path, ino)| *names.kind(*ino) == Kind::File && wanted(path)).collect()
        };
        found.extend(paths(&names).into_iter().map(|at| (at, None)));
        for (seq, event) in self.events.iter().enumerate() {
            names.apply(&event.op);
            apply_bytes(&mut files, &event.op);
            if matches!(
                event.op,
                Op::Write { .. }
                    | Op::Zero { .. }
                    | Op::Truncate { .. }
                    | Op::SyncBegin { .. }
                    | Op::SyncEnd { .. }
                    | Op::Mark(_)
                    | Op::Fault { .. }
            ) {
                continue;
            }
            let now = paths(&names);
            for (at, gone) in &mut found {
                if gone.is_none() && !now.contains(at) {
                    *gone = Some(seq as u32);
                }
            }
            found.extend(now.into_iter().map(|at| (at, None)));
        }
        let bytes = |ino| files.get(ino).map_or_else(Vec::new, |f| f.read(0, f.size() as usize));
        found.iter().map(|((path, ino), gone)| (path.clone(), bytes(ino), *gone)).collect()
    }

    /// Fails with the first difference when the trace does not explain the folder. In that case
    /// something wrote past the hooks, and no statement about crashes of this run would hold.
    pub fn compare(&self, folder: &Path) -> Result<()> {
        match self.final_image().difference(&Image::read(folder)?) {
            None => Ok(()),
            Some(what) => {
                let why = format!("not seen whole: the folder differs from the trace: {what}");
                Err(Error::new("trust the trace of", folder, why))
            }
        }
    }

    /// Stores the trace.
    pub fn write(&self, file: &Path) -> Result<()> {
        let mut bytes = frame::header();
        frame::push(&mut bytes, &Frame::Base(self.base.packed()));
        for event in &self.events {
            frame::push(&mut bytes, &Frame::Event(event.clone()));
        }
        frame::push(&mut bytes, &Frame::End(self.summary.clone()));
        fs::write(file, bytes).map_err(|error| Error::new("write", file, error))
    }

    /// Reads a stored trace or a session's log. A log may end anywhere.
    pub fn read(file: &Path) -> Result<Self> {
        let bytes = fs::read(file).map_err(|error| Error::new("read", file, error))?;
        let mut frames = frame::Frames::new(&bytes).map_err(|why| Error::new("read", file, why))?;
        let Some(Frame::Base(base)) = frames.next() else {
            return Err(Error::new("read", file, "the trace has no beginning"));
        };
        let mut trace = Self { base: Image::from_packed(base), ..Self::default() };
        while let Some(frame) = frames.next() {
            match frame {
                Frame::Event(event) => trace.events.push(event),
                Frame::End(summary) => {
                    trace.summary = summary;
                    trace.whole = frames.is_done();
                }
                Frame::Base(_) => return Err(Error::new("read", file, "two beginnings")),
            }
        }
        Ok(trace)
    }
}

/// Applies an operation to the bytes and sizes of files, with nothing lost.
fn apply_bytes(files: &mut BTreeMap<Ino, Content>, op: &Op) {
    match op {
        Op::Write { ino, offset, data } => {
            let file = files.entry(*ino).or_default();
            file.write(*offset, data);
            file.set_size(file.size().max(offset + data.len() as u64));
        }
        Op::Zero { ino, offset, len, extends } => {
            let file = files.entry(*ino).or_default();
            file.zero(*offset, *len);
            if *extends {
                file.set_size(file.size().max(offset + len));
            }
        }
        Op::Truncate { ino, size } => files.entry(*ino).or_default().set_size(*size),
        _ => {}
    }
}

/// The file whose bytes or size an operation changes.
fn written(op: &Op) -> Option<Ino> {
    match op {
        Op::Write { ino, .. } | Op::Zero { ino, .. } | Op::Truncate { ino, .. } => Some(*ino),
        _ => None,
    }
}

/// The image that consists of these names and contents.
pub(crate) fn image_of(names: &Names, mut content: impl FnMut(Ino) -> Content) -> Image {
    let mut image = Image { entries: names.walk(), ..Image::default() };
    for (_, ino) in &image.entries {
        let kind = names.kind(*ino);
        if *kind == Kind::File && !image.files.contains_key(ino) {
            image.files.insert(*ino, content(*ino));
        }
        image.kinds.insert(*ino, kind.clone());
    }
    image
}

impl Display for RuleHits {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        match self.armed {
            Some(_) => write!(f, "rule {}: fired {} of {}", self.rule, self.fired, self.matched),
            None => write!(f, "rule {}: never armed", self.rule),
        }
    }
}

/// One line for each event: number, thread, call, operation and path.
impl Display for Trace {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let mut names = self.base_names();
        for (path, size) in self.base.paths() {
            writeln!(f, "  base {path} ({size} bytes)")?;
        }
        for (at, event) in self.events.iter().enumerate() {
            let text = describe(&names, &event.op);
            writeln!(f, "{at:>6} t{:<3} {:<16} {text}", event.thread, event.call)?;
            names.apply(&event.op);
        }
        for refusal in &self.summary.refused {
            writeln!(f, "refused {}: {}", refusal.call, refusal.why)?;
        }
        for hits in &self.summary.rules {
            writeln!(f, "{hits}")?;
        }
        if self.whole { Ok(()) } else { writeln!(f, "the trace has no end: its process died") }
    }
}
