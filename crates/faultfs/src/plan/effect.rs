//! The effects that a rule can have on a call, as data with a text form. Neither parsed nor checked
//! here.

use std::{
    fmt::{Display, Formatter, Result as FmtResult},
    time::Duration,
};

/// What a rule does to a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effect {
    Fail(Errno),
    Short(u32),
    Torn {
        keep: Option<u32>,
        then: Then,
    },
    Delay(Duration),
    Crash,
    /// A sync that says that it is done and does nothing.
    Lie,
    /// A write that says that it is done: its place keeps what it had, and its bytes lie so many bytes
    /// away or nowhere.
    Astray(Option<u32>),
    /// A read in which this bit of what was read is wrong, counted from its begin, modulo its length.
    Rot(u32),
}

/// What follows a torn write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Then {
    Fail(Errno),
    Crash,
}

/// The errors that a rule may inject, with Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Errno {
    Eintr = 4,
    Eio = 5,
    Eacces = 13,
    Emfile = 24,
    Enospc = 28,
    Edquot = 122,
}

/// The errors by the names that rules give them.
pub(super) const ERRNOS: [(&str, Errno); 6] = [
    ("EIO", Errno::Eio),
    ("EACCES", Errno::Eacces),
    ("ENOSPC", Errno::Enospc),
    ("EDQUOT", Errno::Edquot),
    ("EINTR", Errno::Eintr),
    ("EMFILE", Errno::Emfile),
];

impl Display for Effect {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        let name = |errno: &Errno| ERRNOS.iter().find(|(_, at)| at == errno).map_or("", |(n, _)| n);
        match self {
            Self::Fail(errno) => f.write_str(name(errno)),
            Self::Short(len) => write!(f, "short={len}"),
            Self::Delay(delay) => write!(f, "delay={}", delay.as_millis()),
            Self::Crash => f.write_str("crash"),
            Self::Lie => f.write_str("lie"),
            Self::Astray(None) => f.write_str("lost"),
            Self::Astray(Some(by)) => write!(f, "misdirected={by}"),
            Self::Rot(bit) => write!(f, "rot={bit}"),
            Self::Torn { keep, then } => {
                f.write_str("torn")?;
                keep.map_or(Ok(()), |keep| write!(f, "={keep}"))?;
                match then {
                    Then::Fail(Errno::Eio) => Ok(()),
                    Then::Fail(errno) => write!(f, ",{}", name(errno)),
                    Then::Crash => f.write_str(",crash"),
                }
            }
        }
    }
}
