//! The shortest forbidden cycle of a component, and its name. Works on the typed edges between the
//! transactions of one component. The gravest kinds are searched first, time orders last.
//!
//! A component may hold thousands of transactions, so the search has a budget of steps. Within the
//! budget the cycle of each kind is a shortest one; beyond it, it is the shortest one found.

use crate::{
    anomaly::{Anomaly, Edge, Evidence, Found, Why},
    history::{History, Op, Outcome},
    level::{Anti, Rule},
    resolve::{BY_SCAN, NONE, Resolved},
};
use std::collections::VecDeque;

/// The most edges that one search visits.
const BUDGET: u64 = 20_000_000;

/// The typed edges of one component. Transactions are numbered by their place in `txns`.
pub(crate) struct Component<'a> {
    history: &'a History,
    txns: &'a [u32],
    edges: Vec<Vec<Edge>>,
    /// Places, ordered by begin stamp, latest first.
    by_begin: Vec<u32>,
}

/// Which edges a cycle may be made of.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "independent kinds of edges, not a state")]
struct Allowed {
    wr: bool,
    rw: Rw,
    scans: bool,
    session: bool,
    real_time: bool,
}

/// How many anti-dependencies a cycle may have: none, one, any number of which no two are
/// adjacent, or any number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rw {
    None,
    One,
    Apart,
    Any,
}

impl<'a> Component<'a> {
    pub(crate) fn new(all: &Resolved<'a>, txns: &'a [u32]) -> Self {
        let history = all.history;
        let mut edges = vec![Vec::new(); txns.len()];
        let place = |txn: u32| txns.binary_search(&txn).ok();
        for (at, &txn) in txns.iter().enumerate() {
            for &read in all.reads(txn).iter().filter(|&&read| read != NONE) {
                let version = read & !BY_SCAN;
                let scan = read & BY_SCAN != 0;
                let key = Some(all.key_of(version));
                let shown = all.shown(version);
                let edge = |from, to, why, then| {
                    let then = if why == Why::Wr { None } else { all.shown(then) };
                    Edge { from, to, why, key, version: shown, then, scan }
                };
                let mut own = None;
                for then in all.replaced_by(version) {
                    let Some(to) = all.writer_of(then) else { continue };
                    if to == txn {
                        own = Some(then);
                    } else if place(to).is_some() {
                        edges[at].push(edge(txn, to, Why::Rw, then));
                    }
                }
                let writer = all.writer_of(version).filter(|&writer| writer != txn);
                if let Some((from, from_at)) = writer.and_then(|from| Some((from, place(from)?))) {
                    edges[from_at].push(edge(from, txn, Why::Wr, version));
                    if let Some(then) = own {
                        edges[from_at].push(edge(from, txn, Why::Ww, then));
                    }
                }
            }
        }
        let mut this = Self::with(history, txns, edges);
        this.sets(all);
        this
    }

    /// A component of a graph that was made of these edges.
    pub(crate) fn of_edges(history: &'a History, txns: &'a [u32], all: &[Edge]) -> Self {
        let mut edges = vec![Vec::new(); txns.len()];
        let place = |txn: u32| txns.binary_search(&txn).ok();
        for edge in all.iter().filter(|edge| place(edge.to).is_some()) {
            if let Some(at) = place(edge.from) {
                edges[at].push(*edge);
            }
        }
        Self::with(history, txns, edges)
    }

    fn with(history: &'a History, txns: &'a [u32], edges: Vec<Vec<Edge>>) -> Self {
        let mut by_begin: Vec<u32> = (0..txns.len() as u32).collect();
        by_begin.sort_by_key(|&at| std::cmp::Reverse(history.txn(txns[at as usize]).begin));
        Self { history, txns, edges, by_begin }
    }

    /// The edges from sets, compared pair by pair: few transactions are left here.
    fn sets(&mut self, all: &Resolved<'_>) {
        let mut added: Vec<(u32, u32, u32)> = Vec::new();
        for &txn in self.txns {
            added.extend(self.history.ops(txn).filter_map(|op| match op {
                Op::Add(key, element) => Some((key, element, txn)),
                _ => None,
            }));
        }
        added.sort_unstable();
        let here = |txn: u32| self.txns.binary_search(&txn).ok();
        for read in &all.sets {
            let Some(at) = here(read.txn) else { continue };
            let low = added.partition_point(|add| add.0 < read.key);
            for &(key, element, writer) in added[low..].iter().take_while(|it| it.0 == read.key) {
                let Some(by) = here(writer).filter(|&by| by != at) else { continue };
                let edge = Edge {
                    from: writer,
                    to: read.txn,
                    why: Why::Wr,
                    key: Some(key),
                    version: Some(element),
                    then: None,
                    scan: false,
                };
                if read.elements.binary_search(&element).is_ok() {
                    self.edges[by].push(edge);
                } else {
                    let from = read.txn;
                    let to = writer;
                    let why = Why::Rw;
                    let version = None;
                    let then = Some(element);
                    self.edges[at].push(Edge { from, to, why, version, then, ..edge });
                }
            }
        }
    }

