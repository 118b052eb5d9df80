//! What the engine says beside its answers: of a copy that it made, of an iterator at its end, of operands that
//! come to nothing, of the group that wrote a value, and of what it counted. One client.

use mace_prod::{
    case,
    engine::{
        Bucket, CopyInfo, Counter, Engine, EngineError, EngineOptions, Frontier, Keys, Merge, Need,
        Order, Preset, Reason, Scan, VOID_PREFIX, under_test,
    },
    scenario::claims::{Claims, contents, judge, store},
};
use std::{ops::Bound, path::Path};

const PROMISE: &str = "what the engine says of itself is so";

case!(a_copy_says_how_far_it_is_complete: in [Tiny, Relaxed], |run| {
    judge(run, &[Need::Copies], PROMISE, a_copy_says_how_far_it_is_complete);
});
case!(an_iterator_stays_at_its_end: in [Tiny, Compressed], |run| {
    judge(run, &[Need::Iterators], PROMISE, an_iterator_stays_at_its_end);
});
case!(operands_that_come_to_nothing_are_refused: in [Tiny, Defaults], |run| {
    judge(run, &[Need::Operands], PROMISE, operands_that_come_to_nothing_are_refused);
});
case!(a_value_names_the_group_that_wrote_it: in [OneWriter, ManyWriters], |run| {
    judge(run, &[Need::Groups], PROMISE, a_value_names_the_group_that_wrote_it);
});
case!(the_engine_counts_what_it_did: in [Tiny, Relaxed], |run| {
    judge(run, &[Need::Counters], PROMISE, the_engine_counts_what_it_did);
});

const NOTHING: EngineError = EngineError::Refused(Reason::MergeContract);

fn open(options: &EngineOptions, dir: &Path, claims: &mut Claims) -> Box<dyn Engine> {
    let engine = claims.granted("open", under_test::driver().open(dir, options));
    engine.expect("a case cannot go on without its database")
}

fn make(engine: &dyn Engine, name: &str, preset: Preset, claims: &mut Claims) -> Box<dyn Bucket> {
    let options = preset.bucket().checkpoints_when_asked();
    let bucket = claims.granted("create", engine.create_bucket(name, &options));
    bucket.expect("a case cannot go on without its bucket")
}

/// Of a fresh bucket, which always begins.
fn begun<T>(begun: Result<T, EngineError>) -> T {
    begun.expect("a healthy bucket begins transactions and views")
}

fn number(number: u16) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

fn fill(bucket: &dyn Bucket, numbers: std::ops::Range<u16>, claims: &mut Claims) {
    for at in numbers {
        claims.same("store", &store(bucket, &number(at), &[at as u8; 60]), &Ok(()));
    }
}

fn copied(engine: &dyn Engine, target: &Path, claims: &mut Claims) -> CopyInfo {
    let info = claims.granted("copy", engine.copy_described(target)).flatten();
    info.expect("an engine that copies says what it made")
}

/// What the copy says of this bucket.
fn of_bucket<'a>(info: &'a CopyInfo, bucket: u64, claims: &mut Claims) -> &'a Frontier {
    let own: Vec<&Frontier> = info.frontiers.iter().filter(|it| it.bucket == bucket).collect();
    claims.same("frontiers of a bucket", &own.len(), &1);
    own.first().expect("a case cannot go on without it")
}

/// mace-kv numbers its buckets.
fn id_of(bucket: &dyn Bucket) -> u64 {
    bucket.id().expect("a bucket of mace-kv has a number")
}

/// Whether the second is nowhere behind the first.
fn is_as_far(first: &Frontier, second: &Frontier) -> bool {
    first.groups.len() == second.groups.len()
        && first.groups.iter().zip(&second.groups).all(|(first, second)| first <= second)
}

