//! The functions of an engine that no case calls, as `.config/coverage/<engine version>.toml` lists them with
//! the reasons. The list only shrinks by itself: a function that falls out of reach has to be put there by
//! hand. Functions only; regions are counted and not listed.

use super::reached::Files;
use crate::{files, part::Mode};
use process::Result;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Where the lists are, below the root.
pub(super) const FOLDER: &str = ".config/coverage";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    #[serde(default)]
    uncalled: Vec<Group>,
}

/// Functions of a file that nobody calls for the same reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    file: String,
    functions: Vec<String>,
    reason: String,
    /// The layer that does call them, where one does.
    called_by: Option<Mode>,
    /// Whether some runs call them and some do not.
    #[serde(default)]
    by_chance: bool,
}

/// What a list and a run say of one another, a line each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// What fails.
    pub(super) offences: Vec<String>,
    /// What is called by chance, as the list says. That fails nothing.
    pub(super) called: Vec<String>,
}

impl List {
    /// Reads a list; `None` when there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        files::parsed(path, "correct it as CONTRIBUTING.md says", |text| toml::from_str(text))
    }

    /// Compares the list with what `layers` reached. It is called `place` in what is said.
    pub(super) fn judge(&self, reached: &Files, layers: &[Mode], place: &str) -> Said {
        let mut said = Said::default();
        let mut listed = BTreeMap::new();
        for group in &self.uncalled {
            if group.reason.trim().is_empty() {
                let line = format!("{}: say in {place} why nobody calls them", group.names());
                said.offences.push(line);
            }
            listed.extend(group.functions.iter().map(|name| ((&*group.file, &**name), group)));
        }
        let ran = |layer: Mode| layers.iter().any(|ran| *ran == layer || *ran == Mode::All);
        let mut there = BTreeSet::new();
        for (file, name, called) in functions(reached) {
            there.insert((file, name));
            let group = listed.get(&(file, name));
            let is_due = group.is_some_and(|group| group.called_by.is_some_and(ran));
            match (called, group) {
                (false, None) => said.offences.push(format!(
                    "{file}: {name}: no case calls it; have one call it, or say in {place} why not"
                )),
                (false, Some(_)) if is_due => said
                    .offences
                    .push(format!("{file}: {name}: the layer that {place} names does not call it")),
                (true, Some(group)) if !is_due && group.by_chance => {
                    said.called.push(format!("{file}: {name}: it is called this time, by chance"));
                }
                (true, Some(_)) if !is_due => said.offences.push(format!(
                    "{file}: {name}: it is called; take it out of {place}, or give its entry there \
                     `called_by` (the layer that calls it), or `by_chance = true` if only some runs do"
                )),
                _ => {}
            }
        }
        let gone = listed.keys().filter(|function| !there.contains(*function));
        said.offences.extend(gone.map(|(file, name)| {
            format!("{file}: {name}: the engine has no such function; take it out of {place}")
        }));
        said
    }
}

impl Group {
    fn names(&self) -> String {
        format!("{}: {}", self.file, self.functions.join(", "))
    }
}

/// The functions, each with its file and whether it was called.
pub(super) fn functions(reached: &Files) -> impl Iterator<Item = (&str, &str, bool)> {
    reached.iter().flat_map(|(file, of)| {
        let functions = of.functions.values();
        functions.map(move |function| (&**file, &*function.name, function.called))
    })
}

#[cfg(test)]
mod tests {
    use super::{List, Said};
    use crate::{
        coverage::reached::{File, Files, Function},
        part::Mode,
    };
    use std::collections::BTreeSet;

    const LIST: &str = "[[uncalled]]\nfile = \"src/a.rs\"\nfunctions = [\"idle\"]\nreason = \"so\"\n\
        [[uncalled]]\nfile = \"src/a.rs\"\nfunctions = [\"late\"]\nreason = \"so\"\ncalled_by = \"stress\"";

