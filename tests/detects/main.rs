//! Every alarm has its canary: an engine that defects in one named way must be caught by the oracle in
//! charge, and an honest engine must not be flagged, not by any oracle and not once in a thousand
//! runs. Judges the oracles, never the engine under test.

mod adapters;
mod aging;
mod api;
mod bench;
mod build;
mod chaos;
mod charge;
mod contract;
mod exclusive;
mod holds;
mod isolated;
mod large;
mod layers;
mod limits;
mod pairs;
mod slopes;
mod stage;
mod text;
mod waits;
mod weave;

use charge::{Charge, charge};
use mace_prod::history::kill::CountingAllocator;
use mace_prod::{
    engine::faulty::{Death, Defect, Loss},
    oracle::{Violation, isolation},
    settings::Seed,
};
use stage::{Outcome, Play};
use std::collections::BTreeSet;

// What a process holds is measured in `slopes`; threads are held where they ask for memory.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Runs of each defect, each with a seed of its own.
const RUNS: u64 = 20;

/// Runs in which it must find a victim.
const SHOWN: u64 = 5;

fn must_be_caught(defect: Defect) {
    let Charge { play, oracle, promise } = charge(defect);
    let mut shown = 0;
    for number in 0..RUNS {
        let Outcome { defects, judged } =
            play(Play { defect: Some(defect), seed: Seed::new(number) });
        if defects == 0 {
            assert_eq!(judged.violations, [], "seed {number}: accused without a defect");
            continue;
        }
        shown += 1;
        let caught = judged
            .violations
            .iter()
            .any(|violation| violation.oracle == oracle && violation.promise.contains(promise));
        let found: Vec<String> = judged.violations.iter().map(ToString::to_string).collect();
        assert!(caught, "seed {number}: {oracle} (…{promise}…) is silent; {found:#?}");
    }
    assert!(shown >= SHOWN, "{defect:?} was committed in {shown} of {RUNS} runs only");
}

macro_rules! defects {
    ($($test:ident: $defect:ident,)*) => {
        $(#[test]
        fn $test() {
            must_be_caught(Defect::$defect);
        })*

        const TESTED: &[Defect] = &[$(Defect::$defect),*];
    };
}

defects! {
    detects_an_acknowledged_commit_dropped: AcknowledgedDropped,
    detects_the_last_write_dropped: LastWriteDropped,
    detects_the_first_write_dropped: FirstWriteDropped,
    detects_a_commit_dropped_in_the_middle: MiddleDropped,
    detects_a_commit_dropped_that_was_read: ReadFromDropped,
    detects_an_open_commit_dropped_that_was_seen: SeenDropped,
    detects_aborted_work_revived: AbortedRevived,
    detects_uncommitted_work_kept: UncommittedKept,
    detects_a_torn_commit_in_flight: InFlightTorn,
    detects_a_lost_commit_that_comes_back: LostFlips,
    detects_a_kept_commit_that_goes: KeptFlips,
    detects_a_second_reopening_that_differs: SecondReopeningDiffers,
    detects_a_value_never_written: NeverWritten,
    detects_a_truncated_value: Truncated,
    detects_a_value_of_another_key: OfAnotherKey,
    detects_a_replaced_write_kept: ReplacedWriteKept,
    detects_an_operand_dropped: OperandDropped,
    detects_an_operand_counted_twice: OperandTwice,
    detects_a_bucket_dropped: BucketDropped,
    detects_a_bucket_revived: BucketRevived,
    detects_a_successor_that_sees_the_former_bucket: SuccessorSeesFormer,
    detects_a_barrier_that_does_nothing: BarrierDoesNothing,
    detects_a_checkpoint_that_drops: CheckpointDrops,
    detects_a_copy_that_drops: CopyDrops,
    detects_an_acknowledgement_before_a_conflict: AcknowledgedThenDropped,
    detects_a_stale_read: StaleRead,
    detects_a_dirty_read: DirtyRead,
    detects_a_read_of_a_replaced_write: ReplacedWriteRead,
    detects_a_lost_update: ConflictMissed,
    detects_a_scan_that_skips: ScanSkips,
    detects_a_scan_that_repeats: ScanRepeats,
    detects_a_backward_scan_in_disorder: BackwardDisordered,
    detects_an_included_bound_left_out: BoundExcluded,
    detects_ends_that_overlap: EndsOverlap,
    detects_a_point_read_that_misses: PointReadMisses,
    detects_a_view_that_moves: ViewMoves,
    detects_a_view_of_two_moments: ViewTorn,
    detects_a_file_that_stays: FileStays,
    detects_a_file_that_grows: FileGrows,
    detects_a_stuck_client: LockLeaks,
    detects_an_account_that_differs: AccountsDiffer,
    detects_an_error_that_is_only_logged: ErrorLogged,
}

type Scene = fn(Play) -> Outcome;

/// Defects that the oracle of isolation must name, whoever else notices them, where, and the anomaly as
/// which each shows itself.
const WOVEN: &[(Scene, Defect, &str)] = &[
    // Who reads an old version and replaces it replaces what another one has replaced.
    (stage::looking, Defect::StaleRead, "lost update"),
    (stage::looking, Defect::DirtyRead, "aborted read"),
    (stage::looking, Defect::ReplacedWriteRead, "intermediate read"),
    (stage::looking, Defect::ConflictMissed, "lost update"),
    (stage::looking, Defect::AcknowledgedDropped, "history not extended"),
    (stage::looking, Defect::LastWriteDropped, "fractured read"),
];

