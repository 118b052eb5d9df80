//! The crash child: a process of its own that is meant to die. Its one argument is the path of a
//! plan; everything it does is `mace_prod::history::child::obey`.

use mace_prod::history::{child, kill::CountingAllocator};
use std::{path::Path, process::exit};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() {
    let plan = std::env::args_os().nth(1).expect("the first argument is the path of a plan");
    exit(child::obey(Path::new(&plan)));
}
