//! Options that show what they do: each with a database on either side of it. docs/limits.md says which case
//! is there for which option.

use mace_prod::{
    case,
    engine::{
        Bucket, BucketOptions, Counter, Engine, EngineError, EngineOptions, Keys, Merge, Need,
        Order, Preset, Scan, options::DEEP_KEYS, under_test,
    },
    history::counters,
    scenario::{
        claims::{Claims, contents, judge, store},
        run::goals::Depth,
    },
    settings::{FindingId, Seed, excludes},
    testdir::copy_tree,
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

const PROMISE: &str = "an option does what its documentation says";

/// Looks at what a timer of the engine's is to do, and the time between two; the nudge looks every ten
/// seconds.
const LOOKS: u32 = 1200;
const BETWEEN: Duration = Duration::from_millis(50);

/// The room that zstd takes for a block, in bytes, and what a stored value has in front of it.
const BLOCK: usize = 128 << 10;
const RECORD_HEAD: usize = 69;

case!(stress_a_transaction_ends_at_its_checkpoints: in [Tiny, Relaxed], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, a_transaction_ends_at_its_checkpoints);
});
case!(stress_only_eager_rounds_rewrite_small_files: in [Tiny, Compressed], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, only_eager_rounds_rewrite_small_files);
});
case!(stress_a_torn_log_is_cut_or_refused: in [Tiny, OneWriter], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, a_torn_log_is_cut_or_refused);
});
case!(stress_the_log_may_have_a_folder_of_its_own: in [Tiny, Relaxed], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, the_log_may_have_a_folder_of_its_own);
});
case!(stress_a_temporary_folder_goes_at_its_close: in [Tiny, Defaults], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, a_temporary_folder_goes_at_its_close);
});
case!(stress_commits_share_a_sync_within_the_window: in [Tiny, Defaults], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, commits_share_a_sync_within_the_window);
});
case!(stress_timers_collect_and_write_checkpoints: in [Tiny], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, timers_collect_and_write_checkpoints);
});
case!(stress_writers_wait_only_with_backpressure: in [Tiny], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, writers_wait_only_with_backpressure);
});
case!(stress_records_of_whole_blocks_are_kept: in [Compressed, Defaults], |run| {
    judge(run, &[], PROMISE, records_of_whole_blocks_are_kept);
});
case!(stress_the_last_key_is_found_either_way: in [Deep], |run| {
    judge(run, &[], PROMISE, the_last_key_is_found_either_way);
});

fn open(options: &EngineOptions, dir: &Path, claims: &mut Claims) -> Box<dyn Engine> {
    let engine = claims.granted("open", under_test::driver().open(dir, options));
    engine.expect("a case cannot go on without its database")
}

fn make(engine: &dyn Engine, options: &BucketOptions, claims: &mut Claims) -> Box<dyn Bucket> {
    let bucket = claims.granted("create", engine.create_bucket("a", options));
    bucket.expect("a case cannot go on without it")
}

fn found(engine: &dyn Engine, claims: &mut Claims) -> Box<dyn Bucket> {
    let bucket = claims.granted("open a bucket", engine.open_bucket("a", Merge::None));
    bucket.expect("a case cannot go on without it")
}

fn number(number: u32) -> Vec<u8> {
    format!("{number:06}").into_bytes()
}

/// So many pairs, a hundred in a transaction.
fn fill(bucket: &dyn Bucket, numbers: impl Iterator<Item = u32>, len: usize, claims: &mut Claims) {
    let all: Vec<u32> = numbers.collect();
    for some in all.chunks(100) {
        let txn = claims.granted("begin", bucket.begin()).expect("a healthy bucket");
        for at in some {
            claims.same(
                "write",
                &txn.upsert(&number(*at), &vec![at.to_le_bytes()[0]; len]),
                &Ok(()),
            );
        }
        claims.same("commit", &txn.commit(), &Ok(()));
    }
}

/// What is there of a folder's files whose names begin so, in order.
fn files(dir: &Path, name: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_it = |path: &PathBuf| {
        path.file_name().is_some_and(|own| own.to_string_lossy().starts_with(name))
    };
    let mut files: Vec<PathBuf> = entries.filter(is_it).collect();
    files.sort();
    files
}

/// Whether it comes true while nobody works: only the engine's own threads can make it.
fn in_time(mut is_true: impl FnMut() -> bool) -> bool {
    let (_open, nobody) = channel::<()>();
    for _ in 0..LOOKS {
        if is_true() {
            return true;
        }
        assert_eq!(nobody.recv_timeout(BETWEEN), Err(RecvTimeoutError::Timeout));
    }
    false
}

