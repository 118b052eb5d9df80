//! The engine's public functions, read out of its source when the suite is built, against those that the
//! adapter calls. One that nobody calls stands with its reason in `.config/uncalled-api.toml`, and nothing
//! else stands there. The comparison is tested on texts that are planted.
//!
//! What it does not see: whether a case asks the adapter for what it can call.

use crate::chaos::extract::{functions, implementation, tokens};
use proc_macro2::{Delimiter, TokenTree};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The functions of the engine that this build is of.
const API: &[&str] = include!(concat!(env!("OUT_DIR"), "/functions.rs"));

/// The adapter, the only place that calls them.
const ADAPTER: &str = include_str!("../../src/engine/mace.rs");

const LIST: &str = include_str!("../../.config/uncalled-api.toml");

/// What the adapter's expressions are: in which of its types (any, where none is said), how it is
/// written, and the engine's type.
const RECEIVERS: [(&str, &str, &str); 11] = [
    ("MaceEngine", "self.0", "Mace"),
    ("MaceBucket", "self.0", "Bucket"),
    ("MaceView", "self.0", "TxnView"),
    ("MaceTxn", "self.txn", "TxnKV"),
    ("SumOrSet", "self.0", "MergeOperator"),
    ("", "iter", "Iter"),
    ("", "item", "IterItem"),
    ("MaceView", "value", "ValRef"),
    ("MaceTxn", "value", "ValRef"),
    ("", "category", "CheckCategory"),
    ("", "theirs", "Options"),
];

#[derive(Deserialize)]
struct List {
    uncalled: Vec<Uncalled>,
}

#[derive(Deserialize)]
struct Uncalled {
    function: String,
    reason: String,
}

/// The functions that a text of the adapter calls, each as the list of the engine's has it.
fn calls(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let all = tokens(text.parse().expect("the adapter is Rust"));
    within(&all, "", &mut found);
    found
}

/// `own`: the adapter's type whose functions these tokens are in.
fn within(all: &[TokenTree], own: &str, found: &mut BTreeSet<String>) {
    let mut implemented = None;
    for (at, token) in all.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if word == "impl" => {
                implemented = implementation(&all[at + 1..]).map(|block| block.owner);
            }
            TokenTree::Group(group) => {
                let is_body = group.delimiter() == Delimiter::Brace;
                let entered = if is_body { implemented.take() } else { None };
                within(&tokens(group.stream()), entered.as_deref().unwrap_or(own), found);
            }
            TokenTree::Ident(name) if is_called(&all[at + 1..]) => {
                found.extend(called(&all[..at], &name.to_string(), own));
            }
            _ => {}
        }
    }
}

/// Whether arguments follow, or the types that come in front of them.
fn is_called(rest: &[TokenTree]) -> bool {
    match rest {
        [TokenTree::Group(group), ..] => group.delimiter() == Delimiter::Parenthesis,
        [a, b, c, ..] => [a, b, c].map(ToString::to_string) == [":", ":", "<"],
        _ => false,
    }
}

fn called(before: &[TokenTree], name: &str, own: &str) -> Option<String> {
    let words: Vec<String> = before.iter().rev().take(5).map(ToString::to_string).collect();
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    if word(0) == ":" && word(1) == ":" {
        let path = word(2);
        return Some(if path == "mace" { name.to_owned() } else { format!("{path}::{name}") });
    }
    if word(0) != "." {
        return (word(0) != "fn").then(|| name.to_owned());
    }
    let receiver = match before.iter().rev().nth(1) {
        Some(TokenTree::Group(_)) => format!("{}()", word(2)),
        _ if word(2) == "." && word(3) == "self" => format!("self.{}", word(1)),
        _ => word(1).to_owned(),
    };
    let is = |row: &&(&str, &str, &str)| (row.0.is_empty() || row.0 == own) && row.1 == receiver;
    RECEIVERS.iter().find(is).map(|row| format!("{}::{name}", row.2))
}

fn listed(text: &str) -> BTreeMap<String, String> {
    let list: List = toml::from_str(text).expect("the list is tables of `function` and `reason`");
    list.uncalled.into_iter().map(|row| (row.function, row.reason)).collect()
}

/// What is wrong, a line each.
fn offences<'a>(api: impl IntoIterator<Item = &'a str>, adapter: &str, list: &str) -> Vec<String> {
    let api: BTreeSet<&str> = api.into_iter().collect();
    let called = calls(adapter);
    let listed = listed(list);
    let mut lines = Vec::new();
    for function in &api {
        match (called.contains(*function), listed.get(*function)) {
            (false, None) => lines.push(format!(
                "{function}: nobody calls it; have the adapter and a case call it, or say in \
                 .config/uncalled-api.toml why not"
            )),
            (true, Some(_)) => lines.push(format!(
                "{function}: it is called; take it out of .config/uncalled-api.toml"
            )),
            (false, Some(reason)) if reason.trim().is_empty() => {
                lines.push(format!(
                    "{function}: say in .config/uncalled-api.toml why nobody calls it"
                ));
            }
            _ => {}
        }
    }
    let gone = listed.keys().filter(|function| !api.contains(function.as_str()));
    lines.extend(gone.map(|function| {
        format!("{function}: the engine has it no longer; take it out of .config/uncalled-api.toml")
    }));
    lines
}

