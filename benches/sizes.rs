//! What an operation costs in small and in large databases: one of each size, ten times larger each time,
//! is filled in a process that is killed, and opened again. Prints a table with the exponent of each
//! cost, fitted over the sizes, and fails when a call that finds its key by a tree costs more than that and no
//! known finding says so.
//!
//! `cargo bench --no-default-features --bench sizes -- [MOST]`: up to so many keys, a million unless told.

use mace_prod::{
    engine::{
        Bucket, BucketOptions, Driver, EngineOptions, Keys, Merge, Order, Outcome, Scan,
        mace::MaceDriver,
    },
    history::kill::die,
    settings::{FindingId, Seed, excludes},
    testdir::TestDir,
};
use results::stats;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    ops::Bound,
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

const NAME: &str = "a";
const VALUE: [u8; 100] = [7; 100];
/// The pages of larger databases do not fit, as those of users do not.
const CACHE: u64 = 64 << 20;
/// Keys in each transaction that fills.
const TOGETHER: u64 = 1000;
/// Keys that the log alone has when the process is killed, at every size.
const UNWRITTEN: u64 = 1000;
/// How long each operation is repeated.
const WINDOW: Duration = Duration::from_millis(500);
/// The exponent above which a call's cost does not follow the height of a tree. From a thousand keys to a
/// million the height grows by less than four times, and so does what lies outside of the caches.
const TREE: f64 = 0.35;

/// What one database cost. Times are in nanoseconds, of one call each.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Cost {
    keys: u64,
    fill: f64,
    get: f64,
    update: f64,
    seek: f64,
    last: f64,
    scan_100: f64,
    reopen: f64,
    memory_bytes: f64,
    files: f64,
    disk_bytes: f64,
}

/// A column: its title, what it shows, how, and whether a tree's height bounds it.
struct Column {
    title: &'static str,
    of: fn(&Cost) -> f64,
    unit: Unit,
    is_tree: bool,
    /// The finding that lets it grow faster.
    known: Option<FindingId>,
}

#[derive(Clone, Copy)]
enum Unit {
    Nanoseconds,
    Bytes,
    Count,
}

const fn column(title: &'static str, of: fn(&Cost) -> f64, unit: Unit, is_tree: bool) -> Column {
    Column { title, of, unit, is_tree, known: None }
}

const LAST: Column = Column {
    known: Some(FindingId::LAST_KEY_READS_EVERY_LEAF),
    ..column("last key of a range", |cost| cost.last, Unit::Nanoseconds, true)
};

