//! The life of a bucket: names, successors, holders, unloading, the quota. One client; buckets that
//! come and go under traffic are for the stress layer.

use mace_prod::{
    case,
    engine::{Bucket, BucketOptions, Engine, EngineError, Merge, Need, Preset, Reason, under_test},
    scenario::claims::{Claims, contents, judge, store},
    settings::{FindingId, excludes, is_of_mace},
};
use std::{collections::BTreeSet, path::Path};

const PROMISE: &str = "a bucket is an ordered map of its own, from creation to deletion";

case!(names_have_1_to_31_bytes: in [Defaults, Tiny], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, names_have_1_to_31_bytes);
});
case!(a_successor_sees_nothing_of_its_predecessor: in [Compressed, ManyWriters], |run| {
    judge(run, &[], PROMISE, a_successor_sees_nothing_of_its_predecessor);
});
case!(a_held_bucket_is_busy_and_then_goes: in [Defaults, OneWriter], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, a_held_bucket_is_busy_and_then_goes);
});
case!(unloading_keeps_every_commit: in [Relaxed, Tiny], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, unloading_keeps_every_commit);
});
case!(the_quota_counts_deleted_buckets_until_reaped: in [Defaults, Relaxed], |run| {
    judge(run, &[Need::HeldBuckets], PROMISE, the_quota_counts_deleted_buckets_until_reaped);
});

const BUSY: EngineError = EngineError::Refused(Reason::Busy);
const TOO_LARGE: EngineError = EngineError::Refused(Reason::TooLarge);
const EXISTS: EngineError = EngineError::Refused(Reason::Exists);

fn open(preset: Preset, dir: &Path, claims: &mut Claims) -> Box<dyn Engine> {
    let engine =
        claims.granted("open", under_test::driver().open(&dir.join("db"), &preset.engine()));
    engine.expect("a case cannot go on without its database")
}

fn create(engine: &dyn Engine, name: &str, preset: Preset, claims: &mut Claims) -> Box<dyn Bucket> {
    let bucket = engine.create_bucket(name, &preset.bucket());
    claims.granted(&format!("create `{name}`"), bucket).expect("a case cannot go on without it")
}

fn reopen(engine: &dyn Engine, name: &str, claims: &mut Claims) -> Box<dyn Bucket> {
    let bucket = engine.open_bucket(name, Merge::None);
    claims.granted(&format!("open `{name}`"), bucket).expect("a case cannot go on without it")
}

/// A name without a byte is taken or refused. It is left out as long as the known finding
/// `empty-bucket-name` holds.
fn names_have_1_to_31_bytes(preset: Preset, dir: &Path, claims: &mut Claims) {
    let mut names = vec![
        "a".to_owned(),
        "A".to_owned(),
        "n".repeat(31),
        format!("{}x", "é".repeat(15)),
        "\0".to_owned(),
        "\u{10ffff}".to_owned(),
        "..".to_owned(),
        "/".to_owned(),
        " ".to_owned(),
        "bucket_metas".to_owned(),
    ];
    let engine = open(preset, dir, claims);
    for name in &names {
        let bucket = create(engine.as_ref(), name, preset, claims);
        claims.same("store its name", &store(bucket.as_ref(), b"name", name.as_bytes()), &Ok(()));
        let again = engine.create_bucket(name, &preset.bucket());
        claims.declined("create it again", again, &EXISTS);
    }
    if !excludes(FindingId::EMPTY_BUCKET_NAME) {
        match engine.create_bucket("", &preset.bucket()) {
            Err(EngineError::Refused(_)) => {}
            // Taken, it is a bucket like any other.
            taken => {
                let bucket = claims.granted("create ``", taken).expect("it is taken or refused");
                claims.same("store its name", &store(bucket.as_ref(), b"name", b""), &Ok(()));
                names.push(String::new());
            }
        }
    }
    for too_long in ["n".repeat(32), "é".repeat(16)] {
        let options = preset.bucket();
        claims.declined("create", engine.create_bucket(&too_long, &options), &TOO_LARGE);
        claims.declined("open", engine.open_bucket(&too_long, Merge::None), &TOO_LARGE);
        claims.declined("options", engine.bucket_options(&too_long), &TOO_LARGE);
        claims.declined("change", engine.change_bucket_options(&too_long, &options), &TOO_LARGE);
        claims.declined("unload", engine.unload_bucket(&too_long), &EngineError::Absent);
        claims.declined("delete", engine.delete_bucket(&too_long), &EngineError::Absent);
    }
    claims.declined("open", engine.open_bucket("nobody", Merge::None), &EngineError::Absent);
    claims.declined("options", engine.bucket_options("nobody"), &EngineError::Absent);
    drop(engine);

    let engine = open(preset, dir, claims);
    claims.same("buckets", &engine.bucket_count(), &(names.len() as u64));
    for name in &names {
        let bucket = reopen(engine.as_ref(), name, claims);
        let own = vec![(b"name".to_vec(), name.as_bytes().to_vec())];
        claims.same("its own name", &contents(bucket.as_ref()), &Ok(own));
    }
}

