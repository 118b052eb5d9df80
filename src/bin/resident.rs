//! The program of the aging database. With a folder as its argument it is who has lives led: it answers
//! the requests that come over standard input. With `life` and the path of a plan it leads that life; it
//! is linked with `faultfs`, which records the end of one that loses its power.

use mace_prod::{
    engine::{Driver, mace::MaceDriver, serialised_maintenance::SerialisedMaintenance},
    history::child::die_with_parent,
    scenario::aging::{
        Aging, LIFE,
        life::Said,
        plan::{Ending, Life},
    },
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
    match life.lead(&driver, &say) {
        Ok(is_sound) if is_sound && life.ending == Ending::PowerLoss => lose_power(&life, &driver),
        Ok(_) => {}
        Err(denial) => {
            let promise = "a call within the documented limits is carried out";
            say(&Said::Found(format!("answers: {denial}, where {promise}")));
            exit(1);
        }
    }
}

/// Records a short piece of work and judges what power losses leave of it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn lose_power(life: &Life, driver: &dyn Driver) {
    use faultfs::{Case, Explore, Session, acked, begun};
    use mace_prod::{scenario::power::TraceMark, testdir::link_tree};
    use std::time::Duration;

    /// The most states of each step, of which there are six: a state of a million keys takes a second.
    const STATES: u64 = 8;

    /// After which a state counts as hung; on a busy machine one of a million keys takes long.
    const DEADLINE: Duration = Duration::from_mins(5);

    /// A shorter life has fewer: a state for so many operations.
    const STATE_EVERY: u64 = 25_000;

    let database = life.database();
    let copy = life.folder.join("shared");
    let _ = std::fs::remove_dir_all(&copy);
    link_tree(&database, &copy).unwrap_or_else(|error| panic!("{error}"));
    let recording = Session::new().start(&database).unwrap_or_else(|error| panic!("{error}"));
    let worked = life.recorded(driver, &|word| match word {
        TraceMark::Asked(number) => begun(number),
        TraceMark::Promised(number) => acked(number),
    });
    let trace = recording.finish().unwrap_or_else(|error| panic!("{error}"));
    match worked {
        Ok(found) => found.into_iter().for_each(|found| say(&Said::Found(found))),
        Err(denial) => say(&Said::Found(format!("answers: {denial}, while it was recorded"))),
    }
    let explore = Explore::new()
        .seed(life.seed)
        .limit((life.operations / STATE_EVERY).clamp(2, STATES))
        .nested(0)
        .questions(0)
        .workers(2)
        .deadline(DEADLINE)
        .folder(&life.folder)
        .store(life.folder.join("losses"))
        .shared(&copy);
    let judge = |case: &Case| life.state(driver, case.dir(), case.acked());
    let report = explore.run(trace, &judge).unwrap_or_else(|error| panic!("{error}"));
    for finding in &report.findings {
        say(&Said::Found(format!("after a power loss: {finding}")));
    }
    say(&Said::Lost { states: report.judged(), left_out: report.left_out() });
    let _ = std::fs::remove_dir_all(&copy);
}

/// Elsewhere no life is drawn that ends so.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn lose_power(_: &Life, _: &dyn Driver) {}

fn say(said: &Said) {
    let line = serde_json::to_string(said).expect("what is said is plain data");
    let told = writeln!(stdout().lock(), "{line}");
    told.expect("who started this life listens");
}
