//! From flags, environment and files to one resolved set of values, each with its source.
//! Pure but for reading the files below the given root; prints nothing, decides nothing else.

use crate::{
    Environment, Home, Kind, Knob, KnobError, home, kind, render, runtime,
    table::{self, KNOBS},
};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
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
            Self::FullProfile => write!(f, "{} = 0", table::QUICK),
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

/// All knobs, resolved once. Asking for a name the table lacks, or in a kind it does not have, is
/// a bug of the caller and panics.
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
            let profile = table::full(knob.name).filter(|_| !knobs.flag(table::QUICK));
            let by_hand = by_hand(knob, env, flags)?;
            knobs.settings.push(choose(knob, by_hand, profile, from_file.zip(file))?);
        }
        Ok(knobs)
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

    /// Where the value of `name` came from.
    pub fn provenance(&self, name: &str) -> &Source {
        &self.setting(name).source
    }

    /// A whole number, in the unit the knob's line names.
    #[track_caller]
    pub fn count(&self, name: &str) -> u64 {
        self.typed(name, |k| matches!(k, Kind::Count { .. } | Kind::Seconds { .. }), kind::whole)
    }

    /// A duration given in seconds.
    #[track_caller]
    pub fn seconds(&self, name: &str) -> Duration {
        let secs = self.typed(name, |k| matches!(k, Kind::Seconds { .. }), kind::whole);
        Duration::from_secs(secs)
    }

    /// A number of per cent.
    #[track_caller]
    pub fn percent(&self, name: &str) -> f64 {
        self.typed(name, |k| k == Kind::Percent, |text| text.parse().ok())
    }

    /// A switch.
    #[track_caller]
    pub fn flag(&self, name: &str) -> bool {
        self.typed(name, |k| k == Kind::Switch, |text| Some(text == "1"))
    }

    /// The text of a knob that always has a value, whatever its kind.
    #[track_caller]
    pub fn text(&self, name: &str) -> &str {
        match self.optional(name) {
            Some(text) => text,
            None => panic!("bug: knob `{name}` has no default, so ask with `optional`"),
        }
    }

    /// The text of a knob that may have no value.
    #[track_caller]
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.setting(name).value.as_deref()
    }

    /// The seed, where one was set.
    #[track_caller]
    pub fn seed(&self, name: &str) -> Option<u64> {
        self.optional(name)?;
        Some(self.typed(name, |k| k == Kind::Seed, kind::seed))
    }

    /// The words of a list; none for an empty one, which only features may be.
    #[track_caller]
    pub fn list(&self, name: &str) -> Vec<&str> {
        let is_list = |kind| matches!(kind, Kind::List | Kind::Features);
        assert!(is_list(self.setting(name).knob.kind), "bug: knob `{name}` is no list");
        self.text(name).split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
    }

    /// The numbers of a list of counts.
    #[track_caller]
    pub fn counts(&self, name: &str) -> Vec<u64> {
        self.typed(name, |k| k == Kind::Counts, kind::counts)
    }

    /// The (key, value) sizes in bytes.
    #[track_caller]
    pub fn sizes(&self, name: &str) -> Vec<(u64, u64)> {
        self.typed(name, |k| k == Kind::Sizes, kind::sizes)
    }

    /// Which of how many machines, from 1.
    #[track_caller]
    pub fn shard(&self, name: &str) -> (u32, u32) {
        self.typed(name, |k| k == Kind::Shard, kind::shard)
    }

    /// A path, where one was set; a relative one starts at the workspace root.
    #[track_caller]
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        assert!(self.setting(name).knob.kind == Kind::Path, "bug: knob `{name}` is no path");
        self.optional(name).map(|path| self.root.join(path))
    }

    /// The file that a perf snapshot is written to.
    pub fn perf_output(&self) -> PathBuf {
        let folder = || self.path("MACE_PERF_OUT_DIR").expect("the knob has a default");
        self.path("MACE_PERF_OUTPUT").unwrap_or_else(|| folder().join("head_snapshot.json"))
    }

    /// Every effective knob, its value and its source, one a line: the page of `just knobs`.
    pub fn render(&self) -> String {
        render::page(self, |_| true)
    }

    /// The same, but only the knobs that live in one of `homes`.
    pub fn render_of(&self, homes: &[Home]) -> String {
        render::page(self, |knob| homes.contains(&knob.home))
    }

    fn file_of(&self, home: Home) -> (Option<PathBuf>, bool) {
        let chosen = self.settings.iter().find(|s| s.knob.name == "MACE_PERF_THRESHOLD_FILE");
        match chosen.filter(|_| home == Home::Perf) {
            Some(Setting { value: Some(file), source, .. }) => {
                (Some(self.root.join(file)), *source != Source::Default)
            }
            _ => (home.file().map(|file| self.root.join(file)), false),
        }
    }

    #[track_caller]
    fn setting(&self, name: &str) -> &Setting {
        match self.settings.iter().find(|setting| setting.knob.name == name) {
            Some(setting) => setting,
            None => panic!("bug: knob `{name}` is not declared in the knobs crate's table"),
        }
    }

    #[track_caller]
    fn typed<T>(
        &self,
        name: &str,
        fits: impl Fn(Kind) -> bool,
        parse: impl Fn(&str) -> Option<T>,
    ) -> T {
        let kind = self.setting(name).knob.kind;
        assert!(fits(kind), "bug: knob `{name}` is {}", kind.expects());
        parse(self.text(name)).expect("bug: the knob's kind accepted what its getter cannot parse")
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
