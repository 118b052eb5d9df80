//! The full ordered state of a database, taken by scans in both directions and by point reads of
//! every key. Where the ways of reading disagree, the dump says so; it judges nothing else.

use crate::engine::{Bucket, Order, Outcome, Read, Scan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The state of one bucket.
pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// The state of a database, bucket by bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// The pairs of each bucket that was there.
    pub buckets: BTreeMap<String, Pairs>,
    /// Sentences about ways of reading that disagree; empty on an honest engine.
    pub disagreements: Vec<String>,
}

impl Dump {
    /// Reads a bucket in every way at one snapshot and adds it under `name`. `also` are keys to
    /// ask for besides those that the scans meet: a scan that skips a key must not hide it.
    pub fn add(&mut self, name: &str, bucket: &dyn Bucket, also: &[Vec<u8>]) -> Outcome<()> {
        let view = bucket.view()?;
        let (pairs, disagreements) = read_all(name, view.as_ref(), also)?;
        self.buckets.insert(name.to_owned(), pairs);
        self.disagreements.extend(disagreements);
        Ok(())
    }
}

/// Reads everything at one snapshot in every way, and says where the ways disagree.
pub fn read_all(name: &str, view: &dyn Read, also: &[Vec<u8>]) -> Outcome<(Pairs, Vec<String>)> {
    let mut disagreements = Vec::new();
    let forward = view.scan(&Scan::all())?;
    for pair in forward.windows(2) {
        if pair[0].0 >= pair[1].0 {
            disagreements.push(format!(
                "{name}: a scan met {} after {}",
                text(&pair[1].0),
                text(&pair[0].0)
            ));
        }
    }
    let mut backward = view.scan(&Scan::all().order(Order::Backward))?;
    backward.reverse();
    if forward != backward {
        let at = forward.iter().zip(&backward).take_while(|(a, b)| a == b).count();
        let side = |pairs: &[(Vec<u8>, Vec<u8>)]| {
            pairs.get(at).map_or_else(|| "the end".to_owned(), |(key, _)| text(key))
        };
        disagreements.push(format!(
            "{name}: {} pairs forward, {} backward; at {at} forward met {}, backward {}",
            forward.len(),
            backward.len(),
            side(&forward),
            side(&backward)
        ));
    }
    let pairs: Pairs = forward.into_iter().collect();
    for key in pairs.keys().chain(also) {
        let point = match view.get(key) {
            Ok(value) => Some(value),
            Err(crate::engine::EngineError::Absent) => None,
            Err(denial) => return Err(denial),
        };
        if point.as_ref() != pairs.get(key) {
            disagreements.push(format!(
                "{name}: {} is {} by point read and {} by scan",
                text(key),
                size(point.as_ref()),
                size(pairs.get(key))
            ));
        }
    }
    Ok((pairs, disagreements))
}

fn text(key: &[u8]) -> String {
    super::KeyText::new(key).0
}

fn size(value: Option<&Vec<u8>>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| format!("{} bytes", value.len()))
}