const COLUMNS: [Column; 10] = [
    column("put", |cost| cost.fill, Unit::Nanoseconds, true),
    column("get", |cost| cost.get, Unit::Nanoseconds, true),
    column("update", |cost| cost.update, Unit::Nanoseconds, true),
    column("seek", |cost| cost.seek, Unit::Nanoseconds, true),
    LAST,
    column("scan of 100", |cost| cost.scan_100, Unit::Nanoseconds, true),
    column("reopen after a kill", |cost| cost.reopen, Unit::Nanoseconds, false),
    column("memory", |cost| cost.memory_bytes, Unit::Bytes, false),
    column("files", |cost| cost.files, Unit::Count, false),
    column("disk", |cost| cost.disk_bytes, Unit::Bytes, false),
];

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench speaks to the terminal")]
fn main() -> ExitCode {
    // Cargo adds a word of its own.
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let most = match args.as_slice() {
        ["fill", keys, dir] => {
            fill(keys.parse().expect("the parent wrote a number"), Path::new(dir));
            return ExitCode::SUCCESS;
        }
        [] => 1_000_000,
        [most] if most.parse::<u64>().is_ok_and(|most| most >= 10_000) => {
            most.parse().expect("just seen")
        }
        other => {
            eprintln!("sizes: `{}` is no number of keys from 10000 on", other.join(" "));
            return ExitCode::from(2);
        }
    };
    let sizes = (3..).map(|zeros| 10_u64.pow(zeros)).take_while(|keys| *keys <= most);
    let costs: Vec<Cost> = sizes.map(measured).collect();
    println!("{}", table(&costs));
    let mut code = ExitCode::SUCCESS;
    for column in COLUMNS.iter().filter(|column| column.is_tree) {
        let power = exponent(&costs, column.of);
        let known = column.known.filter(|finding| excludes(*finding));
        match known {
            _ if power <= TREE => {}
            Some(finding) => println!("{} grows as keys^{power:.2}: {finding}", column.title),
            None => {
                println!("{} grows as keys^{power:.2}, faster than keys^{TREE}", column.title);
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// Fills a database of this size in a process that is killed, and opens it again.
fn measured(keys: u64) -> Cost {
    let dir = TestDir::new("sizes").unwrap_or_else(|error| panic!("{error}"));
    let db = dir.path().join("db");
    let own = std::env::current_exe().expect("a bench knows where it is");
    let status = Command::new(own).arg("fill").arg(keys.to_string()).arg(&db).status();
    let status = status.unwrap_or_else(|error| panic!("cannot start this bench again: {error}"));
    let told = fs::read(told(&db)).unwrap_or_else(|_| panic!("{keys} keys: {status} too early"));
    let mut cost: Cost = serde_json::from_slice(&told).expect("the child wrote a cost");
    (cost.files, cost.disk_bytes) = on_disk(&db);
    let begun = Instant::now();
    let engine = MaceDriver.open(&db, &options()).unwrap_or_else(|denial| panic!("{denial}"));
    let bucket = engine.open_bucket(NAME, Merge::None).unwrap_or_else(|denial| panic!("{denial}"));
    // The first read is a part of it: an engine may put off what it has to recover.
    let found = bucket.view().and_then(|view| view.get(&key(keys - 1)));
    cost.reopen = begun.elapsed().as_nanos() as f64;
    assert_eq!(found.map(|value| value.len()), Ok(VALUE.len()), "what was committed is there");
    cost
}

/// A commit returns when its log is with the operating system: a disk's sync would hide all else.
fn options() -> EngineOptions {
    EngineOptions { durable: false, ..EngineOptions::default() }
}

/// Where the child leaves what it measured.
fn told(db: &Path) -> std::path::PathBuf {
    db.with_extension("json")
}

/// The child: fills, measures, and is killed with something in the log alone.
fn fill(keys: u64, dir: &Path) {
    let cost = filled(keys, dir).unwrap_or_else(|denial| panic!("{keys} keys: {denial}"));
    fs::write(told(dir), cost).expect("the folder takes files");
    die();
}

fn filled(keys: u64, dir: &Path) -> Outcome<Vec<u8>> {
    let engine = MaceDriver.open(dir, &options())?;
    let made = BucketOptions { cache_bytes: CACHE, ..BucketOptions::default() };
    let bucket = engine.create_bucket(NAME, &made)?;
    let bucket = bucket.as_ref();
    let begun = Instant::now();
    for first in (0..keys).step_by(TOGETHER as usize) {
        let txn = bucket.begin()?;
        (first..keys.min(first + TOGETHER)).try_for_each(|number| txn.put(&key(number), &VALUE))?;
        txn.commit()?;
    }
    let fill = begun.elapsed().as_nanos() as f64 / keys as f64;
    bucket.checkpoint_and_wait();
    let mut rng = Seed::new(keys).rng();
    let mut any = || key(rng.below(keys));
    let scan = |keys, order, limit| Scan { keys, order, limit };
    let from = |key| Keys::Range(Bound::Included(key), Bound::Unbounded);
    let get = repeated(|| bucket.view()?.get(&any()).map(drop))?;
    let seek = repeated(|| bucket.view()?.scan(&scan(from(any()), Order::Forward, 1)).map(drop))?;
    let scan_100 =
        repeated(|| bucket.view()?.scan(&scan(from(any()), Order::Forward, 100)).map(drop))?;
    let backward = || scan(from(key(0)), Order::Backward, 1);
    let last = repeated(|| bucket.view()?.scan(&backward()).map(drop))?;
    let update = repeated(|| update(bucket, &any()))?;
    let memory_bytes = resident();
    bucket.checkpoint_and_wait();
    (0..UNWRITTEN).try_for_each(|_| self::update(bucket, &any()))?;
    let cost =
        Cost { keys, fill, get, update, seek, last, scan_100, memory_bytes, ..Cost::default() };
    Ok(serde_json::to_vec(&cost).expect("a cost is plain data"))
}

fn update(bucket: &dyn Bucket, key: &[u8]) -> Outcome<()> {
    let txn = bucket.begin()?;
    txn.update(key, &VALUE)?;
    txn.commit()
}

/// Nanoseconds of one call, over as many as the window holds.
fn repeated(mut call: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    let begun = Instant::now();
    let mut calls = 0_u64;
    while calls == 0 || begun.elapsed() < WINDOW {
        call()?;
        calls += 1;
    }
    Ok(begun.elapsed().as_nanos() as f64 / calls as f64)
}

/// Keys in no order, each of its own: an odd factor permutes the numbers of 64 bits.
fn key(number: u64) -> Vec<u8> {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec()
}

/// Bytes that the process has in memory; 0 where the kernel does not say.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or_default() * 1024.0
}

/// Files of a database and their bytes.
fn on_disk(dir: &Path) -> (f64, f64) {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.fold((0.0, 0.0), |(files, bytes), entry| {
        let found = if entry.path().is_dir() {
            on_disk(&entry.path())
        } else {
            (1.0, entry.metadata().map_or(0.0, |file| file.len() as f64))
        };
        (files + found.0, bytes + found.1)
    })
}

/// The power of the number of keys that a column follows. A cost that was not measured is taken as next to nothing.
fn exponent(costs: &[Cost], of: fn(&Cost) -> f64) -> f64 {
    let points = costs.iter().map(|cost| (cost.keys as f64, of(cost).max(1e-9)));
    stats::exponent(&points.collect::<Vec<_>>()).expect("two sizes at the least")
}

fn table(costs: &[Cost]) -> String {
    let titles: Vec<&str> = COLUMNS.iter().map(|column| column.title).collect();
    let mut lines = vec![
        format!("| keys | {} |", titles.join(" | ")),
        format!("|{}", " ---: |".repeat(COLUMNS.len() + 1)),
    ];
    for cost in costs {
        let cells = COLUMNS.iter().map(|column| shown((column.of)(cost), column.unit));
        lines.push(format!("| {} | {} |", cost.keys, cells.collect::<Vec<_>>().join(" | ")));
    }
    let fitted = COLUMNS.iter().map(|column| format!("{:.2}", exponent(costs, column.of)));
    lines.push(format!("| exponent | {} |", fitted.collect::<Vec<_>>().join(" | ")));
    lines.join("\n")
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Nanoseconds if value < 1e6 => format!("{:.1} µs", value / 1e3),
        Unit::Nanoseconds => format!("{:.1} ms", value / 1e6),
        Unit::Bytes => format!("{:.1} MiB", value / f64::from(1 << 20)),
        Unit::Count => format!("{value:.0}"),
    }
}
