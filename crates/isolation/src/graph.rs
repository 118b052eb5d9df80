//! The graph in which snapshot isolation is the absence of cycles, and the search for one.
//!
//! By Cerone and Gotsman (PODC 2016) a history satisfies snapshot isolation when every cycle of its
//! dependencies has two adjacent anti-dependencies (`rw`). So each transaction has two nodes. The
//! node *led to* is reached by a dependency, and an anti-dependency may follow. The node *plain* is
//! reached by an anti-dependency, and none may follow. The cycles of this graph are exactly the
//! forbidden cycles.
//!
//! Real-time order as pairs would be quadratic. Instead the end of each transaction is a barrier. A
//! transaction leads to the barrier of its end. A barrier leads to the next barrier and to the
//! transactions that began between the two. Nodes and edges stay linear in the history.

use crate::{
    anomaly::{Edge, Why},
    history::History,
    level::{Anti, Rule},
    resolve::{BY_SCAN, NONE, Resolved, SetNodes},
};

/// Adjacency lists in two arrays: the targets of node `n` are at `at[n]..at[n + 1]`.
#[derive(Debug, Default)]
pub(crate) struct Lists {
    at: Vec<u32>,
    to: Vec<u32>,
}

impl Lists {
    pub(crate) fn of(&self, node: u32) -> &[u32] {
        let node = node as usize;
        if node + 1 >= self.at.len() {
            return &[];
        }
        &self.to[self.at[node] as usize..self.at[node + 1] as usize]
    }

    /// Adds a target. Nodes must come in ascending order.
    fn push(&mut self, node: u32, target: u32) {
        self.at.resize(self.at.len().max(node as usize + 1), self.to.len() as u32);
        self.to.push(target);
    }

    /// Finishes the lists.
    fn ended(mut self, nodes: u32) -> Self {
        self.at.resize(nodes as usize + 1, self.to.len() as u32);
        self
    }

    /// Counts first, then fills; iterates `pairs` twice.
    fn new<I: Iterator<Item = (u32, u32)>>(nodes: u32, pairs: impl Fn() -> I) -> Self {
        let mut at = vec![0u32; nodes as usize + 1];
        for (from, _) in pairs() {
            at[from as usize] += 1;
        }
        let mut sum = 0;
        for count in &mut at {
            sum += *count;
            *count = sum;
        }
        let mut to = vec![0; sum as usize];
        for (from, target) in pairs() {
            let place = &mut at[from as usize];
            *place -= 1;
            to[*place as usize] = target;
        }
        Self { at, to }
    }
}

/// The end stamps of transactions as a bit set with ranks.
#[derive(Debug)]
struct Barriers {
    words: Vec<u64>,
    before: Vec<u32>,
    count: u32,
}

impl Barriers {
    fn new(ends: impl Iterator<Item = u32>) -> Self {
        let mut words: Vec<u64> = Vec::new();
        for end in ends {
            let word = end as usize / 64;
            if word >= words.len() {
                words.resize(word + word / 4 + 1, 0);
            }
            words[word] |= 1 << (end % 64);
        }
        let mut count = 0;
        let mut ranks = Vec::with_capacity(words.len());
        for word in &words {
            ranks.push(count);
            count += word.count_ones();
        }
        Self { words, before: ranks, count }
    }

    /// How many ends are below this stamp.
    fn before(&self, stamp: u32) -> u32 {
        let word = stamp as usize / 64;
        let Some(bits) = self.words.get(word) else { return self.count };
        let lower = bits & ((1u64 << (stamp % 64)) - 1);
        self.before[word] + lower.count_ones()
    }
}

/// Real-time order, as barriers.
#[derive(Debug, Default)]
struct Times {
    /// For each transaction, the barrier of its end.
    barrier: Vec<u32>,
    barriers: u32,
    /// For each barrier, the transactions that began between it and the next one.
    begins: Lists,
}

impl Times {
    fn new(history: &History, is_visible: &[bool]) -> Self {
        let txns = history.len() as u32;
        let visible = || (0..txns).filter(|&txn| is_visible[txn as usize]);
        let over = |txn| history.over(txn);
        let barriers = Barriers::new(visible().map(over).filter(|&end| end != NONE));
        let barrier = (0..txns)
            .map(|txn| match over(txn) {
                end if end == NONE || !is_visible[txn as usize] => NONE,
                end => barriers.before(end),
            })
            .collect();
        let begins = Lists::new(barriers.count, || {
            visible().filter_map(|txn| {
                let rank = barriers.before(history.txn(txn).begin);
                Some((rank.checked_sub(1)?, txn))
            })
        });
        Self { barrier, barriers: barriers.count, begins }
    }
}

