//! The files in `.config/`: where the workspace root is, and which knobs each file sets. A file
//! that is absent sets nothing; one that is malformed, or has a key that is no knob, is an error.
//! Interprets no value.

use crate::{
    KnobError,
    row::{Home, Knob},
    shell, table,
};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};
use toml::{Table, Value};

/// The keys of `.config/nextest.toml` that a knob stands for. In `profile.default` a per-case
/// limit is the override whose filter is `filter`; elsewhere the setting stands in the profile.
/// This is the one place that knows them: `prod` rewrites the same keys.
#[derive(Debug, Clone, Copy)]
pub struct NextestKey {
    /// The profile.
    pub profile: &'static str,
    /// The override's filter expression; `None` for a key of the profile itself.
    pub filter: Option<&'static str>,
    /// The key.
    pub key: &'static str,
}

/// Chooses the cases of the stress layer inside the suite's binaries.
const STRESS: &str = "binary(/^prod_/) & test(/(^|::)stress_/)";
/// Chooses the cases of the chaos layer inside the suite's binaries.
const CHAOS: &str = "binary(/^prod_/) & test(/(^|::)chaos_/)";

const fn key(profile: &'static str, filter: Option<&'static str>, key: &'static str) -> NextestKey {
    NextestKey { profile, filter, key }
}

/// Every place in `.config/nextest.toml` that says what the knob `name` says; they have to agree.
/// Empty for a knob with another home.
pub fn nextest_keys(name: &str) -> &'static [NextestKey] {
    match name {
        "FAST_TIMEOUT" => {
            const {
                &[
                    key("fast", None, "global-timeout"),
                    key("default", None, "global-timeout"),
                    key("default", None, "slow-timeout"),
                ]
            }
        }
        "STRESS_TIMEOUT" => const { &[key("default", Some(STRESS), "slow-timeout")] },
        "CHAOS_TIMEOUT" => const { &[key("default", Some(CHAOS), "slow-timeout")] },
        "CHAOS_RETRY" => {
            const { &[key("chaos", None, "retries"), key("all", Some(CHAOS), "retries")] }
        }
        "CHAOS_FLAKY" => {
            const { &[key("chaos", None, "flaky-result"), key("all", Some(CHAOS), "flaky-result")] }
        }
        _ => &[],
    }
}

/// The workspace root above `start`: the nearest folder whose `Cargo.toml` declares a workspace.
pub fn find_root(start: &Path) -> Option<PathBuf> {
    let declares_workspace = |folder: &Path| {
        fs::read_to_string(folder.join("Cargo.toml"))
            .is_ok_and(|text| text.lines().any(|line| line.trim_end() == "[workspace]"))
    };
    start.ancestors().find(|folder| declares_workspace(folder)).map(Path::to_owned)
}

/// Values that one file sets, by knob name.
pub(crate) type FileValues = BTreeMap<&'static str, String>;

/// Reads the knobs that `home` sets from `file`. `required` is for a file that somebody named.
pub(crate) fn read(home: Home, file: &Path, required: bool) -> Result<FileValues, KnobError> {
    let Some(text) = read_text(file, required)? else { return Ok(FileValues::new()) };
    if home == Home::Perf && shell::is_shell(file) {
        return shell_values(&text, file);
    }
    let table: Table = toml::from_str(&text).map_err(|error| malformed(&text, file, error))?;
    if home == Home::Nextest {
        return nextest_values(&table, file);
    }
    let mut values = FileValues::new();
    for (name, value) in &table {
        if value.is_table() && home.tables().contains(&name.as_str()) {
            continue;
        }
        let knob = knob_in(home, name, &file.display().to_string())?;
        let text = scalar(value).ok_or_else(|| wrong_type(knob, value, file))?;
        values.insert(knob.name, text);
    }
    Ok(values)
}

