//! Reads out of the engine's source what the suite must know of it. Works on text that is handed in;
//! opens no file. Shared by `build.rs` and its tests, and so is what a build says that has none of the fixes
//! asked for.
//!
//! The failpoints: every name that `failpoint::check` or `failpoint::crash` is asked about, the filesystem
//! operations, the kinds of I/O error. What counts as one: a string literal within such a call, or within the
//! `fn` or `const` that the call names (the engine chooses some names in a `match`). A literal that looks like a
//! name and stands anywhere else counts as well, with its kind not seen: rather one case too many
//! than a failpoint that nobody notices. Not seen: a name put together at run time within a macro
//! or another crate; within a call it is an error. The lines that are given for a name are those
//! that hold it in quotes, for people; nothing rests on them.
//!
//! The public functions: those of the types and traits that the root file exports, and the free ones. Not
//! seen: what a macro makes, constants, fields but those of the options, implementations of traits, and the public modules
//! (`observe`, `testing`, `failpoint_testing`), which stand behind features.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};

/// What a failpoint can do besides ending the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Returns an error when it is told to.
    Check,
    /// Has no error to return.
    Crash,
    /// The literal stands apart from its call.
    Unseen,
}

/// Everything found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalogue {
    /// Named points: their kind, and the files and lines that hold the name.
    pub(crate) points: BTreeMap<String, (Kind, BTreeSet<(String, usize)>)>,
    /// Filesystem operations, `mace_fs_…`.
    pub(crate) fs_ops: BTreeSet<String>,
    /// Kinds of I/O error that `io(KIND)` takes, in the order of the source.
    pub(crate) io_kinds: Vec<String>,
}

/// What a user sets when a database or a bucket is opened.
const SETTINGS: [&str; 2] = ["Options", "BucketOptions"];

/// The file that implements failpoints; the names in it are no points.
const IMPLEMENTATION: &str = "failpoint.rs";

/// The function there that knows the kinds of I/O error.
const KINDS: &str = "parse_io_kind";

/// Literals with the engine's prefix that name something else.
const OTHER: [&str; 1] = ["mace_tmp_"];

/// Extracts from source files, given as (path for messages, text).
pub(crate) fn extract(files: &[(String, String)]) -> Result<Catalogue, String> {
    let mut catalogue = Catalogue::default();
    for (path, text) in files.iter().filter(|(_, text)| text.contains("mace_")) {
        let stream: TokenStream =
            text.parse().map_err(|error| format!("{path} is no Rust source: {error}"))?;
        let mut file = File { path, text, ..File::default() };
        file.walk(&tokens(stream));
        file.sort_into(&mut catalogue)?;
    }
    for (what, found) in [
        ("failpoint", !catalogue.points.is_empty()),
        ("filesystem operation", !catalogue.fs_ops.is_empty()),
        ("kind of I/O error", !catalogue.io_kinds.is_empty()),
    ] {
        if !found {
            return Err(format!("found no {what} in {} source files", files.len()));
        }
    }
    Ok(catalogue)
}

#[derive(Default)]
struct File<'a> {
    path: &'a str,
    text: &'a str,
    /// Literals that a call contains, with the call's kind.
    direct: Vec<(String, Kind)>,
    /// Names that a call contains, with the call's kind.
    named: BTreeMap<String, Kind>,
    /// Literals of each `fn` and `const`.
    items: BTreeMap<String, Vec<String>>,
    all: Vec<String>,
}

