//! What the table says of a knob: its name, its home, its kind. Plain data; reads no file.

use crate::Kind;

/// One knob: how it is spelled, what it accepts, where its file value lives and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// The name, the same as environment variable, as flag and as key in its file.
    pub name: &'static str,
    /// The built-in default; `None` when there is no value unless somebody sets one.
    pub default: Option<&'static str>,
    /// What happens while there is no value; empty for a knob with a default.
    pub unset: &'static str,
    /// The file in `.config/` that may set it.
    pub home: Home,
    /// What its value looks like.
    pub kind: Kind,
    /// One line of help, with the unit.
    pub meaning: &'static str,
}

/// The file that may set a knob.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Home {
    /// `.config/nextest.toml`, where nextest reads the same setting under its own name.
    Nextest,
    /// `.config/prod.toml`.
    Prod,
    /// `.config/perf.toml`, or the file that `MACE_PERF_THRESHOLD_FILE` names, which may be in shell form.
    Perf,
    /// `.config/soak.toml`.
    Soak,
    /// No file: only a flag or the environment.
    Nowhere,
}

impl Home {
    /// The file, relative to the workspace root.
    pub const fn file(self) -> Option<&'static str> {
        match self {
            Self::Nextest => Some(".config/nextest.toml"),
            Self::Prod => Some(".config/prod.toml"),
            Self::Perf => Some(".config/perf.toml"),
            Self::Soak => Some(".config/soak.toml"),
            Self::Nowhere => None,
        }
    }

    /// Tables of that file that are no knobs but belong to the program that reads them, which
    /// refuses unknown keys in them.
    pub(crate) const fn tables(self) -> &'static [&'static str] {
        match self {
            Self::Soak => &["growth", "pace"],
            _ => &[],
        }
    }
}