/// The same on real threads, where nobody may have met the defect.
const THREADED: &[(Scene, Defect, &str)] = &[
    (isolated::scanning, Defect::ScanSkips, "phantom"),
    (isolated::scanning, Defect::BackwardDisordered, "range read"),
    (isolated::lists, Defect::ConflictMissed, "lost update"),
    (isolated::lists, Defect::AcknowledgedDropped, "history not extended"),
    (isolated::lists, Defect::OperandDropped, "fractured read"),
    (isolated::lists, Defect::OperandTwice, "value never written"),
];

/// It does not judge what dropped transactions read, so it may be silent where only one of those
/// was lied to; then another oracle is not.
#[test]
fn isolation_names_what_clients_saw() {
    let woven = WOVEN.iter().map(|row| (true, row));
    for (woven, &(scene, defect, anomaly)) in woven.chain(THREADED.iter().map(|row| (false, row))) {
        let mut shown = 0;
        let mut named = 0;
        let mut others = BTreeSet::new();
        for number in 0..RUNS {
            let play = Play { defect: Some(defect), seed: Seed::new(number) };
            let Outcome { defects, judged } = scene(play);
            let found = judged.violations;
            let fits = (defects > 0) != found.is_empty() || (defects > 0 && !woven);
            assert!(fits, "{defect:?}, seed {number}: {found:#?}");
            let right = |found: &Violation| {
                found.oracle == isolation::NAME && found.witness.starts_with(anomaly)
            };
            shown += u64::from(defects > 0);
            named += u64::from(found.iter().any(right));
            let first = |found: &Violation| found.witness.split(':').next().map(str::to_owned);
            others.extend(found.iter().filter(|it| it.oracle == isolation::NAME).filter_map(first));
            // What is lost over a reopening was there while the clients were.
            let order = |found: &Violation| found.witness.starts_with("real-time order");
            let misnamed = anomaly == "history not extended" && found.iter().any(order);
            assert!(!misnamed, "{defect:?}, seed {number}: {found:#?}");
        }
        assert!(shown >= SHOWN, "{defect:?} was committed in {shown} of {RUNS} runs only");
        assert!(
            named >= SHOWN,
            "{defect:?} was called {anomaly} in {named} of {shown} runs only; others: {others:?}"
        );
    }
    must_be_silent("looking", 200, |play, _| stage::looking(play));
    must_be_silent("looking, unsure", 200, |play, _| stage::looking_unsure(play));
    must_be_silent("scanning", 30, |play, _| isolated::scanning(play));
    must_be_silent("lists", 60, |play, _| isolated::lists(play));
}

#[test]
fn each_sin_has_its_test() {
    assert_eq!(TESTED, Defect::ALL);
}

fn must_be_silent(what: &str, runs: u64, play: impl Fn(Play, u64) -> Outcome) {
    let root = Seed::new(2).derive(what);
    for number in 0..runs {
        let play_one = Play { defect: None, seed: root.derive(&number.to_string()) };
        let Outcome { judged, .. } = play(play_one, number);
        let found: Vec<String> = judged.violations.iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{what}, run {number}: {found:#?}");
    }
}

/// Closes, deaths that keep or lose what was under way, and commits without a clear answer.
#[test]
fn the_honest_model_is_never_flagged() {
    must_be_silent("crash", 1000, |play, number| {
        let at_commit = 1 + number % 17;
        let death = Death { at_commit, kept: number % 2 == 0, loss: Loss::Nothing };
        let death = (number % 4 != 0).then_some(death);
        let unsure = (number % 3 == 0).then_some(4);
        stage::crash(play, death, unsure)
    });
}

#[test]
fn an_honest_loss_of_power_is_never_flagged() {
    must_be_silent("power", 300, |play, number| {
        let some = (number % 5) as usize;
        let more = (number % 3) as usize;
        let loss = if number % 2 == 0 { Loss::Tail(some) } else { Loss::Tails(some, more) };
        stage::power(play, loss)
    });
}

#[test]
fn honest_operations_are_never_flagged() {
    must_be_silent("buckets", 50, |play, number| stage::buckets(play, number % 2 == 0));
    must_be_silent("checkpoint", 50, |play, _| stage::checkpoint(play));
    must_be_silent("copy", 50, |play, _| stage::copy(play));
    must_be_silent("scans", 50, |play, _| stage::scans(play));
    must_be_silent("views", 50, |play, _| stage::views(play));
    must_be_silent("bank", 50, |play, _| stage::bank(play));
    must_be_silent("files", 3, |play, _| stage::files(play));
    must_be_silent("threads", 50, |play, _| stage::threads(play));
    must_be_silent("checked", 50, |play, _| stage::checked(play));
}

/// With a log for each group, holes of work that no promise covers are counted, and allowed.
#[test]
fn holes_between_logs_are_counted() {
    let counted: u64 = (0..20)
        .map(|number| {
            let play = Play { defect: None, seed: Seed::new(number) };
            let judged = stage::power(play, Loss::Tails(3, 0)).judged;
            judged.allowances.iter().map(|allowance| allowance.count).sum::<u64>()
        })
        .sum();
    assert!(counted > 0, "no hole in 20 losses of power");
}
