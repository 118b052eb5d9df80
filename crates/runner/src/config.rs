//! The nextest configuration that a run uses: the repository's file, or a rewritten copy of it when
//! a flag or the environment turns a knob whose home that file is. Never edits the file itself.

use knobs::{Home, Knobs, NextestKey, Setting, Source, nextest_keys};
use process::{Error, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};
use toml_edit::{DocumentMut, Item, TableLike, Value, value};

/// The file to pass to nextest; a copy is written into `out`.
pub(crate) fn effective(root: &Path, knobs: &Knobs, out: &Path) -> Result<PathBuf> {
    let file = root.join(Home::Nextest.file().expect("nextest has a file"));
    let text = fs::read_to_string(&file)
        .map_err(|error| Error::io("read the file", &file, "restore it from git", error))?;
    let turned: Vec<_> = knobs.settings().iter().filter(|setting| is_turned(setting)).collect();
    if turned.is_empty() {
        return Ok(file);
    }
    let rewritten = rewrite(&text, &turned, &file)?;
    let copy = out.join("nextest.toml");
    fs::write(&copy, rewritten)
        .map_err(|error| Error::io("write the file", &copy, "make the folder writable", error))?;
    Ok(copy)
}

fn is_turned(setting: &Setting) -> bool {
    let outside = matches!(setting.source, Source::Flag | Source::Environment);
    outside && setting.knob.home == Home::Nextest
}

fn rewrite(text: &str, turned: &[&Setting], file: &Path) -> Result<String> {
    let malformed = |error: toml_edit::TomlError| {
        Error::new(error.message(), file.display(), "correct the file").because(error.clone())
    };
    let mut document: DocumentMut = text.parse().map_err(malformed)?;
    for setting in turned {
        let text = setting.value.as_deref().expect("every knob with this home has a default");
        for key in nextest_keys(setting.knob.name) {
            // A place that is gone would leave the knob without effect, and nobody would notice.
            put(&mut document, key, text).ok_or_else(|| {
                let what = format!("`{}` of profile `{}` is gone", key.key, key.profile);
                let remedy = format!("restore it: knob `{}` is set through it", setting.knob.name);
                Error::new(what, file.display(), remedy)
            })?;
        }
    }
    Ok(document.to_string())
}

/// Replaces one setting that is there; `None` when it is not.
fn put(document: &mut DocumentMut, key: &NextestKey, text: &str) -> Option<()> {
    let profile = document.get_mut("profile")?.get_mut(key.profile)?;
    let table: &mut dyn TableLike = match key.filter {
        None => profile.as_table_like_mut()?,
        Some(filter) => {
            let chosen = |entry: &&mut toml_edit::Table| {
                entry.get("filter").and_then(Item::as_str) == Some(filter)
            };
            profile.get_mut("overrides")?.as_array_of_tables_mut()?.iter_mut().find(chosen)?
        }
    };
    let item = table.get_mut(key.key)?;
    *item = match key.key {
        "global-timeout" => value(format!("{text}s")),
        "slow-timeout" => {
            let mut limit = item.as_inline_table()?.clone();
            *limit.get_mut("period")? = Value::from(format!("{text}s"));
            value(limit)
        }
        "retries" => value(text.parse::<i64>().ok()? - 1),
        "flaky-result" => value(text),
        other => unreachable!("the knobs crate declares no key `{other}`"),
    };
    Some(())
}

#[cfg(test)]
mod tests {
    use super::effective;
    use knobs::{Knobs, Source};
    use std::{fs, path::Path};

    fn repository() -> String {
        fs::read_to_string(knobs::runtime::root().join(".config/nextest.toml")).unwrap()
    }

    fn root(text: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join(".config")).unwrap();
        fs::write(root.path().join(".config/nextest.toml"), text).unwrap();
        root
    }

    fn knobs(root: &Path, env: &[(&str, &str)]) -> Knobs {
        Knobs::resolve(root, &env.iter().copied().collect(), &[]).unwrap()
    }

    #[test]
    fn without_a_turned_knob_the_repositorys_file_is_used() {
        let root = root(&repository());
        let file = effective(root.path(), &knobs(root.path(), &[]), root.path()).unwrap();
        assert_eq!(file, root.path().join(".config/nextest.toml"));
    }

    #[test]
    fn a_turned_knob_changes_its_places_alone() {
        let env = [
            ("FAST_TIMEOUT", "41"),
            ("STRESS_TIMEOUT", "42"),
            ("CHAOS_TIMEOUT", "43"),
            ("CHAOS_RETRY", "8"),
            ("CHAOS_FLAKY", "pass"),
        ];
        let root = root(&repository());
        let copy = effective(root.path(), &knobs(root.path(), &env), root.path()).unwrap();
        assert_eq!(
            fs::read_to_string(root.path().join(".config/nextest.toml")).unwrap(),
            repository()
        );

        // The knobs crate reads the copy as it reads the file: what was asked for stands there.
        let there = self::root(&fs::read_to_string(copy).unwrap());
        let read = knobs(there.path(), &[]);
        for (name, value) in env {
            let read = read.find(name).expect(name);
            assert_eq!(read.value.as_deref(), Some(value), "{name}");
            assert!(matches!(read.source, Source::File(_)), "{name}");
        }
        let before = repository();
        let after = fs::read_to_string(there.path().join(".config/nextest.toml")).unwrap();
        let changed = before.lines().zip(after.lines()).filter(|(old, new)| old != new);
        assert_eq!(changed.count(), 9, "{after}");
        assert_eq!(before.lines().count(), after.lines().count());
    }

    #[test]
    fn a_place_that_is_gone_is_an_error() {
        let text = repository().replace("flaky-result", "flaky-resolt");
        let root = root(&text);
        let knobs = knobs(root.path(), &[("CHAOS_FLAKY", "pass")]);
        let line = effective(root.path(), &knobs, root.path()).unwrap_err().to_string();
        assert!(line.contains("`flaky-result` of profile `chaos` is gone"), "{line}");
    }
}