fn a_copy_says_how_far_it_is_complete(preset: Preset, dir: &Path, claims: &mut Claims) {
    let engine = open(&preset.engine().one_log_file(), &dir.join("db"), claims);
    let busy = make(engine.as_ref(), "busy", preset, claims);
    let rests = make(engine.as_ref(), "rests", preset, claims);
    let mut infos = Vec::new();
    for round in 0..3_u16 {
        fill(busy.as_ref(), round * 50..round * 50 + 50, claims);
        if round == 0 {
            fill(rests.as_ref(), 0..50, claims);
            rests.checkpoint_and_wait();
        }
        busy.checkpoint_and_wait();
        infos.push(copied(engine.as_ref(), &dir.join(format!("copy-{round}")), claims));
    }
    for info in &infos {
        claims.same("frontiers", &info.frontiers.len(), &2);
        let versions = [info.metadata_version, u64::from(info.files_version)];
        claims.same("versions", &versions, &[1, 1]);
        for bucket in [id_of(busy.as_ref()), id_of(rests.as_ref())] {
            let groups = of_bucket(info, bucket, claims).groups.len();
            claims.same(
                "a place for each group",
                &(groups >= preset.engine().writers.into()),
                &true,
            );
        }
    }
    for pair in infos.windows(2) {
        claims.same("generations", &(pair[0].generation < pair[1].generation), &true);
        let fronts = [0, 1].map(|at| of_bucket(&pair[at], id_of(busy.as_ref()), claims).clone());
        claims.same("never further back", &is_as_far(&fronts[0], &fronts[1]), &true);
        claims.differ("the frontier of who works", &fronts[0], &fronts[1]);
        let fronts = [0, 1].map(|at| of_bucket(&pair[at], id_of(rests.as_ref()), claims).clone());
        claims.same("never further back", &is_as_far(&fronts[0], &fronts[1]), &true);
    }
    for (round, info) in infos.iter().enumerate() {
        let dir = dir.join(format!("copy-{round}"));
        let copy = open(&preset.engine().one_log_file(), &dir, claims);
        let bucket = claims.granted("open a bucket", copy.open_bucket("busy", Merge::Sum));
        let bucket = bucket.expect("a case cannot go on without it");
        let pairs = contents(bucket.as_ref()).map(|pairs| pairs.len());
        claims.same("all of before the frontier", &pairs, &Ok(round * 50 + 50));
        claims.same("the same bucket", &bucket.id(), &busy.id());
        let again = copied(copy.as_ref(), &dir.with_extension("again"), claims);
        claims.same("generations", &(again.generation >= info.generation), &true);
    }
}

fn an_iterator_stays_at_its_end(preset: Preset, dir: &Path, claims: &mut Claims) {
    let engine = open(&preset.engine().one_log_file(), &dir.join("db"), claims);
    for keys in [0, 1, 2, 5, 200_u16] {
        let bucket = make(engine.as_ref(), &format!("of-{keys}"), preset, claims);
        fill(bucket.as_ref(), 0..keys, claims);
        if keys > 2 {
            bucket.checkpoint_and_wait();
            let txn = begun(bucket.begin());
            claims.same("delete the last", &txn.del(&number(keys - 1)), &Ok(()));
            claims.same("commit", &txn.commit(), &Ok(()));
        }
        let left = if keys > 2 { keys - 1 } else { keys };
        let there: Vec<_> = (0..left).map(|at| (number(at), vec![at as u8; 60])).collect();
        let view = begun(bucket.view());
        let txn = begun(bucket.begin());
        for order in [Order::Forward, Order::Backward, Order::Alternating] {
            for keys in [
                Keys::All,
                Keys::Prefix(vec![0]),
                Keys::Range(Bound::Excluded(number(0)), Bound::Included(number(3))),
                Keys::Range(Bound::Included(number(900)), Bound::Unbounded),
            ] {
                let scan = Scan { keys, order, limit: usize::MAX };
                for iterated in [view.iterate(&scan), txn.iterate(&scan)] {
                    let (pairs, beyond) = iterated.map_or_else(
                        |denial| (Err(denial), 0),
                        |iterated| (Ok(iterated.pairs), iterated.beyond),
                    );
                    claims.same("pairs of an iterator", &pairs, &view.scan(&scan));
                    let wanted = there.iter().filter(|(key, _)| scan.keys.contains(key));
                    let sorted = pairs.map(|mut pairs| {
                        pairs.sort_unstable();
                        pairs
                    });
                    claims.same("all pairs", &sorted, &Ok(wanted.cloned().collect()));
                    claims.same("pairs beyond its end", &beyond, &0);
                }
            }
        }
    }
}

