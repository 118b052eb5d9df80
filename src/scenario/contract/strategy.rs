//! Random operations of the single client, and how a failing list is shrunk. Edges first: most
//! keys, lengths and bounds come from the places where formats change. Included by the cases and
//! by the tests that the cases' detection is proved with; opens no engine itself.

use crate::{
    engine::{
        BucketOptions, Capabilities, Driver, EngineOptions, Order, Preset, RULES,
        options::DEEP_KEYS,
    },
    history::OracleName,
    oracle::{
        Violation,
        promise::{After, promises},
    },
    report::Figures,
    scenario::{
        contract::{
            self, BUCKETS, Filling, How, Key, Mismatch, Op, PROMISE, Reader, Reference, Run, Span,
            Sweep, TXNS, VIEWS, Value, bucket_of_txn, within, without_drops,
        },
        run::goals::Depth,
    },
    settings::{FindingId, Seed, excludes},
    verdict::Verdict,
};
use proptest::{
    collection::SizeRange,
    prelude::{Just, Strategy, any},
    prop_oneof,
    sample::select,
    strategy::BoxedStrategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use proptest_state_machine::Sequential;
use std::{
    cell::{Cell, RefCell},
    fs,
    ops::Bound,
    path::Path,
    sync::{LazyLock, atomic::Ordering},
};

/// The longest key: packed with its version and length it fills 64 KiB (measured).
const LONGEST_KEY: usize = 65_521;

/// Keys in one of the transactions that fill a deep bucket.
const TOGETHER: u16 = 6000;

/// Keys of a run in a deep bucket, at the most: a whole inner node of 64 pages takes 4,096 of them.
const LONGEST_RUN: u16 = 5000;

/// How much a case does.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Lists of operations.
    pub lists: u32,
    /// Operations in each.
    pub operations: usize,
    /// Runs that a failing list may cost until it is short.
    pub shrinking: u32,
    /// How often a list is tried when another one has failed already.
    pub attempts: u32,
}

/// Carries out random lists of operations until one is answered wrongly; that one is then shrunk
/// and becomes the witness.
pub fn judge(
    driver: &dyn Driver,
    dir: &Path,
    preset: Preset,
    seed: Seed,
    effort: Effort,
    figures: &mut Figures,
) -> Verdict {
    figures.tries(promises([OracleName::Contract], After::Work));
    let config = Config {
        cases: effort.lists,
        failure_persistence: None,
        max_shrink_iters: effort.shrinking,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.rng().bytes(32));
    let mut runner = TestRunner::new_with_rng(config, rng);
    let figures = RefCell::new(figures);
    let failed = Cell::new(false);
    let shallowest: Cell<Option<Depth>> = Cell::new(None);
    let lists = lists(preset, effort.operations, driver.capabilities());
    let outcome = runner.run(&lists, |(start, ops, seen)| {
        // What depends on the engine's own threads does not show each time: once a list has
        // failed, a shorter one is acquitted only after several attempts.
        for _ in 0..if failed.get() { effort.attempts } else { 1 } {
            match attempt(driver, dir, preset, &start, &ops, &mut figures.borrow_mut()) {
                Ok(depth) => {
                    let least = shallowest.get().filter(|least| least.pages <= depth.pages);
                    shallowest.set(Some(least.unwrap_or(depth)));
                }
                Err(mismatch) => {
                    failed.set(true);
                    if let Some(seen) = &seen {
                        seen.store(ops.len(), Ordering::SeqCst);
                    }
                    let text = format!("operation {}: {}", mismatch.at, mismatch.text);
                    return Err(TestCaseError::fail(text));
                }
            }
        }
        Ok(())
    });
    match outcome {
        Ok(()) if preset == Preset::Deep => {
            let depth = shallowest.get().expect("a list was carried out");
            let can = driver.capabilities();
            depth.count(&mut figures.borrow_mut(), can);
            // Lists change how large files are, and collect them: how many there are says nothing here.
            Depth { files: Depth::LEAST.files, ..depth }.verdict(can)
        }
        Ok(()) => Verdict::Pass,
        Err(TestError::Abort(why)) => Verdict::Inconclusive(why.to_string()),
        Err(TestError::Fail(why, (start, ops, _))) => {
            let (_, list) = carried_out(preset, &start, &ops, driver.capabilities());
            let list: Vec<String> =
                list.iter().enumerate().map(|(at, op)| format!("\n    {at} {op:?}")).collect();
            let witness = format!("{preset:?}: {why}{}", list.concat());
            Verdict::Violated(vec![Violation::new(OracleName::Contract, PROMISE, witness)])
        }
    }
}

