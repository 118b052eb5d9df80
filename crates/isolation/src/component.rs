//! The strongly connected components of the graph, as sets of transactions. Each holds at least one
//! forbidden cycle. They are computed only when there is a cycle.

use crate::graph::Graph;

const FRESH: u32 = u32::MAX;

/// The transactions of each component with more than one node, in ascending order, the smallest
/// component first.
pub(crate) fn components(graph: &Graph) -> Vec<Vec<u32>> {
    let mut found = Vec::new();
    let mut tarjan = Tarjan::new(graph);
    for root in 0..graph.nodes() {
        if tarjan.index[root as usize] == FRESH {
            tarjan.from(root, &mut found);
        }
    }
    found.sort_by_key(Vec::len);
    found
}

/// Tarjan's algorithm (SIAM J. Comput. 1972) with an explicit stack instead of recursion.
struct Tarjan<'a> {
    graph: &'a Graph,
    index: Vec<u32>,
    low: Vec<u32>,
    on_stack: Vec<bool>,
    stack: Vec<u32>,
    path: Vec<(u32, u32)>,
    count: u32,
}

impl<'a> Tarjan<'a> {
    fn new(graph: &'a Graph) -> Self {
        let nodes = graph.nodes() as usize;
        Self {
            graph,
            index: vec![FRESH; nodes],
            low: vec![FRESH; nodes],
            on_stack: vec![false; nodes],
            stack: Vec::new(),
            path: Vec::new(),
            count: 0,
        }
    }

    fn enter(&mut self, node: u32) {
        let at = node as usize;
        (self.index[at], self.low[at], self.on_stack[at]) = (self.count, self.count, true);
        self.count += 1;
        self.stack.push(node);
        self.path.push((node, 0));
    }

    fn from(&mut self, root: u32, found: &mut Vec<Vec<u32>>) {
        self.enter(root);
        while let Some((node, cursor)) = self.path.last_mut() {
            let node = *node;
            let next = self.graph.successor(node, *cursor);
            *cursor += 1;
            match next {
                Some(next) if self.index[next as usize] == FRESH => self.enter(next),
                Some(next) if self.on_stack[next as usize] => {
                    self.low[node as usize] =
                        self.low[node as usize].min(self.index[next as usize]);
                }
                Some(_) => {}
                None => self.leave(node, found),
            }
        }
    }

    fn leave(&mut self, node: u32, found: &mut Vec<Vec<u32>>) {
        self.path.pop();
        if let Some(&(parent, _)) = self.path.last() {
            let low = self.low[node as usize];
            self.low[parent as usize] = self.low[parent as usize].min(low);
        }
        if self.low[node as usize] != self.index[node as usize] {
            return;
        }
        let mut component = Vec::new();
        loop {
            let member = self.stack.pop().expect("a root is on the stack above its component");
            self.on_stack[member as usize] = false;
            component.push(member);
            if member == node {
                break;
            }
        }
        if component.len() > 1 {
            let mut txns: Vec<u32> =
                component.into_iter().filter_map(|node| self.graph.txn(node)).collect();
            txns.sort_unstable();
            txns.dedup();
            found.push(txns);
        }
    }
}