/// Two operands at a key where the operator breaks its contract.
fn add_twice(bucket: &dyn Bucket, key: &[u8], claims: &mut Claims) {
    for operand in [1_u64, 2] {
        let txn = begun(bucket.begin());
        claims.same("merge", &txn.merge(key, &operand.to_le_bytes()), &Ok(()));
        claims.same("commit", &txn.commit(), &Ok(()));
    }
}

/// A key whose operands come to nothing is refused, to its readers and to more operands.
fn is_refused(bucket: &dyn Bucket, key: &[u8], claims: &mut Claims) {
    let view = begun(bucket.view());
    claims.same("a read", &view.get(key), &Err(NOTHING));
    claims.same("a scan", &view.scan(&Scan::all()), &Err(NOTHING));
    // An iterator has no errors, and ends where it meets one: behind the keys before.
    let iterated = view.iterate(&Scan::all()).map(|met| (met.pairs.len(), met.beyond));
    claims.same("an iterator", &iterated, &Ok((1, 0)));
    let txn = begun(bucket.begin());
    claims.same("another operand", &txn.merge(key, &[1; 8]), &Err(NOTHING));
    claims.same("an operand elsewhere", &txn.merge(b"z-sum", &1_u64.to_le_bytes()), &Ok(()));
    claims.same("commit", &txn.commit(), &Ok(()));
}

fn operands_that_come_to_nothing_are_refused(preset: Preset, dir: &Path, claims: &mut Claims) {
    let options = EngineOptions { observed: true, ..preset.engine().one_log_file() };
    let key = [VOID_PREFIX, b"key"].concat();
    let engine = open(&options, &dir.join("db"), claims);
    let bucket = make(engine.as_ref(), "b", preset, claims);
    let bucket = bucket.as_ref();
    claims.same("store", &store(bucket, b"before", b"v"), &Ok(()));
    add_twice(bucket, &key, claims);
    is_refused(bucket, &key, claims);
    bucket.checkpoint_and_wait();
    is_refused(bucket, &key, claims);
    if let Some(violations) = engine.counted(Counter::MergeViolations) {
        claims.same("keys that the observer was told of", &violations, &1);
    }
    let dropped = begun(bucket.begin());
    claims.same("a reset that is dropped", &dropped.reset_merge(&key), &Ok(()));
    drop(dropped);
    is_refused(bucket, &key, claims);
    let reset = begun(bucket.begin());
    claims.same("a reset", &reset.reset_merge(&key), &Ok(()));
    claims.same("commit", &reset.commit(), &Ok(()));
    claims.same("read after a reset", &begun(bucket.view()).get(&key), &Err(EngineError::Absent));
    let one = begun(bucket.begin());
    claims.same("one operand", &one.merge(&key, &7_u64.to_le_bytes()), &Ok(()));
    claims.same("commit", &one.commit(), &Ok(()));
    let seven = 7_u64.to_le_bytes().to_vec();
    claims.same("one operand alone", &begun(bucket.view()).get(&key), &Ok(seven));
    let sum = 3_u64.to_le_bytes().to_vec();
    claims.same("the sum elsewhere", &begun(bucket.view()).get(b"z-sum"), &Ok(sum));
}