fn a_successor_sees_nothing_of_its_predecessor(preset: Preset, dir: &Path, claims: &mut Claims) {
    let mut engine = open(preset, dir, claims);
    let mut ids = Vec::new();
    // Every mixture of where the predecessor's data are when it goes.
    for (round, (checkpoint, reopening)) in
        [(false, false), (true, false), (false, true), (true, true)].into_iter().enumerate()
    {
        let bucket = create(engine.as_ref(), "same", preset, claims);
        claims.same("a successor's pairs", &contents(bucket.as_ref()), &Ok(Vec::new()));
        ids.push(bucket.id());
        for key in 0..80_u8 {
            // Every fourth value is a blob.
            let value = vec![round as u8; if key % 4 == 0 { 2000 } else { 100 }];
            claims.same("store", &store(bucket.as_ref(), &[1, key], &value), &Ok(()));
        }
        if checkpoint {
            bucket.checkpoint_and_wait();
        }
        drop(bucket);
        if reopening {
            drop(engine);
            engine = open(preset, dir, claims);
        }
        claims.granted("delete", engine.delete_bucket("same"));
        claims.declined("open it", engine.open_bucket("same", Merge::None), &EngineError::Absent);
        claims.declined("delete it again", engine.delete_bucket("same"), &EngineError::Absent);
        if round % 2 == 0 {
            engine.collect_garbage();
        }
    }
    let bucket = create(engine.as_ref(), "same", preset, claims);
    ids.push(bucket.id());
    claims.same("store", &store(bucket.as_ref(), &[1, 0], b"last"), &Ok(()));
    drop((bucket, engine));
    let engine = open(preset, dir, claims);
    let bucket = reopen(engine.as_ref(), "same", claims);
    let last = vec![(vec![1, 0], b"last".to_vec())];
    claims.same("after reopening", &contents(bucket.as_ref()), &Ok(last));
    // An engine may give none at all; mace-kv gives each its own.
    let numbers: BTreeSet<u64> = ids.iter().flatten().copied().collect();
    let wanted = if !is_of_mace() && ids.contains(&None) { 0 } else { ids.len() };
    claims.same("numbers of its own", &numbers.len(), &wanted);
}