/// A list of these functions, with a reason each.
fn list_of(functions: &[&str]) -> String {
    if functions.is_empty() {
        return "uncalled = []".to_owned();
    }
    let row = |name: &&str| format!("[[uncalled]]\nfunction = \"{name}\"\nreason = \"so\"\n");
    functions.iter().map(row).collect()
}

/// The functions of an engine whose root file and whose other file have these texts.
fn of_engine(root: &str, other: &str) -> Vec<String> {
    let files = [("src/lib.rs", root), ("src/store.rs", other)];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    functions(&files).unwrap().into_iter().collect()
}

const ENGINE: &str = "
    pub struct Mace;
    impl Mace { pub fn sync(&self) {} }
    impl<'a> TxnKV<'a> { pub fn get<K>(&self, k: K) where K: Sized {} }
    impl TxnView<'_> { pub fn get(&self) {} }
";

const EXPORTS: &str = "mod store; pub use store::{Mace, TxnKV, TxnView};";

const CALLER: &str = "
    impl Engine for MaceEngine { fn sync(&self) { self.0.sync().map_err(deny) } }
    impl Read for MaceTxn<'_> { fn get(&self) { self.write(|| self.txn.get::<K>(key)) } }
    impl Read for MaceView<'_> { fn get(&self) { self.0.get(key) } }
";

fn planted(engine: &str, adapter: &str, list: &[&str]) -> Vec<String> {
    let api = of_engine(EXPORTS, engine);
    offences(api.iter().map(String::as_str), adapter, &list_of(list))
}

#[test]
fn every_public_function_is_called_or_has_a_reason() {
    assert!(API.len() > 50, "found {} functions in the engine's source", API.len());
    let offences = offences(API.iter().copied(), ADAPTER, LIST);
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn a_call_that_the_adapter_loses_is_missed() {
    for (call, function) in [
        ("self.0.nr_buckets(", "Mace::nr_buckets"),
        ("self.txn.reset_merge(", "TxnKV::reset_merge"),
        ("iter.try_next_back(", "Iter::try_next_back"),
        ("mace::check_database(", "check_database"),
    ] {
        assert!(ADAPTER.contains(call), "{call}");
        let found = offences(API.iter().copied(), &ADAPTER.replace(call, "lost("), LIST);
        assert!(found.len() == 1 && found[0].starts_with(function), "{call}: {found:?}");
    }
}

#[test]
fn an_adapter_that_calls_everything_is_not_flagged() {
    assert_eq!(planted(ENGINE, CALLER, &[]), [""; 0]);
}

#[test]
fn a_function_that_nobody_calls_is_caught() {
    let engine = ENGINE.replace("pub fn sync", "pub const fn made_up(&self) {} pub fn sync");
    let found = planted(&engine, CALLER, &[]);
    assert!(found.len() == 1 && found[0].starts_with("Mace::made_up: nobody calls"), "{found:?}");
    assert_eq!(planted(&engine, CALLER, &["Mace::made_up"]), [""; 0]);
}

#[test]
fn a_call_counts_for_its_own_type_alone() {
    let adapter = CALLER.replace("self.0.get(key)", "other.get(key)");
    let found = planted(ENGINE, &adapter, &[]);
    assert!(found.len() == 1 && found[0].starts_with("TxnView::get: nobody"), "{found:?}");
}

#[test]
fn a_listed_function_that_is_called_or_gone_is_caught() {
    let found = planted(ENGINE, CALLER, &["Mace::sync"]);
    assert!(found.len() == 1 && found[0].starts_with("Mace::sync: it is called"), "{found:?}");
    let found = planted(ENGINE, CALLER, &["Mace::flush"]);
    assert!(found.len() == 1 && found[0].starts_with("Mace::flush: the engine has"), "{found:?}");
}

#[test]
fn a_listed_function_without_a_reason_is_caught() {
    let list = "[[uncalled]]\nfunction = \"Mace::sync\"\nreason = \" \"";
    let found = offences(["Mace::sync"], "", list);
    assert!(found.len() == 1 && found[0].starts_with("Mace::sync: say"), "{found:?}");
}

#[test]
fn what_no_user_can_call_is_not_asked_for() {
    let engine = "
        impl Mace { pub(crate) fn inner(&self) {} fn own(&self) { } }
        impl Drop for Mace { fn drop(&mut self) {} }
        impl Hidden { pub fn shown(&self) {} }
        #[cfg(test)] impl Mace { pub fn probe(&self) {} }
        pub fn unexported() {}
        pub fn free() {}
        pub trait Operator { fn apply(&self); fn whole(&self) { self.inner() } }
        mod within { impl Mace { pub fn deep(&self) {} } }
    ";
    let root = "pub use store::{Mace, free}; pub(crate) use store::Hidden; pub use a::Operator;";
    let wanted = ["Mace::deep", "Operator::apply", "Operator::whole", "free"];
    assert_eq!(of_engine(root, engine), wanted);
}
