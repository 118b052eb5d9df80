//! Fixes read, chosen and applied: to a source as it was, to one in which lines have moved, and to ones
//! in which the lines have changed or stand twice.

use super::{Edit, Fix, Fixes, Kind, apply, hash};
use crate::engine::Engine;
use std::fs;

const SOURCE: &str = "one\ntwo\nthree\nfour\n";

fn edit(lines: &[&str], keep: [usize; 2], text: &str) -> Edit {
    let [keep_before, keep_after] = keep;
    let file = "a.rs".to_owned();
    let hash = hash(lines);
    Edit { file, lines: lines.len(), hash, keep_before, keep_after, text: text.to_owned() }
}

fn fix(id: &str, after: &[&str], edits: Vec<Edit>) -> Fix {
    let after = after.iter().map(|&id| id.to_owned()).collect();
    let [reason, cost] = ["because", "nothing"].map(str::to_owned);
    let kind = Kind::Fix;
    Fix {
        kind,
        id: id.to_owned(),
        reason,
        cost,
        gap: String::new(),
        after,
        pins: Vec::new(),
        edits,
    }
}

fn applied(fixes: &[&Fix], source: &str) -> Result<String, String> {
    let read = |_: &str| Ok(source.to_owned());
    apply(fixes, read).map(|mut texts| texts.remove("a.rs").unwrap()).map_err(|e| e.to_string())
}

#[test]
fn lines_are_replaced_wherever_they_are() {
    let fix = fix("f", &[], vec![edit(&["two", "three"], [0, 0], "2\n3\n")]);
    assert_eq!(applied(&[&fix], SOURCE).unwrap(), "one\n2\n3\nfour\n");
    assert_eq!(applied(&[&fix], "new\nnew\none\ntwo\nthree").unwrap(), "new\nnew\none\n2\n3\n");
    assert_eq!(applied(&[&fix], "two\r\nthree\r\nx\r\n").unwrap(), "2\n3\nx\r\n");
}

#[test]
fn an_anchor_is_kept_from_the_source() {
    let behind = fix("f", &[], vec![edit(&["two"], [1, 0], "2.5\n")]);
    assert_eq!(applied(&[&behind], SOURCE).unwrap(), "one\ntwo\n2.5\nthree\nfour\n");
    let before = fix("f", &[], vec![edit(&["two"], [0, 1], "1.5\n")]);
    assert_eq!(applied(&[&before], SOURCE).unwrap(), "one\n1.5\ntwo\nthree\nfour\n");
    let within = fix("f", &[], vec![edit(&["two", "three", "four"], [1, 1], "")]);
    assert_eq!(applied(&[&within], SOURCE).unwrap(), "one\ntwo\nfour\n");
}

#[test]
fn changed_and_ambiguous_lines_are_refused() {
    let fix = fix("f", &[], vec![edit(&["two", "three"], [0, 0], "2\n")]);
    for (source, why) in [
        ("one\ntwo\nthre\n", "are not there: a.rs"),
        ("two\nthree\ntwo\nthree\n", "are there 2 times: a.rs"),
        ("", "are not there"),
    ] {
        let line = applied(&[&fix], source).unwrap_err();
        let named = line.contains("fix `f` does not apply") && line.contains("all,-f");
        assert!(named && line.contains(why) && !line.contains('\n'), "{line}");
    }
}

#[test]
fn fixes_of_one_file_do_not_hide_one_another() {
    let one = fix("one", &[], vec![edit(&["two"], [1, 0], "2.5\n")]);
    let two = fix("two", &[], vec![edit(&["two", "three"], [1, 0], "3!\n")]);
    for both in [[&one, &two], [&two, &one]] {
        assert_eq!(applied(&both, SOURCE).unwrap(), "one\ntwo\n2.5\n3!\nfour\n");
    }
    let clash = fix("clash", &[], vec![edit(&["three", "four"], [0, 0], "x\n")]);
    let line = applied(&[&two, &clash], SOURCE).unwrap_err();
    assert!(line.contains("fixes `two` and `clash` change the same line: a.rs"), "{line}");
    let above = fix("above", &["two"], vec![edit(&["3!"], [0, 0], "3?\n")]);
    assert_eq!(applied(&[&two, &above], SOURCE).unwrap(), "one\ntwo\n3?\nfour\n");
}