fn a_held_bucket_is_busy_and_then_goes(preset: Preset, dir: &Path, claims: &mut Claims) {
    let engine = open(preset, dir, claims);
    for delete in [false, true] {
        let go =
            || if delete { engine.delete_bucket("held") } else { engine.unload_bucket("held") };
        let bucket = if delete {
            reopen(engine.as_ref(), "held", claims)
        } else {
            create(engine.as_ref(), "held", preset, claims)
        };
        claims.declined("with its handle alive", go(), &BUSY);
        let second = reopen(engine.as_ref(), "held", claims);
        let view = claims.granted("view", bucket.view());
        claims.declined("with a view open", go(), &BUSY);
        let txn = claims.granted("begin", bucket.begin()).expect("a healthy bucket");
        claims.same("write", &txn.upsert(b"key", b"never"), &Ok(()));
        claims.declined("with a transaction open", go(), &BUSY);
        drop((view, txn));
        claims.declined("with handles alive", go(), &BUSY);
        claims.same("store all the same", &store(bucket.as_ref(), b"other", b"kept"), &Ok(()));
        drop(bucket);
        claims.declined("with one handle alive", go(), &BUSY);
        drop(second);
        // The dropped transaction has to be cleaned away first.
        claims.eventually("let it go", engine.as_ref(), go);
        claims.same("loaded", &engine.loaded_buckets(), &Vec::new());
    }
    claims.declined("open it", engine.open_bucket("held", Merge::None), &EngineError::Absent);
}

fn unloading_keeps_every_commit(preset: Preset, dir: &Path, claims: &mut Claims) {
    let engine = open(preset, dir, claims);
    drop(create(engine.as_ref(), "bystander", preset, claims));
    let mut wanted = Vec::new();
    drop(create(engine.as_ref(), "b", preset, claims));
    for round in 0..6_u8 {
        let bucket = reopen(engine.as_ref(), "b", claims);
        claims.same("pairs", &contents(bucket.as_ref()), &Ok(wanted.clone()));
        for key in 0..40_u8 {
            let value = vec![key; 40 * usize::from(key)];
            let key = vec![round, key];
            let value = if value.is_empty() { vec![1] } else { value };
            claims.same("store", &store(bucket.as_ref(), &key, &value), &Ok(()));
            wanted.push((key, value));
        }
        if round % 2 == 0 {
            bucket.checkpoint();
        }
        drop(bucket);
        claims.granted("unload", engine.unload_bucket("b"));
        claims.same("loaded", &engine.loaded_buckets(), &vec!["bystander".to_owned()]);
        claims.granted("unload again", engine.unload_bucket("b"));
    }
    drop(engine);
    let engine = open(preset, dir, claims);
    let bucket = reopen(engine.as_ref(), "b", claims);
    claims.same("after reopening", &contents(bucket.as_ref()), &Ok(wanted));
}

/// The documented number of buckets.
const QUOTA: u64 = 1024;
const ENOUGH_COLLECTIONS: usize = 100;

fn the_quota_counts_deleted_buckets_until_reaped(preset: Preset, dir: &Path, claims: &mut Claims) {
    let engine = open(preset, dir, claims);
    let options = BucketOptions::default();
    for number in 0..QUOTA {
        let made = engine.create_bucket(&number.to_string(), &options).map(|_| ());
        claims.granted("create below the quota", made);
        claims.same("after each creation", &engine.bucket_count(), &(number + 1));
    }
    let full = EngineError::Refused(Reason::Quota);
    claims.declined("one more", engine.create_bucket("more", &options), &full);
    claims.declined("one that exists", engine.create_bucket("7", &options), &EXISTS);
    claims.granted("delete", engine.delete_bucket("7"));
    claims.same("with a deleted one", &engine.bucket_count(), &QUOTA);
    claims.declined("before it is reaped", engine.create_bucket("more", &options), &full);
    let rounds = (0..ENOUGH_COLLECTIONS).find(|_| {
        engine.collect_garbage();
        engine.bucket_count() < QUOTA
    });
    claims.differ("rounds until reaped, and none", &rounds, &None);
    claims.same("once it is reaped", &engine.bucket_count(), &(QUOTA - 1));
    claims.granted("after it is reaped", engine.create_bucket("more", &options).map(|_| ()));
    claims.same("in the end", &engine.bucket_count(), &QUOTA);
    // Closing a thousand buckets takes longer than everything else here and claims nothing.
    std::mem::forget(engine);
}
