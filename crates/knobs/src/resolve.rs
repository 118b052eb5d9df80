//! From flags, environment and files to one resolved set of values, each with its source.
//! Pure but for reading the files below the given root; prints nothing, decides nothing else.

use crate::{
    Environment, Home, Knob, KnobError, engines, home, runtime,
    table::{self, KNOBS, knob},
    value::{Handle, Value},
};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A command-line flag.
    Flag,
    /// The environment variable of the same name.
    Environment,
    /// The full profile of the benches, which a switch asks for.
    FullProfile,
    /// A file in `.config/`.
    File(PathBuf),
    /// The table's default, or its absence.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("command-line flag"),
            Self::Environment => f.write_str("environment"),
            Self::FullProfile => write!(f, "{} = 0", knob::MACE_BENCH_QUICK.name()),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Default => f.write_str("built-in default"),
        }
    }
}

/// A knob with its effective value.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The knob's row.
    pub knob: &'static Knob,
    /// The text of the value, already accepted by the knob's kind; `None` when it has none.
    pub value: Option<String>,
    /// Where the value came from.
    pub source: Source,
}

/// All knobs, resolved once.
#[derive(Debug, Clone)]
pub struct Knobs {
    root: PathBuf,
    settings: Vec<Setting>,
}

impl Knobs {
    /// Resolves the knobs from this process's environment and the workspace it runs in.
    pub fn load() -> Result<Self, KnobError> {
        Self::load_with(&[])
    }

    /// The same, with command-line flags as (name, value) that win over everything else.
    pub fn load_with(flags: &[(&str, &str)]) -> Result<Self, KnobError> {
        Self::resolve(&runtime::root(), &Environment::of_process(), flags)
    }

    /// Resolves the knobs from what is given; files are looked for in `.config/` below `root`.
    pub fn resolve(
        root: &Path,
        env: &Environment,
        flags: &[(&str, &str)],
    ) -> Result<Self, KnobError> {
        env.refuse_unknown()?;
        if let Some((name, _)) = flags.iter().find(|(name, _)| table::find(name).is_none()) {
            return Err(table::unknown(name, Source::Flag.to_string()));
        }
        let mut knobs = Self { root: root.to_owned(), settings: Vec::with_capacity(KNOBS.len()) };
        let mut files = BTreeMap::new();
        // Rows are resolved in order, so the row that names the perf file is ready before the
        // first row whose home it is.
        for knob in KNOBS {
            let (file, required) = knobs.file_of(knob.home);
            if let (Some(file), false) = (&file, files.contains_key(&knob.home)) {
                files.insert(knob.home, home::read(knob.home, file, required)?);
            }
            let from_file = files.get(&knob.home).and_then(|values| values.get(knob.name));
            let profile = table::full(knob.name).filter(|_| !knobs.get(knob::MACE_BENCH_QUICK));
            let by_hand = by_hand(knob, env, flags)?;
            knobs.settings.push(choose(knob, by_hand, profile, from_file.zip(file))?);
        }
        Ok(knobs)
    }

    /// The cargo features that the suite is built with: of another engine than mace-kv its own alone.
    pub fn features(&self) -> &str {
        match self.get(knob::MACE_PROD_ENGINE) {
            engines::MACE => self.get(knob::FEATURES),
            engine => engines::package(engine),
        }
    }

    /// Every knob there is.
    pub fn table() -> &'static [Knob] {
        KNOBS
    }

    /// Every knob with its value and source, in the table's order.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// The workspace root that the files and relative paths were taken from.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The value of a knob.
    pub fn get<V: Value>(&self, knob: Handle<V>) -> V::Of<'_> {
        V::read(self.setting(knob).value.as_deref(), &self.root)
    }

    /// The text of a knob and where it came from.
    pub fn setting<V>(&self, knob: Handle<V>) -> &Setting {
        self.find(knob.name()).expect("bug: a handle without a row in the table")
    }

    /// The setting whose name is known only at run time.
    pub fn find(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.knob.name == name)
    }

    /// The file that a perf snapshot is written to.
    pub fn perf_output(&self) -> PathBuf {
        let folder = || self.get(knob::MACE_PERF_OUT_DIR);
        self.get(knob::MACE_PERF_OUTPUT).unwrap_or_else(|| folder().join("head_snapshot.json"))
    }

    fn file_of(&self, home: Home) -> (Option<PathBuf>, bool) {
        let chosen = self.find(knob::MACE_PERF_THRESHOLD_FILE.name());
        match chosen.filter(|_| home == Home::Perf) {
            Some(Setting { value: Some(file), source, .. }) => {
                (Some(self.root.join(file)), *source != Source::Default)
            }
            _ => (home.file().map(|file| self.root.join(file)), false),
        }
    }
}

/// What a flag or the environment says.
fn by_hand(
    knob: &'static Knob,
    env: &Environment,
    flags: &[(&str, &str)],
) -> Result<Option<(String, Source)>, KnobError> {
    let flag = flags.iter().rev().find(|(name, _)| *name == knob.name);
    Ok(match (flag, env.get(knob.name)) {
        (Some((_, text)), _) => Some(((*text).to_owned(), Source::Flag)),
        (None, Some(raw)) => Some((utf8(knob, raw)?, Source::Environment)),
        (None, None) => None,
    })
}

fn choose(
    knob: &'static Knob,
    by_hand: Option<(String, Source)>,
    profile: Option<&str>,
    from_file: Option<(&String, PathBuf)>,
) -> Result<Setting, KnobError> {
    let (value, source) = if let Some((text, source)) = by_hand {
        (Some(text), source)
    } else if let Some(text) = profile {
        (Some(text.to_owned()), Source::FullProfile)
    } else if let Some((text, file)) = from_file {
        (Some(text.clone()), Source::File(file))
    } else {
        (knob.default.map(str::to_owned), Source::Default)
    };
    match &value {
        Some(text) if !knob.kind.accepts(text) => Err(refused(knob, &format!("{text:?}"), &source)),
        _ => Ok(Setting { knob, value, source }),
    }
}

fn utf8(knob: &Knob, raw: &OsStr) -> Result<String, KnobError> {
    raw.to_str().map(str::to_owned).ok_or_else(|| {
        let shown = format!("{:?} (not UTF-8)", raw.to_string_lossy());
        refused(knob, &shown, &Source::Environment)
    })
}

fn refused(knob: &Knob, value: &str, source: &Source) -> KnobError {
    KnobError::new(
        format!("knob `{}` = {value}", knob.name),
        source.to_string(),
        format!("expected {}", knob.kind.expects()),
    )
}