impl File<'_> {
    fn walk(&mut self, tokens: &[TokenTree]) {
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    let inner = self::tokens(group.stream());
                    if let Some(kind) = called(tokens, at, group) {
                        self.direct.extend(literals(&inner).into_iter().map(|text| (text, kind)));
                        self.named.extend(names(&inner).into_iter().map(|name| (name, kind)));
                    }
                    self.walk(&inner);
                }
                TokenTree::Ident(word)
                    if ["fn", "const", "static"].contains(&&*word.to_string()) =>
                {
                    if let Some(TokenTree::Ident(name)) = tokens.get(at + 1) {
                        let item = &tokens[at..at + item_length(&tokens[at..])];
                        self.items.entry(name.to_string()).or_default().extend(literals(item));
                    }
                }
                TokenTree::Literal(_) => self.all.extend(text_of(token)),
                _ => {}
            }
        }
    }

    fn sort_into(mut self, catalogue: &mut Catalogue) -> Result<(), String> {
        if self.path.ends_with(IMPLEMENTATION) {
            let op = |text: &&String| is_name(text) && is_fs(text);
            catalogue.fs_ops.extend(self.all.iter().filter(op).cloned());
            let kinds = self.items.remove(KINDS).unwrap_or_default();
            catalogue.io_kinds.extend(kinds.into_iter().filter(|kind| is_kind(kind)));
            return Ok(());
        }
        let mut found = std::mem::take(&mut self.direct);
        for (name, kind) in &self.named {
            let chosen = self.items.get(name).into_iter().flatten().filter(|text| is_name(text));
            found.extend(chosen.map(|text| (text.clone(), *kind)));
        }
        if let Some((text, _)) = found.iter().find(|(text, _)| !is_name(text)) {
            return Err(format!("{}: {text:?} is no failpoint's name", self.path));
        }
        let apart = |text: &&String| {
            is_name(text)
                && !OTHER.iter().any(|other| text.starts_with(other))
                && !found.iter().any(|(seen, _)| seen == *text)
        };
        let apart: Vec<String> = self.all.iter().filter(apart).cloned().collect();
        found.extend(apart.into_iter().map(|text| (text, Kind::Unseen)));
        for (name, kind) in found {
            let sites = self.lines_with(&name);
            let (known, all) = catalogue.points.entry(name).or_insert((kind, BTreeSet::new()));
            *known = kind.min(*known);
            all.extend(sites.into_iter().map(|line| (self.path.to_owned(), line)));
        }
        Ok(())
    }

    fn lines_with(&self, name: &str) -> Vec<usize> {
        let quoted = format!("\"{name}\"");
        let lines = self.text.lines().zip(1..);
        let holds = |line: &str| line.contains(&quoted) && !line.trim_start().starts_with("//");
        lines.filter(|(line, _)| holds(line)).map(|(_, number)| number).collect()
    }
}

/// The tokens without attributes and without items that only tests have.
pub(crate) fn tokens(stream: TokenStream) -> Vec<TokenTree> {
    let all: Vec<TokenTree> = stream.into_iter().collect();
    let mut kept = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let Some((length, for_tests)) = attribute(&all[at..]) else {
            kept.push(all[at].clone());
            at += 1;
            continue;
        };
        at += length;
        if for_tests {
            while let Some((length, _)) = attribute(&all[at..]) {
                at += length;
            }
            at += item_length(&all[at..]);
        }
    }
    kept
}

/// The length of the attribute that these tokens start with, and whether it is `cfg(test)`.
fn attribute(tokens: &[TokenTree]) -> Option<(usize, bool)> {
    let is = |at: usize, c: char| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == c);
    if !is(0, '#') {
        return None;
    }
    let at = if is(1, '!') { 2 } else { 1 };
    match tokens.get(at) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            let text: String =
                group.stream().to_string().chars().filter(|c| !c.is_whitespace()).collect();
            let for_tests =
                text == "test" || text == "cfg(test)" || text.starts_with("cfg(all(test,");
            Some((at + 1, for_tests))
        }
        _ => None,
    }
}

/// How many tokens the item or statement has that these start with.
fn item_length(tokens: &[TokenTree]) -> usize {
    let mut angles = 0_i32;
    for (at, token) in tokens.iter().enumerate() {
        let after_dash = at > 0
            && matches!(&tokens[at - 1], TokenTree::Punct(p) if ['-', '='].contains(&p.as_char()));
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return at + 1,
            TokenTree::Punct(p) => match p.as_char() {
                ';' => return at + 1,
                ',' if angles == 0 => return at + 1,
                '<' => angles += 1,
                '>' if !after_dash => angles -= 1,
                _ => {}
            },
            _ => {}
        }
    }
    tokens.len()
}

