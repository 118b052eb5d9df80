//! What a caller gets for a knob. A [`Handle`] is a row of the table together with the type of its
//! value, so that a wrong name or a wrong type does not compile. Reads text that was already
//! accepted; where it came from is for `resolve`.

use crate::{
    Kind, kind,
    row::{Home, Knob},
};
use std::{
    fmt,
    marker::PhantomData,
    path::{Path, PathBuf},
    time::Duration,
};

/// A knob as a caller names it. Only the table makes them, so each has its row.
pub struct Handle<V> {
    pub(crate) row: Knob,
    value: PhantomData<fn() -> V>,
}

impl<V> Handle<V> {
    /// The knob's name: environment variable, flag and key in its file.
    pub const fn name(self) -> &'static str {
        self.row.name
    }
}

impl<V> Clone for Handle<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Handle<V> {}

impl<V> fmt::Debug for Handle<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row.name)
    }
}

/// How the text of a knob becomes the value of a caller.
pub trait Value {
    /// What the caller gets.
    type Of<'k>;

    /// Reads what the knob's kind has accepted. `None` stands for no value; only `Option` takes it,
    /// and only a row without a default is an `Option`. A relative path starts at `root`.
    fn read<'k>(text: Option<&'k str>, root: &Path) -> Self::Of<'k>;
}

impl<V: Value> Value for Option<V> {
    type Of<'k> = Option<V::Of<'k>>;

    fn read<'k>(text: Option<&'k str>, root: &Path) -> Self::Of<'k> {
        text.map(|text| V::read(Some(text), root))
    }
}

/// The text of a knob that always has one.
fn set(text: Option<&str>) -> &str {
    text.expect("bug: a row that is no option has no default")
}

/// What a parser makes of that text.
fn parsed<T>(text: Option<&str>, parse: impl Fn(&str) -> Option<T>) -> T {
    parse(set(text)).expect("bug: the knob's kind accepted what its reader cannot parse")
}

macro_rules! values {
    ($($(#[$doc:meta])* $name:ident => $of:ty, |$text:ident, $root:ident| $read:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl Value for $name {
            type Of<'k> = $of;

            fn read<'k>($text: Option<&'k str>, $root: &Path) -> Self::Of<'k> {
                $read
            }
        }
    )*};
}

values! {
    /// Text as it was written.
    Text => &'k str, |text, _root| set(text);
    /// A path; a relative one starts at the workspace root.
    Location => PathBuf, |text, root| root.join(set(text));
    /// A whole number, in the unit that the row's meaning names.
    Count => u64, |text, _root| parsed(text, kind::whole);
    /// A duration given in seconds.
    Seconds => Duration, |text, _root| Duration::from_secs(parsed(text, kind::whole));
    /// A number of per cent.
    Percent => f64, |text, _root| parsed(text, |text| text.parse().ok());
    /// On or off.
    Switch => bool, |text, _root| set(text) == "1";
    /// A seed.
    Seed => u64, |text, _root| parsed(text, kind::seed);
    /// Words.
    List => Vec<&'k str>, |text, _root| set(text).split(',').map(str::trim).collect();
    /// Positive numbers.
    Counts => Vec<u64>, |text, _root| parsed(text, kind::counts);
    /// Key and value sizes in bytes.
    Sizes => Vec<(u64, u64)>, |text, _root| parsed(text, kind::sizes);
    /// Which of how many machines, from 1.
    Shard => (u32, u32), |text, _root| parsed(text, kind::shard);
}

/// A kind together with the value that its text is read as.
pub(crate) struct Shape<V> {
    kind: Kind,
    value: PhantomData<fn() -> V>,
}

impl<V> Clone for Shape<V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Shape<V> {}

/// The shapes of the table's rows.
pub(crate) mod shape {
    use super::{
        Count, Counts, List, Location, Percent, Seconds, Seed, Shape, Shard, Sizes, Switch, Text,
    };
    use crate::Kind;
    use std::marker::PhantomData;

    const fn of<V>(kind: Kind) -> Shape<V> {
        Shape { kind, value: PhantomData }
    }

    pub(crate) const TEXT: Shape<Text> = of(Kind::Text);
    pub(crate) const FEATURES: Shape<Text> = of(Kind::Features);
    pub(crate) const VERSION: Shape<Text> = of(Kind::Version);
    pub(crate) const PATH: Shape<Location> = of(Kind::Path);
    pub(crate) const PERCENT: Shape<Percent> = of(Kind::Percent);
    pub(crate) const ALLOWANCE: Shape<Percent> = of(Kind::Allowance);
    pub(crate) const SWITCH: Shape<Switch> = of(Kind::Switch);
    pub(crate) const SEED: Shape<Seed> = of(Kind::Seed);
    pub(crate) const LIST: Shape<List> = of(Kind::List);
    pub(crate) const COUNTS: Shape<Counts> = of(Kind::Counts);
    pub(crate) const SIZES: Shape<Sizes> = of(Kind::Sizes);
    pub(crate) const SHARD: Shape<Shard> = of(Kind::Shard);

    pub(crate) const fn choice(words: &'static [&'static str]) -> Shape<Text> {
        of(Kind::Choice(words))
    }

    pub(crate) const fn at_least(min: u64) -> Shape<Count> {
        of(Kind::Count { min, max: u64::MAX })
    }

    pub(crate) const fn between(min: u64, max: u64) -> Shape<Count> {
        of(Kind::Count { min, max })
    }

    pub(crate) const fn seconds(min: u64) -> Shape<Seconds> {
        of(Kind::Seconds { min })
    }
}

/// A row with a default.
pub(crate) const fn knob<V>(
    name: &'static str,
    default: &'static str,
    home: Home,
    shape: Shape<V>,
    meaning: &'static str,
) -> Handle<V> {
    let row = Knob { name, default: Some(default), unset: "", home, kind: shape.kind, meaning };
    Handle { row, value: PhantomData }
}

/// A row without a value until somebody sets one; `unset` says what happens meanwhile.
pub(crate) const fn unset<V>(
    name: &'static str,
    unset: &'static str,
    home: Home,
    shape: Shape<V>,
    meaning: &'static str,
) -> Handle<Option<V>> {
    let row = Knob { name, default: None, unset, home, kind: shape.kind, meaning };
    Handle { row, value: PhantomData }
}