fn a_value_names_the_group_that_wrote_it(preset: Preset, dir: &Path, claims: &mut Claims) {
    let options = preset.engine().one_log_file();
    let engine = open(&options, &dir.join("db"), claims);
    let bucket = make(engine.as_ref(), "b", preset, claims);
    let mut groups = Vec::new();
    for at in 0..100_u16 {
        let txn = begun(bucket.begin());
        claims.same("put", &txn.put(&number(2 * at), b"v"), &Ok(()));
        claims.same("put", &txn.put(&number(2 * at + 1), b"v"), &Ok(()));
        let own = [0, 1].map(|more| txn.writer_group(&number(2 * at + more)));
        claims.same("one group a transaction", &own[0], &own[1]);
        claims.same("commit", &txn.commit(), &Ok(()));
        groups.extend(own);
    }
    let seen = |bucket: &dyn Bucket| -> Vec<Result<u64, EngineError>> {
        let view = begun(bucket.view());
        (0..200).map(|at| view.writer_group(&number(at))).collect()
    };
    claims.same("groups that a view sees", &seen(bucket.as_ref()), &groups);
    bucket.checkpoint_and_wait();
    claims.same("groups in files", &seen(bucket.as_ref()), &groups);
    let many = groups.iter().flatten().filter(|group| **group > 0).count();
    claims.same("more than one group wrote", &(many > 0), &(options.writers > 1));
    let there = groups.iter().flatten().filter(|group| **group < options.writers.into()).count();
    claims.same("values of a group that there is", &there, &groups.len());
    drop(bucket);
    drop(engine);
    let engine = open(&options, &dir.join("db"), claims);
    let bucket = claims.granted("open a bucket", engine.open_bucket("b", Merge::Sum));
    let bucket = bucket.expect("a case cannot go on without it");
    claims.same("groups after reopening", &seen(bucket.as_ref()), &groups);
}

fn the_engine_counts_what_it_did(preset: Preset, dir: &Path, claims: &mut Claims) {
    let options = EngineOptions { observed: true, ..preset.engine().one_log_file() };
    let engine = open(&options, &dir.join("db"), claims);
    let bucket = make(engine.as_ref(), "b", preset, claims);
    let bucket = bucket.as_ref();
    fill(bucket, 0..20, claims);
    for at in 0..7 {
        let look = begun(bucket.begin());
        claims.granted("look", look.get(&number(at)));
        claims.same("commit of a look", &look.commit(), &Ok(()));
    }
    for at in 0..5 {
        let dropped = begun(bucket.begin());
        claims.same("write", &dropped.upsert(&number(at), b"v"), &Ok(()));
        drop(dropped);
        drop(begun(bucket.begin()));
        drop(begun(bucket.view()));
    }
    for at in 0..3 {
        let first = begun(bucket.begin());
        claims.same("write", &first.upsert(&number(at), b"v"), &Ok(()));
        let second = begun(bucket.begin());
        let conflict = second.upsert(&number(at), b"w");
        claims.same("write beside it", &conflict, &Err(EngineError::Conflict));
        drop(second);
        claims.same("commit", &first.commit(), &Ok(()));
    }
    bucket.checkpoint_and_wait();
    let copies = under_test::driver().capabilities().copy;
    if copies {
        claims.granted("copy", engine.copy_to(&dir.join("copy")));
        let exists = EngineError::Refused(Reason::Exists);
        claims.declined("copy again", engine.copy_to(&dir.join("copy")), &exists);
    }
    for (what, counter, wanted) in [
        ("begun", Counter::Begun, 20 + 7 + 10 + 6),
        ("committed", Counter::Commits, 20 + 7 + 3),
        ("dropped", Counter::Drops, 10 + 3),
        ("conflicts", Counter::Conflicts, 3),
        ("copies", Counter::Copies, copies.into()),
        ("copies that were refused", Counter::FailedCopies, copies.into()),
        ("violations", Counter::MergeViolations, 0),
    ] {
        claims.same(what, &engine.counted(counter), &Some(wanted));
    }
}
