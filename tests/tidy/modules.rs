//! The module trees of the workspace's crates, read from source, and which file uses which. Reads
//! tokens, expands no macro, resolves no type: what it sees is what an import or a path names.
//!
//! One file uses another when it names an item that is defined there:
//!
//! - The names are those of `use` and of paths in code (`crate::a::f()`, `child::T`, `super::X`). A name
//!   that a module only passes on (`pub use`, or a private `use` that a child takes with `super::`) is
//!   followed to the file that defines the item.
//! - `mod x;` is no use, and neither is `pub use x::T` by a file that does not use `T` itself. So a
//!   parent may offer what its child has, and a child may use its parent's items; both at once, with the
//!   parent using the child's item in its code, is a cycle.
//! - What stands under `#[cfg(test)]` may use everything, and is not read.

use crate::tokens::{attribute, end_of_item, group, is_comma, is_punct, word};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};

/// Which file uses which, by path.
pub(crate) type Uses = BTreeMap<String, BTreeSet<String>>;

/// Deeper chains of imports than this are a circle of their own.
const MAX_CHAIN: usize = 16;

/// An import: what the name stands for here.
struct Import {
    path: Vec<String>,
    /// It passes the name on.
    is_public: bool,
}

#[derive(Default)]
struct Module {
    file: String,
    parent: Option<usize>,
    children: BTreeMap<String, usize>,
    imports: BTreeMap<String, Import>,
    globs: Vec<Vec<String>>,
    /// Paths in code.
    paths: Vec<Vec<String>>,
    /// Every identifier in code.
    names: BTreeSet<String>,
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum Found {
    Module(usize),
    /// An item of this module.
    Item(usize),
}

/// The text of a file, if there is one of this path.
pub(crate) trait Texts {
    fn text(&self, path: &str) -> Option<&str>;
}

/// The modules of one crate; the first is its root.
struct Tree<'t> {
    texts: &'t dyn Texts,
    modules: Vec<Module>,
}

/// Where code stands.
struct Place {
    module: usize,
    /// Where the files of its child modules are, ending in `/`.
    folder: String,
}

/// Which file of the crate with this root uses which.
pub(crate) fn uses(root: &str, texts: &dyn Texts) -> Uses {
    let mut tree = Tree { texts, modules: Vec::new() };
    tree.read(root, None);
    let mut files = Uses::new();
    for at in 0..tree.modules.len() {
        let file = &tree.modules[at].file;
        let used = tree.used_by(at).into_iter().map(|module| tree.modules[module].file.clone());
        files.entry(file.clone()).or_default().extend(used.filter(|other| other != file));
    }
    files
}

/// The shortest cycle of each knot of files that use one another.
pub(crate) fn cycles(uses: &Uses) -> Vec<Vec<String>> {
    let mut cycles: Vec<Vec<String>> = Vec::new();
    for file in uses.keys() {
        if cycles.iter().flatten().any(|known| known == file) {
            continue;
        }
        cycles.extend(way_back(uses, file));
    }
    cycles
}

/// The shortest way from a file to itself.
fn way_back(uses: &Uses, file: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![file.to_owned()]];
    let mut seen = BTreeSet::new();
    let mut at = 0;
    while at < ways.len() {
        let way = ways[at].clone();
        at += 1;
        for next in uses.get(way.last()?).into_iter().flatten() {
            if next == file {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push([&way[..], std::slice::from_ref(next)].concat());
            }
        }
    }
    None
}

