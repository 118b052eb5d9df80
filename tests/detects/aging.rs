//! The aging database with the real engine: what its process holds is judged as a soak judges it. An
//! engine that leaks is found within twelve cycles; the honest one raises nothing. Runs in a process
//! of its own, so that what it reads of itself is its own.

use mace_prod::{
    engine::{
        Driver, Engine,
        faulty::{Defect, FaultyEngine},
        interceptor::{Intercept, Interceptor},
        mace::MaceDriver,
        model::ModelDriver,
        serialised_maintenance::SerialisedMaintenance,
    },
    scenario::aging::{Aging, Request},
    settings::Seed,
    testdir::TestDir,
};
use process::sample;
use results::{
    judge::{Resource, Trend, growth},
    limits::Growth,
    resident,
    row::Row,
};
use std::{
    fs::{self, File},
    hint::black_box,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// What leaks each time the engine is asked to collect, which it is five times a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leak {
    Nothing,
    File,
    Memory,
    Disk,
    /// More than any bound allows, where the data are.
    Hoard,
}

/// Leaks beside an honest engine.
struct Leaking<'a>(&'a dyn Driver, Leak);

struct Leaks {
    leak: Leak,
    dir: PathBuf,
    held: Mutex<(Vec<File>, Vec<Vec<u8>>, u64)>,
}

impl Leaks {
    fn leave(&self, name: &str, number: u64, bytes: usize) {
        let path = self.dir.join(format!("{name}-{number}"));
        let folder = path.parent().expect("it is in a folder");
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, vec![0; bytes])).unwrap();
    }
}

impl Intercept for Leaking<'_> {
    fn below(&self) -> &dyn Driver {
        self.0
    }

    fn interceptor(&self, dir: &Path) -> Option<Arc<dyn Interceptor>> {
        Some(Arc::new(Leaks { leak: self.1, dir: dir.to_owned(), held: Mutex::default() }))
    }
}

impl Interceptor for Leaks {
    fn collect_garbage(&self, engine: &dyn Engine) {
        engine.collect_garbage();
        let mut held = self.held.lock().expect("nobody panics while holding this");
        held.2 += 1;
        let number = held.2;
        match self.leak {
            Leak::Nothing => {}
            Leak::File => held.0.push(File::open(&self.dir).expect("the folder is there")),
            Leak::Memory => held.1.push(black_box(vec![1; 256 << 10])),
            Leak::Disk => self.leave("left", number, 64 << 10),
            Leak::Hoard => self.leave("data/hoard", number, 1 << 20),
        }
    }
}

/// Twelve cycles of an engine, as rows.
fn rows(leak: Leak) -> Vec<Row> {
    let dir = TestDir::new("aging").unwrap();
    let apart = SerialisedMaintenance::new(&MaceDriver);
    let driver = Leaking(&apart, leak);
    let mut aging = Aging::open(&driver, dir.path()).unwrap();
    let rows = (1..=12).map(|cycle| {
        let seed = Seed::new(77).derive(&format!("cycle {cycle}")).number();
        let answer = aging.cycle(Request { cycle, seed });
        assert_eq!(answer.found, None, "cycle {cycle}");
        assert!(answer.commits > 400 && answer.commit_p99_ns > 0, "{answer:?}");
        let read = sample::process(std::process::id()).unwrap();
        Row {
            cycle,
            rss_bytes: Some(read.rss_bytes),
            open_files: Some(read.open_files),
            threads: Some(read.threads),
            disk_bytes: Some(sample::bytes_below(dir.path()).unwrap()),
            process: 1,
            ..Row::default()
        }
    });
    rows.collect()
}

/// The resources that a soak would say grow.
fn found(leak: Leak) -> Vec<Resource> {
    let rows = rows(leak);
    let judged = Resource::ALL.map(|resource| growth(resource, &rows, &Growth::default()));
    let found = Resource::ALL.into_iter().zip(&judged).filter(|(_, j)| j.trend == Trend::Found);
    let found: Vec<Resource> = found.map(|(resource, _)| resource).collect();
    let inconclusive = judged.iter().find(|j| j.trend == Trend::Inconclusive);
    assert!(inconclusive.is_none(), "{inconclusive:?}");
    found
}

#[test]
fn an_honest_engine_raises_nothing() {
    if sample::AVAILABLE {
        assert_eq!(found(Leak::Nothing), []);
    }
}

#[test]
fn a_leaking_engine_is_found_within_twelve_cycles() {
    if sample::AVAILABLE {
        assert_eq!(found(Leak::File), [Resource::OpenFiles]);
    }
}

#[test]
fn leaked_memory_is_found_within_twelve_cycles() {
    if sample::AVAILABLE {
        assert_eq!(found(Leak::Memory), [Resource::Memory]);
    }
}

#[test]
fn files_left_behind_are_found_within_twelve_cycles() {
    if sample::AVAILABLE {
        assert_eq!(found(Leak::Disk), [Resource::Disk]);
    }
}

/// What three cycles find in an engine that defects.
fn told(driver: &dyn Driver) -> String {
    let dir = TestDir::new("aging").unwrap();
    let mut aging = Aging::open(driver, dir.path()).unwrap();
    let answers = (1..=3).map(|cycle| aging.cycle(Request { cycle, seed: 5 * cycle }).found);
    answers.flatten().collect::<Vec<_>>().join("; ")
}

#[test]
fn the_oracles_of_a_cycle_catch_sins_only() {
    let honest = || FaultyEngine::honest(ModelDriver::default());
    assert_eq!(told(&honest()), "");
    for (defect, oracle) in [
        (Defect::AcknowledgedThenDropped, "contents: "),
        (Defect::ScanSkips, "scan: "),
        (Defect::PointReadMisses, "scan: "),
        // Of the clients in the cycle's own bucket, whose isolation nobody judged once.
        (Defect::BackwardDisordered, "isolation: range read"),
    ] {
        let told = told(&honest().with_defect(defect));
        assert!(told.contains(oracle), "{defect:?}: {told}");
    }
    let told = told(&Leaking(&ModelDriver::default(), Leak::Hoard));
    assert!(told.contains("space: "), "{told}");
}

#[test]
fn the_resident_speaks_what_the_soak_understands() {
    let dir = TestDir::new("aging").unwrap();
    let mut aging = Aging::open(&ModelDriver::default(), dir.path()).unwrap();
    let requests: Vec<_> =
        (1..=2).map(|cycle| resident::Request { cycle, seed: u64::MAX - cycle }).collect();
    let lines: String = requests.iter().map(|request| request.line() + "\n").collect();
    let mut answers = Vec::new();
    aging.serve(lines.as_bytes(), &mut answers);
    let answers = String::from_utf8(answers).unwrap();
    assert_eq!(answers.lines().count(), 2);
    for (line, request) in answers.lines().zip(requests) {
        assert_eq!(resident::Answer::parse(line, request).unwrap().found, None, "{line}");
    }
}
