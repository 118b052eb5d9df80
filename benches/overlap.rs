//! What goes on beside maintenance: the calls that clients complete while a checkpoint, a rewrite, a copy
//! or an unloading is under way. One round, a line for each. It judges nothing; `just fixes overlap`
//! compares two engines by it.

use mace_prod::{
    engine::{
        Bucket, BucketOptions, Driver, Engine, EngineOptions, Merge, Outcome, Preset,
        mace::MaceDriver,
    },
    testdir::TestDir,
};
use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Threads that read a key of another's and write one of their own in each transaction. All are alike: a
/// thread that only reads would take what processor time the others leave, and its count would show that.
const CLIENTS: u32 = 3;
const KEYS: u32 = 2000;
const VALUE: [u8; 200] = [7; 200];

/// Commits before maintenance, so that it has something to do.
const COMMITS: u64 = 500;

/// How long each kind of maintenance is repeated; longer when it never came in that time, up to `LIMIT`.
const WINDOW: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(30);

/// A kind of maintenance.
#[derive(Clone, Copy)]
enum Maintenance {
    Checkpoint,
    Rewrite,
    Copy,
    Unload,
}

impl Maintenance {
    const ALL: [Self; 4] = [Self::Checkpoint, Self::Rewrite, Self::Copy, Self::Unload];

    fn name(self) -> &'static str {
        match self {
            Self::Checkpoint => "checkpoint",
            Self::Rewrite => "rewrite",
            Self::Copy => "copy",
            Self::Unload => "unload",
        }
    }
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    is_under_way: AtomicBool,
    /// Transactions that were completed while it was.
    beside: AtomicU64,
    commits: AtomicU64,
}

/// A database that is maintained.
struct Ground {
    engine: Box<dyn Engine>,
    bucket: Box<dyn Bucket>,
    copy: PathBuf,
}

/// How often, how many transactions beside it, and how long in all; and the same between one and the next,
/// where the clients have the machine as it is in that second to themselves.
#[derive(Default)]
struct Count {
    times: u64,
    calls: u64,
    under_way: Duration,
    quiet_calls: u64,
    quiet: Duration,
}

#[expect(clippy::print_stdout, reason = "a bench speaks to the terminal")]
fn main() {
    for maintenance in Maintenance::ALL {
        let name = maintenance.name();
        let count = measured(maintenance)
            .unwrap_or_else(|error| panic!("{name}: an engine on a healthy disk answered {error}"));
        let Count { times, calls, under_way, quiet_calls, quiet } = count;
        assert!(times > 0, "{name}: it never came to it");
        let under_way = under_way.as_micros();
        let quiet = quiet.as_micros();
        println!("{name} times={times} beside={calls}/{under_way} between={quiet_calls}/{quiet}");
    }
}

fn measured(maintenance: Maintenance) -> Outcome<Count> {
    let dir = TestDir::new("overlap").unwrap_or_else(|error| panic!("{error}"));
    // Small files, small leaves that are folded soon, and little garbage: there is always a file to
    // rewrite. The pages all stay in memory.
    let options = EngineOptions {
        collect_every_ms: None,
        data_file_bytes: 64 << 10,
        data_garbage_pct: 1,
        ..Preset::Defaults.engine()
    };
    let engine = MaceDriver.open(&dir.path().join("db"), &options)?;
    let made = BucketOptions { split_keys: 64, consolidate_deltas: 16, ..BucketOptions::default() };
    let bucket = engine.create_bucket("a", &made)?;
    let ground = Ground { engine, bucket, copy: dir.path().join("copy") };
    for client in 0..CLIENTS {
        (0..KEYS).try_for_each(|number| write(ground.bucket.as_ref(), client, number))?;
    }
    let shared = Shared::default();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let ground = &ground;
                let shared = &shared;
                scope.spawn(move || {
                    let served = serve(ground, shared, client);
                    shared.is_over.store(true, Ordering::Release);
                    served
                })
            })
            .collect();
        let counted = maintained(&ground, &shared, maintenance);
        shared.is_over.store(true, Ordering::Release);
        for client in clients {
            client.join().expect("no client panics")?;
        }
        counted
    })
}