/// The kind of the call whose arguments `group` are: `…check(…)` or `…crash(…)`.
fn called(tokens: &[TokenTree], at: usize, group: &Group) -> Option<Kind> {
    if group.delimiter() != Delimiter::Parenthesis || at == 0 {
        return None;
    }
    let TokenTree::Ident(function) = &tokens[at - 1] else { return None };
    let kind = match function.to_string().as_str() {
        "check" => Kind::Check,
        "crash" => Kind::Crash,
        _ => return None,
    };
    let path: Vec<String> =
        tokens[at.saturating_sub(4)..at - 1].iter().map(ToString::to_string).collect();
    let imported = literals(&self::tokens(group.stream())).iter().any(|text| is_name(text));
    (path == ["failpoint", ":", ":"] || imported).then_some(kind)
}

fn literals(tokens: &[TokenTree]) -> Vec<String> {
    let inner = |token: &TokenTree| match token {
        TokenTree::Group(group) => literals(&self::tokens(group.stream())),
        token => text_of(token).into_iter().collect(),
    };
    tokens.iter().flat_map(inner).collect()
}

fn names(tokens: &[TokenTree]) -> Vec<String> {
    let inner = |token: &TokenTree| match token {
        TokenTree::Group(group) => names(&self::tokens(group.stream())),
        TokenTree::Ident(name) => vec![name.to_string()],
        _ => Vec::new(),
    };
    tokens.iter().flat_map(inner).collect()
}

fn text_of(token: &TokenTree) -> Option<String> {
    let TokenTree::Literal(literal) = token else { return None };
    let text = literal.to_string();
    let text = text.trim_start_matches('r').trim_matches('#');
    Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned())
}

fn is_name(text: &str) -> bool {
    text.strip_prefix("mace_")
        .is_some_and(|rest| !rest.is_empty() && rest.chars().all(is_name_char))
}

fn is_fs(text: &str) -> bool {
    text.strip_prefix("mace_fs_").is_some_and(|op| !op.is_empty())
}

/// The function replaces separators by `_`, which is no kind by itself.
fn is_kind(text: &str) -> bool {
    text != "_" && text.chars().all(is_name_char)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// The file that exports.
const ROOT: &str = "src/lib.rs";

/// What a user gets from an exported function and cannot name.
const UNNAMED: [&str; 1] = ["IterItem"];

/// The functions, as `Type::function` or by their name alone; none where the root file exports nothing.
pub(crate) fn functions(files: &[(String, String)]) -> Result<BTreeSet<String>, String> {
    let mut parsed = Vec::new();
    let mut exported: BTreeSet<String> = UNNAMED.map(str::to_owned).into();
    for (path, text) in files {
        let stream: TokenStream =
            text.parse().map_err(|error| format!("{path} is no Rust source: {error}"))?;
        let tokens = tokens(stream);
        if path == ROOT {
            exported.extend(exports(&tokens));
        }
        parsed.push(tokens);
    }
    let mut found = BTreeSet::new();
    for tokens in &parsed {
        in_module(tokens, &exported, &mut found);
    }
    Ok(found)
}

/// The public fields of the engine's options, as `Type::field`.
pub(crate) fn options(files: &[(String, String)]) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for (path, text) in files {
        let stream: TokenStream =
            text.parse().map_err(|error| format!("{path} is no Rust source: {error}"))?;
        let tokens = tokens(stream);
        for (at, word) in tokens.iter().enumerate().filter(|(_, token)| is(token, "struct")) {
            let name = tokens.get(at + 1).unwrap_or(word).to_string();
            if SETTINGS.contains(&name.as_str()) {
                let fields = public_fields(&body(&tokens[at + 1..]));
                found.extend(fields.into_iter().map(|field| format!("{name}::{field}")));
            }
        }
    }
    Ok(found)
}

fn public_fields(tokens: &[TokenTree]) -> Vec<String> {
    let named = |at: usize| match &tokens[at + 1..] {
        [TokenTree::Ident(name), colon, ..] if is_colon(colon) => Some(name.to_string()),
        _ => None,
    };
    (0..tokens.len()).filter(|at| is(&tokens[*at], "pub")).filter_map(named).collect()
}

/// The last names of every path that is exported.
fn exports(tokens: &[TokenTree]) -> Vec<String> {
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if is(token, "pub") && tokens.get(at + 1).is_some_and(|next| is(next, "use")) {
            last_names(&tokens[at + 2..], &mut names);
        }
    }
    names
}

