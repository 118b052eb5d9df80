//! Records of one size: what the benches write, read and remove. All of them are made before the
//! clock starts. Each has a number, a key that is the number in decimal, filled up with zeros to
//! the size, and a value of random bytes drawn from the seed.

use crate::settings::Seed;

/// A key and its value.
pub type Record = (Vec<u8>, Vec<u8>);

/// A set of records in the order of their keys, and an order in which to use them.
#[derive(Clone, Debug)]
pub struct Records {
    sorted: Vec<Record>,
    shuffled: Vec<Record>,
}

/// What was met: compared with what ought to have been met, so that a batch that does nothing, or
/// something else, is found out. Cheap enough to be counted while the clock runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records met.
    pub entries: u64,
    /// A sum over the last bytes of each key and value and their lengths: order does not matter.
    pub sum: u64,
}

impl Tally {
    /// Counts a record.
    #[inline]
    pub fn add(&mut self, key: &[u8], value: &[u8]) {
        self.entries += 1;
        let both = tail(key) ^ tail(value).rotate_left(17) ^ value.len() as u64;
        // Not linear, or two values that changed places would give the same sum.
        let mark = both.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.sum = self.sum.wrapping_add(mark ^ mark >> 32);
    }

    /// The sum of what two clients met.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { entries: self.entries + other.entries, sum: self.sum.wrapping_add(other.sum) }
    }

    /// The tally of these records.
    pub fn of(records: &[Record]) -> Self {
        let mut tally = Self::default();
        for (key, value) in records {
            tally.add(key, value);
        }
        tally
    }
}

/// The last eight bytes as a number; a shorter text counts whole.
#[inline]
fn tail(bytes: &[u8]) -> u64 {
    let from = bytes.len().saturating_sub(8);
    bytes[from..].iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

impl Records {
    /// So many records with keys and values of these sizes in bytes; `None` when keys that short
    /// cannot all differ.
    pub fn draw(seed: Seed, count: u64, key_bytes: usize, value_bytes: usize) -> Option<Self> {
        let digits = (count - 1).checked_ilog10().unwrap_or(0) as usize + 1;
        if digits > key_bytes {
            return None;
        }
        let mut rng = seed.rng();
        let record =
            |number| (format!("{number:0key_bytes$}").into_bytes(), rng.bytes(value_bytes));
        let sorted: Vec<Record> = (0..count).map(record).collect();
        let mut shuffled = sorted.clone();
        rng.shuffle(&mut shuffled);
        Some(Self { sorted, shuffled })
    }

    /// All records in the order of their keys.
    pub fn sorted(&self) -> &[Record] {
        &self.sorted
    }

    /// All records in the random order in which clients take them.
    pub fn shuffled(&self) -> &[Record] {
        &self.shuffled
    }

    /// The share of one of so many clients.
    pub fn share(records: &[Record], client: usize, clients: usize) -> &[Record] {
        let at = |client| records.len() * client / clients;
        &records[at(client)..at(client + 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_their_sizes_and_shares_add_up() {
        let records = Records::draw(Seed::new(1), 1000, 16, 33).unwrap();
        assert_eq!(records.sorted()[7].0, b"0000000000000007");
        assert!(records.sorted().iter().all(|(k, v)| k.len() == 16 && v.len() == 33));
        assert!(records.sorted().is_sorted() && !records.shuffled().is_sorted());
        let shares = (0..7).map(|client| Tally::of(Records::share(records.shuffled(), client, 7)));
        assert_eq!(shares.reduce(Tally::and).unwrap(), Tally::of(records.sorted()));
        assert!(Records::draw(Seed::new(1), 10, 1, 1).is_some());
        assert!(Records::draw(Seed::new(1), 11, 1, 1).is_none());
    }

    #[test]
    fn a_tally_notices_what_is_missing_or_other() {
        let records = Records::draw(Seed::new(1), 100, 16, 16).unwrap();
        let whole = Tally::of(records.sorted());
        let mut other = records.sorted().to_vec();
        other[3].1[15] ^= 1;
        assert_ne!(Tally::of(&other), whole);
        let left = other[4].1.clone();
        let right = other[5].1.clone();
        other[3].1[15] ^= 1;
        (other[4].1, other[5].1) = (right, left);
        assert_eq!(Tally::of(&records.sorted()[..99]).entries, 99);
        assert_ne!(Tally::of(&other), whole, "two values changed places");
    }
}
