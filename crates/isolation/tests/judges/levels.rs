//! Levels of isolation on histories as Jepsen writes them: one history for each way to break one, the store's
//! defects, and the crate `adya` on all of them.

use crate::{play::Play, store::Defect};
use adya::{History as Theirs, Opts, Valid, Workload, check as their_check};
use isolation::{Anomaly, Judgement, Level, Shape, check, elle, judge};

/// Their name of a level.
fn theirs(level: Level) -> String {
    level.name().replace(' ', "-").replace("serialis", "serializ")
}

/// Whether they find that a history satisfies a level, and what they found.
fn their_verdict(text: &str, lists: bool, level: Level) -> (bool, Vec<String>) {
    let history = Theirs::parse(text).expect("Elle's format");
    let workload = if lists { Workload::ListAppend } else { Workload::RwRegister };
    let models = vec![theirs(level)];
    let report =
        their_check(&history, workload, &Opts { models, wfr_keys: true, ..Opts::default() });
    (report.valid != Valid::False, report.anomaly_types)
}

/// Our judgement, after they agreed with all of it.
#[track_caller]
fn agreed(text: &str, lists: bool, what: &str) -> Judgement {
    let ours = judge(text).expect("Elle's format");
    for &level in Level::ALL {
        let (holds, why) = their_verdict(text, lists, level);
        let found: Vec<_> = ours.violations.iter().map(|it| it.anomaly.name()).collect();
        assert_eq!(ours.holds(level), holds, "{what}, {level}: we say {found:?}, they say {why:?}");
    }
    ours
}

/// A history of transactions that follow one another in time or, with `beside`, all run at once. Each is its
/// outcome and its operations.
fn history(beside: bool, txns: &[(&str, &str)]) -> String {
    let line = |kind: &str, process: usize, value: &str| {
        format!("{{:type :{kind}, :f :txn, :process {process}, :value [{value}]}}\n")
    };
    let asked = |at: usize| line("invoke", at, txns[at].1);
    let told = |at: usize| line(txns[at].0, at, txns[at].1);
    let all = || 0..txns.len();
    if beside {
        all().map(asked).chain(all().map(told)).collect()
    } else {
        all().map(|at| asked(at) + &told(at)).collect()
    }
}

/// Transactions: the outcome and the operations of each.
type Txns = &'static [(&'static str, &'static str)];

/// What breaks which level first: the name of the anomaly, whether over lists, the transactions, and the levels
/// that still hold of all of them.
const BROKEN: [(Anomaly, bool, Txns, [bool; 5]); 12] = {
    use Anomaly as A;
    const NONE: [bool; 5] = [false; 5];
    const READ: [bool; 5] = [true, false, false, false, false];
    const STRONG: [bool; 5] = [true, true, true, false, false];
    [
        (A::NeverWritten, true, &[("ok", "[:append x 1]"), ("ok", "[:r x [1 2]]")], NONE),
        (A::AbortedRead, true, &[("fail", "[:append x 1]"), ("ok", "[:r x [1]]")], NONE),
        (
            A::IntermediateRead,
            true,
            &[("ok", "[:append x 1] [:append x 2]"), ("ok", "[:r x [1]]"), ("ok", "[:r x [1 2]]")],
            NONE,
        ),
        (
            A::IncompatibleOrder,
            true,
            &[
                ("ok", "[:append x 1]"),
                ("ok", "[:append x 2]"),
                ("ok", "[:r x [1 2]]"),
                ("ok", "[:r x [2]]"),
            ],
            NONE,
        ),
        (
            A::DirtyWrite,
            true,
            &[
                ("ok", "[:append x 1] [:append y 1]"),
                ("ok", "[:append x 2] [:append y 2]"),
                ("ok", "[:r x [1 2]] [:r y [2 1]]"),
            ],
            NONE,
        ),
        (
            A::CyclicInformationFlow,
            false,
            &[("ok", "[:w x 1] [:r y 1]"), ("ok", "[:w y 1] [:r x 1]")],
            NONE,
        ),
        (A::Internal, true, &[("ok", "[:append x 1] [:r x []]"), ("ok", "[:r x [1]]")], READ),
        (
            A::LostUpdate,
            false,
            &[("ok", "[:r x nil] [:w x 1]"), ("ok", "[:r x nil] [:w x 2]")],
            READ,
        ),
        (
            A::FracturedRead,
            true,
            &[
                ("ok", "[:append x 1] [:append y 1]"),
                ("ok", "[:r x [1]] [:r y []]"),
                ("ok", "[:r y [1]]"),
            ],
            READ,
        ),
        (
            A::GSingle,
            true,
            &[
                ("ok", "[:append x 1]"),
                ("ok", "[:r x [1]] [:append y 1]"),
                ("ok", "[:r y [1]] [:r x []]"),
            ],
            READ,
        ),
        (
            A::LongFork,
            true,
            &[
                ("ok", "[:append x 1]"),
                ("ok", "[:append y 1]"),
                ("ok", "[:r x [1]] [:r y []]"),
                ("ok", "[:r y [1]] [:r x []]"),
            ],
            READ,
        ),
        (
            A::AntiDependencyCycle,
            true,
            &[("ok", "[:r x []] [:append y 1]"), ("ok", "[:r y []] [:append x 1]")],
            STRONG,
        ),
    ]
};

