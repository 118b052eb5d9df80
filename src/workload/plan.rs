//! Plans of transactions: what a client is going to do, drawn from a seed or swept over a range.
//! A plan names keys and lengths; the values follow from who writes them (`value.rs`).

use crate::{
    engine::Order,
    settings::{FindingId, Rng, excludes},
    workload::value::MIN_VALUE,
};
use serde::{Deserialize, Serialize};

/// The place of scans among the weights of a [`Mix`].
const SCAN: usize = 1;

/// The prefix of keys that hold merged numbers.
pub const SUM_PREFIX: &[u8] = b"s/";

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Reads a key.
    Read(Vec<u8>),
    /// Reads every key with this prefix, in this order.
    Scan(Vec<u8>, Order),
    /// Writes a key either way; the length is the value's, in bytes.
    Upsert(Vec<u8>, u32),
    /// Writes a key that ought to be absent.
    Put(Vec<u8>, u32),
    /// Writes a key that ought to be present.
    Update(Vec<u8>, u32),
    /// Removes a key.
    Del(Vec<u8>),
    /// Adds to a merged number.
    Add(Vec<u8>, u64),
    /// Reads a list and writes it back with one element more.
    Append(Vec<u8>),
    /// Adds an element to a set, without looking.
    Include(Vec<u8>),
    /// Writes a checkpoint of the bucket and waits for it; the transaction stays open meanwhile.
    Checkpoint,
    /// Reads two merged numbers and writes both back, with up to so much moved from one to the
    /// other.
    Move {
        /// Whose number falls.
        from: Vec<u8>,
        /// Whose number grows.
        to: Vec<u8>,
        /// By how much, at the most.
        amount: u64,
    },
}

/// One transaction to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnPlan {
    /// Its operations, in order.
    pub ops: Vec<Op>,
    /// Whether it ends in a commit or is dropped.
    pub commits: bool,
}

impl TxnPlan {
    /// Gives the client numbers of its own to add to, so that no two clients merge one key.
    pub fn own_sums(&mut self, client: u16) {
        for op in &mut self.ops {
            if let Op::Add(key, _) = op {
                key.extend(format!("/{client}").bytes());
            }
        }
    }
}

/// Random transactions over a set of keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mix {
    /// How many different keys there are.
    pub keys: u64,
    /// Which of them are taken how often.
    pub access: Access,
    /// Operations of a transaction, at the most.
    pub ops: u64,
    /// Value lengths in bytes: drawn from these, each as likely as the next.
    pub lengths: Vec<u32>,
    /// Weights of read, scan, upsert, put, update, delete, add.
    pub weights: [u64; 7],
    /// Per cent of the transactions that are dropped instead of committed.
    pub abort_pct: u64,
    /// Per cent of the transactions in the middle of which their client writes a checkpoint.
    pub checkpoint_pct: u64,
    /// Each client has keys and numbers of its own: client `n` those from `n * keys` on.
    pub apart: bool,
    /// Keys are binary, and long every so often ([`binary_key`]).
    pub binary: bool,
}

/// How keys are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Access {
    /// Each as likely as the next.
    Uniform,
    /// Nine in ten go to the first few keys.
    Hotspot {
        /// How many keys are hot.
        hot: u64,
    },
    /// The n-th key about as often as one in n: a power of two is drawn, and a key below it, which
    /// is Zipf's law with an exponent of one in steps.
    Zipfian,
}

impl Access {
    /// Draws the number of one of so many keys.
    pub fn number(self, keys: u64, rng: &mut Rng) -> u64 {
        match self {
            Self::Hotspot { hot } if rng.percent(90) => rng.below(hot.min(keys)),
            Self::Zipfian => {
                let bits = rng.below(u64::from(keys.ilog2()) + 1);
                rng.below(1 << bits).min(keys - 1)
            }
            Self::Uniform | Self::Hotspot { .. } => rng.below(keys),
        }
    }
}

/// One pass over a range of keys, upserting or deleting each `step`-th, `per_txn` in a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// The first key's number.
    pub first: u64,
    /// The number after the last key's.
    pub end: u64,
    /// Distance between keys.
    pub step: u64,
    /// Length of the values, in bytes.
    pub length: u32,
    /// Writes in a transaction.
    pub per_txn: u64,
    /// Whether the transactions commit or are dropped.
    pub commits: bool,
    /// Whether the keys are deleted.
    pub deletes: bool,
}

