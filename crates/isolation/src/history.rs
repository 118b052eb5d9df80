//! Histories in a compact form: transactions, their operations in the order in which clients made
//! them, and the stamps of one counter. Records what happened; judges nothing.
//!
//! Keys and versions are dense numbers that the recorder assigns: keys in scan order, versions one
//! for each write. A transaction takes 20 bytes and an operation 8. A list, a set or a scan takes 4
//! more bytes for each element.

/// The number of a key; scans meet smaller keys first. Below 2^29.
pub type Key = u32;

/// The number of one write. Below 2^31.
pub type Version = u32;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The commit was acknowledged.
    Committed,
    /// It did not happen: its client aborted it, or the engine refused it.
    Aborted,
    /// It did not happen, because it conflicted with another transaction.
    Conflicted,
    /// The commit returned an error or never returned: it may have happened. If it did, it happened
    /// before the next reopening.
    Unknown,
}

/// The direction of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Ascending keys.
    Forward,
    /// Descending keys.
    Backward,
}

/// One operation of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op<'a> {
    /// The key held this version, or nothing.
    Read(Key, Option<Version>),
    /// The key was given a new value. The transaction must have read or written it before.
    Write(Key, Version),
    /// The key was removed. The transaction must have read or written it before.
    Delete(Key, Version),
    /// The key held the list of these elements.
    List(Key, &'a [Version]),
    /// The key was given the list that the transaction saw last, with this element appended.
    Extend(Key, Version),
    /// The key held the set of these elements, in ascending order.
    Set(Key, &'a [Version]),
    /// An element was added to the set at the key without reading it: additions commute.
    Add(Key, Version),
    /// The keys from the first up to, but not including, the second were read in order.
    Scan(Key, Key, Direction, Items<'a>),
}

/// What a scan met, in scan order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Items<'a>(&'a [u32]);

impl<'a> Items<'a> {
    /// The keys and their versions.
    pub fn iter(self) -> impl ExactSizeIterator<Item = (Key, Version)> + 'a {
        self.0.chunks_exact(2).map(|pair| (pair[0], pair[1]))
    }
}

const NOTHING: u32 = u32::MAX;
const KIND_SHIFT: u32 = 29;
const KEY_MASK: u32 = (1 << KIND_SHIFT) - 1;

#[derive(Clone, Copy, Debug)]
struct Packed {
    kind_and_key: u32,
    value: u32,
}

/// One transaction.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Txn {
    first_op: u32,
    /// The counter before the engine was asked to begin.
    pub begin: u32,
    /// The counter before the engine was asked to commit.
    pub asked: u32,
    /// The counter after the engine answered.
    pub end: u32,
    /// The session. A session has one transaction at a time.
    pub session: u16,
    /// How it ended.
    pub outcome: Outcome,
}

/// What clients did to one database, across all its processes.
#[derive(Clone, Debug, Default)]
pub struct History {
    txns: Vec<Txn>,
    ops: Vec<Packed>,
    elements: Vec<u32>,
    reopenings: Vec<u32>,
    keys: u32,
    versions: u32,
    deletes: bool,
    lists: bool,
}

impl History {
    /// An empty history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a transaction. Operations recorded from here belong to it, until [`History::end`].
    pub fn begin(&mut self, session: u16, begin: u32) {
        let first_op = self.ops.len() as u32;
        let asked = NOTHING;
        let end = NOTHING;
        let outcome = Outcome::Unknown;
        self.txns.push(Txn { first_op, begin, asked, end, session, outcome });
    }

    /// A read of one key.
    pub fn read(&mut self, key: Key, version: Option<Version>) {
        self.push(0, key, version.unwrap_or(NOTHING));
    }

    /// A write of a key that the transaction has read.
    pub fn write(&mut self, key: Key, version: Version) {
        self.wrote(1, key, version);
    }

    /// The removal of a key that the transaction has read.
    pub fn delete(&mut self, key: Key, version: Version) {
        self.deletes = true;
        self.wrote(2, key, version);
    }

    /// A read of a list.
    pub fn list(&mut self, key: Key, elements: &[Version]) {
        self.lists = true;
        let offset = self.store(elements);
        self.push(3, key, offset);
    }

    /// A list that the transaction has read is written back with one element appended.
    pub fn extend(&mut self, key: Key, element: Version) {
        self.wrote(4, key, element);
    }

    /// A read of a set, given in any order.
    pub fn set(&mut self, key: Key, elements: &[Version]) {
        let offset = self.store(elements);
        self.elements[offset as usize + 1..].sort_unstable();
        self.push(5, key, offset);
    }

    /// An addition to a set.
    pub fn add(&mut self, key: Key, element: Version) {
        self.wrote(6, key, element);
    }

    /// A scan of the keys in `low..high`, and what it met in that order.
    pub fn scan(&mut self, low: Key, high: Key, way: Direction, items: &[(Key, Version)]) {
        let offset = self.elements.len() as u32;
        self.elements.extend([items.len() as u32, high, u32::from(way == Direction::Backward)]);
        for &(key, version) in items {
            self.elements.extend([key, version]);
            self.keys = self.keys.max(key + 1);
        }
        self.keys = self.keys.max(high);
        self.push(7, low, offset);
    }

    /// Ends the transaction that was begun last. `asked` is the counter before the engine was asked
    /// to commit, `end` the counter after it answered.
    ///
    /// # Panics
    /// When no transaction was begun.
    pub fn end(&mut self, outcome: Outcome, asked: u32, end: u32) {
        let txn = self.txns.last_mut().expect("a transaction ends after it began");
        (txn.outcome, txn.asked, txn.end) = (outcome, asked, end);
    }

