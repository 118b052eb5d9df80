//! The defects of scanning. Edits an answer; touches neither the book nor the engine.

use super::defect::Defect;
use crate::engine::{Keys, Order, Scan};
use std::ops::Bound;

/// Commits a defect of scanning; whether it did.
pub(super) fn disorder(defect: Defect, scan: &Scan, pairs: &mut Vec<(Vec<u8>, Vec<u8>)>) -> bool {
    let count = pairs.len();
    let forward = scan.order == Order::Forward;
    match defect {
        Defect::ScanSkips if forward && count > 4 => drop(pairs.remove(4)),
        Defect::ScanRepeats if forward && count > 4 => pairs.insert(4, pairs[3].clone()),
        Defect::BackwardDisordered if scan.order == Order::Backward && count > 4 => {
            pairs.swap(3, 4);
        }
        Defect::BoundExcluded => {
            let Keys::Range(Bound::Included(low), _) = &scan.keys else { return false };
            let before = pairs.len();
            pairs.retain(|(key, _)| key != low);
            return pairs.len() < before;
        }
        Defect::EndsOverlap
            if scan.order == Order::Alternating && (1..scan.limit).contains(&count) =>
        {
            pairs.push(pairs[count - 1].clone());
        }
        _ => return false,
    }
    true
}