/// All dependencies of a history.
///
/// Node numbers: `plain(t)` is `t`, `led(t)` is `n + t`, then the barriers, then two nodes for each
/// set position. The node *holds* comes after the work that the position holds. The node *lacks*
/// comes before the work of this and later positions.
#[derive(Debug)]
pub(crate) struct Graph {
    txns: u32,
    /// For each transaction: transactions, and `txns + p` for set position `p`.
    depends: Lists,
    /// The same for anti-dependencies.
    anti: Lists,
    /// For each transaction, the barrier of its end.
    barrier: Vec<u32>,
    barriers: u32,
    /// For each barrier, the transactions that began between it and the next one.
    begins: Lists,
    last_position: Vec<bool>,
    readers: Lists,
    writers: Lists,
    /// Every cycle of dependencies counts, and no time.
    serialisable: bool,
}

impl Graph {
    pub(crate) fn new(all: &Resolved<'_>, sets: SetNodes) -> Self {
        let txns = all.history.len() as u32;
        let visible = || (0..txns).filter(|&txn| all.visible[txn as usize]);
        let Times { barrier, barriers, begins } = Times::new(all.history, &all.visible);
        let mut lacked: Vec<(u32, u32)> =
            sets.readers.iter().map(|&(at, txn)| (txn, txns + at + 1)).collect();
        lacked.sort_unstable();
        // The last position of a key is for elements that nobody saw, so it has no reader.
        let mut lacked = lacked.into_iter().peekable();
        let mut read_from: Vec<(u32, u32)> = Vec::new();
        let mut anti = Lists::default();
        for txn in visible() {
            for read in all.reads(txn).iter().filter(|&&read| read != NONE) {
                let version = read & !BY_SCAN;
                let writer = all.writer_of(version).filter(|&writer| writer != txn);
                read_from.extend(writer.map(|writer| (writer, txn)));
                for then in all.replaced_by(version).filter_map(|then| all.writer_of(then)) {
                    if then != txn {
                        anti.push(txn, then);
                    }
                }
            }
            while let Some((_, position)) = lacked.next_if(|&(by, _)| by <= txn) {
                anti.push(txn, position);
            }
        }
        let anti = anti.ended(txns);
        let added = || sets.writers.iter().map(|&(at, txn)| (txn, txns + at));
        let depends = Lists::new(txns, || read_from.iter().copied().chain(added()));
        drop(read_from);
        let readers = Lists::new(sets.len(), || sets.readers.iter().copied());
        let writers = Lists::new(sets.len(), || sets.writers.iter().copied());
        let last_position = sets.last;
        Self {
            txns,
            depends,
            anti,
            barrier,
            barriers,
            begins,
            last_position,
            readers,
            writers,
            serialisable: false,
        }
    }

    /// The same graph for serialisability: its cycles are all cycles of dependencies. A transaction is
    /// its node *led to* alone. One that reads a set and adds to it lacks its own element there, and is on a
    /// cycle with itself that says nothing: two different transactions are on one only by dependencies.
    pub(crate) fn serialisable(self) -> Self {
        Self { serialisable: true, ..self }
    }

    /// A graph of these edges, in which the cycles are those that a rule forbids. Where any
    /// anti-dependencies make a forbidden cycle, they are like dependencies.
    pub(crate) fn of_edges(
        history: &History,
        visible: &[bool],
        edges: &[Edge],
        rule: Rule,
    ) -> Self {
        let txns = history.len() as u32;
        let pair = |edge: &Edge| (edge.from, edge.to);
        let is_anti = |edge: &&Edge| edge.why == Why::Rw && rule.anti == Anti::Apart;
        let depends = |edge: &&Edge| edge.why != Why::Rw || rule.anti == Anti::Any;
        let timeless = Times { barrier: vec![NONE; visible.len()], ..Times::default() };
        let times = if rule.time { Times::new(history, visible) } else { timeless };
        let Times { barrier, barriers, begins } = times;
        Self {
            txns,
            depends: Lists::new(txns, || edges.iter().filter(depends).map(pair)),
            anti: Lists::new(txns, || edges.iter().filter(is_anti).map(pair)),
            barrier,
            barriers,
            begins,
            last_position: Vec::new(),
            readers: Lists::default(),
            writers: Lists::default(),
            serialisable: false,
        }
    }

