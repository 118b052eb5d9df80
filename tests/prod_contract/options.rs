//! Options of buckets and of the engine: kept, reported, brought into range, changed where that is
//! allowed and refused where it is not. What they do to speed or space is not for here.

use mace_prod::{
    case,
    engine::{
        Bucket, BucketOptions, Driver, Engine, EngineError, EngineOptions, Merge, Need, Preset,
        RULES, Reason, mace::MaceDriver,
    },
    scenario::claims::{Claims, contents, judge, store},
};
use std::path::Path;

const PROMISE: &str = "options are kept, and changes of them do no harm";

case!(bucket_options_outlive_the_process: in [Defaults, Tiny], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, bucket_options_outlive_the_process);
});
case!(bucket_options_are_brought_into_range: in [Defaults, OneWriter], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, bucket_options_are_brought_into_range);
});
case!(bucket_options_change_only_while_unloaded: in [Tiny, Compressed], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, bucket_options_change_only_while_unloaded);
});
case!(engine_options_change_at_every_opening: in [Tiny, Defaults], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, engine_options_change_at_every_opening);
});
case!(an_open_database_says_how_it_was_opened: in [Tiny, Defaults], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, an_open_database_says_how_it_was_opened);
});
case!(options_have_their_effect: in [Defaults, OneWriter], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, options_have_their_effect);
});
case!(operands_need_their_operator: in [Relaxed, Defaults], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, operands_need_their_operator);
});

const INVALID: EngineError = EngineError::Refused(Reason::Invalid);
const BUSY: EngineError = EngineError::Refused(Reason::Busy);

fn open(options: &EngineOptions, dir: &Path, claims: &mut Claims) -> Box<dyn Engine> {
    let engine = claims.granted("open", MaceDriver.open(&dir.join("db"), options));
    engine.expect("a case cannot go on without its database")
}

fn bucket(engine: &dyn Engine, name: &str, claims: &mut Claims) -> Box<dyn Bucket> {
    let bucket = engine.open_bucket(name, Merge::None);
    claims.granted("open a bucket", bucket).expect("a case cannot go on without it")
}

/// What a preset's buckets are stored with: the operator is not stored.
fn stored(preset: Preset) -> BucketOptions {
    BucketOptions { merge: Merge::None, ..preset.bucket() }
}

/// No field has the default's value.
fn unusual() -> BucketOptions {
    BucketOptions {
        cache_bytes: 123_456,
        evict_pct: 33,
        pool_bytes: 2_345_678,
        checkpoint_bytes: 234_567,
        inline_bytes: RULES.inline_least + 521,
        split_keys: 99,
        consolidate_deltas: 31,
        compression: true,
        backpressure: false,
        merge: Merge::None,
    }
}

fn bucket_options_outlive_the_process(preset: Preset, dir: &Path, claims: &mut Claims) {
    let all = [("default", BucketOptions::default()), ("unusual", unusual())];
    let engine = open(&preset.engine(), dir, claims);
    for (name, options) in &all {
        claims.granted("create", engine.create_bucket(name, options).map(|_| ()));
        claims.same("while loaded", &engine.bucket_options(name), &Ok(options.clone()));
        claims.granted("unload", engine.unload_bucket(name));
        claims.same("while unloaded", &engine.bucket_options(name), &Ok(options.clone()));
    }
    drop(engine);
    let engine = open(&preset.engine(), dir, claims);
    for (name, options) in &all {
        claims.same("after reopening", &engine.bucket_options(name), &Ok(options.clone()));
    }
}

