//! What the honest reference promises, rule by rule. Anything more belongs to the cases.

use super::*;
use crate::engine::{Keys, Order};

const KEY: &[u8] = b"key";
const EXISTS: EngineError = EngineError::Refused(Reason::Exists);
const BUSY: EngineError = EngineError::Refused(Reason::Busy);

fn fresh() -> (ModelDriver, Box<dyn Engine>, Box<dyn Bucket>) {
    let driver = ModelDriver::default();
    let engine = driver.open(Path::new("db"), &EngineOptions::default()).unwrap();
    let options = BucketOptions { merge: Merge::Sum, ..BucketOptions::default() };
    let bucket = engine.create_bucket("b", &options).unwrap();
    (driver, engine, bucket)
}

fn store(bucket: &dyn Bucket, key: &[u8], value: &[u8]) {
    let txn = bucket.begin().unwrap();
    txn.upsert(key, value).unwrap();
    txn.commit().unwrap();
}

fn number(value: u64) -> [u8; 8] {
    value.to_le_bytes()
}

#[test]
fn each_write_answers_by_whether_the_key_is_there() {
    let (_driver, _engine, bucket) = fresh();
    let txn = bucket.begin().unwrap();
    assert_eq!(txn.update(KEY, b"1"), Err(EngineError::Absent));
    assert_eq!(txn.del(KEY), Err(EngineError::Absent));
    assert_eq!(txn.reset_merge(KEY), Ok(()));
    assert_eq!(txn.put(KEY, b"1"), Ok(()));
    assert_eq!(txn.put(KEY, b"2"), Err(EXISTS));
    assert_eq!(txn.update(KEY, b""), Ok(()));
    assert_eq!(txn.get(KEY), Ok(Vec::new()), "own writes are visible, an empty value is a value");
    assert_eq!(txn.del(KEY), Ok(()));
    assert_eq!(txn.get(KEY), Err(EngineError::Absent));
    assert_eq!(txn.put(KEY, b"3"), Ok(()));
    assert_eq!(txn.commit(), Ok(()));
    assert_eq!(bucket.view().unwrap().get(KEY), Ok(b"3".to_vec()));
}

#[test]
fn snapshots_never_change_and_aborts_leave_nothing() {
    let (_driver, _engine, bucket) = fresh();
    store(bucket.as_ref(), KEY, b"old");
    let view = bucket.view().unwrap();
    let reader = bucket.begin().unwrap();
    let dropped = bucket.begin().unwrap();
    dropped.upsert(b"other", b"never").unwrap();
    drop(dropped);
    store(bucket.as_ref(), KEY, b"new");
    assert_eq!(view.get(KEY), Ok(b"old".to_vec()));
    assert_eq!(reader.get(KEY), Ok(b"old".to_vec()));
    assert_eq!(bucket.view().unwrap().get(KEY), Ok(b"new".to_vec()));
    assert_eq!(bucket.view().unwrap().get(b"other"), Err(EngineError::Absent));
}

#[test]
fn the_first_writer_wins_committed_or_not() {
    let (_driver, _engine, bucket) = fresh();
    let first = bucket.begin().unwrap();
    let second = bucket.begin().unwrap();
    first.upsert(KEY, b"1").unwrap();
    second.upsert(b"elsewhere", b"2").unwrap();
    assert_eq!(second.upsert(KEY, b"2"), Err(EngineError::Conflict));
    assert_eq!(second.upsert(b"more", b"2"), Err(EngineError::Conflict), "it is doomed");
    assert_eq!(second.commit(), Err(EngineError::Conflict));
    let third = bucket.begin().unwrap();
    first.commit().unwrap();
    assert_eq!(third.del(KEY), Err(EngineError::Conflict));
    drop(third);
    assert_eq!(bucket.view().unwrap().get(b"elsewhere"), Err(EngineError::Absent));
    assert_eq!(bucket.view().unwrap().get(KEY), Ok(b"1".to_vec()));
}

#[test]
fn write_skew_is_allowed() {
    let (_driver, _engine, bucket) = fresh();
    let left = bucket.begin().unwrap();
    let right = bucket.begin().unwrap();
    assert_eq!(left.get(b"r"), Err(EngineError::Absent));
    assert_eq!(right.get(b"l"), Err(EngineError::Absent));
    left.put(b"l", b"1").unwrap();
    right.put(b"r", b"1").unwrap();
    assert_eq!((left.commit(), right.commit()), (Ok(()), Ok(())));
}

#[test]
fn merges_stand_beside_merges_and_beside_nothing_else() {
    let (_driver, _engine, bucket) = fresh();
    let first = bucket.begin().unwrap();
    let second = bucket.begin().unwrap();
    first.merge(KEY, &number(2)).unwrap();
    second.merge(KEY, &number(40)).unwrap();
    assert_eq!(second.get(KEY), Ok(number(40).to_vec()));
    assert_eq!(second.merge(KEY, b""), Err(EngineError::Refused(Reason::Invalid)));
    first.commit().unwrap();
    let late = bucket.begin().unwrap();
    assert_eq!(late.upsert(KEY, b"x"), Err(EngineError::Conflict));
    second.commit().unwrap();
    assert_eq!(bucket.view().unwrap().get(KEY), Ok(number(42).to_vec()));
}

