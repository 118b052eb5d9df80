//! The aging database with the real engine: lives in this process, and lives in processes of their own that
//! end in every way. What a process holds is judged as a soak judges it.

use mace_prod::{
    engine::{
        Driver, Engine, Merge, Outcome,
        faulty::{Defect, FaultyEngine},
        interceptor::{Intercept, Interceptor},
        mace::MaceDriver,
        model::ModelDriver,
        serialised_maintenance::SerialisedMaintenance,
    },
    history::child::sibling,
    scenario::aging::{
        Aging, Manners, Request, Rest,
        life::Said,
        plan::{Copying, Ending, Life, Scale},
    },
    scenario::power::TraceMark,
    settings::{FindingId, excludes},
    testdir::TestDir,
};
use process::sample;
use results::{
    judge::{Resource, Trend, growth},
    limits::Growth,
    resident::{Answer, PROGRAM},
    row::Row,
};
use std::{
    fs::{self, File},
    hint::black_box,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

/// Keys of the databases here.
const KEYS: u64 = 2000;

/// Operations of a life.
const OPERATIONS: u64 = 6000;

/// What leaks each time the engine is asked to collect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leak {
    Nothing,
    Files,
    Memory,
    /// More than any bound allows, where the data are.
    Hoard,
}

/// Leaks beside an honest engine.
struct Leaking<'a>(&'a dyn Driver, Leak);

#[derive(Default)]
struct Held {
    files: Vec<File>,
    memory: Vec<Vec<u8>>,
    rounds: u64,
}

struct Leaks {
    leak: Leak,
    dir: PathBuf,
    held: Mutex<Held>,
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
        held.rounds += 1;
        match self.leak {
            Leak::Nothing => {}
            Leak::Files => {
                let file = || File::open(&self.dir).expect("the folder is there");
                held.files.extend((0..4).map(|_| file()));
            }
            Leak::Memory => held.memory.push(black_box(vec![1; 8 << 20])),
            Leak::Hoard => {
                let data = self.dir.join("data");
                fs::create_dir_all(&data).unwrap();
                fs::write(data.join(format!("hoard-{}", held.rounds)), vec![0; 32 << 20]).unwrap();
            }
        }
    }
}

/// A life that ends by closing, in a database of its own.
fn life(dir: &Path, cycle: u64) -> Life {
    let scale = Scale { folder: dir.to_owned(), keys: KEYS, operations: OPERATIONS };
    let drawn = Life::draw(cycle, 7 * cycle, &scale, None);
    // What is drawn for a life that is killed is right for one that is closed.
    Life { ending: Ending::Close, ..drawn }
}

/// What a life in this process says.
fn said(driver: &dyn Driver, life: &Life) -> Vec<Said> {
    let said = Mutex::new(Vec::new());
    let outcome: Outcome<bool> =
        life.lead(driver, &|what: &Said| said.lock().unwrap().push(what.clone()));
    let mut said = said.into_inner().unwrap();
    if let Err(denial) = outcome {
        said.push(Said::Found(format!("answers: {denial}")));
    }
    said
}

fn found(said: &[Said]) -> String {
    let found = said.iter().filter_map(|said| match said {
        Said::Found(words) => Some(words.as_str()),
        _ => None,
    });
    found.collect::<Vec<_>>().join("; ")
}

fn rests(said: &[Said]) -> Vec<Rest> {
    let rest = |said: &Said| if let Said::Rested(rest) = said { Some(*rest) } else { None };
    said.iter().filter_map(rest).collect()
}

