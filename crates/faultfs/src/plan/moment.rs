//! The moment from which a rule applies, as data with a text form: `[count*]event[(number)]`. What it counts is
//! in the trace, so a moment is as exact as the order of its events.

use crate::op::{MarkKind, Op};
use std::fmt::{Display, Formatter, Result as FmtResult};

/// The event that arms a rule, when it happens for this time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    /// At least 1.
    pub(crate) count: u32,
    event: Occasion,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Occasion {
    /// A mark of the workload, of any number or of this one.
    Mark(MarkKind, Option<u64>),
    /// A sync that returned 0, or a synchronous write.
    Sync,
}

/// The marks by the names of the functions that make them.
const MARKS: [(&str, MarkKind); 3] =
    [("begun", MarkKind::Begun), ("acked", MarkKind::Acked), ("note", MarkKind::Note)];

impl Moment {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (count, event) = text.split_once('*').unwrap_or(("1", text));
        let count = count.parse().ok().filter(|count| *count > 0);
        let count = count.ok_or_else(|| format!("`{text}` has no count of at least 1"))?;
        let (name, number) = match event.split_once('(') {
            None => (event, None),
            Some((name, rest)) => {
                let number = rest.strip_suffix(')').and_then(|number| number.parse().ok());
                (name, Some(number.ok_or_else(|| format!("`{event}` wants a number in `()`"))?))
            }
        };
        let mark = MARKS.iter().find(|(mark, _)| *mark == name);
        let event = match (mark, name, number) {
            (Some((_, kind)), _, number) => Occasion::Mark(*kind, number),
            (None, "sync", None) => Occasion::Sync,
            _ => return Err(format!("`{event}` is none of begun, acked, note, sync")),
        };
        Ok(Self { count, event })
    }

    /// Whether this is one of the events that the moment counts.
    pub(crate) fn is_one(self, op: &Op) -> bool {
        match (self.event, op) {
            (Occasion::Mark(kind, number), Op::Mark(mark)) => {
                mark.kind == kind && number.is_none_or(|number| mark.id == number)
            }
            (Occasion::Sync, Op::SyncEnd { errno: 0, .. }) => true,
            _ => false,
        }
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        if self.count > 1 {
            write!(f, "{}*", self.count)?;
        }
        match self.event {
            Occasion::Sync => f.write_str("sync"),
            Occasion::Mark(kind, number) => {
                let name =
                    MARKS.iter().find(|(_, mark)| *mark == kind).map_or("", |(name, _)| name);
                f.write_str(name)?;
                number.map_or(Ok(()), |number| write!(f, "({number})"))
            }
        }
    }
}
