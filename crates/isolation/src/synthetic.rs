//! Long correct histories, generated to measure a checker. Sixteen sessions at a time share one
//! snapshot. Each reads two keys and replaces up to two more that it reads first. A session that
//! replaces a version another one of them has replaced is refused. Conflicts, overlaps and write
//! skew all occur.

use crate::history::{History, Outcome};

/// Sessions that share one snapshot.
const SESSIONS: u32 = 16;

/// The shape of a synthetic history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Synthetic {
    /// The number of transactions.
    pub txns: u32,
    /// The number of keys, which are equally likely.
    pub keys: u32,
    /// The longest list; 0 for single values instead of lists.
    pub list: u32,
    /// The seed of the pseudo-random numbers.
    pub seed: u64,
}

/// A list and the key that holds it. A full list is replaced by a new one.
struct Lists {
    elements: Vec<Vec<u32>>,
    key: Vec<u32>,
    next: u32,
}

impl Synthetic {
    /// Generates the history.
    pub fn history(self) -> History {
        let mut draws = self.seed | 1;
        let mut draw = |bound: u32| {
            // Knuth's multiplier; its upper half is random enough to choose keys.
            draws =
                draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
            ((draws >> 33) % u64::from(bound)) as u32
        };
        let mut values: Vec<Option<u32>> = vec![None; self.keys as usize];
        let mut lists = Lists {
            elements: vec![Vec::new(); self.keys as usize],
            key: (0..self.keys).collect(),
            next: self.keys,
        };
        let mut history = History::new();
        let mut version = 0;
        let mut stamp = 0;
        let mut written: Vec<(u32, u32)> = Vec::new();
        for first in (0..self.txns).step_by(SESSIONS as usize) {
            written.clear();
            let count = SESSIONS.min(self.txns - first);
            for session in 0..count {
                history.begin(session as u16, stamp + session);
                for _ in 0..2 {
                    let key = draw(self.keys);
                    self.read(&mut history, key, &values, &lists);
                }
                let mut own = Vec::new();
                let mut refused = false;
                for _ in 0..draw(3) {
                    let key = draw(self.keys);
                    if own.iter().any(|&(other, _)| other == key) {
                        continue;
                    }
                    self.read(&mut history, key, &values, &lists);
                    refused = written.iter().any(|&(other, _)| other == key);
                    if refused {
                        break;
                    }
                    own.push((key, version));
                    if self.list == 0 {
                        history.write(key, version);
                    } else {
                        history.extend(lists.key[key as usize], version);
                    }
                    version += 1;
                }
                let outcome = if refused { Outcome::Conflicted } else { Outcome::Committed };
                let asked = stamp + count + 2 * session;
                history.end(outcome, asked, asked + 1);
                if !refused {
                    written.extend(own);
                }
            }
            stamp += 3 * count;
            for &(key, version) in &written {
                values[key as usize] = Some(version);
                if self.list > 0 {
                    lists.append(key as usize, version, self.list);
                }
            }
        }
        history.shrink();
        history
    }

    fn read(self, history: &mut History, key: u32, values: &[Option<u32>], lists: &Lists) {
        if self.list == 0 {
            history.read(key, values[key as usize]);
        } else {
            history.list(lists.key[key as usize], &lists.elements[key as usize]);
        }
    }
}

impl Lists {
    fn append(&mut self, at: usize, version: u32, most: u32) {
        self.elements[at].push(version);
        if self.elements[at].len() as u32 >= most {
            self.elements[at].clear();
            self.key[at] = self.next;
            self.next += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check;

    #[test]
    fn it_is_honest_and_holds_all_that_a_verdict_needs() {
        for list in [0, 8] {
            let history = Synthetic { txns: 5_000, keys: 100, list, seed: 1 }.history();
            let report = check(&history).unwrap();
            assert!(report.is_clean(), "{report:?}");
            assert_eq!(report.seen.missing(), [""; 0]);
        }
    }
}