    /// Records that the database was reopened when the counter had this value. Work that was
    /// pending before cannot take effect after it.
    pub fn reopened(&mut self, stamp: u32) {
        self.reopenings.push(stamp);
        self.reopenings.sort_unstable();
    }

    /// How many transactions there are.
    pub fn len(&self) -> usize {
        self.txns.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.txns.is_empty()
    }

    /// A transaction by its number, which is its index in recording order.
    pub fn txn(&self, number: u32) -> &Txn {
        &self.txns[number as usize]
    }

    /// All transactions.
    pub fn txns(&self) -> &[Txn] {
        &self.txns
    }

    /// The operations of a transaction.
    pub fn ops(&self, number: u32) -> impl DoubleEndedIterator<Item = Op<'_>> {
        let at = number as usize;
        let end = self.txns.get(at + 1).map_or(self.ops.len(), |next| next.first_op as usize);
        self.ops[self.txns[at].first_op as usize..end].iter().map(|op| self.unpack(*op))
    }

    /// The counter at each reopening, ascending.
    pub fn reopenings(&self) -> &[u32] {
        &self.reopenings
    }

    /// One more than the highest key.
    pub fn keys(&self) -> u32 {
        self.keys
    }

    /// One more than the highest version.
    pub fn versions(&self) -> u32 {
        self.versions
    }

    /// Whether any key was ever removed.
    pub fn has_deletes(&self) -> bool {
        self.deletes
    }

    /// Whether any list was ever read.
    pub fn has_lists(&self) -> bool {
        self.lists
    }

    /// The latest stamp at which a transaction can have taken effect.
    pub fn over(&self, number: u32) -> u32 {
        let txn = self.txn(number);
        if txn.outcome != Outcome::Unknown {
            return txn.end;
        }
        let next = self.reopenings.partition_point(|&stamp| stamp <= txn.begin);
        self.reopenings.get(next).copied().unwrap_or(NOTHING)
    }

    /// The size of the history in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.txns.len() * size_of::<Txn>()
            + self.ops.len() * size_of::<Packed>()
            + self.elements.len() * size_of::<u32>()
    }

    /// Releases reserved memory.
    pub fn shrink(&mut self) {
        self.txns.shrink_to_fit();
        self.ops.shrink_to_fit();
        self.elements.shrink_to_fit();
    }

    fn push(&mut self, kind: u32, key: Key, value: u32) {
        assert!(key <= KEY_MASK, "keys are below 2^29");
        assert!(!self.txns.is_empty(), "an operation belongs to a transaction");
        self.keys = self.keys.max(key + 1);
        self.ops.push(Packed { kind_and_key: kind << KIND_SHIFT | key, value });
    }

    fn wrote(&mut self, kind: u32, key: Key, version: Version) {
        assert!(version < 1 << 31, "versions are below 2^31");
        self.versions = self.versions.max(version + 1);
        self.push(kind, key, version);
    }

    fn store(&mut self, elements: &[u32]) -> u32 {
        let offset = self.elements.len() as u32;
        self.elements.push(elements.len() as u32);
        self.elements.extend(elements);
        offset
    }

    fn unpack(&self, packed: Packed) -> Op<'_> {
        let key = packed.kind_and_key & KEY_MASK;
        let value = packed.value;
        match packed.kind_and_key >> KIND_SHIFT {
            0 => Op::Read(key, (value != NOTHING).then_some(value)),
            1 => Op::Write(key, value),
            2 => Op::Delete(key, value),
            3 => Op::List(key, self.stored(value)),
            4 => Op::Extend(key, value),
            5 => Op::Set(key, self.stored(value)),
            6 => Op::Add(key, value),
            _ => {
                let head = &self.elements[value as usize..][..3];
                let items = &self.elements[value as usize + 3..][..2 * head[0] as usize];
                let way = if head[2] == 0 { Direction::Forward } else { Direction::Backward };
                Op::Scan(key, head[1], way, Items(items))
            }
        }
    }

    fn stored(&self, offset: u32) -> &[u32] {
        let offset = offset as usize;
        let len = self.elements[offset] as usize;
        &self.elements[offset + 1..][..len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_comes_back() {
        let mut history = History::new();
        history.begin(3, 1);
        history.read(7, None);
        history.write(7, 0);
        history.delete(7, 1);
        history.list(2, &[5, 4]);
        history.extend(2, 6);
        history.set(1, &[9, 8]);
        history.add(1, 2);
        history.scan(0, 9, Direction::Backward, &[(7, 3), (2, 4)]);
        history.end(Outcome::Committed, 2, 3);
        let ops: Vec<Op> = history.ops(0).collect();
        assert_eq!(
            ops[..5],
            [
                Op::Read(7, None),
                Op::Write(7, 0),
                Op::Delete(7, 1),
                Op::List(2, &[5, 4]),
                Op::Extend(2, 6),
            ]
        );
        assert_eq!(ops[5..7], [Op::Set(1, &[8, 9]), Op::Add(1, 2)]);
        let Op::Scan(0, 9, Direction::Backward, items) = ops[7] else { panic!("{:?}", ops[7]) };
        assert_eq!(items.iter().collect::<Vec<_>>(), [(7, 3), (2, 4)]);
        assert_eq!((history.keys(), history.versions()), (9, 7));
    }

    #[test]
    fn unknown_commit_ends_at_the_next_opening() {
        let mut history = History::new();
        for (begin, outcome) in [(1, Outcome::Unknown), (2, Outcome::Committed)] {
            history.begin(0, begin);
            history.end(outcome, begin + 1, begin + 2);
        }
        assert_eq!((history.over(0), history.over(1)), (NOTHING, 4));
        history.reopened(10);
        assert_eq!((history.over(0), history.over(1)), (10, 4));
    }
}