/// One run on a fresh database; the folder of a failed one stays.
fn attempt(
    driver: &dyn Driver,
    dir: &Path,
    preset: Preset,
    start: &Reference,
    ops: &[Op],
    figures: &mut Figures,
) -> Result<Depth, Mismatch> {
    // A name of its own each time: the model knows its databases by their path.
    let room = dir.join(format!("list-{}", figures.get("lists")));
    fs::create_dir_all(&room).expect("the case's folder takes files");
    let (fresh, list) = carried_out(preset, start, ops, driver.capabilities());
    let result = contract::check(driver, &room, &fresh, &list, figures);
    figures.add("lists", 1);
    if result.is_ok() {
        fs::remove_dir_all(&room).expect("what was made can be removed");
    } else {
        let kept = dir.join("failed");
        let _ = fs::remove_dir_all(&kept);
        fs::rename(&room, &kept).expect("a folder can be renamed");
    }
    result
}

/// What is carried out, from a fresh database on: a deep one is filled first, which is not a part of the list that is
/// shrunk.
fn carried_out(
    preset: Preset,
    start: &Reference,
    ops: &[Op],
    can: Capabilities,
) -> (Reference, Vec<Op>) {
    let fresh = Reference::new(preset, start.rotates(), can);
    let ops = [&prologue(preset), ops].concat();
    let left_out = start.rotates() && excludes(FindingId::ABORTED_ACROSS_LOG_FILES);
    (fresh, within(if left_out { without_drops(&ops) } else { ops }, can))
}

/// What every list begins with.
fn prologue(preset: Preset) -> Vec<Op> {
    if preset != Preset::Deep {
        return Vec::new();
    }
    let keys = DEEP_KEYS as u16;
    let fill = |first: u16| {
        let run = Run { bucket: 0, first, count: TOGETHER.min(keys - first), step: 1 };
        Op::Fill(run, Value { len: 40, filling: Filling::Text, number: 1 + u64::from(first) })
    };
    let mut ops: Vec<Op> = (0..keys).step_by(usize::from(TOGETHER)).map(fill).collect();
    ops.push(Op::Checkpoint { bucket: 0, wait: true });
    ops
}

type Lists = Sequential<Reference, Op, BoxedStrategy<Reference>, BoxedStrategy<Op>>;

fn lists(preset: Preset, operations: usize, can: Capabilities) -> Lists {
    Sequential::new(
        SizeRange::from(operations / 2..=operations),
        move || any::<bool>().prop_map(move |rotates| filled(preset, rotates, can)).boxed(),
        |_, _| true,
        move |reference| operation(preset, can.copy, reference),
        |mut reference, op| {
            reference.step(op);
            reference
        },
    )
}

/// What lists begin at.
fn filled(preset: Preset, rotates: bool, can: Capabilities) -> Reference {
    let mut reference = Reference::new(preset, rotates, can);
    for op in prologue(preset) {
        reference.step(&op);
    }
    reference
}

