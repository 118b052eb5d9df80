//! What a knob's text may look like. Each kind says in words what it expects, because that
//! sentence is the error's remedy. Checks only: nothing here knows where a value came from.

use std::str::FromStr;

/// The shape of a knob's value, and with it the validator that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A whole number in decimal, within the bounds.
    Count {
        /// The smallest accepted value.
        min: u64,
        /// The largest accepted value.
        max: u64,
    },
    /// A whole number of seconds, at least `min` and at most a year.
    Seconds {
        /// The smallest accepted value.
        min: u64,
    },
    /// A finite number above zero, in per cent.
    Percent,
    /// A finite number of at least zero, in per cent.
    Allowance,
    /// `1` or `0`.
    Switch,
    /// One of the listed words.
    Choice(&'static [&'static str]),
    /// A 64-bit number, decimal or `0x` and hexadecimal.
    Seed,
    /// Cargo features separated by commas; the only kind that may be empty.
    Features,
    /// A path; a relative one starts at the workspace root.
    Path,
    /// A published version, such as `0.2.0`.
    Version,
    /// Comma-separated words, none of them empty.
    List,
    /// Comma-separated positive whole numbers.
    Counts,
    /// Comma-separated `key:value` sizes in bytes, both positive.
    Sizes,
    /// One of so many machines, `k/n` with `k` from 1 to `n`.
    Shard,
    /// Any text that is not blank.
    Text,
}

/// Nothing here may wait longer: a longer limit is a typing error, and sums of limits stay exact.
const YEAR_SECS: u64 = 365 * 24 * 60 * 60;

impl Kind {
    /// Whether `text` is a value of this kind.
    pub fn accepts(self, text: &str) -> bool {
        match self {
            Self::Count { min, max } => whole(text).is_some_and(|n| (min..=max).contains(&n)),
            Self::Seconds { min } => whole(text).is_some_and(|n| (min..=YEAR_SECS).contains(&n)),
            Self::Percent => f64::from_str(text).is_ok_and(|n| n.is_finite() && n > 0.0),
            Self::Allowance => f64::from_str(text).is_ok_and(|n| n.is_finite() && n >= 0.0),
            Self::Switch => matches!(text, "0" | "1"),
            Self::Choice(words) => words.contains(&text),
            Self::Seed => seed(text).is_some(),
            Self::Features => {
                text.is_empty() || text.split(',').all(|name| is_word(name, "_-+./?:"))
            }
            Self::Path | Self::Text => !text.trim().is_empty(),
            Self::Version => semver::Version::parse(text).is_ok(),
            Self::List => text.split(',').all(|word| !word.trim().is_empty()),
            Self::Counts => counts(text).is_some(),
            Self::Sizes => sizes(text).is_some(),
            Self::Shard => shard(text).is_some(),
        }
    }

    /// What this kind accepts, as a noun phrase for the end of "expected".
    pub fn expects(self) -> String {
        match self {
            Self::Count { min, max: u64::MAX } => format!("a whole number of at least {min}"),
            Self::Count { min, max } => format!("a whole number from {min} to {max}"),
            Self::Seconds { min } => {
                format!("a whole number of seconds from {min} to {YEAR_SECS}")
            }
            Self::Percent => "a number of per cent above 0".into(),
            Self::Allowance => "a number of per cent, 0 or more".into(),
            Self::Switch => "1 or 0".into(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::Seed => "a 64-bit number, decimal or 0x and hexadecimal".into(),
            Self::Features => {
                "cargo features separated by commas, or nothing for the plain engine".into()
            }
            Self::Path => "a path".into(),
            Self::Version => "a version such as 0.2.0".into(),
            Self::List => "words separated by commas".into(),
            Self::Counts => "positive whole numbers separated by commas".into(),
            Self::Sizes => "key:value sizes in bytes separated by commas, such as 16:16".into(),
            Self::Shard => "k/n with k from 1 to n, such as 2/4".into(),
            Self::Text => "text that is not blank".into(),
        }
    }
}

/// A decimal number without sign, blanks or separators: `+5` and `5_000` are refused, so that a
/// value reads the same here, in nextest's file and in a shell.
pub(crate) fn whole(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

pub(crate) fn seed(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            u64::from_str_radix(hex, 16).ok()
        }
        Some(_) => None,
        None => whole(text),
    }
}

pub(crate) fn counts(text: &str) -> Option<Vec<u64>> {
    text.split(',').map(|item| whole(item).filter(|n| *n > 0)).collect()
}

pub(crate) fn sizes(text: &str) -> Option<Vec<(u64, u64)>> {
    let size = |item: &str| {
        let (key, value) = item.split_once(':')?;
        Some((whole(key).filter(|n| *n > 0)?, whole(value).filter(|n| *n > 0)?))
    };
    text.split(',').map(size).collect()
}

/// Reads `k/n`, which of how many machines, with `1 <= k <= n`.
pub fn shard(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| whole(text).and_then(|n| u32::try_from(n).ok());
    let (shard, of) = text.split_once('/')?;
    Some((number(shard)?, number(of)?)).filter(|(shard, of)| (1..=*of).contains(shard))
}

fn is_word(text: &str, also: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || also.contains(c))
}

#[cfg(test)]
mod tests {
    use super::Kind;

    #[test]
    fn each_kind_accepts_exactly_its_range() {
        let year = "31536000";
        let table: [(Kind, &[&str], &[&str]); 15] = [
            (
                Kind::Count { min: 1, max: 9 },
                &["1", "9"],
                &["0", "10", "-1", "+1", "1_0", "", " 1"],
            ),
            (Kind::Seconds { min: 0 }, &["0", year], &["31536001", "1s", "1.5"]),
            (Kind::Percent, &["5", "0.5", "1e1"], &["0", "-1", "inf", "nan", "5%"]),
            (Kind::Allowance, &["0", "0.5", "5"], &["-1", "inf", "nan", "5%"]),
            (Kind::Switch, &["0", "1"], &["2", "true", ""]),
            (Kind::Choice(&["fail", "pass"]), &["fail", "pass"], &["Fail", ""]),
            (Kind::Seed, &["0", "18446744073709551615", "0xfF"], &["0x", "0xg", "-1", "0x+1"]),
            (Kind::Features, &["", "failpoints", "a,b-c"], &[",", "a b", "a,,b"]),
            (Kind::Path, &["../x", "a b"], &["", " "]),
            (Kind::Version, &["0.2.0", "1.0.0-rc.1"], &["0.2", "=0.2.0", "latest"]),
            (Kind::List, &["a", "a,b"], &["", "a,", ",a"]),
            (Kind::Counts, &["1", "1,4"], &["0", "1,", "1, 4", ""]),
            (Kind::Sizes, &["16:16", "1:2,3:4"], &["16", "16:", "0:1", "16:16,"]),
            (
                Kind::Shard,
                &["1/1", "2/4"],
                &["0/4", "5/4", "2", "1/0", "-1/2", "+1/2", " 1/2", "1/", "a/b", "1/2/3", ""],
            ),
            (Kind::Text, &["--noplot"], &["", "\t"]),
        ];
        for (kind, good, bad) in table {
            for text in good {
                assert!(kind.accepts(text), "{kind:?} must accept {text:?}");
            }
            for text in bad {
                assert!(!kind.accepts(text), "{kind:?} must refuse {text:?}");
            }
            assert!(!kind.expects().contains('\n'));
        }
    }
}