/// It goes on while it has spanned as many as its limit, and ends when it has spanned more.
fn a_transaction_ends_at_its_checkpoints(preset: Preset, dir: &Path, claims: &mut Claims) {
    // As many may end it, by the known finding.
    let left_out = usize::from(excludes(FindingId::TRANSACTION_ENDS_EARLY));
    for limit in [2, 3] {
        let options = EngineOptions { checkpoints_per_txn: limit, writers: 1, ..preset.engine() };
        let engine = open(&options, &dir.join(format!("db-{limit}")), claims);
        let bucket = make(engine.as_ref(), &preset.bucket(), claims);
        let txn = claims.granted("begin", bucket.begin()).expect("a healthy bucket");
        for passed in 1..=limit + 1 {
            claims.same("another's write", &store(bucket.as_ref(), &[passed as u8], b"v"), &Ok(()));
            bucket.checkpoint_and_wait();
            if passed + left_out <= limit {
                claims.same("within its limit", &txn.put(&number(passed as u32), b"v"), &Ok(()));
            }
        }
        claims.same("beyond it", &txn.put(b"end", b"v"), &Err(EngineError::Conflict));
        drop(txn);
        let pairs: Vec<_> = (1..=limit + 1).map(|at| (vec![at as u8], b"v".to_vec())).collect();
        claims.same("what is left", &contents(bucket.as_ref()), &Ok(pairs));
    }
}

fn only_eager_rounds_rewrite_small_files(preset: Preset, dir: &Path, claims: &mut Claims) {
    const COLLECTIONS: u32 = 400;
    for eager_rewrites in [false, true] {
        let options = EngineOptions { eager_rewrites, data_file_bytes: 4 << 20, ..preset.engine() };
        let dir = dir.join(format!("db-{eager_rewrites}"));
        let engine = open(&options, &dir, claims);
        let buckets = preset.bucket().checkpoints_when_asked();
        let bucket = make(engine.as_ref(), &buckets, claims);
        for half in [0..600, 600..1200] {
            fill(bucket.as_ref(), half, 100, claims);
            bucket.checkpoint_and_wait();
        }
        let first = files(&dir.join("data"), "data_");
        for _ in 0..40 {
            fill(bucket.as_ref(), (0..1200).step_by(200), 100, claims);
        }
        bucket.checkpoint_and_wait();
        let stay = || first.iter().filter(|file| file.exists()).count();
        for _ in 0..COLLECTIONS {
            if stay() == 0 {
                break;
            }
            engine.collect_garbage();
        }
        claims.same("the first files are rewritten", &(stay() < first.len()), &eager_rewrites);
        let pairs = contents(bucket.as_ref()).map(|pairs| pairs.len());
        claims.same("pairs", &pairs, &Ok(1200));
    }
}

fn a_torn_log_is_cut_or_refused(preset: Preset, dir: &Path, claims: &mut Claims) {
    let strict =
        EngineOptions { cuts_torn_logs: false, writers: 1, ..preset.engine() }.one_log_file();
    let cuts = EngineOptions { cuts_torn_logs: true, observed: true, ..strict.clone() };
    let engine = open(&strict, &dir.join("db"), claims);
    let bucket = make(engine.as_ref(), &preset.bucket(), claims);
    for at in 0..40 {
        claims.same("store", &store(bucket.as_ref(), &number(at), b"v"), &Ok(()));
    }
    // What a kill leaves: nothing is under way.
    for copy in ["whole", "torn"] {
        let copied = copy_tree(&dir.join("db"), &dir.join(copy));
        copied.unwrap_or_else(|error| panic!("{error}"));
    }
    let pairs: Vec<_> = (0..40).map(|at| (number(at), b"v".to_vec())).collect();
    let whole = open(&strict, &dir.join("whole"), claims);
    let there = contents(found(whole.as_ref(), claims).as_ref());
    claims.same("a whole log", &there, &Ok(pairs.clone()));
    let logs = dir.join("torn").join("log");
    let log = files(&logs, "group_wal_").pop().or_else(|| files(&logs, "wal_0").pop());
    let log = log.expect("a database has a log");
    let len = fs::metadata(&log).map_or(0, |meta| meta.len()) - 3;
    let file = fs::OpenOptions::new().write(true).open(&log);
    file.and_then(|file| file.set_len(len)).expect("the case's own file can be cut");
    let refused = EngineError::Failed("Corruption".to_owned());
    claims.declined("a torn log", under_test::driver().open(&dir.join("torn"), &strict), &refused);
    claims.same("it is not touched", &fs::metadata(&log).map_or(0, |meta| meta.len()), &len);
    let torn = open(&cuts, &dir.join("torn"), claims);
    let there = contents(found(torn.as_ref(), claims).as_ref());
    claims.same("all but the torn one", &there, &Ok(pairs[..39].to_vec()));
    if let Some(cut) = torn.counted(Counter::Cuts) {
        claims.same("logs that were cut", &cut, &1);
    }
}