fn operation(preset: Preset, copies: bool, now: &Reference) -> BoxedStrategy<Op> {
    let reader =
        || prop_oneof![(0..TXNS).prop_map(Reader::Txn), (0..VIEWS).prop_map(Reader::View),];
    let flip = any::<bool>;
    // To read all of a deep bucket takes long, and one that is made again is a page.
    let is_deep = preset == Preset::Deep;
    prop_oneof![
        30 => write(now),
        10 => (reader(), key(now, 0)).prop_map(|(reader, key)| Op::Get(reader, key)),
        10 => (reader(), sweep(now)).prop_map(|(reader, sweep)| Op::Scan(reader, sweep)),
        10 => (0..TXNS).prop_map(Op::Commit),
        3 => (0..TXNS).prop_map(Op::Abort),
        2 => (0..TXNS).prop_map(Op::Begin),
        4 => (0..VIEWS).prop_map(Op::View),
        1 => (0..VIEWS).prop_map(Op::Close),
        4 => (run(is_deep), value()).prop_map(|(run, value)| Op::Fill(run, value)),
        2 => run(is_deep).prop_map(Op::Thin),
        4 => (0..BUCKETS.len(), flip())
            .prop_map(|(bucket, wait)| Op::Checkpoint { bucket, wait }),
        3 => Just(Op::Collect),
        1 => flip().prop_map(Op::Collection),
        1 => Just(Op::Sync),
        1 => (0..BUCKETS.len(), flip()).prop_map(|(bucket, delete)| Op::Held { bucket, delete }),
        1 => Just(if copies { Op::Copy } else { Op::Audit }),
        2 => Just(if is_deep { Op::Sync } else { Op::Audit }),
        1 => (0..BUCKETS.len()).prop_map(Op::Reload),
        1 => bucket_options(now),
        1 => (0..BUCKETS.len())
            .prop_map(move |bucket| if is_deep { Op::Reload(bucket) } else { Op::Recreate(bucket) }),
        1 => engine_options(preset).prop_map(|options| Op::Reopen(Box::new(options))),
    ]
    .boxed()
}

fn write(now: &Reference) -> BoxedStrategy<Op> {
    let keys: Vec<_> = BUCKETS.iter().enumerate().map(|(at, _)| key(now, at)).collect();
    let how = prop_oneof![
        4 => Just(How::Upsert),
        3 => Just(How::Put),
        2 => Just(How::Update),
        3 => Just(How::Del),
        4 => Just(How::Merge),
        1 => Just(How::ResetMerge),
    ];
    (0..TXNS, how)
        .prop_flat_map(move |(txn, how)| {
            let value = if how == How::Merge { operand().boxed() } else { value().boxed() };
            (Just(txn), Just(how), keys[bucket_of_txn(txn)].clone(), value)
        })
        .prop_map(|(txn, how, key, value)| Op::Write { txn, how, key, value })
        .boxed()
}

/// Whether a key of this length is left out: see the known finding `key-of-115-bytes`. Some more
/// than its own lengths, because a page strips what its keys have in common.
fn left_out(len: usize) -> bool {
    excludes(FindingId::KEY_OF_115_BYTES)
        && ((115..=130).contains(&len) || (16_370..=16_390).contains(&len))
}

/// Keys where order, prefixes, packing and limits change, short ones first.
fn edge_keys() -> Vec<Key> {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(make_edge_keys);
    KEYS.clone()
}

