//! Progress: every client gets its work done, while the others get theirs.
//!
//! Verifies that each client of a finished run had at least one commit acknowledged, and that no
//! client had more than a given number of times as many as another one with the same work. Among clients
//! whose others had [`CROWD`] transactions to do, also that none starved, which is to have done less than
//! a [`SHARE`]th of its own when the first of them had done all of its own; and that none stalled, which is
//! that the others did more than a [`STALL`]th of all of theirs during one attempt of it. Time is counted in
//! turns of the others. Of a stall the part is left out in which the client could have run and waited
//! for a processor, since that is the scheduler's doing.
//!
//! Does not verify speed, nor waiting: a client that hangs for good never ends its run, and the
//! deadline of the case or of the crash child speaks of that. The ratio is the case's choice: the
//! engine promises no fairness, and never waits, so an endless loser is a defect all the same. Starvation
//! and stalls are not judged in smaller crowds, which are done with their work in the time for which a
//! scheduler may forget one, nor in processes of their own, which do not say what they counted.

use super::{OracleName, Violation};
use crate::history::clients::Share;
use std::collections::BTreeMap;

/// The oracle's name.
pub const NAME: OracleName = OracleName::Progress;

/// Transactions that the others of a client have to do, so that its share of the turns says something.
pub const CROWD: u64 = 2000;

/// A client starves below this part of its work.
pub const SHARE: u64 = 10;

/// A client stalls above this part of the work of all others.
pub const STALL: u64 = 4;

const PROMISE: &str = "no deadlock is possible; a conflict is retried and succeeds";

const TURNS: &str = "nobody waits for others, so that each client gets on as they do";

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

/// Whether a client's share of the turns says something.
pub fn is_in_a_crowd(share: &Share) -> bool {
    share.others >= CROWD && share.overtaken.is_some()
}

/// Judges a client's share of the turns.
pub(super) fn judge_share(share: &Share) -> Vec<Violation> {
    let Share { client, planned, others, when_first_done, overtaken, .. } = share;
    let overtaken = overtaken.unwrap_or_default();
    let mut violations = Vec::new();
    if !is_in_a_crowd(share) {
        return violations;
    }
    if when_first_done * SHARE < *planned {
        let witness = format!(
            "client {client} starved: it had done {when_first_done} of {planned} transactions when \
             another one had done its own"
        );
        violations.push(Violation::new(NAME, TURNS, witness));
    }
    if overtaken > others / STALL {
        let witness = format!(
            "client {client} stalled: the others did {overtaken} of {others} transactions during one \
             attempt of it"
        );
        violations.push(Violation::new(NAME, TURNS, witness));
    }
    violations
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

    fn share(others: u64, when_first_done: u64, overtaken: Option<u64>) -> Share {
        Share { client: 1, planned: 1000, others, when_first_done, overtaken }
    }

    #[test]
    fn accepts_a_share_of_the_turns() {
        for share in [
            share(CROWD, 100, Some(CROWD / STALL)),
            share(CROWD - 1, 0, Some(CROWD)),
            share(CROWD, 0, None),
        ] {
            assert_eq!(judge_share(&share), [], "{share:?}");
        }
    }

    #[test]
    fn rejects_starvation_and_a_stall() {
        let found =
            |share| judge_share(&share).into_iter().map(|it| it.witness).collect::<String>();
        assert!(
            found(share(CROWD, 99, Some(0))).starts_with("client 1 starved: it had done 99 of")
        );
        let stalled = found(share(CROWD, 1000, Some(CROWD / STALL + 1)));
        assert!(stalled.starts_with("client 1 stalled: the others did 501 of 2000"), "{stalled}");
    }
}