/// The resources that a soak would say grow, over a life.
fn growing(leak: Leak) -> Vec<Resource> {
    let dir = TestDir::new("aging").unwrap();
    let apart = SerialisedMaintenance::new(&MaceDriver);
    let said = said(&Leaking(&apart, leak), &life(dir.path(), 1));
    assert_eq!(found(&said), "");
    let rows: Vec<Row> = (1..)
        .zip(rests(&said))
        .map(|(cycle, rest)| Row {
            cycle,
            rss_bytes: rest.rss_bytes,
            open_files: rest.open_files,
            threads: rest.threads,
            process: 1,
            ..Row::default()
        })
        .collect();
    assert_eq!(rows.len(), 13, "the filling and twelve stretches");
    let of = [Resource::Memory, Resource::OpenFiles, Resource::Threads];
    let judged = of.map(|resource| growth(resource, &rows, &Growth::default()));
    let inconclusive = judged.iter().find(|j| j.trend == Trend::Inconclusive);
    assert!(inconclusive.is_none(), "{inconclusive:?}");
    let found = of.into_iter().zip(&judged).filter(|(_, j)| j.trend == Trend::Found);
    found.map(|(resource, _)| resource).collect()
}

#[test]
fn an_honest_engine_raises_nothing() {
    if sample::AVAILABLE {
        assert_eq!(growing(Leak::Nothing), []);
    }
}

#[test]
fn a_leak_of_files_is_found_within_a_life() {
    if sample::AVAILABLE {
        assert_eq!(growing(Leak::Files), [Resource::OpenFiles]);
    }
}

#[test]
fn a_leak_of_memory_is_found_within_a_life() {
    if sample::AVAILABLE {
        assert_eq!(growing(Leak::Memory), [Resource::Memory]);
    }
}

#[test]
fn the_oracles_of_a_life_catch_defects_only() {
    let told = |driver: &dyn Driver| {
        let dir = TestDir::new("aging").unwrap();
        // Copies and unloadings have a test of their own, and would see some of these first.
        let plain = |life| Life { copying: Copying::Never, unloads: false, ..life };
        let lives = (1..=2).map(|cycle| found(&said(driver, &plain(life(dir.path(), cycle)))));
        lives.collect::<Vec<_>>().join("; ")
    };
    let honest = || FaultyEngine::honest(ModelDriver::default());
    assert_eq!(told(&honest()), "; ");
    // Which commit is lost decides which words it gets.
    let lost = ["a lost suffix: ", "a hole, ", "a torn transaction, "];
    for (defect, words) in [
        (Defect::AcknowledgedThenDropped, &lost[..]),
        (Defect::ScanSkips, &["a key is gone: "]),
        (Defect::PointReadMisses, &["scan: "]),
        // Of the clients in the window.
        (Defect::BackwardDisordered, &["isolation: range read"]),
    ] {
        let told = told(&honest().with_defect(defect));
        assert!(words.iter().any(|word| told.contains(word)), "{defect:?}: {told}");
    }
    let told = told(&Leaking(&ModelDriver::default(), Leak::Hoard));
    assert!(told.contains("space: "), "{told}");
}

/// An engine that loses a key of the old bucket where it is copied, or unloaded.
#[derive(Clone)]
struct Losing {
    model: ModelDriver,
    copies: bool,
    unloads: bool,
}

impl Intercept for Losing {
    fn below(&self) -> &dyn Driver {
        &self.model
    }

    fn interceptor(&self, _: &Path) -> Option<Arc<dyn Interceptor>> {
        Some(Arc::new(self.clone()))
    }
}

/// The first key of the old bucket that holds a value.
const VICTIM: &[u8] = b"k/00000000";

impl Interceptor for Losing {
    fn copy_to(&self, engine: &dyn Engine, target: &Path) -> Outcome<()> {
        engine.copy_to(target)?;
        if self.copies {
            self.model.tamper(target, "old", |pairs| drop(pairs.remove(VICTIM)));
        }
        Ok(())
    }

    fn unload_bucket(&self, engine: &dyn Engine, name: &str) -> Outcome<()> {
        if self.unloads && name == "old" {
            let bucket = engine.open_bucket(name, Merge::Sum)?;
            let txn = bucket.begin()?;
            txn.upsert(VICTIM, b"lost")?;
            txn.del(VICTIM)?;
            txn.commit()?;
        }
        engine.unload_bucket(name)
    }
}