/// Up to the end of the `use`.
fn last_names(tokens: &[TokenTree], names: &mut Vec<String>) {
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            TokenTree::Group(group) => last_names(&self::tokens(group.stream()), names),
            TokenTree::Ident(name) if !tokens.get(at + 1).is_some_and(is_colon) => {
                names.push(name.to_string());
            }
            _ => {}
        }
    }
}

/// The items of a file or a module, not of what stands within functions.
fn in_module(tokens: &[TokenTree], exported: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    for (at, token) in tokens.iter().enumerate() {
        let TokenTree::Ident(word) = token else { continue };
        let rest = &tokens[at + 1..];
        match word.to_string().as_str() {
            "impl" => {
                if let Some(Implementation { owner, of_trait: false }) = implementation(rest)
                    && exported.contains(&owner)
                {
                    let public = names_of_functions(&body(rest), true);
                    found.extend(public.into_iter().map(|name| format!("{owner}::{name}")));
                }
            }
            "mod" => in_module(&body(rest), exported, found),
            "trait" => {
                if let Some(name) = rest.first().map(ToString::to_string)
                    && exported.contains(&name)
                {
                    let all = names_of_functions(&body(rest), false);
                    found.extend(all.into_iter().map(|function| format!("{name}::{function}")));
                }
            }
            "pub" => {
                let name = function(rest).filter(|name| exported.contains(name));
                found.extend(name);
            }
            _ => {}
        }
    }
}

/// What an `impl` block is of.
pub(crate) struct Implementation {
    /// The last name of its type, outside of what is between `<` and `>`.
    pub(crate) owner: String,
    /// Whether it implements a trait.
    pub(crate) of_trait: bool,
}

/// What the `impl` block is of that these tokens, behind that word, begin with.
pub(crate) fn implementation(tokens: &[TokenTree]) -> Option<Implementation> {
    let brace = tokens.iter().position(is_brace)?;
    let mut depth = 0_i32;
    let mut owner = None;
    let mut of_trait = false;
    for token in &tokens[..brace] {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
            TokenTree::Punct(punct) if punct.as_char() == '>' => depth -= 1,
            TokenTree::Ident(word) if depth == 0 => match word.to_string().as_str() {
                "for" => of_trait = true,
                "where" => break,
                name => owner = Some(name.to_owned()),
            },
            _ => {}
        }
    }
    owner.map(|owner| Implementation { owner, of_trait })
}

/// What the next pair of braces holds, unless a semicolon comes first.
fn body(tokens: &[TokenTree]) -> Vec<TokenTree> {
    let ends = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ';');
    match tokens.iter().find(|token| is_brace(token) || ends(token)) {
        Some(TokenTree::Group(group)) => self::tokens(group.stream()),
        _ => Vec::new(),
    }
}

fn names_of_functions(tokens: &[TokenTree], public: bool) -> Vec<String> {
    let word = if public { "pub" } else { "fn" };
    let starts = tokens.iter().enumerate().filter(|(_, token)| is(token, word));
    starts.filter_map(|(at, _)| function(&tokens[if public { at + 1 } else { at }..])).collect()
}

/// The function whose tokens these are, behind its `pub`.
fn function(tokens: &[TokenTree]) -> Option<String> {
    let qualifies = |token: &&TokenTree| ["const", "async", "unsafe"].iter().any(|w| is(token, w));
    let skipped = tokens.iter().take_while(qualifies).count();
    match &tokens[skipped..] {
        [word, TokenTree::Ident(name), ..] if is(word, "fn") => Some(name.to_string()),
        _ => None,
    }
}

fn is(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(found) if found == word)
}

fn is_colon(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ':')
}

fn is_brace(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

/// The line to say where `MACE_PROD_FIXES` asks for fixes and the engine has none.
pub(crate) fn unapplied(asked: Option<&str>, applied: &[String]) -> Option<String> {
    let asked = asked.map(str::trim).filter(|asked| !asked.is_empty() && *asked != "none")?;
    applied.is_empty().then(|| {
        format!(
            "MACE_PROD_FIXES = {asked}: this build has none of our fixes; run `just prod`, which \
             applies them, or unset it"
        )
    })
}
