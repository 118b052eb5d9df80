//! Deals the cases of a part out to shards by how long they took in an earlier run, so that no machine waits
//! long for another. The same times give the same slices on every machine. Pure.

use crate::nextest::Inventory;
use results::{CaseId, Layer};
use serde::{Deserialize, Serialize};
use std::{cmp::Reverse, collections::BTreeMap};

/// A case and how long it took, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Took {
    pub(crate) case: CaseId,
    pub(crate) time_ms: u64,
}

/// How long the cases of a part took in a run with these layers; empty where it ran none of them.
pub(crate) fn times(label: &str, cases: &Inventory, layers: &[Layer]) -> Vec<Took> {
    let ran = layers.iter().filter(|layer| layer.label == label).flat_map(|layer| &layer.cases);
    let ran = ran.filter(|case| case.attempts > 0 && cases.contains(&case.id));
    let took = |case: &results::Case| {
        let time_ms = u64::try_from(case.time.as_millis()).unwrap_or(u64::MAX);
        Took { case: case.id.clone(), time_ms }
    };
    ran.map(took).collect()
}

/// Deals the cases out: the longest first, each to the shard that has least to do. A case without a time takes
/// the median. Gives one slice for each shard, but no more slices than cases.
pub(crate) fn slices(cases: &Inventory, times: &[Took], shards: u32) -> Vec<Inventory> {
    let times: BTreeMap<&CaseId, u64> =
        times.iter().map(|Took { case, time_ms }| (case, *time_ms)).collect();
    let mut sorted: Vec<u64> = times.values().copied().collect();
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    // Cases of no time at all are dealt out too.
    let weight = |id: &CaseId| times.get(id).copied().unwrap_or(median).max(1);
    let mut order: Vec<&CaseId> = cases.iter().collect();
    order.sort_by_key(|id| (Reverse(weight(id)), *id));
    let mut slices = vec![Inventory::new(); cases.len().min(shards as usize)];
    let mut loads = vec![0_u64; slices.len()];
    for id in order {
        let least = (0..loads.len()).min_by_key(|at| loads[*at]).unwrap_or_default();
        loads[least] = loads[least].saturating_add(weight(id));
        slices[least].insert(id.clone());
    }
    slices
}

#[cfg(test)]
mod tests {
    use super::{Inventory, Took, slices};
    use results::CaseId;

    fn id(number: u64) -> CaseId {
        CaseId { binary: "b".into(), name: format!("case_{number:03}") }
    }

    /// The sums of the times of each shard, and of the numbers of its cases.
    fn dealt(times: &[u64], untimed: u64, shards: u32) -> Vec<u64> {
        let all = times.len() as u64 + untimed;
        let cases: Inventory = (0..all).map(id).collect();
        let took = |at: usize| Took { case: id(at as u64), time_ms: times[at] };
        let mut took: Vec<Took> = (0..times.len()).map(took).collect();
        let dealt = slices(&cases, &took, shards);
        took.reverse();
        assert_eq!(slices(&cases, &took, shards), dealt, "the order of the times matters");
        let mut union = Inventory::new();
        for slice in &dealt {
            assert!(slice.iter().all(|id| union.insert(id.clone())), "a case is in two shards");
        }
        assert_eq!(union, cases, "a case is in no shard");
        let time = |id: &CaseId| took.iter().find(|it| it.case == *id).map_or(0, |it| it.time_ms);
        dealt.iter().map(|slice| slice.iter().map(time).sum()).collect()
    }

    #[test]
    fn long_cases_are_spread_and_none_is_lost() {
        // By turns the first shard would get all the long ones.
        let times: Vec<u64> = (0..40).map(|at| if at % 4 == 0 { 1000 } else { 10 }).collect();
        let loads = dealt(&times, 0, 4);
        let most = loads.iter().max().unwrap();
        let least = loads.iter().min().unwrap();
        assert!(most - least <= 1000 && *most <= 3100, "{loads:?}");
        // Never longer than 4/3 of what is possible, as Graham showed of this rule.
        let fair = times.iter().sum::<u64>() / 4;
        assert!(*most <= fair.max(1000) * 4 / 3 + 1, "{loads:?} of {fair}");
        assert_eq!(dealt(&[500, 1, 1, 1], 0, 2), [500, 3]);
    }

    #[test]
    fn cases_without_a_time_are_dealt_out() {
        let cases: Inventory = (0..12).map(id).collect();
        let sizes: Vec<usize> = slices(&cases, &[], 3).iter().map(Inventory::len).collect();
        assert_eq!(sizes, [4, 4, 4]);
        dealt(&[0, 0, 7], 5, 2);
        dealt(&[u64::MAX / 2, u64::MAX / 2], 0, 2);
        assert_eq!(dealt(&[3], 0, u32::MAX), [3]);
    }
}