/// `low` < `high`; `twin` is closed by `low` as well.
fn chosen(text: &str) -> Result<Vec<String>, String> {
    let edits = || vec![edit(&["two"], [0, 0], "2\n")];
    let ordered = vec![
        fix("alone", &[], edits()),
        fix("low", &[], edits()),
        fix("twin", &["low"], Vec::new()),
        fix("high", &["low"], edits()),
    ];
    let fixes = Fixes { ordered, ..Fixes::default() };
    let ids = fixes.select(text).map(|chosen| chosen.iter().map(|fix| fix.id.clone()).collect());
    ids.map_err(|error| error.to_string())
}

#[test]
fn the_choice_takes_along_what_a_fix_rests_on() {
    for (text, expected) in [
        ("none", &[][..]),
        ("all", &["alone", "low", "twin", "high"]),
        ("alone", &["alone"]),
        ("high", &["low", "twin", "high"]),
        ("low, alone", &["alone", "low", "twin"]),
        ("all,-high", &["alone", "low", "twin"]),
        ("all,-low", &["alone"]),
        ("all,-twin", &["alone"]),
        ("all,-alone,-high", &["low", "twin"]),
    ] {
        assert_eq!(chosen(text).unwrap(), expected, "{text}");
    }
    for (text, what) in [
        ("typo", "no fix is called `typo`: MACE_PROD_FIXES"),
        ("all,-typo", "no fix is called `typo`"),
        ("all,low", "`low` behind `all`"),
        ("none,low", "no fix is called `none`"),
        ("-low", "no fix is called `-low`"),
    ] {
        let line = chosen(text).unwrap_err();
        assert!(line.contains(what), "{line}");
    }
}

#[test]
fn files_are_read_in_the_order_of_the_fixes() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(".config/fixes/0.2.0");
    fs::create_dir_all(&folder).unwrap();
    let write = |id: &str, text: &str| fs::write(folder.join(format!("{id}.toml")), text).unwrap();
    let head = "reason = \"r\"\ncost = \"c\"\n";
    let edit = "[[edit]]\nfile = \"a.rs\"\nlines = 1\nhash = \"0\"\n";
    write("a", &format!("{head}after = [\"b\"]\n"));
    write("b", &format!("{head}{edit}text = \"x\\n\"\n"));
    let engine = |version: &str| Engine {
        package: "mace-kv".to_owned(),
        version: version.to_owned(),
        checkout: None,
        source: folder.clone(),
        fixes: Vec::new(),
    };
    let load = |version: &str| Fixes::load(root.path(), &engine(version));
    for version in ["0.2.0", "9.9.9"] {
        let ids: Vec<_> = load(version).unwrap().all().iter().map(|fix| fix.id.clone()).collect();
        assert_eq!(ids, ["b", "a"], "{version}");
    }
    for (text, what) in [
        (format!("{head}after = [\"a\"]\n"), "`after` leads in a circle or to no fix: `a`, `b`"),
        (head.to_owned(), "give it an edit"),
        (format!("{head}{edit}keep_before = 2\n"), "keep no more lines"),
        (format!("{head}{edit}text = \"x\"\n"), "end each text with a line feed"),
        (format!("{head}{}", edit.replace("= 1", "= 0")), "at least one line"),
        (format!("reason = \"\"\ncost = \"c\"\n{edit}"), "say its reason"),
        (format!("{head}typo = 1\n"), "malformed fix"),
    ] {
        write("b", &text);
        let line = load("0.2.0").unwrap_err().to_string();
        assert!(line.contains(what) && line.contains(".config/fixes/0.2.0"), "{line}");
    }
}
