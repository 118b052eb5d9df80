//! What single transactions promise where random lists of operations seldom come: deletions without end, versions
//! deep in a key's history, many adders that are open at once, long scans from the back, and transactions
//! that only look or are dropped. One thread; which transaction is open when is written down. What those that
//! only look leave in the log is not compared: the finding `readers-fill-the-log`.

use mace_prod::{
    case,
    engine::{Bucket, Engine, EngineError, Keys, Need, Order, Preset, Scan, under_test},
    scenario::claims::{Claims, contents, judge, store},
};
use std::{ops::Bound, path::Path};

const PROMISE: &str =
    "a transaction sees its snapshot and its own writes, and leaves what it committed";

case!(a_conflict_is_met_by_every_write: in [Defaults, OneWriter], |run| {
    judge(run, &[Need::ConflictAtWrite], PROMISE, a_conflict_is_met_by_every_write);
});
case!(old_versions_stay_for_their_views: in [Tiny, Compressed], |run| {
    judge(run, &[], PROMISE, old_versions_stay_for_their_views);
});
case!(many_open_adders_add_up: in [Tiny, ManyWriters], |run| {
    judge(run, &[Need::Operands], PROMISE, many_open_adders_add_up);
});
case!(a_key_is_deleted_again_and_again: in [Tiny, Relaxed], |run| {
    judge(run, &[], PROMISE, a_key_is_deleted_again_and_again);
});
case!(long_scans_from_the_back_are_whole: in [Tiny, Compressed], |run| {
    judge(run, &[], PROMISE, long_scans_from_the_back_are_whole);
});
case!(who_looks_or_drops_changes_nothing: in [Defaults, Relaxed], |run| {
    judge(run, &[], PROMISE, who_looks_or_drops_changes_nothing);
});

/// An open database with one bucket, which is given back first.
struct Database {
    bucket: Box<dyn Bucket>,
    engine: Box<dyn Engine>,
}

/// It has one log file, because some of its transactions are dropped.
fn open(preset: Preset, dir: &Path, claims: &mut Claims) -> Database {
    let engine = under_test::driver().open(&dir.join("db"), &preset.engine().one_log_file());
    let engine = claims.granted("open", engine).expect("a case cannot go on without its database");
    let bucket = engine.create_bucket("b", &preset.bucket().checkpoints_when_asked());
    let bucket = claims.granted("create", bucket).expect("a case cannot go on without it");
    Database { bucket, engine }
}

/// Of a fresh bucket, which always begins.
fn begun<T>(begun: Result<T, EngineError>) -> T {
    begun.expect("a healthy bucket begins transactions and views")
}

fn a_conflict_is_met_by_every_write(preset: Preset, dir: &Path, claims: &mut Claims) {
    let database = open(preset, dir, claims);
    let bucket = database.bucket.as_ref();
    let one = 1_u64.to_le_bytes();
    for key in [b"a", b"b", b"c", b"d"] {
        claims.same("store", &store(bucket, key, &one), &Ok(()));
    }
    let late = begun(bucket.begin());
    for key in [b"a", b"b", b"c", b"d"] {
        claims.same("store over it", &store(bucket, key, &[2; 8]), &Ok(()));
    }
    let conflict = Err(EngineError::Conflict);
    claims.same("reset of what another wrote since", &late.reset_merge(b"a"), &conflict);
    drop(late);
    let open = begun(bucket.begin());
    claims.same("write", &open.upsert(b"a", &one), &Ok(()));
    for (what, answer) in [
        ("reset beside an open writer", begun(bucket.begin()).reset_merge(b"a")),
        ("deletion beside an open writer", begun(bucket.begin()).del(b"a")),
        ("upsert beside an open writer", begun(bucket.begin()).upsert(b"a", &one)),
        ("update beside an open writer", begun(bucket.begin()).update(b"a", &one)),
    ] {
        claims.same(what, &answer, &conflict);
    }
    drop(open);
    let reset = begun(bucket.begin());
    claims.same("reset", &reset.reset_merge(b"b"), &Ok(()));
    claims.same("reset of what is not there", &reset.reset_merge(b"nothing"), &Ok(()));
    claims.same("read after a reset", &reset.get(b"b"), &Err(EngineError::Absent));
    claims.same("commit", &reset.commit(), &Ok(()));
    let left = [b"a", b"c", b"d"].map(|key| (key.to_vec(), vec![2; 8])).to_vec();
    claims.same("in the end", &contents(bucket), &Ok(left));
}

fn old_versions_stay_for_their_views(preset: Preset, dir: &Path, claims: &mut Claims) {
    let database = open(preset, dir, claims);
    let bucket = database.bucket.as_ref();
    let value = |version: u16| version.to_le_bytes().repeat(20);
    let mut views = Vec::new();
    for version in 0..400_u16 {
        claims.same("store", &store(bucket, b"hot", &value(version)), &Ok(()));
        claims.same("store beside it", &store(bucket, &version.to_be_bytes(), b"x"), &Ok(()));
        if version % 10 == 0 {
            views.push((version, begun(bucket.view())));
        }
        if version % 100 == 99 {
            bucket.checkpoint_and_wait();
            database.engine.collect_garbage();
        }
    }
    // The newest ones go first: what the older ones see must stay.
    while let Some((version, view)) = views.pop() {
        claims.same("an old version", &view.get(b"hot"), &Ok(value(version)));
        let pairs = view.scan(&Scan::all()).map(|pairs| pairs.len());
        claims.same("pairs of an old view", &pairs, &Ok(usize::from(version) + 2));
    }
}