#[test]
fn each_anomaly_breaks_its_levels_and_adya_agrees() {
    for (anomaly, lists, txns, holds) in BROKEN {
        let text = history(true, txns);
        // To them a value that nobody wrote is no anomaly.
        let ours = match anomaly {
            Anomaly::NeverWritten => judge(&text).expect("Elle's format"),
            _ => agreed(&text, lists, anomaly.name()),
        };
        assert_eq!(
            Level::ALL.iter().map(|level| ours.holds(*level)).collect::<Vec<_>>(),
            holds,
            "{anomaly}: {:?}",
            ours.violations
        );
        assert!(ours.found(anomaly), "{anomaly}: {:?}", ours.violations);
    }
}

#[test]
fn real_time_tells_strong_and_strict_apart() {
    let stale = [("ok", "[:append x 1]"), ("ok", "[:r x []]"), ("ok", "[:r x [1]]")];
    let beside = agreed(&history(true, &stale), true, "beside one another");
    assert_eq!(beside.strongest(), [Level::StrictSerialisable]);
    let after = agreed(&history(false, &stale), true, "after one another");
    assert_eq!(after.strongest(), [Level::Serialisable]);
    assert!(after.found(Anomaly::RealTimeOrder), "{:?}", after.violations);
    let skew = BROKEN[11].2;
    assert_eq!(judge(&history(true, skew)).unwrap().strongest(), [Level::StrongSnapshotIsolation]);
    // What broke both at once: neither of the two includes the other.
    let both = [skew, &[("ok", "[:append z 1]")]].concat();
    let text = history(true, &both) + &history(false, &[("ok", "[:r z []]"), ("ok", "[:r z [1]]")]);
    let judged = agreed(&text, true, "both");
    assert_eq!(judged.strongest(), [Level::SnapshotIsolation]);
    assert_eq!(judged.violations.len(), 2, "{:?}", judged.violations);
}

#[test]
fn an_unknown_commit_counts_once_it_is_seen() {
    let seen = |read: &str| {
        let txns = [("info", "[:append x 1] [:append y 1]"), ("ok", read), ("ok", "[:append y 2]")];
        agreed(&history(true, &txns), true, read)
    };
    assert_eq!(seen("[:r x []] [:r y []]").strongest(), [Level::StrictSerialisable]);
    assert_eq!(seen("[:r x [1]] [:r y [1]]").strongest(), [Level::StrictSerialisable]);
    let torn = seen("[:r x [1]] [:r y []]");
    assert_eq!(torn.strongest(), [Level::ReadCommitted], "{:?}", torn.violations);
}