fn the_log_may_have_a_folder_of_its_own(preset: Preset, dir: &Path, claims: &mut Claims) {
    for log_beside in [None, Some("logs".to_owned())] {
        let is_beside = log_beside.is_some();
        let options = EngineOptions { log_beside, ..preset.engine() }.one_log_file();
        let room = dir.join(format!("room-{is_beside}"));
        fs::create_dir_all(&room).expect("the case's folder takes folders");
        let engine = open(&options, &room.join("db"), claims);
        let bucket = make(engine.as_ref(), &preset.bucket(), claims);
        for at in 0..60 {
            claims.same("store", &store(bucket.as_ref(), &number(at), b"v"), &Ok(()));
            if at == 30 {
                bucket.checkpoint_and_wait();
            }
        }
        // What a kill leaves: nothing is under way.
        let left = dir.join(format!("left-{is_beside}"));
        copy_tree(&room, &left).unwrap_or_else(|error| panic!("{error}"));
        claims.same("a log beside", &left.join("logs").join("manifest").exists(), &is_beside);
        claims.same("a log within", &left.join("db").join("log").exists(), &!is_beside);
        drop(bucket);
        drop(engine);
        for room in [&room, &left] {
            let engine = open(&options, &room.join("db"), claims);
            let there = contents(found(engine.as_ref(), claims).as_ref());
            claims.same("pairs", &there.map(|pairs| pairs.len()), &Ok(60));
        }
    }
}

fn a_temporary_folder_goes_at_its_close(preset: Preset, dir: &Path, claims: &mut Claims) {
    for temporary in [false, true] {
        let options = EngineOptions { temporary, ..preset.engine() };
        let dir = dir.join(format!("db-{temporary}"));
        let engine = open(&options, &dir, claims);
        let bucket = make(engine.as_ref(), &preset.bucket(), claims);
        fill(bucket.as_ref(), 0..300, 100, claims);
        bucket.checkpoint_and_wait();
        claims.same("pairs", &contents(bucket.as_ref()).map(|pairs| pairs.len()), &Ok(300));
        drop(bucket);
        drop(engine);
        claims.same("the folder is there", &dir.exists(), &!temporary);
    }
}

fn commits_share_a_sync_within_the_window(preset: Preset, dir: &Path, claims: &mut Claims) {
    const CLIENTS: u32 = 8;
    const COMMITS: u32 = 30;
    for merge_window_us in [0, 20_000] {
        let options = EngineOptions { merge_window_us, observed: true, ..preset.engine() };
        let engine = open(&options, &dir.join(format!("db-{merge_window_us}")), claims);
        let bucket = make(engine.as_ref(), &preset.bucket(), claims);
        let bucket = bucket.as_ref();
        let stored = |client: u32| {
            (0..COMMITS).try_for_each(|at| store(bucket, &number(client * COMMITS + at), b"v"))
        };
        let done: Vec<_> = thread::scope(|scope| {
            let clients: Vec<_> =
                (0..CLIENTS).map(|client| scope.spawn(move || stored(client))).collect();
            clients.into_iter().map(|client| client.join().expect("no panic")).collect()
        });
        claims.same("commits", &done, &vec![Ok(()); CLIENTS as usize]);
        let there = contents(bucket).map(|pairs| pairs.len() as u32);
        claims.same("pairs", &there, &Ok(CLIENTS * COMMITS));
        if let Some(commits) = engine.counted(Counter::Commits) {
            claims.same(
                "commits that the observer was told",
                &commits,
                &u64::from(CLIENTS * COMMITS),
            );
        }
        if let Some(shared) = engine.counted(Counter::SharedSyncs)
            && merge_window_us > 0
        {
            claims.same("some shared a sync", &(shared > 0), &true);
        }
    }
}