impl Mix {
    /// The same for traffic under which checkpoints come due: without scans, for as long as one that
    /// is in a leaf meanwhile may abort the process (known finding `scan-over-checkpoint`).
    #[must_use]
    pub fn under_checkpoints(mut self) -> Self {
        if excludes(FindingId::SCAN_OVER_CHECKPOINT) {
            self.weights[SCAN] = 0;
        }
        self
    }
}

impl Default for Mix {
    fn default() -> Self {
        Self {
            keys: 64,
            access: Access::Uniform,
            ops: 5,
            lengths: vec![MIN_VALUE as u32, 100, 255, 1023, 1024, 1025, 3000],
            weights: [20, 3, 30, 10, 15, 10, 12],
            abort_pct: 10,
            checkpoint_pct: 0,
            apart: false,
            binary: false,
        }
    }
}

/// The key with this number: eight digits keep the order of numbers and of bytes the same.
pub fn key(number: u64) -> Vec<u8> {
    format!("k/{number:08}").into_bytes()
}

/// The binary key with this number: its eight bytes, then bytes of every kind, none for most and up to
/// nearly 64 KiB for some. No lengths near those of the known finding `key-of-115-bytes`, with which a
/// page stores what its keys have in common apart.
pub fn binary_key(number: u64) -> Vec<u8> {
    const TAILS: [usize; 8] = [0, 1, 0, 60, 0, 400, 0, 5000];
    let tail = match number % 509 {
        508 => 65_000,
        _ => TAILS[(number % 8) as usize],
    };
    let tail = (0..tail as u64).map(|at| (at * 7 + number).to_le_bytes()[0]);
    [b"b"].into_iter().flatten().copied().chain(number.to_be_bytes()).chain(tail).collect()
}

/// The keys that a scan of [`Op::Scan`] may meet, when its prefix is that of a plan's key without the
/// last digit; none for other prefixes.
pub fn keys_below(prefix: &[u8]) -> Vec<Vec<u8>> {
    if !prefix.starts_with(b"k/") || prefix.len() + 1 != key(0).len() {
        return Vec::new();
    }
    (b'0'..=b'9').map(|digit| [prefix, &[digit]].concat()).collect()
}

/// The key of the merged number with this number.
pub fn sum_key(number: u64) -> Vec<u8> {
    [SUM_PREFIX, format!("{:04}", number % 8).as_bytes()].concat()
}

impl Mix {
    /// Draws the client's next transaction.
    pub fn next(&self, client: u16, rng: &mut Rng) -> TxnPlan {
        let count = rng.between(1, self.ops);
        let mut ops: Vec<Op> = (0..count).map(|_| self.op(client, rng)).collect();
        let commits = !rng.percent(self.abort_pct);
        if self.checkpoint_pct > 0 && rng.percent(self.checkpoint_pct) {
            ops.insert(ops.len().div_ceil(2), Op::Checkpoint);
        }
        let mut plan = TxnPlan { ops, commits };
        if self.apart {
            plan.own_sums(client);
        }
        plan
    }

    fn op(&self, client: u16, rng: &mut Rng) -> Op {
        let first = if self.apart { u64::from(client) * self.keys } else { 0 };
        let number = first + self.access.number(self.keys, rng);
        let key = if self.binary { binary_key(number) } else { key(number) };
        let length = *rng.pick(&self.lengths);
        match rng.weighted(&self.weights) {
            0 => Op::Read(key),
            SCAN => {
                let order = *rng.pick(&[Order::Forward, Order::Backward]);
                Op::Scan(key[..key.len() - 1].to_vec(), order)
            }
            2 => Op::Upsert(key, length),
            3 => Op::Put(key, length),
            4 => Op::Update(key, length),
            5 => Op::Del(key),
            _ => Op::Add(sum_key(number), rng.between(1, 1000)),
        }
    }
}

impl Sweep {
    /// An upsert of every key in `first..end`, `per_txn` in a transaction.
    pub const fn fill(end: u64, length: u32, per_txn: u64) -> Self {
        Self { first: 0, end, step: 1, length, per_txn, commits: true, deletes: false }
    }

