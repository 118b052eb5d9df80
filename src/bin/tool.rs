//! The suite's program for what needs its oracles, or an engine, and no case. `judge FOLDER` gives what a case
//! left to today's oracles and exits with 0 for nothing broken, 1 for broken promises, 2 for no usable
//! evidence. `make close FOLDER` and `make die FOLDER` make a database and say what it holds, and `read FOLDER`
//! says what is in one; an engine that declines is said, with exit code 1.

use mace_prod::{
    engine::mace::MaceDriver,
    report::say,
    scenario::{
        stored::{self, JudgedAgain},
        upgrade,
    },
};
use results::document;
use std::{io::Write, path::Path, process::exit};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["judge", folder] => judge(Path::new(folder)),
        ["make", end, folder] => make(end, Path::new(folder)),
        ["read", folder] => match upgrade::read(&MaceDriver, Path::new(folder)) {
            Ok(contents) => say(&document::encode_line(&contents)),
            Err(denial) => declined(&denial),
        },
        _ => panic!("`just` starts this program: {args:?}"),
    }
}

fn judge(folder: &Path) {
    let judged = stored::judge(folder).unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "judge: {error}");
        exit(2)
    });
    let shows = |again: &JudgedAgain| !again.violations.is_empty() || !again.beyond.is_empty();
    if judged.iter().all(|again| again.events == 0 && !shows(again)) {
        let _ = writeln!(std::io::stderr(), "judge: {} has no event to judge", folder.display());
        exit(2);
    }
    for again in &judged {
        say(&again.to_string());
    }
    if let Some(then) = stored::verdict(folder) {
        say(&format!("the case itself said: {}", then.trim_end().replace('\n', "\n  ")));
    }
    let broken: usize = judged.iter().map(|again| again.violations.len()).sum();
    say(&format!("{broken} broken promises in the evidence of {} runs", judged.len()));
    exit(i32::from(broken > 0));
}

fn make(end: &str, folder: &Path) {
    let (engine, pairs) =
        upgrade::make(&MaceDriver, folder).unwrap_or_else(|denial| declined(&denial));
    if end == "close" {
        drop(engine);
    } else {
        std::mem::forget(engine);
    }
    say(&document::encode_line(&upgrade::contents(pairs.iter(), folder)));
    if end != "close" {
        std::process::abort();
    }
}

fn declined(denial: &mace_prod::engine::EngineError) -> ! {
    say(&format!("declined: {denial}"));
    exit(1)
}