    /// An engine of three functions, of which these are called.
    fn reached(called: &[&str]) -> Files {
        let function = |(line, name): (u64, &str)| {
            let called = called.contains(&name);
            ((line, 1), Function { name: name.to_owned(), called })
        };
        let functions = (1..).zip(["busy", "idle", "late"]).map(function).collect();
        Files::from([("src/a.rs".to_owned(), File { functions, ..File::default() })])
    }

    fn judged(called: &[&str], layers: &[Mode], list: &str) -> Said {
        toml::from_str::<List>(list).unwrap().judge(&reached(called), layers, "LIST")
    }

    #[test]
    fn what_is_listed_may_stay_uncalled() {
        let fast = [Mode::Fast];
        assert_eq!(judged(&["busy"], &fast, LIST), Said::default());
        for layers in [&[Mode::Fast, Mode::Stress][..], &[Mode::All]] {
            assert_eq!(judged(&["busy", "late"], layers, LIST), Said::default());
        }
    }

    #[test]
    fn a_function_that_falls_out_of_reach_fails() {
        let said = judged(&[], &[Mode::Fast], LIST);
        assert_eq!(said.offences.len(), 1, "{said:?}");
        assert!(said.offences[0].starts_with("src/a.rs: busy: no case calls it"), "{said:?}");
        let said = judged(&["busy"], &[Mode::Stress], LIST);
        assert!(said.offences[0].starts_with("src/a.rs: late: the layer that LIST"), "{said:?}");
    }

    #[test]
    fn a_listed_function_that_is_called_fails() {
        let said = judged(&["busy", "idle", "late"], &[Mode::Fast], LIST);
        assert_eq!((said.offences.len(), said.called.len()), (2, 0), "{said:?}");
        for (line, name) in said.offences.iter().zip(["idle", "late"]) {
            let wanted = format!("src/a.rs: {name}: it is called; take it out of LIST, or give");
            assert!(line.starts_with(&wanted) && line.contains("`by_chance = true`"), "{line}");
        }
    }

    #[test]
    fn a_function_called_by_chance_is_named() {
        let list = format!("{LIST}\nby_chance = true")
            .replace("reason = \"so\"\n[", "reason = \"so\"\nby_chance = true\n[");
        let fast = [Mode::Fast];
        assert_eq!(judged(&["busy"], &fast, &list), Said::default());
        let said = judged(&["busy", "idle", "late"], &fast, &list);
        let called = ["idle", "late"]
            .map(|name| format!("src/a.rs: {name}: it is called this time, by chance"));
        assert_eq!(said, Said { called: called.into(), ..Said::default() });
        // The layer that calls it has to, whatever others do by chance.
        let stress = [Mode::Stress];
        assert_eq!(judged(&["busy", "late"], &stress, &list), Said::default());
        assert_eq!(judged(&["busy"], &stress, &list).offences.len(), 1);
    }

    #[test]
    fn the_list_of_the_locked_engine_is_sound() {
        const OURS: &str = include_str!("../../../../.config/coverage/0.2.0.toml");
        let list: List = toml::from_str(OURS).unwrap();
        let listed = list.uncalled.iter().flat_map(|group| {
            group.functions.iter().map(|function| (group.file.as_str(), function.as_str()))
        });
        let listed: Vec<_> = listed.collect();
        let once: BTreeSet<_> = listed.iter().collect();
        assert!(listed.len() > 200 && listed.len() == once.len(), "{} once", once.len());
        for group in &list.uncalled {
            assert!(!group.reason.trim().is_empty(), "{}", group.names());
        }
    }

    #[test]
    fn entries_without_function_or_reason_fail() {
        let list = LIST.replace("idle", "gone").replacen("\"so\"", "\" \"", 1);
        let said = judged(&["busy", "idle"], &[Mode::Fast], &list);
        assert_eq!(
            said.offences,
            [
                "src/a.rs: gone: say in LIST why nobody calls them",
                "src/a.rs: gone: the engine has no such function; take it out of LIST",
            ]
        );
        for other in ["[[called]]".to_owned(), format!("{LIST}\nby_luck = true")] {
            assert!(toml::from_str::<List>(&other).is_err(), "{other}");
        }
    }
}