    /// The transactions of the pass, in order.
    pub fn plans(&self) -> Vec<TxnPlan> {
        let numbers: Vec<u64> = (self.first..self.end).step_by(self.step as usize).collect();
        let op = |&number| {
            if self.deletes { Op::Del(key(number)) } else { Op::Upsert(key(number), self.length) }
        };
        numbers
            .chunks(self.per_txn as usize)
            .map(|chunk| TxnPlan { ops: chunk.iter().map(op).collect(), commits: self.commits })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Seed;

    #[test]
    fn one_seed_gives_one_plan_of_all_operations() {
        let mix = Mix::default();
        let plans = |seed| {
            let mut rng = Seed::new(seed).rng();
            (0..300).map(|_| mix.next(0, &mut rng)).collect::<Vec<_>>()
        };
        assert_eq!(plans(1), plans(1));
        assert_ne!(plans(1), plans(2));
        let kinds: std::collections::BTreeSet<_> = plans(1)
            .iter()
            .flat_map(|plan| plan.ops.iter().map(|op| format!("{op:?}")[..3].to_owned()))
            .collect();
        assert_eq!(kinds.len(), 7, "{kinds:?}");
    }

    #[test]
    fn clients_apart_have_no_key_in_common() {
        let mix = Mix { keys: 10, apart: true, checkpoint_pct: 50, ..Mix::default() };
        let keys = |client| {
            let mut rng = Seed::new(1).rng();
            let plans: Vec<TxnPlan> = (0..200).map(|_| mix.next(client, &mut rng)).collect();
            let amid = |plan: &TxnPlan| plan.ops.iter().position(|op| *op == Op::Checkpoint);
            assert!(plans.iter().any(|plan| amid(plan).is_some_and(|at| at > 0)));
            let ops = plans.into_iter().flat_map(|plan| plan.ops);
            ops.filter_map(|op| match op {
                Op::Upsert(key, _) | Op::Put(key, _) | Op::Update(key, _) | Op::Add(key, _) => {
                    Some(key)
                }
                _ => None,
            })
            .collect::<std::collections::BTreeSet<_>>()
        };
        let [one, other] = [keys(1), keys(2)];
        assert!(one.is_disjoint(&other));
        let of_range = |key: &Vec<u8>| *key < super::key(20) || key.starts_with(SUM_PREFIX);
        assert!(one.contains(&key(10)) && one.iter().all(of_range), "{one:?}");
    }

    #[test]
    fn a_scan_may_meet_ten_keys_of_a_plan() {
        let keys = keys_below(b"k/0000001");
        assert_eq!((keys.len(), &keys[3]), (10, &key(13)));
        assert_eq!(keys_below(b"s/000000").len(), 0);
    }

    #[test]
    fn binary_keys_differ_and_keep_the_order() {
        let keys: Vec<Vec<u8>> = (0..1100).map(binary_key).collect();
        assert!(keys.is_sorted() && keys.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(keys.iter().map(Vec::len).max(), Some(65_009));
        assert!((0..=u8::MAX).all(|byte| keys[7].contains(&byte)));
        let mix = Mix { binary: true, ..Mix::default() };
        let Op::Read(key) =
            (Mix { weights: [1, 0, 0, 0, 0, 0, 0], ..mix }).op(0, &mut Seed::new(1).rng())
        else {
            panic!("it only reads")
        };
        assert!(key.starts_with(b"b"), "{key:?}");
    }

    #[test]
    fn zipfian_access_prefers_small_numbers() {
        let mut rng = Seed::new(1).rng();
        let mut taken = [0u32; 32];
        let mix = Mix {
            keys: 32,
            access: Access::Zipfian,
            weights: [1, 0, 0, 0, 0, 0, 0],
            ..Mix::default()
        };
        for _ in 0..2000 {
            let Op::Read(read) = mix.op(0, &mut rng) else { panic!("it only reads") };
            taken[(0..32u64).position(|number| key(number) == read).unwrap()] += 1;
        }
        assert!(taken[0] > 4 * taken[4] && taken[31] > 0, "{taken:?}");
    }

    #[test]
    fn a_sweep_writes_each_key_once() {
        let sweep = Sweep { step: 3, ..Sweep::fill(10, 40, 3) };
        let plans = sweep.plans();
        assert_eq!(plans.len(), 2);
        assert_eq!(plans[1].ops, [Op::Upsert(key(9), 40)]);
    }
}