/// What a life finds that copies the database so, and unloads its bucket or not.
fn found_in_upkeep(losing: &Losing, copying: Copying, unloads: bool) -> String {
    let dir = TestDir::new("aging").unwrap();
    let life = life(dir.path(), 1);
    let manners = Manners { deletes: false, ..life.manners };
    let said = said(losing, &Life { copying, unloads, manners, ..life });
    let copies = said.iter().filter(|said| **said == Said::Copied).count();
    assert_eq!(copies, usize::from(copying != Copying::Never && !losing.unloads), "{said:?}");
    found(&said)
}

#[test]
fn copies_and_unloadings_are_judged() {
    let losing = |copies, unloads| Losing { model: ModelDriver::default(), copies, unloads };
    for copying in [Copying::AtRest, Copying::AtWork] {
        assert_eq!(found_in_upkeep(&losing(false, false), copying, true), "");
        let told = found_in_upkeep(&losing(true, false), copying, false);
        assert!(
            told.starts_with("in a copy, ") && told.contains("k/00000000 is Nothing"),
            "{told}"
        );
    }
    let told = found_in_upkeep(&losing(false, true), Copying::Never, true);
    assert!(told.starts_with("after an unloading, a key is gone: k/00000000"), "{told}");
}

#[test]
fn lives_copy_and_unload_where_no_finding_is() {
    let scale = Scale { folder: PathBuf::new(), keys: KEYS, operations: OPERATIONS };
    let lives: Vec<Life> = (0..200).map(|seed| Life::draw(1, seed, &scale, None)).collect();
    let copies = |when| lives.iter().filter(|life| life.copying == when).count();
    assert!(copies(Copying::Never) > 50 && copies(Copying::AtRest) > 20);
    let beside = copies(Copying::AtWork);
    assert_eq!(beside > 0, !excludes(FindingId::COPY_DURING_CHECKPOINT), "{beside}");
    let evicts = |life: &&Life| life.unloads && life.bucket.cache_bytes < 1 << 30;
    assert!(lives.iter().any(|life| life.unloads));
    let races = lives.iter().filter(evicts).count();
    assert_eq!(races > 0, !excludes(FindingId::UNLOAD_RACES_THE_EVICTOR), "{races}");
}

fn request(cycle: u64) -> Request {
    Request { cycle, seed: 31 * cycle, keys: KEYS, operations: 1500 }
}

/// A life of each ending but a power loss, each judged by the next one.
#[test]
fn a_database_survives_how_its_lives_end() {
    let dir = TestDir::new("aging").unwrap();
    let aging = Aging::new(&sibling(PROGRAM), dir.path());
    let ways = ["KillAcked", "KillAsked", "Failpoint", "Close"];
    let can = |way: &&str| cfg!(feature = "failpoints") || *way != "Failpoint";
    for (cycle, way) in (1..).zip(ways.into_iter().filter(can)) {
        let request = Request { seed: seed_of(way, dir.path()), ..request(cycle) };
        let answer = aging.cycle(request).unwrap();
        assert_eq!(answer.found, None, "{answer:?}");
        assert_eq!((answer.cycle, answer.life), (cycle, cycle));
        assert!(answer.ended.starts_with(way), "{answer:?}");
        assert_eq!(answer.crashes, u64::from(way != "Close"), "{answer:?}");
        assert_eq!(answer.states, 0, "{answer:?}");
    }
    let closed = Request { operations: 0, ..request(9) };
    let last = aging.cycle(closed).unwrap();
    assert_eq!((last.found, last.crashes), (None, 0));
}

/// A life that ends in a power loss judges crash states. What it finds in the engine's own is not the
/// matter here: docs/open-findings.md has one that is not explained.
#[test]
fn a_power_loss_is_judged_in_its_states() {
    let dir = TestDir::new("aging").unwrap();
    let aging = Aging::new(&sibling(PROGRAM), dir.path());
    let request = Request { seed: seed_of("PowerLoss", dir.path()), ..request(1) };
    let answer = aging.cycle(request).unwrap();
    assert!(answer.ended.starts_with("PowerLoss"), "{answer:?}");
    assert!(answer.states > 5, "{answer:?}");
    if let Some(found) = &answer.found {
        let is_open = found.contains("after a power loss: ")
            && found.contains("a torn transaction, an old version is back");
        assert!(is_open, "{answer:?}");
    }
}