impl Tree<'_> {
    /// Reads a file and the files of the modules that it declares.
    fn read(&mut self, file: &str, parent: Option<usize>) -> Option<usize> {
        let tokens: TokenStream = self.texts.text(file)?.parse().ok()?;
        let module = self.add(file, parent);
        let stem = file.strip_suffix(".rs").unwrap_or(file);
        let is_folder = parent.is_none() || stem.ends_with("/mod");
        let folder = if is_folder { above(file) } else { format!("{stem}/") };
        self.scan(&Place { module, folder }, tokens);
        Some(module)
    }

    fn add(&mut self, file: &str, parent: Option<usize>) -> usize {
        self.modules.push(Module { file: file.to_owned(), parent, ..Module::default() });
        self.modules.len() - 1
    }

    fn scan(&mut self, place: &Place, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        let mut is_public = false;
        let mut path = None;
        while at < tokens.len() {
            if let Some(attribute) = attribute(&tokens, at) {
                at += 2;
                if is_for_tests(&attribute) {
                    at = end_of_item(&tokens, at);
                }
                path = attribute.strip_prefix("path = ").map(|path| path.replace('"', "")).or(path);
                continue;
            }
            match word(&tokens, at).as_deref() {
                Some("pub") => {
                    is_public = true;
                    at += if group(&tokens, at + 1, Delimiter::Parenthesis).is_some() {
                        2
                    } else {
                        1
                    };
                    continue;
                }
                Some("use") if !is_punct(&tokens, at + 1, '<') => {
                    let end = end_of_item(&tokens, at);
                    self.import(place.module, &tokens[at + 1..end], &[], is_public);
                    at = end;
                }
                Some("mod") if word(&tokens, at + 1).is_some() => {
                    let name = word(&tokens, at + 1).unwrap_or_default();
                    let body = group(&tokens, at + 2, Delimiter::Brace);
                    self.declare(place, &name, body, path.take());
                    at += 3;
                }
                _ => at = self.code(place, &tokens, at),
            }
            is_public = false;
        }
    }

    /// `mod name;` or `mod name { … }`.
    fn declare(
        &mut self,
        place: &Place,
        name: &str,
        body: Option<TokenStream>,
        path: Option<String>,
    ) {
        let file = self.modules[place.module].file.clone();
        let folder = &place.folder;
        let child = match (body, path) {
            (Some(body), _) => {
                let module = self.add(&file, Some(place.module));
                self.scan(&Place { module, folder: format!("{folder}{name}/") }, body);
                Some(module)
            }
            (None, Some(path)) => self.read(&plain(&above(&file), &path), Some(place.module)),
            (None, None) => {
                let parent = Some(place.module);
                self.read(&format!("{folder}{name}.rs"), parent)
                    .or_else(|| self.read(&format!("{folder}{name}/mod.rs"), parent))
            }
        };
        if let Some(child) = child {
            self.modules[place.module].children.insert(name.to_owned(), child);
        }
    }

    /// The tree of one `use`.
    fn import(&mut self, module: usize, tokens: &[TokenTree], above: &[String], is_public: bool) {
        let mut path = above.to_vec();
        let mut name = None;
        let mut at = 0;
        while at < tokens.len() {
            if let Some(many) = group(tokens, at, Delimiter::Brace) {
                let many: Vec<TokenTree> = many.into_iter().collect();
                for one in many.split(is_comma) {
                    self.import(module, one, &path, is_public);
                }
                return;
            }
            match word(tokens, at).as_deref() {
                Some("as") => name = word(tokens, at + 1),
                Some("self") if !path.is_empty() => {}
                Some(word) if name.is_none() => path.push(word.to_owned()),
                _ if is_punct(tokens, at, '*') => {
                    self.modules[module].globs.push(path);
                    return;
                }
                _ => {}
            }
            at += 1;
        }
        if let Some(name) = name.or_else(|| path.last().cloned()) {
            self.modules[module].imports.insert(name, Import { path, is_public });
        }
    }

    /// Code that is no item of its own: notes its names and its paths, and returns what follows.
    fn code(&mut self, place: &Place, tokens: &[TokenTree], at: usize) -> usize {
        if let TokenTree::Group(group) = &tokens[at] {
            self.scan(place, group.stream());
            return at + 1;
        }
        let Some(first) = word(tokens, at) else { return at + 1 };
        let mut path = vec![first];
        let mut end = at + 1;
        while is_punct(tokens, end, ':') && is_punct(tokens, end + 1, ':') {
            let Some(next) = word(tokens, end + 2) else { break };
            path.push(next);
            end += 3;
        }
        let module = &mut self.modules[place.module];
        // A method or a field is no name of this module.
        if at == 0 || !is_punct(tokens, at - 1, '.') {
            module.names.insert(path[0].clone());
        }
        if path.len() > 1 {
            module.paths.push(path);
        }
        end
    }

    /// The modules whose items a module uses.
    fn used_by(&self, at: usize) -> Vec<usize> {
        let module = &self.modules[at];
        let item = |path: &Vec<String>| match self.find(at, path, 0) {
            Some(Found::Item(module)) => Some(module),
            _ => None,
        };
        let glob = |path: &Vec<String>| match self.find(at, path, 0) {
            Some(Found::Module(module) | Found::Item(module)) => Some(module),
            None => None,
        };
        let is_used =
            |(name, import): &(&String, &Import)| !import.is_public || module.names.contains(*name);
        let imports = module.imports.iter().filter(is_used).map(|(_, import)| &import.path);
        let mut used: Vec<usize> = imports.chain(&module.paths).filter_map(item).collect();
        used.extend(module.globs.iter().filter_map(glob));
        used
    }

    /// What a path leads to, as seen from a module; nothing when it leads out of the crate.
    fn find(&self, from: usize, path: &[String], chain: usize) -> Option<Found> {
        if chain > MAX_CHAIN {
            return None;
        }
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.below(0, rest, chain),
            "self" => self.below(from, rest, chain),
            "super" => {
                let mut at = self.modules[from].parent?;
                let mut rest = rest;
                while let Some(("super", more)) = rest.split_first().map(|(n, m)| (n.as_str(), m)) {
                    at = self.modules[at].parent?;
                    rest = more;
                }
                self.below(at, rest, chain)
            }
            name => match self.name(from, name, chain)? {
                Found::Module(module) => self.below(module, rest, chain),
                found @ Found::Item(_) => Some(found),
            },
        }
    }

    fn below(&self, module: usize, path: &[String], chain: usize) -> Option<Found> {
        let mut at = module;
        for name in path {
            let is_name = self.modules[at].children.contains_key(name)
                || self.modules[at].imports.contains_key(name);
            if !is_name {
                return Some(Found::Item(at));
            }
            match self.name(at, name, chain)? {
                Found::Module(module) => at = module,
                found @ Found::Item(_) => return Some(found),
            }
        }
        Some(Found::Module(at))
    }

    /// What a name stands for in a module: a child, or what was imported.
    fn name(&self, module: usize, name: &str, chain: usize) -> Option<Found> {
        let module_of_name = &self.modules[module];
        if let Some(child) = module_of_name.children.get(name) {
            return Some(Found::Module(*child));
        }
        let import = module_of_name.imports.get(name)?;
        self.find(module, &import.path, chain + 1)
    }
}