fn bucket_options_are_brought_into_range(preset: Preset, dir: &Path, claims: &mut Claims) {
    let engine = open(&preset.engine(), dir, claims);
    let default = BucketOptions::default();
    let nothing = BucketOptions {
        cache_bytes: 0,
        evict_pct: 0,
        pool_bytes: 0,
        checkpoint_bytes: 0,
        inline_bytes: 0,
        split_keys: 0,
        consolidate_deltas: 0,
        ..default.clone()
    };
    let least = BucketOptions {
        evict_pct: 10,
        inline_bytes: RULES.inline_least,
        split_keys: 64,
        consolidate_deltas: 16,
        ..default.clone()
    };
    let much = BucketOptions {
        evict_pct: 100,
        pool_bytes: 1 << 20,
        checkpoint_bytes: 2 << 20,
        inline_bytes: RULES.inline_most + 1,
        split_keys: u16::MAX,
        consolidate_deltas: u16::MAX,
        ..default.clone()
    };
    let most = BucketOptions {
        evict_pct: 80,
        pool_bytes: 1 << 20,
        // No more than the pool holds.
        checkpoint_bytes: 1 << 20,
        inline_bytes: RULES.inline_most,
        split_keys: 512,
        // Half of the keys of a node.
        consolidate_deltas: 256,
        ..default.clone()
    };
    let half = BucketOptions { split_keys: 100, consolidate_deltas: 51, ..default.clone() };
    let halved = BucketOptions { split_keys: 100, consolidate_deltas: 50, ..default };
    for (name, asked, got) in
        [("least", nothing, least), ("most", much, most), ("half", half, halved)]
    {
        let made = claims.granted("create", engine.create_bucket(name, &asked));
        let made = made.expect("a case cannot go on without it");
        claims.same("brought into range", &engine.bucket_options(name), &Ok(got));
        claims.same("store", &store(made.as_ref(), b"key", &[1; 5000]), &Ok(()));
        let pairs = vec![(b"key".to_vec(), vec![1; 5000])];
        claims.same("and it works", &contents(made.as_ref()), &Ok(pairs));
    }
}

/// Stores values around every threshold of inlining under keys that begin with `mark`.
fn around_thresholds(
    bucket: &dyn Bucket,
    mark: u8,
    pairs: &mut Vec<(Vec<u8>, Vec<u8>)>,
    claims: &mut Claims,
) {
    let lens = [1, 255, 256, 257, 599, 600, 601, 1023, 1024, 1025, 4095, 4096, 4097];
    for (number, len) in lens.iter().enumerate() {
        let key = vec![mark, number as u8];
        let value = vec![mark; *len];
        claims.same("store", &store(bucket, &key, &value), &Ok(()));
        pairs.push((key, value));
    }
}

fn bucket_options_change_only_while_unloaded(preset: Preset, dir: &Path, claims: &mut Claims) {
    let engine = open(&preset.engine(), dir, claims);
    let mut now = stored(preset);
    let mut pairs = Vec::new();
    claims.granted("create", engine.create_bucket("b", &now).map(|_| ()));
    for (mark, lowered) in [(1, 1024), (2, 600), (3, 256)] {
        let inline_bytes = if RULES.inline_lowers { lowered } else { now.inline_bytes };
        let handle = bucket(engine.as_ref(), "b", claims);
        around_thresholds(handle.as_ref(), mark, &mut pairs, claims);
        handle.checkpoint_and_wait();
        let lower = BucketOptions { inline_bytes, ..now.clone() };
        claims.declined("while loaded", engine.change_bucket_options("b", &lower), &BUSY);
        drop(handle);
        claims.declined("given back, loaded", engine.change_bucket_options("b", &lower), &BUSY);
        claims.granted("unload", engine.unload_bucket("b"));

        let higher = BucketOptions { inline_bytes: now.inline_bytes + 1, ..now.clone() };
        let split = BucketOptions { split_keys: now.split_keys + 1, ..now.clone() };
        claims.declined("raise", engine.change_bucket_options("b", &higher), &INVALID);
        claims.declined("split", engine.change_bucket_options("b", &split), &INVALID);
        claims.same("untouched", &engine.bucket_options("b"), &Ok(now.clone()));

        now = BucketOptions {
            compression: !now.compression,
            backpressure: !now.backpressure,
            consolidate_deltas: now.consolidate_deltas + 1,
            ..lower
        };
        claims.granted("change", engine.change_bucket_options("b", &now));
        claims.granted("the same again", engine.change_bucket_options("b", &now));
        claims.same("changed", &engine.bucket_options("b"), &Ok(now.clone()));
        let handle = bucket(engine.as_ref(), "b", claims);
        claims.same("pairs", &contents(handle.as_ref()), &Ok(pairs.clone()));
    }
    drop(engine);
    let engine = open(&preset.engine(), dir, claims);
    claims.same("after reopening", &engine.bucket_options("b"), &Ok(now));
    let handle = bucket(engine.as_ref(), "b", claims);
    claims.same("after reopening", &contents(handle.as_ref()), &Ok(pairs));
}

