//! What was reached of a source, read from the JSON of `llvm-cov export`: its functions and the regions of
//! each file. A generic function is compiled once for each of its types, and each time counted: here it is
//! one, and called when one of them is. What a closure does counts for the function that it stands in.

use super::names;
use rustc_demangle::demangle;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// A function of a file: where its text begins, line and column.
type Place = (u64, u64);

/// What a file has, by place.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    pub(super) functions: BTreeMap<Place, Function>,
    /// Whether each region, from one place to another one, was reached.
    pub(super) regions: BTreeMap<(Place, Place), bool>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) called: bool,
}

/// The files of a source, by their path in it.
pub(super) type Files = BTreeMap<String, File>;

#[derive(Deserialize)]
struct Export {
    data: Vec<Unit>,
}

#[derive(Deserialize)]
struct Unit {
    functions: Vec<Compiled>,
}

/// A function as it was compiled once.
#[derive(Deserialize)]
struct Compiled {
    name: String,
    filenames: Vec<PathBuf>,
    /// From line and column, to line and column, the count, the file, the file of an expansion, the kind.
    regions: Vec<[u64; 8]>,
}

/// The kind of a region that is code.
const CODE: u64 = 0;

/// What is below the folder `source`.
pub(super) fn read(export: &[u8], source: &Path) -> serde_json::Result<Files> {
    let export: Export = serde_json::from_slice(export)?;
    let source = &fs::canonicalize(source).unwrap_or_else(|_| source.to_owned());
    let mut known = BTreeMap::new();
    let mut files = Files::new();
    for compiled in export.data.into_iter().flat_map(|unit| unit.functions) {
        let Some(path) = compiled.filenames.first() else { continue };
        let place = known.entry(path.clone()).or_insert_with(|| below(path, source));
        if let Some(name) = place {
            files.entry(name.clone()).or_default().add(&compiled);
        }
    }
    files.values_mut().for_each(File::tell_apart);
    Ok(files)
}

/// The path of a file in the source, with slashes.
fn below(path: &Path, source: &Path) -> Option<String> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let inside = path.strip_prefix(source).ok()?;
    let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
    Some(parts.join("/"))
}

impl File {
    fn add(&mut self, compiled: &Compiled) {
        let mut begin: Option<Place> = None;
        let mut called = false;
        for &[line, column, to_line, to_column, count, _, _, kind] in &compiled.regions {
            if kind != CODE {
                continue;
            }
            let from = (line, column);
            *self.regions.entry((from, (to_line, to_column))).or_default() |= count > 0;
            called |= count > 0;
            begin = Some(begin.map_or(from, |begin| begin.min(from)));
        }
        let Some(begin) = begin else { return };
        let Some(name) = names::short(&format!("{:#}", demangle(&compiled.name))) else { return };
        let function = self.functions.entry(begin).or_insert(Function { name, called });
        function.called |= called;
    }

    /// Tells functions of the same name apart by their line, which in one version of a source stays.
    fn tell_apart(&mut self) {
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        for function in self.functions.values() {
            *times.entry(function.name.clone()).or_default() += 1;
        }
        for ((line, _), function) in &mut self.functions {
            if times[&function.name] > 1 {
                function.name = format!("{} in line {line}", function.name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Files, read};
    use std::path::Path;

    /// A function as it was compiled once: its mangled name, its file, its regions.
    type Compiled<'c> = (&'c str, &'c str, &'c [[u64; 8]]);

    fn files(functions: &[Compiled<'_>]) -> Files {
        let function = |(name, file, regions): &Compiled<'_>| serde_json::json!({ "name": name, "filenames": [file], "regions": regions, "count": 0 });
        let functions: Vec<_> = functions.iter().map(function).collect();
        let export = serde_json::json!({ "data": [{ "functions": functions, "files": [] }] });
        read(export.to_string().as_bytes(), Path::new("/engine")).unwrap()
    }

    /// A region of code in these lines.
    fn region(from: u64, to: u64, count: u64) -> [u64; 8] {
        [from, 1, to, 9, count, 0, 0, 0]
    }

    #[test]
    fn a_generic_function_is_called_when_one_of_it_is() {
        let file = "/engine/src/a.rs";
        for order in [[0, 3], [3, 0]] {
            let [first, second] = order.map(|count| [region(1, 2, count), region(3, 4, 0)]);
            let files = files(&[
                ("_RINvCs1_4mace3gethE", file, &first),
                ("_RINvCs1_4mace3getyE", file, &second),
            ]);
            let file = &files["src/a.rs"];
            let functions: Vec<_> = file.functions.values().collect();
            assert_eq!(functions.len(), 1, "{functions:?}");
            assert!(functions[0].name == "get" && functions[0].called, "{functions:?}");
            assert_eq!(file.regions.values().copied().collect::<Vec<_>>(), [true, false]);
        }
    }

    #[test]
    fn a_closure_is_no_function_of_its_own() {
        let closure = ("_RNCNvCs1_4mace3get0B3_", "/engine/src/a.rs", &[region(2, 2, 1)][..]);
        let function = ("_RNvCs1_4mace3get", "/engine/src/a.rs", &[region(1, 3, 0)][..]);
        let files = files(&[closure, function]);
        let file = &files["src/a.rs"];
        assert_eq!((file.functions.len(), file.regions.len()), (1, 2));
    }

    #[test]
    fn code_of_others_and_gaps_do_not_count() {
        let gap = [4, 1, 4, 2, 0, 0, 0, 3];
        let files = files(&[
            ("_RNvCs1_4mace3get", "/engine/src/a.rs", &[region(1, 3, 1), gap]),
            ("_RNvCs1_4mace4idle", "/engineer/src/a.rs", &[region(1, 3, 0)]),
        ]);
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(files["src/a.rs"].regions.len(), 1);
    }

    #[test]
    fn functions_of_the_same_name_are_told_apart() {
        let file = "/engine/src/a.rs";
        let files = files(&[
            ("_RNvNtCs1_4mace1a3get", file, &[region(1, 3, 1)]),
            ("_RNvNtCs1_4mace1b3get", file, &[region(7, 8, 0)]),
        ]);
        let names: Vec<_> = files["src/a.rs"].functions.values().map(|f| &*f.name).collect();
        assert_eq!(names, ["get in line 1", "get in line 7"]);
    }
}