fn key(client: u32, number: u32) -> Vec<u8> {
    [client.to_be_bytes(), number.to_be_bytes()].concat()
}

fn write(bucket: &dyn Bucket, client: u32, number: u32) -> Outcome<()> {
    let txn = bucket.begin()?;
    txn.upsert(&key(client, number), &VALUE)?;
    txn.commit()
}

/// One client: writes its keys over and over, and reads those of its neighbour.
fn serve(ground: &Ground, shared: &Shared, client: u32) -> Outcome<()> {
    let bucket = ground.bucket.as_ref();
    for number in (0..KEYS).cycle() {
        if shared.is_over.load(Ordering::Acquire) {
            break;
        }
        let txn = bucket.begin()?;
        txn.get(&key((client + 1) % CLIENTS, number))?;
        txn.upsert(&key(client, number), &VALUE)?;
        txn.commit()?;
        shared.commits.fetch_add(1, Ordering::Relaxed);
        if shared.is_under_way.load(Ordering::Acquire) {
            shared.beside.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Maintains the database as long as the window is open.
fn maintained(ground: &Ground, shared: &Shared, maintenance: Maintenance) -> Outcome<Count> {
    let mut count = Count::default();
    let started = Instant::now();
    // A client that ended early has an error to tell.
    let is_over = || shared.is_over.load(Ordering::Acquire);
    let is_long = |times: u64| started.elapsed() > if times == 0 { LIMIT } else { WINDOW };
    while !is_long(count.times) && !is_over() {
        let quiet = Instant::now();
        let first = shared.commits.load(Ordering::Relaxed);
        while shared.commits.load(Ordering::Relaxed) < first + COMMITS && !is_over() {
            thread::yield_now();
        }
        count.quiet_calls += shared.commits.load(Ordering::Relaxed) - first;
        count.quiet += quiet.elapsed();
        prepare(ground, maintenance)?;
        let collected = ground.engine.collected();
        let before = shared.beside.load(Ordering::Relaxed);
        let began = Instant::now();
        shared.is_under_way.store(true, Ordering::Release);
        let done = maintain(ground, maintenance);
        shared.is_under_way.store(false, Ordering::Release);
        let took = began.elapsed();
        done?;
        // A collection that rewrote nothing is none.
        if !matches!(maintenance, Maintenance::Rewrite) || ground.engine.collected() != collected {
            count.times += 1;
            count.calls += shared.beside.load(Ordering::Relaxed) - before;
            count.under_way += took;
        }
    }
    Ok(count)
}

/// What has to be there before it begins.
fn prepare(ground: &Ground, maintenance: Maintenance) -> Outcome<()> {
    match maintenance {
        Maintenance::Checkpoint => {}
        Maintenance::Rewrite => ground.bucket.checkpoint_and_wait(),
        Maintenance::Copy => {
            if ground.copy.exists() {
                fs::remove_dir_all(&ground.copy).expect("what was made can be removed");
            }
        }
        Maintenance::Unload => {
            let is_there = ground.engine.bucket_options("b").is_ok();
            let bucket = if is_there {
                ground.engine.open_bucket("b", Merge::None)?
            } else {
                ground.engine.create_bucket("b", &BucketOptions::default())?
            };
            (0..COMMITS as u32).try_for_each(|number| write(bucket.as_ref(), CLIENTS, number))?;
        }
    }
    Ok(())
}

fn maintain(ground: &Ground, maintenance: Maintenance) -> Outcome<()> {
    match maintenance {
        Maintenance::Checkpoint => ground.bucket.checkpoint_and_wait(),
        Maintenance::Rewrite => ground.engine.collect_garbage(),
        Maintenance::Copy => ground.engine.copy_to(&ground.copy)?,
        Maintenance::Unload => ground.engine.unload_bucket("b")?,
    }
    Ok(())
}