    /// How many nodes there are.
    pub(crate) fn nodes(&self) -> u32 {
        2 * self.txns + self.barriers + 2 * self.last_position.len() as u32
    }

    /// The transaction that a node stands for.
    pub(crate) fn txn(&self, node: u32) -> Option<u32> {
        (node < 2 * self.txns).then(|| node % self.txns)
    }

    /// The transactions whose work a transaction missed. For sets these are the transactions that
    /// added what the next larger set holds.
    pub(crate) fn anti(&self, txn: u32) -> impl Iterator<Item = u32> + '_ {
        self.anti
            .of(txn)
            .iter()
            .flat_map(|to| match to.checked_sub(self.txns) {
                None => std::slice::from_ref(to),
                Some(position) => self.writers.of(position),
            })
            .copied()
    }

    /// The `cursor`-th successor of a node.
    pub(crate) fn successor(&self, node: u32, cursor: u32) -> Option<u32> {
        let txns = self.txns;
        let positions = self.last_position.len() as u32;
        let holds = 2 * txns + self.barriers;
        let at = cursor as usize;
        let depended = |to: u32| if to < txns { txns + to } else { holds + to - txns };
        if self.serialisable && node < 2 * txns {
            let txn = node.checked_sub(txns)?;
            let depends = self.depends.of(txn);
            if let Some(&to) = depends.get(at) {
                return Some(depended(to));
            }
            let to = *self.anti.of(txn).get(at - depends.len())?;
            return Some(if to < txns { txns + to } else { holds + positions + to - txns });
        }
        if node < txns {
            let depends = self.depends.of(node);
            if let Some(&to) = depends.get(at) {
                return Some(depended(to));
            }
            let barrier = self.barrier[node as usize];
            return (at == depends.len() && barrier != NONE).then(|| 2 * txns + barrier);
        }
        if node < 2 * txns {
            let Some(at) = at.checked_sub(1) else { return Some(node - txns) };
            let to = *self.anti.of(node - txns).get(at)?;
            return Some(if to < txns { to } else { holds + positions + to - txns });
        }
        if node < holds {
            let barrier = node - 2 * txns;
            let next = barrier + 1 < self.barriers;
            return chained(next.then_some(node + 1), self.begins.of(barrier), at)
                .map(|(to, is_txn)| if is_txn { txns + to } else { to });
        }
        let lacks = node >= holds + positions;
        let position = node - holds - if lacks { positions } else { 0 };
        let next = (!self.last_position[position as usize]).then_some(node + 1);
        let list = if lacks { self.writers.of(position) } else { self.readers.of(position) };
        chained(next, list, at).map(|(to, is_txn)| match (is_txn, lacks && !self.serialisable) {
            (true, false) => txns + to,
            (true, true) | (false, _) => to,
        })
    }

    /// Whether there is no cycle. Visits the youngest transactions first: most of their successors
    /// were then visited already, and the path stays short.
    pub(crate) fn is_acyclic(&self) -> bool {
        const FRESH: u8 = 0;
        const OPEN: u8 = 1;
        const DONE: u8 = 2;
        let mut state = vec![FRESH; self.nodes() as usize];
        let mut path: Vec<(u32, u32)> = Vec::new();
        for root in (0..self.txns).rev().flat_map(|txn| [txn, self.txns + txn]) {
            if state[root as usize] != FRESH {
                continue;
            }
            state[root as usize] = OPEN;
            path.push((root, 0));
            while let Some((node, cursor)) = path.last_mut() {
                let Some(next) = self.successor(*node, *cursor) else {
                    state[*node as usize] = DONE;
                    path.pop();
                    continue;
                };
                *cursor += 1;
                match state[next as usize] {
                    FRESH => {
                        state[next as usize] = OPEN;
                        path.push((next, 0));
                    }
                    OPEN => return false,
                    _ => {}
                }
            }
        }
        true
    }
}

/// The `at`-th element of an optional node that is no transaction, followed by a list of
/// transactions.
fn chained(next: Option<u32>, list: &[u32], at: usize) -> Option<(u32, bool)> {
    match (next, at) {
        (Some(next), 0) => Some((next, false)),
        (Some(_), at) => list.get(at - 1).map(|&to| (to, true)),
        (None, at) => list.get(at).map(|&to| (to, true)),
    }
}