fn engine_options_change_at_every_opening(preset: Preset, dir: &Path, claims: &mut Claims) {
    // Every writer of the relaxed route has a buffer of its own, and there will be 128 of them.
    let plain = EngineOptions { wal_buffer_bytes: 1 << 20, ..preset.engine() };
    let width = |wanted, durable| {
        let writers = if RULES.writers_change { wanted } else { plain.writers };
        EngineOptions { writers, durable, ..plain.clone() }
    };
    let openings = [
        width(1, true),
        width(32, true),
        width(32, false),
        width(4, false),
        // Rounded up to 4, and down to 128 and up to 1.
        width(3, true),
        width(255, false),
        width(0, true),
        EngineOptions { data_file_bytes: 1 << 20, blob_file_bytes: 8 << 10, ..plain.clone() },
        EngineOptions { wal_file_bytes: 1 << 20, lru_bytes: 1 << 20, ..plain.clone() },
        EngineOptions { file_handles: 8, stat_mask_entries: 1, ..plain.clone() },
        // Zero is the default's.
        EngineOptions { data_file_bytes: 0, blob_file_bytes: 0, lru_bytes: 0, ..plain.clone() },
    ];
    let mut pairs = Vec::new();
    for (opening, options) in openings.iter().enumerate() {
        let engine = open(options, dir, claims);
        if opening == 0 {
            claims.granted("create", engine.create_bucket("b", &preset.bucket()).map(|_| ()));
        }
        let handle = bucket(engine.as_ref(), "b", claims);
        claims.same("pairs", &contents(handle.as_ref()), &Ok(pairs.clone()));
        for number in 0..30_u8 {
            let key = vec![opening as u8, number];
            let value = vec![number; 50 * opening + 1];
            claims.same("store", &store(handle.as_ref(), &key, &value), &Ok(()));
            pairs.push((key, value));
        }
    }
    if !RULES.writers_change {
        let other = EngineOptions { writers: plain.writers * 2, ..plain.clone() };
        claims.declined("another width", MaceDriver.open(&dir.join("db"), &other), &INVALID);
    }
    let engine = open(&plain, dir, claims);
    let handle = bucket(engine.as_ref(), "b", claims);
    claims.same("in the end", &contents(handle.as_ref()), &Ok(pairs));
}

fn operands_need_their_operator(preset: Preset, dir: &Path, claims: &mut Claims) {
    let engine = open(&preset.engine(), dir, claims);
    let options = BucketOptions { merge: Merge::Sum, ..preset.bucket() };
    let sums = claims.granted("create", engine.create_bucket("b", &options));
    let sums = sums.expect("a case cannot go on without it");
    let txn = claims.granted("begin", sums.begin()).expect("a healthy bucket");
    claims.same("merge", &txn.merge(b"sum", &5_u64.to_le_bytes()), &Ok(()));
    claims.same("an empty operand", &txn.merge(b"sum", b""), &Err(INVALID));
    claims.same("commit", &txn.commit(), &Ok(()));
    claims.same("stored options", &engine.bucket_options("b"), &Ok(stored(preset)));
    claims.granted("open without", engine.open_bucket("b", Merge::None).map(|_| ()));
    claims.granted("open with the same", engine.open_bucket("b", Merge::Sum).map(|_| ()));
    drop(sums);
    claims.granted("unload", engine.unload_bucket("b"));

    let plain = bucket(engine.as_ref(), "b", claims);
    let txn = claims.granted("begin", plain.begin()).expect("a healthy bucket");
    claims.same("merge without operator", &txn.merge(b"sum", &[1; 8]), &Err(INVALID));
    drop(txn);
    claims.declined("another operator", engine.open_bucket("b", Merge::Sum), &INVALID);
    drop(plain);
    claims.granted("unload", engine.unload_bucket("b"));

    let sums = claims.granted("open with it", engine.open_bucket("b", Merge::Sum));
    let sums = sums.expect("a case cannot go on without it");
    let five = vec![(b"sum".to_vec(), 5_u64.to_le_bytes().to_vec())];
    claims.same("the sum", &contents(sums.as_ref()), &Ok(five));
}