fn is_for_tests(attribute: &str) -> bool {
    let words: Vec<&str> = attribute.split(|c: char| !c.is_alphanumeric()).collect();
    words.first() == Some(&"cfg") && words.contains(&"test") && !words.contains(&"not")
}

/// The folder of a file, ending in `/` unless it is the root.
fn above(file: &str) -> String {
    file.rfind('/').map_or_else(String::new, |end| file[..=end].to_owned())
}

/// A path relative to a folder, without its `..`.
fn plain(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{Texts, cycles, uses};
    use std::collections::BTreeMap;

    impl Texts for BTreeMap<&str, &str> {
        fn text(&self, path: &str) -> Option<&str> {
            self.get(path).copied()
        }
    }

    /// The cycles of a crate with this root and these files beside it.
    fn found(root: &str, files: &[(&str, &str)]) -> Vec<String> {
        let texts: BTreeMap<&str, &str> = files.iter().copied().chain([("lib.rs", root)]).collect();
        cycles(&uses("lib.rs", &texts)).iter().map(|cycle| cycle.join(" ")).collect()
    }

    #[test]
    fn a_circle_of_files_is_found() {
        let root = "mod a; mod b; mod c;";
        let a = ("a.rs", "use crate::{b::{self, B}, other::Thing};");
        let c = ("c.rs", "fn f() -> u8 { crate::a::g::<u8>() }");
        let b = |text| ("b.rs", text);
        assert_eq!(found(root, &[a, b("use super::c;\nfn f() { c::f() }"), c]), ["a.rs b.rs c.rs"]);
        assert_eq!(found(root, &[a, b("use super::c;\nstruct B;"), c]), [""; 0], "not used");
        assert_eq!(
            found(root, &[a, b("#[cfg(test)] mod tests { use super::super::a::A; }")]),
            [""; 0]
        );
        assert_eq!(found(root, &[a, b("mod within { use super::super::a::A; }")]), ["a.rs b.rs"]);
    }

    #[test]
    fn a_name_is_followed_to_where_it_is_defined() {
        // The parent passes on what one child has and another child takes.
        let root = "mod a;";
        let parent =
            ("a.rs", "mod b; mod c;\npub(crate) use b::B;\nuse crate::a::c::C;\nfn f(c: C) {}");
        let b = ("a/b.rs", "pub(crate) struct B;");
        assert_eq!(found(root, &[parent, b, ("a/c.rs", "use super::B;")]), [""; 0]);
        assert_eq!(found(root, &[parent, b, ("a/c.rs", "use super::f;")]), ["a.rs a/c.rs"]);
    }

    #[test]
    fn a_parent_may_offer_what_its_child_has() {
        let child = ("a/b.rs", "use super::A;\npub fn b() {}");
        let parent = |text| found("mod a;", &[("a.rs", text), child]);
        assert_eq!(parent("mod b; pub use b::b; pub struct A;"), [""; 0]);
        assert_eq!(parent("mod b; pub use b::b; pub struct A; fn f() { b() }"), ["a.rs a/b.rs"]);
        assert_eq!(parent("mod b; pub struct A; fn f() { b::b() }"), ["a.rs a/b.rs"]);
        assert_eq!(
            parent("#[path = \"a/b.rs\"] mod c; use self::c::b; pub struct A;"),
            ["a.rs a/b.rs"]
        );
    }
}
