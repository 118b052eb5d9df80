//! The crash child: a process of its own that is meant to die. Its arguments are the path of a plan and
//! the build of who wrote it; everything it does is `mace_prod::history::child::obey`.

use mace_prod::history::{child, kill::CountingAllocator};
use std::{path::Path, process::exit};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() {
    let mut args = std::env::args_os().skip(1);
    let plan = args.next().expect("the first argument is the path of a plan");
    let build = args.next().expect("the second argument is the build of who wrote it");
    exit(child::obey(Path::new(&plan), &build.to_string_lossy()));
}