fn make_edge_keys() -> Vec<Key> {
    let shared = |tail: &[u8]| [&[b'p'; 200][..], tail].concat();
    let mut keys: Vec<Vec<u8>> = [
        &b"a"[..],
        b"aa",
        b"aaa",
        b"ab",
        b"b",
        b"a\0",
        b"a\xff",
        b"\0",
        b"\0\0",
        b"\x01",
        b"\x7f",
        b"\x80",
        b"\xfe",
        b"\xff",
        b"\xff\0",
        b"\xff\xff",
        b"\xff\xff\xff",
        b"run/",
        b"run/00010",
        b"run/00010\0",
        b"run/0001",
        b"run0",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    keys.extend([shared(b""), shared(b"\0"), shared(b"a"), shared(b"b"), shared(b"\xff")]);
    // Names of buckets end at 31 bytes; a packed key's length takes one byte up to 114.
    keys.extend([31, 32, 114, 115, 116, 127, 128, 255, 256].map(|len| vec![b'k'; len]));
    keys.into_iter().filter(|key| !left_out(key.len())).map(Key::new).collect()
}

/// Keys so long that each costs as much as a hundred others.
fn long_keys() -> Vec<Key> {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(make_long_keys);
    KEYS.clone()
}

fn make_long_keys() -> Vec<Key> {
    let ends = |len: usize, last: u8| {
        let mut key = vec![b'l'; len];
        key[len - 1] = last;
        Key::new(key)
    };
    let short = [4096, 16_300, 16_370, 16_371, 16_372, 17_000];
    let mut keys: Vec<Key> =
        short.into_iter().filter(|len| !left_out(*len)).map(|len| ends(len, b'l')).collect();
    keys.extend([0, 1, 0xff].map(|last| ends(LONGEST_KEY, last)));
    keys.extend([LONGEST_KEY + 1, 1 << 16, (1 << 16) + 1].map(|len| ends(len, b'l')));
    keys
}

fn key(now: &Reference, bucket: usize) -> BoxedStrategy<Key> {
    let present = now.some_keys(bucket, 24);
    let edges = select(edge_keys());
    if present.is_empty() {
        return prop_oneof![24 => edges, 1 => select(long_keys())].boxed();
    }
    let neighbours: Vec<Key> = present
        .iter()
        .filter(|key| key.0.len() < 1024)
        .flat_map(|Key(bytes)| {
            let after = [bytes, &[0][..]].concat();
            let before = bytes[..bytes.len().div_ceil(2)].to_vec();
            [after, before]
        })
        .filter(|key| !left_out(key.len()))
        .map(Key::new)
        .collect();
    let neighbours = if neighbours.is_empty() { edge_keys() } else { neighbours };
    prop_oneof![
        12 => edges,
        10 => select(present),
        2 => select(neighbours),
        1 => select(long_keys()),
    ]
    .boxed()
}

/// Lengths around the thresholds of inlining (256, 1024, 4096, 16384 and the preset's own), around
/// the smallest data file (32 KiB), and more than three of them. An empty value is left out: see the
/// known finding `empty-value-is-a-deletion`.
fn value() -> impl Strategy<Value = Value> + Clone {
    let shortest = usize::from(excludes(FindingId::EMPTY_VALUE_IS_A_DELETION));
    let len = prop_oneof![
        12 => select(vec![8_usize, shortest, 1, 7, 9, 32, 100]),
        8 => select(vec![255_usize, 256, 257, 1023, 1024, 1025, 4095, 4096, 4097]),
        1 => select(vec![16_384_usize, 32_767, 32_768, 100_000]),
    ];
    (len, filling(), number()).prop_map(|(len, filling, number)| Value { len, filling, number })
}

/// Operands are numbers of eight bytes; other lengths count as zero, and none at all is refused.
fn operand() -> impl Strategy<Value = Value> + Clone {
    let len =
        prop_oneof![12 => Just(8_usize), 3 => select(vec![0_usize, 1, 7, 9, 256, 1024, 5000])];
    (len, filling(), number()).prop_map(|(len, filling, number)| Value { len, filling, number })
}

fn filling() -> impl Strategy<Value = Filling> + Clone {
    select(vec![Filling::Zeros, Filling::Text, Filling::Noise])
}

fn number() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![8 => 1..1000_u64, 1 => select(vec![u64::MAX, 1 << 63])]
}