    /// Names the anomalies of the component that a rule forbids, each by its shortest cycle. A graver
    /// kind hides the kinds that its cycles also belong to. Time orders count only where nothing else
    /// was found.
    pub(crate) fn name(&self, rule: Rule, found: &mut Found) {
        let ww =
            Allowed { wr: false, rw: Rw::None, scans: false, session: false, real_time: false };
        let core = Allowed { wr: true, ..ww };
        let one = Allowed { rw: Rw::One, ..core };
        let apart = Allowed { rw: Rw::Apart, ..core };
        let most = match rule.anti {
            Anti::None => Rw::None,
            Anti::Apart => Rw::Apart,
            Anti::Any => Rw::Any,
        };
        let wide = Allowed { rw: most, ..core };
        let scans = Allowed { scans: true, ..wide };
        let session = Allowed { session: true, ..scans };
        let timed = Allowed { real_time: true, ..scans };
        // Where any anti-dependencies count, what a scan did not meet is one of them.
        let met: Namer = match rule.anti {
            Anti::Any => |_| Anomaly::AntiDependencyCycle,
            Anti::None | Anti::Apart => |_| Anomaly::Phantom,
        };
        let reads = rule.anti != Anti::None;
        let group = |is_forbidden, is_grave, kinds: Vec<(Allowed, Namer)>| Group {
            is_forbidden,
            is_grave,
            kinds,
        };
        let groups = [
            group(
                true,
                true,
                vec![(ww, |_| Anomaly::DirtyWrite), (core, |_| Anomaly::CyclicInformationFlow)],
            ),
            group(reads, true, vec![(one, name_of_one), (apart, name_of_several)]),
            group(rule.anti == Anti::Any, false, vec![(wide, |_| Anomaly::AntiDependencyCycle)]),
            group(reads, false, vec![(scans, met)]),
            group(rule.time, false, vec![(session, |_| Anomaly::SessionOrder)]),
            group(rule.time, false, vec![(timed, name_of_timed)]),
        ];
        let mut any = false;
        for group in groups.into_iter().filter(|group| group.is_forbidden) {
            if any && !group.is_grave {
                break;
            }
            let cycles = group.kinds.iter();
            let cycles = cycles.map(|&(allowed, name)| Some((name, self.shortest(allowed)?)));
            if let Some((name, cycle)) = cycles.flatten().next() {
                any = true;
                found.add(name(&cycle), Evidence::Cycle(cycle));
            }
        }
        // A component always holds a cycle; the budget may have been too small to find it.
        if !any {
            let txns = self.txns.iter();
            let edge = |(&from, &to)| self.timed(from, to, Why::RealTime);
            let cycle = txns.clone().zip(txns.skip(1)).map(edge).collect();
            found.add(Anomaly::RealTimeOrder, Evidence::Cycle(cycle));
        }
    }

    /// The shortest cycle of allowed edges.
    fn shortest(&self, allowed: Allowed) -> Option<Vec<Edge>> {
        let mut budget = BUDGET;
        let mut best: Option<Vec<Edge>> = None;
        for start in 0..self.txns.len() as u32 {
            let most = best.as_ref().map_or(u32::MAX, |cycle| cycle.len() as u32 - 1);
            if most < 2 || budget == 0 {
                break;
            }
            if let Some(cycle) = Search::new(self, allowed, start).run(most, &mut budget) {
                best = Some(cycle);
            }
        }
        best
    }

    fn timed(&self, from: u32, to: u32, why: Why) -> Edge {
        let why = match why {
            Why::RealTime if self.reopened_between(from, to) => Why::Reopening,
            why => why,
        };
        Edge { from, to, why, key: None, version: None, then: None, scan: false }
    }

    /// Whether the database was reopened after the first transaction ended and before the second
    /// began.
    fn reopened_between(&self, from: u32, to: u32) -> bool {
        let over = self.history.over(from);
        let begin = self.history.txn(to).begin;
        self.history.reopenings().iter().any(|stamp| (over..begin).contains(stamp))
    }
}

type Namer = fn(&[Edge]) -> Anomaly;

/// Kinds of cycles, of which the first that is found counts.
struct Group {
    /// Whether the rule forbids them.
    is_forbidden: bool,
    /// Whether they are looked for when a graver group has found something.
    is_grave: bool,
    kinds: Vec<(Allowed, Namer)>,
}

fn name_of_one(cycle: &[Edge]) -> Anomaly {
    if cycle.len() == 2 { Anomaly::FracturedRead } else { Anomaly::GSingle }
}

/// Two writers and two readers: each reader saw one of the writers and missed the other.
fn name_of_several(cycle: &[Edge]) -> Anomaly {
    let anti = cycle.iter().filter(|edge| edge.why == Why::Rw).count();
    if cycle.len() == 4 && anti == 2 { Anomaly::LongFork } else { Anomaly::GNonadjacent }
}

