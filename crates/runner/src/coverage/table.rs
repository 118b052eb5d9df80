//! What a run reached, as text: a table by file, and below it the functions that nobody called; the regions
//! that nobody reached in the other ones.

use super::{list, reached::Files};
use std::fmt::{self, Write};

/// How many of so many.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    some: usize,
    all: usize,
}

/// What is counted of a file, or of all.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    functions: Share,
    regions: Share,
}

impl Share {
    fn of(reached: impl Iterator<Item = bool>) -> Self {
        reached.fold(Self::default(), |Self { some, all }, is| Self {
            some: some + usize::from(is),
            all: all + 1,
        })
    }

    fn and(self, other: Self) -> Self {
        Self { some: self.some + other.some, all: self.all + other.all }
    }

    fn percent(self) -> f64 {
        if self.all == 0 { 100.0 } else { 100.0 * self.some as f64 / self.all as f64 }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} / {}", self.some, self.all))
    }
}

/// The page.
pub(super) fn page(files: &Files) -> String {
    let width = files.keys().map(String::len).max().unwrap_or_default();
    let mut text = format!("{:<width$}  {:>13}  {:>15}\n", "file", "functions", "regions");
    let mut line = |name: &str, Row { functions, regions }: Row| {
        let percent = regions.percent();
        let _ = writeln!(text, "{name:<width$}  {functions:>13}  {regions:>15}  {percent:>5.1} %");
    };
    let mut all = Row::default();
    for (name, file) in files {
        let functions = Share::of(file.functions.values().map(|function| function.called));
        let regions = Share::of(file.regions.values().copied());
        all = Row { functions: all.functions.and(functions), regions: all.regions.and(regions) };
        line(name, Row { functions, regions });
    }
    line("all", all);
    text.push_str("\nnever called\n");
    let mut last = "";
    for (file, name, _) in list::functions(files).filter(|(_, _, called)| !called) {
        if file != last {
            let _ = writeln!(text, "  {file}");
            last = file;
        }
        let _ = writeln!(text, "      {name}");
    }
    if last.is_empty() {
        text.push_str("  nothing\n");
    }
    text
}

/// The regions that nobody reached in functions that were called, one a line: `src/a.rs:3:9-4:10  Tree::get`.
pub(super) fn unreached(files: &Files) -> String {
    let mut text = String::new();
    for (name, file) in files {
        for ((from, to), _) in file.regions.iter().filter(|(_, reached)| !**reached) {
            // A function's regions follow its beginning.
            let function = file.functions.range(..=*from).next_back().map(|(_, function)| function);
            let Some(function) = function.filter(|function| function.called) else { continue };
            let _ =
                writeln!(text, "{name}:{}:{}-{}:{}  {}", from.0, from.1, to.0, to.1, function.name);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{page, unreached};
    use crate::coverage::reached::{File, Files, Function};

    #[test]
    fn a_region_in_a_called_function_is_named() {
        let function = |name: &str, called| Function { name: name.to_owned(), called };
        let functions = [((1, 1), function("Tree::get", true)), ((9, 1), function("idle", false))];
        let regions = [
            (((1, 1), (7, 2)), true),
            (((3, 9), (4, 10)), false),
            (((5, 9), (6, 10)), true),
            (((9, 1), (12, 2)), false),
        ];
        let file = File { functions: functions.into(), regions: regions.into() };
        let text = unreached(&Files::from([("src/a.rs".to_owned(), file)]));
        assert_eq!(text, "src/a.rs:3:9-4:10  Tree::get\n");
    }

    #[test]
    fn the_page_counts_and_names() {
        let function = |name: &str, called| Function { name: name.to_owned(), called };
        let functions = [((1, 1), function("Tree::get", true)), ((5, 1), function("idle", false))];
        let regions = [(((1, 1), (2, 1)), true), (((5, 1), (6, 1)), false)];
        let file = File { functions: functions.into(), regions: regions.into() };
        let text = page(&Files::from([("src/a.rs".to_owned(), file)]));
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        let expected: [&[&str]; 6] = [
            &["file", "functions", "regions"],
            &["src/a.rs", "1", "/", "2", "1", "/", "2", "50.0", "%"],
            &["all", "1", "/", "2", "1", "/", "2", "50.0", "%"],
            &[],
            &["never", "called"],
            &["src/a.rs"],
        ];
        let rest: Vec<Vec<&str>> = lines;
        assert_eq!(rest[..6], expected.map(<[&str]>::to_vec), "{text}");
        assert_eq!(rest[6..], [vec!["idle"]], "{text}");
    }
}