/// Numbered keys; of a deep bucket those of many pages, now and then.
fn run(is_deep: bool) -> impl Strategy<Value = Run> {
    let firsts = if is_deep { DEEP_KEYS as u16 } else { 300 };
    let longest = if is_deep { LONGEST_RUN } else { 200 };
    let count = prop_oneof![3 => 1..40_u16, 2 => 60..longest];
    (0..BUCKETS.len(), 0..firsts, count, 1..4_u16).prop_map(|(bucket, first, count, step)| Run {
        bucket,
        first,
        count,
        step,
    })
}

fn sweep(now: &Reference) -> BoxedStrategy<Sweep> {
    let bound = |key: BoxedStrategy<Key>| {
        prop_oneof![
            3 => key.clone().prop_map(Bound::Included),
            3 => key.prop_map(Bound::Excluded),
            1 => Just(Bound::Unbounded),
        ]
    };
    let one = |key: Key| {
        let included = || Bound::Included(key.clone());
        let excluded = || Bound::Excluded(key.clone());
        select(vec![
            Span::Between(included(), included()),
            Span::Between(included(), excluded()),
            Span::Between(excluded(), included()),
            Span::Between(excluded(), excluded()),
        ])
    };
    // Bounds are drawn without regard to their order: inverted ranges are wanted, too.
    let span = prop_oneof![
        2 => Just(Span::All),
        3 => key(now, 0).prop_map(Span::Prefix),
        5 => (bound(key(now, 0)), bound(key(now, 0)))
            .prop_map(|(low, high)| Span::Between(low, high)),
        // A bound that is a key, and alone between the two, shows whether it belongs to the range.
        4 => key(now, 0).prop_flat_map(one),
    ];
    let order = select(vec![Order::Forward, Order::Backward, Order::Alternating]);
    let limit = prop_oneof![4 => Just(usize::MAX), 2 => 0..12_usize];
    (span, order, limit).prop_map(|(span, order, limit)| Sweep { span, order, limit }).boxed()
}

fn bucket_options(now: &Reference) -> BoxedStrategy<Op> {
    let stored: Vec<BucketOptions> =
        (0..BUCKETS.len()).map(|bucket| now.bucket_options(bucket).clone()).collect();
    let inline = select(vec![1024_u32, 0, 256, 257, 1023, 4096, 9000, 20_000]);
    let split = prop_oneof![6 => Just(None), 1 => select(vec![Some(64_u16), Some(512)])];
    (0..BUCKETS.len(), inline, split, any::<bool>(), any::<bool>())
        .prop_map(move |(bucket, inline_bytes, split, compression, small)| {
            let old = &stored[bucket];
            let split_keys = split.unwrap_or(old.split_keys);
            let smallest = if excludes(FindingId::UNLOAD_RACES_THE_EVICTOR) { 64 << 10 } else { 1 };
            let cache_bytes = if small { smallest } else { 1 << 20 };
            let wanted = BucketOptions {
                inline_bytes,
                split_keys,
                compression,
                cache_bytes,
                evict_pct: if small { 80 } else { 10 },
                consolidate_deltas: if small { 16 } else { 32 },
                ..old.clone()
            };
            Op::Change(bucket, Box::new(wanted.for_empty_pages()))
        })
        .boxed()
}

fn engine_options(preset: Preset) -> impl Strategy<Value = EngineOptions> {
    let own = vec![preset.engine().writers];
    let writers = select(if RULES.writers_change { vec![1_u8, 4, 32, 16] } else { own });
    let file = select(vec![16_u64 << 10, 64 << 10, 1 << 20]);
    (any::<bool>(), writers, file.clone(), file, 8..20_usize).prop_map(
        move |(durable, writers, data_file_bytes, wal_file_bytes, file_handles)| EngineOptions {
            durable,
            writers,
            data_file_bytes,
            blob_file_bytes: data_file_bytes,
            wal_file_bytes,
            file_handles,
            lru_bytes: data_file_bytes,
            // One for each of thirty-two writers on the relaxed route.
            wal_buffer_bytes: 1 << 20,
            ..preset.engine()
        },
    )
}