fn many_open_adders_add_up(preset: Preset, dir: &Path, claims: &mut Claims) {
    let database = open(preset, dir, claims);
    let bucket = database.bucket.as_ref();
    let mut open = Vec::new();
    for number in 0..60_u64 {
        let adder = begun(bucket.begin());
        claims.same("add", &adder.merge(b"sum", &(1_u64 << (number % 30)).to_le_bytes()), &Ok(()));
        open.push((number, adder));
    }
    bucket.checkpoint_and_wait();
    let mut sum = 0_u64;
    // In another order than they began.
    for turn in [1, 0, 2] {
        let (now, later): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|(number, _)| number % 3 == turn);
        for (number, adder) in now {
            if turn == 2 {
                drop(adder);
                continue;
            }
            claims.same("commit", &adder.commit(), &Ok(()));
            sum += 1 << (number % 30);
        }
        open = later;
        let seen = begun(bucket.view()).get(b"sum");
        claims.same("the sum", &seen, &Ok(sum.to_le_bytes().to_vec()));
    }
    bucket.checkpoint_and_wait();
    let seen = begun(bucket.view()).get(b"sum");
    claims.same("the sum in the end", &seen, &Ok(sum.to_le_bytes().to_vec()));
}

fn a_key_is_deleted_again_and_again(preset: Preset, dir: &Path, claims: &mut Claims) {
    let database = open(preset, dir, claims);
    let bucket = database.bucket.as_ref();
    for round in 0..60_u8 {
        let txn = begun(bucket.begin());
        claims.same("deletion of nothing", &txn.del(b"key"), &Err(EngineError::Absent));
        claims.same("put", &txn.put(b"key", &[round; 30]), &Ok(()));
        claims.same("deletion of what it put", &txn.del(b"key"), &Ok(()));
        claims.same("deletion again", &txn.del(b"key"), &Err(EngineError::Absent));
        claims.same("put again", &txn.put(b"key", &[round; 40]), &Ok(()));
        claims.same("commit", &txn.commit(), &Ok(()));
        let there = begun(bucket.view());
        let txn = begun(bucket.begin());
        claims.same("deletion", &txn.del(b"key"), &Ok(()));
        claims.same("commit", &txn.commit(), &Ok(()));
        if round % 20 == 19 {
            bucket.checkpoint_and_wait();
        }
        claims.same("before the deletion", &there.get(b"key"), &Ok(vec![round; 40]));
        claims.same("after it", &contents(bucket), &Ok(Vec::new()));
    }
}

fn long_scans_from_the_back_are_whole(preset: Preset, dir: &Path, claims: &mut Claims) {
    const KEYS: u16 = 3000;
    let database = open(preset, dir, claims);
    let bucket = database.bucket.as_ref();
    let txn = begun(bucket.begin());
    let pair = |number: u16| (number.to_be_bytes().to_vec(), vec![number as u8; 12]);
    for (key, value) in (0..KEYS).map(pair) {
        claims.same("put", &txn.put(&key, &value), &Ok(()));
    }
    claims.same("commit", &txn.commit(), &Ok(()));
    bucket.checkpoint_and_wait();
    let view = begun(bucket.view());
    let backward = |keys| Scan { keys, order: Order::Backward, limit: usize::MAX };
    let key = |number: u16| number.to_be_bytes().to_vec();
    let rows = |numbers: std::ops::Range<u16>| numbers.rev().map(pair).collect::<Vec<_>>();
    let all = view.scan(&backward(Keys::All));
    claims.same("all from the back", &all, &Ok(rows(0..KEYS)));
    for (low, high) in [(0, 1), (17, 2980), (1000, 1001), (2999, 3000)] {
        let keys = Keys::Range(Bound::Included(key(low)), Bound::Excluded(key(high)));
        claims.same("a range from the back", &view.scan(&backward(keys)), &Ok(rows(low..high)));
        let keys = Keys::Range(Bound::Included(key(low)), Bound::Unbounded);
        claims.same("without an end", &view.scan(&backward(keys)), &Ok(rows(low..KEYS)));
        let keys = Keys::Range(Bound::Unbounded, Bound::Excluded(key(high)));
        claims.same("without a beginning", &view.scan(&backward(keys)), &Ok(rows(0..high)));
    }
}

fn who_looks_or_drops_changes_nothing(preset: Preset, dir: &Path, claims: &mut Claims) {
    let database = open(preset, dir, claims);
    let bucket = database.bucket.as_ref();
    claims.same("store", &store(bucket, b"key", b"old"), &Ok(()));
    for _ in 0..100 {
        let txn = begun(bucket.begin());
        claims.same("look", &txn.get(b"key"), &Ok(b"old".to_vec()));
        claims.same("commit of a look", &txn.commit(), &Ok(()));
    }
    let dropped = begun(bucket.begin());
    claims.same("write", &dropped.upsert(b"key", b"new"), &Ok(()));
    claims.same("write", &dropped.put(b"other", b"new"), &Ok(()));
    claims.same("read of its own", &dropped.get(b"key"), &Ok(b"new".to_vec()));
    claims.same("scan of its own", &dropped.scan(&Scan::all()).map(|it| it.len()), &Ok(2));
    drop(dropped);
    claims.same("in the end", &contents(bucket), &Ok(vec![(b"key".to_vec(), b"old".to_vec())]));
}