#[test]
fn scans_keep_order_bounds_and_limit() {
    let (_driver, _engine, bucket) = fresh();
    for key in [b"a", b"b", b"c", b"d"] {
        store(bucket.as_ref(), key, b"v");
    }
    let view = bucket.view().unwrap();
    let met = |keys: Keys, order, limit| -> String {
        let pairs = view.scan(&Scan { keys, order, limit }).unwrap();
        pairs.iter().map(|(key, _)| char::from(key[0])).collect()
    };
    assert_eq!(met(Keys::All, Order::Alternating, usize::MAX), "adbc");
    assert_eq!(met(Keys::All, Order::Backward, 2), "dc");
    assert_eq!(met(Keys::Prefix(b"b".to_vec()), Order::Forward, 9), "b");
    let range = |low: &[u8], high: &[u8]| {
        Keys::Range(
            std::ops::Bound::Excluded(low.to_vec()),
            std::ops::Bound::Included(high.to_vec()),
        )
    };
    assert_eq!(met(range(b"a", b"c"), Order::Forward, 9), "bc");
    assert_eq!(met(range(b"c", b"a"), Order::Backward, 9), "", "an inverted range is empty");
}

#[test]
fn buckets_obey_name_quota_and_holders() {
    let (_driver, engine, bucket) = fresh();
    let options = BucketOptions::default();
    let refused = |outcome: Outcome<Box<dyn Bucket>>| outcome.err().unwrap();
    let long = "n".repeat(MAX_NAME_BYTES + 1);
    assert_eq!(
        refused(engine.create_bucket(&long, &options)),
        EngineError::Refused(Reason::TooLarge)
    );
    assert_eq!(refused(engine.create_bucket("b", &options)), EXISTS);
    assert_eq!(engine.delete_bucket("b"), Err(BUSY));
    let id = bucket.id();
    drop(bucket);
    assert_eq!(engine.delete_bucket("b"), Ok(()));
    assert_eq!(engine.bucket_count(), 1, "deleted, not yet reaped");
    for number in 1..MAX_BUCKETS {
        engine.create_bucket(&number.to_string(), &options).unwrap();
    }
    assert_eq!(refused(engine.create_bucket("b", &options)), EngineError::Refused(Reason::Quota));
    engine.collect_garbage();
    assert_ne!(engine.create_bucket("b", &options).unwrap().id(), id);
}

#[test]
fn options_change_while_unloaded_and_inline_downwards() {
    let (_driver, engine, bucket) = fresh();
    let change = |inline_bytes| BucketOptions { inline_bytes, ..BucketOptions::default() };
    assert_eq!(engine.change_bucket_options("b", &change(512)), Err(BUSY));
    drop(bucket);
    engine.unload_bucket("b").unwrap();
    assert_eq!(engine.change_bucket_options("b", &change(1)), Ok(()));
    assert_eq!(engine.bucket_options("b"), Ok(change(256)));
    let refused = Err(EngineError::Refused(Reason::Invalid));
    assert_eq!(engine.change_bucket_options("b", &change(512)), refused);
}

#[test]
fn reopenings_and_copies_find_what_was_committed() {
    let (driver, engine, bucket) = fresh();
    store(bucket.as_ref(), KEY, b"kept");
    let open = bucket.begin().unwrap();
    open.upsert(b"loose", b"x").unwrap();
    engine.copy_to(Path::new("copy")).unwrap();
    assert_eq!(engine.copy_to(Path::new("copy")), Err(EXISTS));
    drop(open);
    let busy = driver.open(Path::new("db"), &EngineOptions::default()).err();
    assert_eq!(busy, Some(BUSY));
    drop((engine, bucket));

    for dir in ["db", "copy"] {
        let engine = driver.clone().open(Path::new(dir), &EngineOptions::default()).unwrap();
        let bucket = engine.open_bucket("b", Merge::None).unwrap();
        let pairs = bucket.view().unwrap().scan(&Scan::all()).unwrap();
        assert_eq!(pairs, [(KEY.to_vec(), b"kept".to_vec())], "{dir}");
        assert_eq!(bucket.begin().unwrap().merge(KEY, &number(1)).err().unwrap(), INVALID);
    }
}

const INVALID: EngineError = EngineError::Refused(Reason::Invalid);

#[test]
fn tampering_shows_after_the_next_opening() {
    let (driver, engine, bucket) = fresh();
    store(bucket.as_ref(), KEY, b"kept");
    drop((engine, bucket));
    let dir = Path::new("db");
    driver.tamper(dir, "b", Pairs::clear);
    assert_eq!(driver.committed(dir)["b"], Pairs::new());
}

#[test]
fn many_clients_lose_no_merge() {
    let (_driver, _engine, bucket) = fresh();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    let txn = bucket.begin().unwrap();
                    txn.merge(KEY, &number(1)).unwrap();
                    txn.commit().unwrap();
                }
            });
        }
    });
    assert_eq!(bucket.view().unwrap().get(KEY), Ok(number(200).to_vec()));
}
