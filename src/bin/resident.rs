//! The process that keeps one database open over a whole soak. Its one argument is the database's
//! folder, which is empty; it answers the requests that come over standard input.

use mace_prod::{
    engine::{mace::MaceDriver, serialised_maintenance::SerialisedMaintenance},
    scenario::aging::Aging,
};
use std::{
    io::{stdin, stdout},
    path::Path,
};

fn main() {
    let folder = std::env::args_os().nth(1).expect("the first argument is the database's folder");
    let driver = SerialisedMaintenance::new(&MaceDriver);
    let mut aging = Aging::open(&driver, Path::new(&folder))
        .unwrap_or_else(|denial| panic!("cannot open a new database: {denial}"));
    aging.serve(stdin().lock(), stdout().lock());
}