#[test]
fn both_judge_every_defect_alike_by_each_level() {
    for defect in Defect::ALL.into_iter().filter(|&defect| defect != Defect::RangeRead) {
        for lists in [false, true] {
            if lists && defect == Defect::Phantom {
                continue;
            }
            let shape = if lists { Shape::Lists } else { Shape::Registers };
            for seed in 0..3 {
                let play = Play { lists, ..Play::new(Some(defect), seed) };
                let history = play.run().history;
                let text = elle(&history, shape).expect("recorded by the rules");
                let what = format!("{defect:?}, lists {lists}, seed {seed}");
                let ours = agreed(&text, lists, &what);
                let report = check(&history).expect("recorded by the rules");
                let strong = ours.holds(Level::StrongSnapshotIsolation);
                assert_eq!(strong, report.is_clean(), "{what}: {:?}", report.counts);
            }
        }
    }
}

#[test]
fn an_honest_store_is_snapshot_isolated_to_both() {
    let mut skewed = 0;
    for seed in 0..20 {
        let lists = seed % 2 == 0;
        let unknown = [0, 10][seed as usize / 2 % 2];
        let shape = if lists { Shape::Lists } else { Shape::Registers };
        let play = Play { clients: 6, lists, unknown, ..Play::new(None, seed) };
        let text = elle(&play.run().history, shape).expect("recorded by the rules");
        let ours = agreed(&text, lists, &format!("seed {seed}"));
        assert!(ours.holds(Level::StrongSnapshotIsolation), "seed {seed}: {:?}", ours.violations);
        skewed += u32::from(!ours.holds(Level::Serialisable));
        // One client at a time is strictly serialisable.
        let play = Play { clients: 1, txns: 60, ..play };
        let text = elle(&play.run().history, shape).expect("recorded by the rules");
        let alone = agreed(&text, lists, &format!("alone, seed {seed}"));
        assert_eq!(alone.strongest(), [Level::StrictSerialisable], "{:?}", alone.violations);
    }
    assert!(skewed > 5, "write skew in {skewed} of 20 runs only");
}

#[test]
fn what_is_no_history_is_refused_with_its_line() {
    let ok = "{:type :ok, :process 0, :value [[:r x nil]]}\n";
    let invoke = ok.replace(":ok", ":invoke");
    for (text, says) in [
        ("{:index 0}".to_owned(), "line 1: no operation: it has no type"),
        (ok.replace(":ok", ":done"), "line 1: an operation of the type \"done\""),
        (ok.to_owned(), "line 1: process 0 is answered and has not asked"),
        (invoke.repeat(2), "line 2: process 0 asks again before it was answered"),
        (invoke.replace(":r", ":cas"), "line 1: an operation is no [r key value]"),
        (history(true, &[("ok", "[:w x 1]"), ("ok", "[:w x 1]")]), "line 4: 1 is written a second"),
        (
            history(true, &[("ok", "[:append x 1]"), ("ok", "[:w y 1]")]),
            "line 2: lists and registers",
        ),
        (
            format!("{invoke}{{:type :ok, :process 0, :value 5}}"),
            "line 2: a transaction is no list",
        ),
        ("{:type :ok".to_owned(), "line 1: a bracket that is not closed"),
    ] {
        let error = judge(&text).unwrap_err().to_string();
        assert!(error.starts_with(says), "{text}: {error}");
    }
    // Faults that a harness injected are no transactions, and one vector holds them all as well.
    let nemesis = "{:type :info, :process :nemesis, :f :start, :value nil}\n";
    let whole =
        format!("[{nemesis}{}]", history(false, &[("ok", "[:append x 1]"), ("ok", "[:r x [1]]")]));
    let judged = judge(&whole).unwrap();
    assert_eq!((judged.transactions, judged.committed, judged.dependencies), (2, 2, 1));
    assert_eq!(judge("").unwrap().dependencies, 0);
}