/// The knob of that name, which has to live in this home.
fn knob_in(home: Home, name: &str, place: &str) -> Result<&'static Knob, KnobError> {
    let Some(knob) = table::find(name) else { return Err(table::unknown(name, place)) };
    if knob.home == home {
        return Ok(knob);
    }
    let remedy = match knob.home.file() {
        Some(right) => format!("move it to {right}"),
        None => "set it as a flag or in the environment".to_owned(),
    };
    Err(KnobError::new(format!("knob `{name}` in the wrong file"), place, remedy))
}

/// As in a shell, `:=` keeps what an earlier line of the file has set.
fn shell_values(text: &str, file: &Path) -> Result<FileValues, KnobError> {
    let mut values = FileValues::new();
    for assignment in shell::read(text, file)? {
        let knob = knob_in(Home::Perf, assignment.name, &assignment.place)?;
        if assignment.is_default && values.contains_key(knob.name) {
            continue;
        }
        values.insert(knob.name, assignment.value.to_owned());
    }
    Ok(values)
}

/// The file's text, or `None` when it is absent and may be.
pub(crate) fn read_text(file: &Path, required: bool) -> Result<Option<String>, KnobError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => Ok(None),
        Err(error) => {
            let what = format!("cannot read the file ({error})");
            let place = file.display().to_string();
            Err(KnobError::new(what, place, "make it a readable text file").because(error))
        }
    }
}

/// The error for a file that is not the TOML it should be, with the line it breaks at.
pub(crate) fn malformed(text: &str, file: &Path, error: toml::de::Error) -> KnobError {
    let line = error.span().map(|span| 1 + text[..span.start].matches('\n').count());
    let place = match line {
        Some(line) => format!("{}:{line}", file.display()),
        None => file.display().to_string(),
    };
    let what = format!("malformed file ({})", error.message().replace('\n', ", "));
    KnobError::new(what, place, "correct the file").because(error)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

fn wrong_type(knob: &Knob, value: &Value, file: &Path) -> KnobError {
    KnobError::new(
        format!("knob `{}` is a TOML {}", knob.name, value.type_str()),
        file.display().to_string(),
        format!("write {} as a string or a number", knob.kind.expects()),
    )
}

fn nextest_values(table: &Table, file: &Path) -> Result<FileValues, KnobError> {
    let mut values = FileValues::new();
    for knob in table::KNOBS {
        for key in nextest_keys(knob.name) {
            let Some(value) = nextest_value(table, key) else { continue };
            let refused = |what: &str, remedy: &str| {
                let what = format!("`{}` of profile `{}` {what}", key.key, key.profile);
                KnobError::new(what, file.display().to_string(), remedy)
            };
            let text = from_nextest(key.key, value).ok_or_else(|| {
                refused(
                    "is not understood",
                    &format!("write knob `{}` as the file had it", knob.name),
                )
            })?;
            let earlier = values.insert(knob.name, text);
            if earlier.is_some_and(|earlier| earlier != values[knob.name]) {
                let remedy = format!("it is knob `{}`: write one value everywhere", knob.name);
                return Err(refused("contradicts another place", &remedy));
            }
        }
    }
    Ok(values)
}

fn nextest_value<'t>(table: &'t Table, key: &NextestKey) -> Option<&'t Value> {
    let profile = table.get("profile")?.get(key.profile)?;
    let Some(filter) = key.filter else { return profile.get(key.key) };
    let chosen = |entry: &&Value| entry.get("filter").and_then(Value::as_str) == Some(filter);
    profile.get("overrides")?.as_array()?.iter().find(chosen)?.get(key.key)
}

/// nextest's spelling of a value in the knob's own.
fn from_nextest(key: &str, value: &Value) -> Option<String> {
    let seconds = |value: &Value| value.as_str()?.strip_suffix('s').map(str::to_owned);
    match key {
        "global-timeout" => seconds(value),
        // The limit is `period`; `terminate-after = 1` makes it one.
        "slow-timeout" if value.get("terminate-after")?.as_integer() == Some(1) => {
            seconds(value.get("period")?)
        }
        "retries" => value.as_integer()?.checked_add(1).map(|attempts| attempts.to_string()),
        "flaky-result" => value.as_str().map(str::to_owned),
        _ => None,
    }
}