fn an_open_database_says_how_it_was_opened(preset: Preset, dir: &Path, claims: &mut Claims) {
    let asked = preset.engine();
    let unusual = EngineOptions {
        durable: !asked.durable,
        collect_every_ms: Some(12_345_678),
        checkpoint_nudge_ms: 23_456_789,
        data_file_bytes: 234_567,
        blob_file_bytes: 345_678,
        wal_file_bytes: 456_789,
        wal_buffer_bytes: 8 << 20,
        data_garbage_pct: 31,
        blob_garbage_pct: 43,
        lru_bytes: 567_890,
        stat_mask_entries: 77,
        file_handles: 99,
        ..asked.clone()
    };
    for options in [&asked, &unusual, &asked] {
        let engine = open(options, dir, claims);
        claims.same("what the engine says", &engine.options(), &Some(options.clone()));
        let bucket = engine.create_bucket("b", &preset.bucket());
        let bucket = bucket.or_else(|_| engine.open_bucket("b", Merge::Sum));
        let said = bucket.map(|bucket| bucket.engine_options());
        claims.same("what a bucket says", &said, &Ok(Some(options.clone())));
    }
}

/// Files of a folder whose names begin so, and their bytes.
fn files(dir: &Path, name: &str) -> Vec<u64> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(name));
    named.filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).collect()
}

/// What is in the folder of a database that was opened, filled and checkpointed with these options.
struct Left {
    logs: usize,
    blobs: usize,
    data_bytes: u64,
}

fn left(dir: &Path, options: &EngineOptions, bucket: &BucketOptions, claims: &mut Claims) -> Left {
    let engine = open(options, dir, claims);
    let made = claims.granted("create", engine.create_bucket("b", bucket));
    let made = made.expect("a case cannot go on without it");
    for key in 0..200_u8 {
        // Longer than what is not worth compressing, and easy to compress.
        claims.same("store", &store(made.as_ref(), &[key], &[key; 3000]), &Ok(()));
    }
    let logs = files(&dir.join("db").join("log"), "").len();
    made.checkpoint_and_wait();
    let data = dir.join("db").join("data");
    let blobs = files(&data, "blob").len();
    Left { logs, blobs, data_bytes: files(&data, "data").iter().sum() }
}

/// An option that is kept, reported and then ignored would be seen nowhere else.
fn options_have_their_effect(preset: Preset, dir: &Path, claims: &mut Claims) {
    let engine =
        EngineOptions { collect_every_ms: None, wal_file_bytes: 64 << 20, ..preset.engine() };
    let bucket = BucketOptions { inline_bytes: 4096, ..BucketOptions::default() };
    let plain = left(&dir.join("plain"), &engine, &bucket, claims);
    claims.same("blob files of values that are inlined", &plain.blobs, &0);
    let short = EngineOptions { wal_file_bytes: 16 << 10, ..engine.clone() };
    let short = left(&dir.join("short"), &short, &bucket, claims);
    // 200 values of 3,000 bytes fill 36 files of 16 KiB.
    claims.same("log files that are short", &(short.logs >= plain.logs + 30), &true);
    let compressed = BucketOptions { compression: true, ..bucket.clone() };
    let compressed = left(&dir.join("compressed"), &engine, &compressed, claims);
    let is_shorter = compressed.data_bytes * 2 < plain.data_bytes;
    claims.same("whether compressed data take less than half", &is_shorter, &true);
    let apart = BucketOptions { inline_bytes: RULES.inline_least, ..bucket };
    if RULES.inline_least <= 3000 {
        let apart = left(&dir.join("apart"), &engine, &apart, claims);
        claims.same("whether longer values have a blob file", &(apart.blobs > 0), &true);
    }
}
