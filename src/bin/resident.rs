//! The program of the aging database. With a folder as its argument it is who has lives led: it answers
//! the requests that come over standard input. With `life` and the path of a plan it leads that life.

use mace_prod::{
    engine::{mace::MaceDriver, serialised_maintenance::SerialisedMaintenance},
    history::child::die_with_parent,
    scenario::aging::{Aging, LIFE, life::Said, plan::Life},
};
use std::{
    ffi::OsString,
    io::{Write, stdin, stdout},
    path::Path,
    process::exit,
};

fn main() {
    let mut args = std::env::args_os().skip(1);
    let first = args.next().expect("the first argument is a folder, or `life`");
    if first == LIFE {
        lead(args.next());
    } else {
        let program = std::env::current_exe().expect("a running program has a path");
        let aging = Aging::new(&program, Path::new(&first));
        let served = aging.serve(stdin().lock(), stdout().lock());
        served.unwrap_or_else(|error| panic!("{error}"));
    }
}

fn lead(plan: Option<OsString>) {
    die_with_parent();
    let plan = plan.expect("the second argument is the path of a plan");
    let text = std::fs::read(&plan).expect("the plan is there");
    let life: Life = serde_json::from_slice(&text).expect("it is a plan");
    let driver = SerialisedMaintenance::new(&MaceDriver);
    if let Err(denial) = life.lead(&driver, &say) {
        let promise = "a call within the documented limits is carried out";
        say(&Said::Found(format!("answers: {denial}, where {promise}")));
        exit(1);
    }
}

fn say(said: &Said) {
    let line = serde_json::to_string(said).expect("what is said is plain data");
    let told = writeln!(stdout().lock(), "{line}");
    told.expect("who started this life listens");
}
