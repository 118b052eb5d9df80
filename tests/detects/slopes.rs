//! The slopes of resources with the real engine: one that leaves a little at each operation is found, whatever
//! it is that it leaves, and an honest one is not blamed.

use mace_prod::{
    engine::{
        Capabilities, Driver, Engine, EngineOptions, Outcome, Preset, Read,
        interceptor::{Intercept, Interceptor},
        mace::MaceDriver,
    },
    scenario::{
        Case,
        slopes::{Operation, leaves_nothing},
    },
    verdict::Verdict,
};
use std::{
    fs::{self, File},
    hint::black_box,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// What is left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leak {
    Nothing,
    Memory,
    Descriptor,
    Deleted,
    Log,
    Data,
    Manifest,
    Staged,
}

/// What is held for ever.
#[derive(Default)]
struct Held {
    memory: Vec<Vec<u8>>,
    files: Vec<File>,
    count: u64,
}

struct Leaking(Leak);

struct Leaks {
    leak: Leak,
    dir: PathBuf,
    held: Mutex<Held>,
}

impl Intercept for Leaking {
    fn below(&self) -> &dyn Driver {
        &MaceDriver
    }

    fn interceptor(&self, dir: &Path) -> Option<Arc<dyn Interceptor>> {
        Some(Arc::new(Leaks { leak: self.0, dir: dir.to_owned(), held: Mutex::default() }))
    }
}

impl Leaks {
    fn leak(&self) {
        let mut held = self.held.lock().expect("nobody panics while holding this");
        held.count += 1;
        let count = held.count;
        let write = |path: PathBuf, bytes: usize| {
            fs::write(&path, vec![0; bytes]).expect("the case's folder takes files");
            path
        };
        match self.leak {
            Leak::Nothing => {}
            Leak::Memory => held.memory.push(black_box(vec![1; 16])),
            Leak::Descriptor => held.files.push(File::open(&self.dir).expect("it is there")),
            Leak::Deleted => {
                let path = write(self.dir.join("data").join("data_gone"), 1);
                held.files.push(File::open(&path).expect("it is there"));
                fs::remove_file(path).expect("it is there");
            }
            Leak::Log => drop(write(self.dir.join("log").join(format!("wal_200_{count}")), 1)),
            Leak::Data => drop(write(self.dir.join("data").join(format!("data_{count}_x")), 1)),
            Leak::Manifest => {
                drop(write(self.dir.join("log").join(format!("manifest-{count}")), 4096));
            }
            Leak::Staged => drop(write(self.dir.with_file_name(format!("copy-{count}.tmp")), 1)),
        }
    }
}

impl Interceptor for Leaks {
    fn get(&self, read: &dyn Read, key: &[u8]) -> Outcome<Vec<u8>> {
        self.leak();
        read.get(key)
    }

    fn copy_to(&self, engine: &dyn Engine, target: &Path) -> Outcome<()> {
        self.leak();
        engine.copy_to(target)
    }
}

/// One in so many operations of a round.
const PART: u64 = 10;

/// An operation on an engine that leaks is to be found with these words, or not at all.
fn found(name: &str, operation: Operation, leak: Leak, words: &str) {
    Case::run_named(name, |case| {
        match leaves_nothing(case, &Leaking(leak), Preset::Tiny, operation, PART) {
            Verdict::Pass if leak == Leak::Nothing => Verdict::Pass,
            Verdict::Violated(found) if leak != Leak::Nothing => {
                let found: Vec<String> = found.into_iter().map(|it| it.witness).collect();
                let begins = format!("{}: {words} grew by", operation.name());
                assert!(found.iter().any(|it| it.starts_with(&begins)), "{begins}: {found:#?}");
                Verdict::Pass
            }
            other => panic!("{other:?}"),
        }
    });
}

macro_rules! leaks {
    ($($test:ident: $operation:ident, $leak:ident, $words:literal;)*) => {
        $(#[test]
        fn $test() {
            found(stringify!($test), Operation::$operation, Leak::$leak, $words);
        })*
    };
}

leaks! {
    an_honest_view_leaves_nothing: View, Nothing, "";
    an_honest_copy_leaves_nothing: RefusedCopy, Nothing, "";
    memory_of_each_view_is_found: View, Memory, "bytes of memory";
    a_descriptor_of_each_refused_copy_is_found: RefusedCopy, Descriptor, "descriptors";
    a_deleted_file_held_open_is_found: RefusedCopy, Deleted, "deleted files held open";
    a_log_file_of_each_refused_copy_is_found: RefusedCopy, Log, "log files";
    a_data_file_of_each_refused_copy_is_found: RefusedCopy, Data, "data files";
    a_record_of_the_manifest_is_found: RefusedCopy, Manifest, "bytes of manifest";
    a_staged_file_of_each_refused_copy_is_found: RefusedCopy, Staged, "staged files";
}

/// An opening that keeps a file.
struct KeepsAFile {
    kept: Mutex<Vec<File>>,
    can: Capabilities,
}

impl Driver for KeepsAFile {
    fn identity(&self) -> mace_prod::engine::Identity {
        MaceDriver.identity()
    }

    fn capabilities(&self) -> Capabilities {
        self.can
    }

    fn open(&self, dir: &Path, options: &EngineOptions) -> Outcome<Box<dyn Engine>> {
        self.kept.lock().expect("nobody panics while holding this").extend(File::open(dir));
        MaceDriver.open(dir, options)
    }

    fn check(&self, dir: &Path) -> Outcome<Vec<String>> {
        MaceDriver.check(dir)
    }
}

#[test]
fn a_descriptor_of_each_refused_opening_is_found() {
    let name = "a_descriptor_of_each_refused_opening_is_found";
    keeps_descriptors(name, Operation::RefusedOpening, MaceDriver.capabilities());
}

#[test]
fn a_descriptor_is_found_on_an_engine_without_sizes() {
    let name = "a_descriptor_is_found_on_an_engine_without_sizes";
    let can = Capabilities { sized: false, ..MaceDriver.capabilities() };
    assert!(Operation::RefusedOpening.lacking(can).is_some());
    keeps_descriptors(name, Operation::Opening, can);
}

/// An engine that can do this and keeps a descriptor of each opening is found out.
fn keeps_descriptors(name: &str, operation: Operation, can: Capabilities) {
    Case::run_named(name, |case| {
        let keeps = KeepsAFile { kept: Mutex::default(), can };
        let Verdict::Violated(found) = leaves_nothing(case, &keeps, Preset::Tiny, operation, PART)
        else {
            panic!("it is not found");
        };
        let all: Vec<String> = found.into_iter().map(|it| it.witness).collect();
        let words = format!("{}: descriptors", operation.name());
        assert!(all.len() == 1 && all[0].starts_with(&words), "{all:?}");
        Verdict::Pass
    });
}