fn name_of_timed(cycle: &[Edge]) -> Anomaly {
    let over = cycle.iter().any(|edge| edge.why == Why::Reopening);
    if over { Anomaly::NotExtended } else { Anomaly::RealTimeOrder }
}

/// A breadth-first search for the shortest path back to its start. A state is a transaction and one
/// bit: whether the one anti-dependency is used up, or whether the last edge was an
/// anti-dependency.
struct Search<'s, 'a> {
    component: &'s Component<'a>,
    allowed: Allowed,
    start: u32,
    /// For each state: the state before it, the edge between them, and the distance from the start.
    came: Vec<Option<(u32, Edge, u32)>>,
    queue: VecDeque<u32>,
    /// How many of `by_begin` were reached by real-time order.
    timed: usize,
}

impl<'s, 'a> Search<'s, 'a> {
    fn new(component: &'s Component<'a>, allowed: Allowed, start: u32) -> Self {
        let came = vec![None; 2 * component.txns.len()];
        Self { component, allowed, start, came, queue: VecDeque::from([2 * start]), timed: 0 }
    }

    fn run(mut self, most: u32, budget: &mut u64) -> Option<Vec<Edge>> {
        while let Some(state) = self.queue.pop_front() {
            let distance = self.came[state as usize].map_or(0, |(_, _, distance)| distance);
            if distance >= most {
                return None;
            }
            let steps = self.steps(state / 2, state % 2 == 1);
            *budget = budget.saturating_sub(1 + steps.len() as u64);
            for (to, bit, edge) in steps {
                let goal = self.allowed.rw == Rw::One;
                if to == self.start && bit == goal && self.closes(state, &edge) {
                    return Some(self.way(state, edge));
                }
                let next = 2 * to + u32::from(bit);
                let fresh = self.came[next as usize].is_none() && next != 2 * self.start;
                if fresh {
                    self.came[next as usize] = Some((state, edge, distance + 1));
                    self.queue.push_back(next);
                }
            }
            if *budget == 0 {
                return None;
            }
        }
        None
    }

    /// A cycle has at least two transactions.
    fn closes(&self, state: u32, edge: &Edge) -> bool {
        state / 2 != self.start && edge.from != edge.to
    }

    fn steps(&mut self, at: u32, bit: bool) -> Vec<(u32, bool, Edge)> {
        let Self { component, allowed, .. } = *self;
        let place =
            |txn: u32| component.txns.binary_search(&txn).expect("edges stay in the component");
        let kept = bit && allowed.rw == Rw::One;
        let mut steps = Vec::new();
        for &edge in &component.edges[at as usize] {
            let to = place(edge.to) as u32;
            match edge.why {
                _ if edge.scan && !allowed.scans => {}
                Why::Rw if allowed.rw == Rw::Any => steps.push((to, false, edge)),
                Why::Rw if allowed.rw != Rw::None && !bit => steps.push((to, true, edge)),
                Why::Wr if allowed.wr => steps.push((to, kept, edge)),
                Why::Ww => steps.push((to, kept, edge)),
                _ => {}
            }
        }
        let txn = component.txns[at as usize];
        if allowed.session {
            for to in component.later_in_session(txn) {
                steps.push((place(to) as u32, false, component.timed(txn, to, Why::Session)));
            }
        }
        if allowed.real_time {
            self.later(txn, &mut steps);
        }
        steps
    }

    /// Transactions that began after this one ended and that real-time order has not reached yet.
    fn later(&mut self, txn: u32, steps: &mut Vec<(u32, bool, Edge)>) {
        let component = self.component;
        let over = self.component.history.over(txn);
        let begin = |at: u32| component.history.txn(component.txns[at as usize]).begin;
        let mut step = |at: u32| {
            let to = component.txns[at as usize];
            steps.push((at, false, component.timed(txn, to, Why::RealTime)));
        };
        if begin(self.start) > over {
            step(self.start);
        }
        while let Some(&at) = component.by_begin.get(self.timed).filter(|&&at| begin(at) > over) {
            step(at);
            self.timed += 1;
        }
    }

    fn way(&self, state: u32, last: Edge) -> Vec<Edge> {
        let mut way = vec![last];
        let mut at = state;
        while let Some((before, edge, _)) = self.came[at as usize] {
            way.push(edge);
            at = before;
        }
        way.reverse();
        way
    }
}

impl Component<'_> {
    /// Transactions of the same session that began after this one was acknowledged. A session does
    /// not outlive its process: work that is missing after a reopening was lost there.
    fn later_in_session(&self, txn: u32) -> impl Iterator<Item = u32> + '_ {
        let own = *self.history.txn(txn);
        self.txns.iter().copied().filter(move |&number| {
            let other = self.history.txn(number);
            let acknowledged = own.outcome == Outcome::Committed;
            let later = acknowledged && other.session == own.session && other.begin > own.end;
            later && !self.reopened_between(txn, number)
        })
    }
}