/// A seed that draws a life on the durable route with this ending.
fn seed_of(way: &str, dir: &Path) -> u64 {
    let scale = Scale { folder: dir.to_owned(), keys: KEYS, operations: request(1).operations };
    let is_it = |seed: &u64| {
        let life = Life::draw(1, *seed, &scale, None);
        life.options.durable && format!("{:?}", life.ending).starts_with(way)
    };
    (1..10_000).find(is_it).expect("one in a few seeds does")
}

/// The judge of a power loss: what was promised is there, and what was not may be.
#[test]
fn a_power_loss_must_not_take_what_was_promised() {
    let dir = TestDir::new("aging").unwrap();
    let driver = ModelDriver::default();
    let life = life(dir.path(), 1);
    assert_eq!(found(&said(&driver, &life)), "");
    let promised = Mutex::new(Vec::new());
    let worked = life.recorded(&driver, &|word| {
        if let TraceMark::Promised(number) = word {
            promised.lock().unwrap().push(number);
        }
    });
    assert_eq!(worked.unwrap(), [""; 0]);
    let mut promised = promised.into_inner().unwrap();
    let judged = |promised: &[u64]| life.state(&driver, &life.database(), promised);
    assert_eq!(judged(&promised), Ok(()));
    assert_eq!(judged(&[]), Ok(()), "more than was promised may be there");
    let newest = *promised.iter().filter(|number| **number >> 32 == 3).max().unwrap();
    promised.push(newest + 1);
    let lost = judged(&promised).unwrap_err();
    assert!(lost.starts_with("a lost suffix: client 3 is at"), "{lost}");
    driver.tamper(&life.database(), "old", |pairs| {
        let key = pairs.keys().find(|key| key.starts_with(b"k/")).unwrap().clone();
        pairs.remove(&key);
    });
    let gone = judged(&promised[..promised.len() - 1]).unwrap_err();
    assert!(gone.contains("a key is gone"), "{gone}");
}

/// The program is killed in the middle of a life, and with it who leads the life.
#[test]
fn an_interrupted_run_goes_on_as_it_was() {
    let dir = TestDir::new("aging").unwrap();
    let mut program = Command::new(sibling(PROGRAM))
        .arg(dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut input = program.stdin.take().unwrap();
    for cycle in 1..=3 {
        let request = request(cycle);
        writeln!(input, "{}", request.line()).unwrap();
        if cycle < 3 {
            let answer = Answer::parse(&lines.next().unwrap().unwrap(), request).unwrap();
            assert_eq!(answer.found, None);
        }
    }
    program.kill().unwrap();
    program.wait().unwrap();
    let aging = Aging::new(&sibling(PROGRAM), dir.path());
    let answer = aging.cycle(request(4)).unwrap();
    assert_eq!(answer.found, None, "{answer:?}");
    assert!(answer.life >= 3, "{answer:?}");
}

/// A database that is not sound is said once and put aside.
#[test]
fn what_is_lost_is_said_and_put_aside() {
    let dir = TestDir::new("aging").unwrap();
    let aging = Aging::new(&sibling(PROGRAM), dir.path());
    let closed = Request { operations: 0, ..request(1) };
    assert_eq!(aging.cycle(closed).unwrap().found, None);
    fs::remove_dir_all(dir.path().join("current/db")).unwrap();
    let found = aging.cycle(Request { cycle: 2, ..closed }).unwrap().found.unwrap();
    assert!(found.contains("a lost suffix: the bucket is gone"), "{found}");
    assert!(dir.path().join("found-2").is_dir() && !dir.path().join("current").exists());
    assert_eq!(aging.cycle(Request { cycle: 3, ..closed }).unwrap().found, None);
}
