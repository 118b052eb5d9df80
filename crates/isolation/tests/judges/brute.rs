//! A checker that tries every commit order and every snapshot of every transaction, on very small
//! histories. The linear checker has to agree with it.

use isolation::{History, Level, Op, Outcome, check, check_at};
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use std::collections::BTreeMap;

const KEYS: u32 = 2;

/// The transactions. For each: which keys it uses, what it reads there (modulo the number of
/// versions) and whether it writes; when it begins, and how long it takes.
type Plan = Vec<([(bool, u32, bool); KEYS as usize], u32, u32)>;

fn plans() -> impl Strategy<Value = Plan> {
    let touch = || (any::<bool>(), any::<u32>(), any::<bool>());
    let txn = ([touch(), touch()], 0..12u32, 0..8u32);
    proptest::collection::vec(txn, 1..6)
}

/// Each key is read before it is written. Each version is numbered by its transaction and key.
fn history(plan: &Plan) -> History {
    let version = |txn: usize, key: u32| txn as u32 * KEYS + key;
    let mut history = History::new();
    for (number, (touches, begin, length)) in plan.iter().enumerate() {
        // Stamps come from one counter, so no two are equal.
        let stamp = |time: u32, which: u32| (time * 3 + which) * 8 + number as u32 + 1;
        history.begin(number as u16, stamp(*begin, 0));
        for (key, &(touched, read, written)) in (0..KEYS).zip(touches) {
            if !touched {
                continue;
            }
            let writes = |other: &usize| {
                let (touched, _, written) = plan[*other].0[key as usize];
                touched && written && *other != number
            };
            let others: Vec<usize> = (0..plan.len()).filter(writes).collect();
            let choice = read as usize % (others.len() + 1);
            history.read(key, others.get(choice).map(|&other| version(other, key)));
            if written {
                history.write(key, version(number, key));
            }
        }
        history.end(Outcome::Committed, stamp(begin + length, 1), stamp(begin + length, 2));
    }
    history
}

type State = BTreeMap<u32, u32>;

fn holds(history: &History) -> bool {
    let mut order: Vec<u32> = (0..history.len() as u32).collect();
    permutations(&mut order, 0, &mut |order| explains(history, order))
}

fn permutations(order: &mut [u32], from: usize, fits: &mut impl FnMut(&[u32]) -> bool) -> bool {
    if from == order.len() {
        return fits(order);
    }
    (from..order.len()).any(|other| {
        order.swap(from, other);
        let found = permutations(order, from + 1, fits);
        order.swap(from, other);
        found
    })
}

/// Whether the transactions, one after the other in some order, read what they did.
fn is_serial(history: &History) -> bool {
    let mut order: Vec<u32> = (0..history.len() as u32).collect();
    permutations(&mut order, 0, &mut |order| {
        let mut state = State::new();
        order.iter().all(|&txn| {
            history.ops(txn).all(|op| match op {
                Op::Read(key, version) => state.get(&key).copied() == version,
                Op::Write(key, version) => {
                    state.insert(key, version);
                    true
                }
                _ => true,
            })
        })
    })
}

/// Whether this commit order, with some earlier snapshot for each transaction, explains all reads.
fn explains(history: &History, order: &[u32]) -> bool {
    let mut states = vec![State::new()];
    for &txn in order {
        let mut state = states[states.len() - 1].clone();
        for op in history.ops(txn) {
            if let Op::Write(key, version) = op {
                state.insert(key, version);
            }
        }
        states.push(state);
    }
    order.iter().enumerate().all(|(at, &txn)| {
        (0..=at).any(|snapshot| {
            let late = order[snapshot..].iter();
            let in_time = late.clone().all(|&it| history.txn(it).end > history.txn(txn).begin);
            let reads = history.ops(txn).all(|op| match op {
                Op::Read(key, version) => states[snapshot].get(&key).copied() == version,
                Op::Write(key, _) => states[snapshot].get(&key) == states[at].get(&key),
                _ => true,
            });
            in_time && reads
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_linear_checker_agrees_with_trying_everything(plan in plans()) {
        let history = history(&plan);
        let report = check(&history).expect("the plan keeps the rules");
        assert_eq!(report.is_clean(), holds(&history), "{plan:?}: {report:?}");
    }

    #[test]
    fn serialisability_agrees_with_trying_everything(plan in plans()) {
        let history = history(&plan);
        let report = check_at(&history, Level::Serialisable).expect("the plan keeps the rules");
        let wanted = holds(&history) && is_serial(&history);
        assert_eq!(report.is_clean(), wanted, "{plan:?}: {report:?}");
    }
}

#[test]
fn trying_everything_tells_both_kinds_apart() {
    // Both read the first absence of key 0 and replace it.
    let fork = vec![([(true, 1, true), (false, 0, false)], 0, 5); 2];
    let alone = vec![([(true, 0, true), (true, 0, true)], 0, 5)];
    assert!(!holds(&history(&fork)));
    assert!(holds(&history(&alone)));
    // Each reads what the other one writes, before it does.
    let skew = |own: bool| [(true, 1, own), (true, 1, !own)];
    let skew = history(&vec![(skew(true), 0, 5), (skew(false), 0, 5)]);
    assert!(holds(&skew) && !is_serial(&skew) && is_serial(&history(&alone)));
}