fn timers_collect_and_write_checkpoints(preset: Preset, dir: &Path, claims: &mut Claims) {
    for is_on in [false, true] {
        let options = EngineOptions {
            collect_every_ms: is_on.then_some(20),
            checkpoint_nudge_ms: u64::from(is_on),
            observed: true,
            ..preset.engine()
        };
        let dir = dir.join(format!("db-{is_on}"));
        let engine = open(&options, &dir, claims);
        let bucket = make(engine.as_ref(), &preset.bucket().checkpoints_when_asked(), claims);
        fill(bucket.as_ref(), 0..300, 100, claims);
        let written = || !files(&dir.join("data"), "data_").is_empty();
        claims.same("before anybody had time", &(written() && !is_on), &false);
        if is_on {
            claims.same("a checkpoint that nobody asked for", &in_time(written), &true);
            let collections = || engine.counted(Counter::Collections).unwrap_or(u64::MAX);
            claims.same("collections that nobody asked for", &in_time(|| collections() > 2), &true);
        } else if let Some(collections) = engine.counted(Counter::Collections) {
            claims.same("collections", &collections, &0);
        }
    }
}

fn writers_wait_only_with_backpressure(preset: Preset, dir: &Path, claims: &mut Claims) {
    for backpressure in [false, true] {
        let options = EngineOptions { observed: true, ..preset.engine() };
        let engine = open(&options, &dir.join(format!("db-{backpressure}")), claims);
        let small = 64 << 10;
        let buckets = BucketOptions {
            backpressure,
            pool_bytes: small,
            checkpoint_bytes: small,
            ..preset.bucket()
        };
        let bucket = make(engine.as_ref(), &buckets, claims);
        fill(bucket.as_ref(), 0..6000, 500, claims);
        let there = contents(bucket.as_ref()).map(|pairs| pairs.len());
        claims.same("pairs", &there, &Ok(6000));
        if let Some(waits) = engine.counted(Counter::Waits) {
            claims.same("somebody waited for room", &(waits > 0), &backpressure);
        }
    }
}

/// Values whose records are one or two of the compressor's blocks, and some bytes less or more.
fn records_of_whole_blocks_are_kept(preset: Preset, dir: &Path, claims: &mut Claims) {
    let noise = Seed::new(1).rng().bytes(2 * BLOCK);
    let options = preset.engine();
    let mut pairs = Vec::new();
    let engine = open(&options, &dir.join("db"), claims);
    let bucket = make(engine.as_ref(), &preset.bucket(), claims);
    for blocks in 1..=2 {
        for len in blocks * BLOCK - RECORD_HEAD - 3..=blocks * BLOCK - RECORD_HEAD + 3 {
            for share in [0, 2, 1] {
                let mut value = vec![0; len];
                let part = len.checked_div(share).unwrap_or_default();
                value[..part].copy_from_slice(&noise[..part]);
                let key = number((len * 4 + share) as u32);
                claims.same("store", &store(bucket.as_ref(), &key, &value), &Ok(()));
                pairs.push((key, value));
            }
        }
    }
    pairs.sort();
    bucket.checkpoint_and_wait();
    drop(bucket);
    drop(engine);
    let engine = open(&options, &dir.join("db"), claims);
    let there = contents(found(engine.as_ref(), claims).as_ref());
    claims.same("every byte", &(there == Ok(pairs)), &true);
}

/// The last key by a range that ends at it, and by one that has no end.
fn the_last_key_is_found_either_way(preset: Preset, dir: &Path, claims: &mut Claims) {
    const KEYS: u32 = DEEP_KEYS as u32;
    let engine = open(&preset.engine(), &dir.join("db"), claims);
    let options = preset.bucket();
    let bucket = make(engine.as_ref(), &options, claims);
    fill(bucket.as_ref(), 0..KEYS, 40, claims);
    bucket.checkpoint_and_wait();
    let pairs = contents(bucket.as_ref()).map_or(0, |pairs| pairs.len());
    claims.is_deep(Depth::of_database(pairs as u64, options.split_keys, &dir.join("db")));
    drop(bucket);
    drop(engine);
    for keys in [
        Keys::Range(std::ops::Bound::Unbounded, std::ops::Bound::Included(number(KEYS))),
        Keys::All,
    ] {
        let engine = open(&preset.engine(), &dir.join("db"), claims);
        let bucket = found(engine.as_ref(), claims);
        let view = claims.granted("view", bucket.view()).expect("a healthy bucket");
        let before = counters::thread_bytes_read();
        let scan = Scan { keys, order: Order::Backward, limit: 1 };
        let last = view.scan(&scan).map(|pairs| pairs.into_iter().map(|(key, _)| key).collect());
        claims.same("the last key", &last, &Ok(vec![number(KEYS - 1)]));
        if let (Some(before), Some(after)) = (before, counters::thread_bytes_read()) {
            mace_prod::report::say(&format!("{scan:?} read {} bytes", after - before));
        }
    }
}
