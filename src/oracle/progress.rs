//! Progress: every client gets its work done.
//!
//! Verifies that each client of a finished run had at least one commit acknowledged, and that no
//! client had more than a given number of times as many as another one with the same work.
//!
//! Does not verify speed, nor waiting: a client that hangs for good never ends its run, and the
//! deadline of the case or of the crash child speaks of that. The ratio is the case's choice: the
//! engine promises no fairness, and never waits, so an endless loser is a defect all the same.

use super::{OracleName, Violation};
use std::collections::BTreeMap;

/// The oracle's name.
pub const NAME: OracleName = OracleName::Progress;

const PROMISE: &str = "no deadlock is possible; a conflict is retried and succeeds";

/// Judges the acknowledged commits of clients that had the same amount of work.
pub(super) fn judge(commits: &BTreeMap<u16, u64>, most_times: u64) -> Vec<Violation> {
    let most = commits.iter().max_by_key(|(_, commits)| **commits);
    let Some((leader, &most)) = most else { return Vec::new() };
    let behind = commits.iter().filter_map(|(client, &commits)| {
        let witness = match commits {
            0 => format!("client {client} spent its attempts without one commit"),
            few if few * most_times < most => {
                format!("client {client} came to {few} commits, client {leader} to {most}")
            }
            _ => return None,
        };
        Some(Violation::new(NAME, PROMISE, witness))
    });
    behind.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_clients_that_all_get_on() {
        assert_eq!(judge(&BTreeMap::from([(0, 10), (1, 4)]), 3), []);
        assert_eq!(judge(&BTreeMap::new(), 3), []);
    }

    #[test]
    fn rejects_a_stuck_and_a_starving_client() {
        assert_eq!(judge(&BTreeMap::from([(0, 10), (1, 0), (2, 1)]), 3).len(), 2);
    }
}
