//! The one table of all knobs. A knob that is not here does not exist: asking for it does not
//! compile, and setting it is an error. To add one, add a row; nothing else has to change.

use crate::{
    KnobError,
    row::{Home, Knob},
    value::{Count, Seconds, Shape, shape},
};

/// At least one: a limit or a round count of nothing would make an empty run look like a pass.
const POSITIVE: Shape<Count> = shape::at_least(1);
const LIMIT: Shape<Seconds> = shape::seconds(1);

/// The rows become two things: the table, and a handle for each row, whose doc is the row's meaning.
macro_rules! table {
    ($($name:ident: $value:ty =
        $row:ident($default:literal, $home:expr, $shape:expr, $meaning:literal);)*) => {
        /// A handle for each knob: what [`Knobs::get`](crate::Knobs::get) takes.
        #[expect(clippy::doc_markdown, reason = "a meaning is printed as plain text too")]
        pub mod knob {
            use super::{Home, LIMIT, POSITIVE};
            use crate::{engines, value::{
                Count, Counts, Handle, List, Location, Percent, Seconds, Seed, Shard, Sizes, Switch,
                Text, shape,
            }};
            $(
                #[doc = $meaning]
                pub const $name: Handle<$value> =
                    crate::value::$row(stringify!($name), $default, $home, $shape, $meaning);
            )*
        }

        /// Every knob, in the order in which `just knobs` prints them.
        pub(crate) static KNOBS: &[Knob] = &[$(knob::$name.row),*];
    };
}

#[rustfmt::skip]
table! {
    FEATURES: Text = knob("failpoints", Home::Prod, shape::FEATURES,
        "cargo features of the suite; empty is the plain engine, as its users ship it");
    FAST_TIMEOUT: Seconds = knob("300", Home::Nextest, LIMIT, "seconds for the whole fast layer");
    STRESS_TIMEOUT: Seconds = knob("600", Home::Nextest, LIMIT, "seconds for each stress case");
    CHAOS_TIMEOUT: Seconds = knob("300", Home::Nextest, LIMIT, "seconds for each chaos case");
    CHAOS_RETRY: Count = knob("3", Home::Nextest, shape::between(1, 1000),
        "attempts in all for a chaos case, all with the same seed");
    CHAOS_FLAKY: Text = knob("fail", Home::Nextest, shape::choice(&["fail", "pass"]),
        "what a case that passed only on a later attempt counts as");
    MACE_PROD_SEED: Option<Seed> = unset("from NEXTEST_RUN_ID, else the OS", Home::Prod, shape::SEED,
        "root seed; each case derives its own from it and its name");
    MACE_PROD_BUCKET_STRESS_ROUNDS: Count = knob("512", Home::Prod, POSITIVE,
        "bucket create/delete rounds");
    MACE_PROD_BUCKET_CHURN_ROUNDS: Count = knob("128", Home::Prod, POSITIVE,
        "bucket churn rounds under concurrent traffic");
    MACE_PROD_BUCKET_CHURN_WORKERS: Count = knob("2", Home::Prod, shape::between(1, 256),
        "clients that make that traffic");
    MACE_PROD_EVICTOR_STRESS_ROUNDS: Count = knob("512", Home::Prod, POSITIVE,
        "evict/drop/reload rounds");
    MACE_PROD_PAUSES: Switch = knob("1", Home::Prod, shape::SWITCH,
        "seeded pauses while several clients are at work; 0 = none");
    MACE_PROD_HOLDS: Count = knob("30", Home::Prod, shape::at_least(0),
        "schedules that each case of the sweep of holds tries; 0 = all there are");
    MACE_PROD_HOLD: Option<Text> = unset("a sample, or all", Home::Nowhere, shape::TEXT,
        "the one schedule that a case of the sweep of holds tries, 20 times");
    MACE_PROD_LARGE: Switch = knob("0", Home::Prod, shape::SWITCH,
        "1 = the stress layer's large databases too: gigabytes, and minutes");
    MACE_PROD_LONGEST_CALL: Seconds = knob("8", Home::Prod, LIMIT,
        "seconds that a call of a client may take in the stress layer and in a soak, unless the machine was away");
    MACE_POWER_STATES: Count = knob("1200", Home::Prod, POSITIVE,
        "crash states that each power-loss case judges, about");
    MACE_POWER_FAULTS: Count = knob("60", Home::Prod, shape::at_least(0),
        "runs that meet a failing disk in each such case, about; 0 = every fault at every call");
    MACE_ROT_DAMAGES: Count = knob("160", Home::Prod, shape::at_least(0),
        "damaged databases that each rot case looks at; 0 = each byte of a small one in turn");
    MACE_POWER_SHARD: Shard = knob("1/1", Home::Prod, shape::SHARD,
        "this machine's part of those states and runs, k/n; all parts need the same MACE_PROD_SEED");
    MACE_POWER_RULE: Option<Text> = unset("try them all", Home::Nowhere, shape::TEXT,
        "the one fault rule that the cases of a failing disk try instead");
    MACE_POWER_REPLAY: Option<Location> = unset("explore", Home::Nowhere, shape::PATH,
        "a stored finding that a power-loss case judges again instead");
    MACE_PROD_ENGINE: Text = knob("mace-kv", Home::Prod, shape::choice(engines::NAMES),
        "the engine to test; another one than mace-kv is built for it, and cases that it cannot run say so");
    MACE_ENGINE_PATH: Option<Location> = unset("the registry's crate", Home::Prod, shape::PATH,
        "a checkout of the engine to test instead of the registry's crate");
    MACE_ENGINE: Option<Text> = unset("the locked version", Home::Prod, shape::VERSION,
        "a published version of the engine to test");
    MACE_PROD_FIXES: Text = knob("none", Home::Prod, shape::TEXT,
        "our fixes that are applied to the engine's sources: none, all, ID,ID or all,-ID");
    MACE_PROD_KNOWN: Text = knob("apart", Home::Prod, shape::choice(&["apart", "fail"]),
        "what known findings count as: apart, or fail = one that a run meets fails it");
    MACE_PROD_UNKNOWN: Option<Text> = unset("none", Home::Nowhere, shape::TEXT,
        "known findings, ID,ID, that count as unknown: nothing is excluded for them or put down to them");
    MACE_PERF_THRESHOLD_FILE: Location = knob(".config/perf.toml", Home::Nowhere, shape::PATH,
        "the gate's thresholds and the quick bench knobs: *.toml, or NAME=value lines as in a shell");
    MACE_PERF_BASE_REF: Text = knob("origin/master", Home::Perf, shape::TEXT, "baseline of compare");
    MACE_PERF_BENCH_ARGS: Text = knob("--noplot", Home::Perf, shape::TEXT, "passed on to Criterion");
    MACE_PERF_COMPARE_FILTERS: List = knob(
        "Put/K16-V16/1,Put/K100-V1024/4,Get/K16-V16/1,Get/K100-V1024/4,Scan/K16-V16/1,Scan/K100-V1024/4",
        Home::Perf, shape::LIST, "cases that compare benches");
    MACE_PERF_REGRESS_PCT: Percent = knob("5", Home::Perf, shape::PERCENT, "per-case threshold, per cent");
    MACE_PERF_MAX_REGRESS_CASES: Count = knob("0", Home::Perf, shape::at_least(0),
        "the gate fails when more cases than this regress");
    MACE_PERF_MIN_COMPARE_CASES: Count = knob("6", Home::Perf, POSITIVE,
        "the gate fails when fewer cases are comparable");
    MACE_PERF_MIN_BASE_NS: Count = knob("10000", Home::Perf, shape::at_least(0),
        "cases with a smaller base, in nanoseconds, are listed but not gated");
    MACE_PERF_COMPARE_ITEMS: Count = knob("200", Home::Perf, POSITIVE,
        "items of one iteration in the short runs of a comparison");
    MACE_PERF_RUN_MS: Count = knob("250", Home::Perf, shape::between(1, 60_000),
        "milliseconds that such a run is to take, about");
    MACE_PERF_REALTIME: Switch = knob("1", Home::Perf, shape::SWITCH,
        "1 = such a run gets a real-time priority where that is allowed, so that other work waits");
    MACE_PERF_SCREEN_ROUNDS: Count = knob("6", Home::Perf, shape::between(2, 1000),
        "rounds of four runs in which every case is screened");
    MACE_PERF_CONFIRM_ROUNDS: Count = knob("12", Home::Perf, shape::between(2, 1000),
        "fresh rounds for suspects; twice as many when these leave it open");
    MACE_PERF_LAYOUTS: Count = knob("6", Home::Perf, shape::between(1, 64),
        "link layouts of each side that the rounds go over; 1 is the default layout alone");
    MACE_PERF_BUDGET_SECS: Seconds = knob("600", Home::Perf, LIMIT,
        "seconds of measuring in a comparison; what is open then is inconclusive");
    MACE_PERF_INSTRUCTIONS: Switch = knob("1", Home::Perf, shape::SWITCH,
        "1 = a comparison counts instructions where valgrind is installed");
    MACE_PERF_COSTS: Switch = knob("1", Home::Perf, shape::SWITCH,
        "1 = a comparison counts what operations cost: file calls, bytes and memory");
    MACE_PERF_COSTS_CALLS_PCT: Percent = knob("0", Home::Perf, shape::ALLOWANCE,
        "file calls and syncs of a case may grow by so many per cent");
    MACE_PERF_COSTS_BYTES_PCT: Percent = knob("0", Home::Perf, shape::ALLOWANCE,
        "bytes that a case writes and syncs may grow by so many per cent");
    MACE_PERF_COSTS_ALLOCATIONS_PCT: Percent = knob("0.1", Home::Perf, shape::ALLOWANCE,
        "a case's requests for memory and their bytes may grow by so many per cent");
    MACE_PERF_COSTS_PEAK_PCT: Percent = knob("10", Home::Perf, shape::ALLOWANCE,
        "the most that a case's client holds at a time may grow by so many per cent");
    MACE_PERF_OUT_DIR: Location = knob("target/perf_gate", Home::Perf, shape::PATH, "where the gate writes");
    MACE_PERF_OUTPUT: Option<Location> = unset("head_snapshot.json in MACE_PERF_OUT_DIR", Home::Perf, shape::PATH,
        "the file that a snapshot is written to");
    MACE_BENCH_QUICK: Switch = knob("1", Home::Perf, shape::SWITCH, "1 = the quick profile, 0 = the full one");
    MACE_BENCH_TOTAL_ITEMS: Count = knob("20000", Home::Perf, POSITIVE, "items of one iteration");
    MACE_BENCH_THREADS: Counts = knob("1,4", Home::Perf, shape::COUNTS, "thread counts, never clamped");
    MACE_BENCH_KV_CASES: Sizes = knob("16:16,100:1024", Home::Perf, shape::SIZES,
        "key:value sizes in bytes");
    MACE_BENCH_PUT_MEAS_SECS: Seconds = knob("5", Home::Perf, LIMIT, "seconds of measuring a Put case");
    MACE_BENCH_GET_MEAS_SECS: Seconds = knob("5", Home::Perf, LIMIT, "seconds of measuring a Get case");
    MACE_BENCH_SCAN_MEAS_SECS: Seconds = knob("5", Home::Perf, LIMIT, "seconds of measuring a Scan case");
    // Criterion refuses fewer than ten samples.
    MACE_BENCH_SAMPLE_SIZE: Count = knob("10", Home::Perf, shape::at_least(10), "samples of a case");
    SOAK_DURATION_SECS: Seconds = knob("21600", Home::Soak, LIMIT, "seconds in all");
    SOAK_THREADS: Count = knob("8", Home::Soak, shape::between(1, 1024),
        "threads handed to the layers");
    SOAK_STRESS_TIMEOUT: Seconds = knob("900", Home::Soak, LIMIT, "seconds for each stress case");
    SOAK_CHAOS_TIMEOUT: Seconds = knob("600", Home::Soak, LIMIT, "seconds for each chaos case");
    SOAK_FAST_TIMEOUT: Seconds = knob("300", Home::Soak, LIMIT, "seconds for the whole fast layer");
    SOAK_CHAOS_EVERY: Count = knob("3", Home::Soak, shape::at_least(0),
        "chaos every so many cycles, 0 disables");
    SOAK_PERF_EVERY: Count = knob("1", Home::Soak, shape::at_least(0),
        "perf snapshot every so many cycles, 0 disables");
    SOAK_CYCLE_PAUSE_SECS: Seconds = knob("5", Home::Soak, shape::seconds(0),
        "seconds of pause between cycles");
    SOAK_AGING_KEYS: Count = knob("1000000", Home::Soak, shape::between(1000, 100_000_000),
        "keys of the aging database");
    SOAK_AGING_OPERATIONS: Count = knob("200000", Home::Soak, shape::at_least(1000),
        "operations on the aging database in a cycle");
    SOAK_METRICS_DIR: Location = knob("target/prod_soak", Home::Soak, shape::PATH, "where soak writes");
}

/// The full profile of the benches: what these rows mean with `MACE_BENCH_QUICK = 0` where nobody sets
/// them by hand. The file and the defaults are the quick profile, so that this wins over both. The
/// switch stands above these rows.
const FULL: [(&str, &str); 3] = [
    (knob::MACE_BENCH_TOTAL_ITEMS.name(), "100000"),
    (knob::MACE_BENCH_THREADS.name(), "1,2,4,8"),
    (knob::MACE_BENCH_KV_CASES.name(), "16:16,100:1024,1024:1024,16:10240"),
];

/// The value of a row in the full profile, where it has one of its own.
pub(crate) fn full(name: &str) -> Option<&'static str> {
    FULL.iter().find(|(of, _)| *of == name).map(|(_, value)| *value)
}

pub(crate) fn find(name: &str) -> Option<&'static Knob> {
    KNOBS.iter().find(|knob| knob.name == name)
}

/// The error for a name that no row declares, with the row that was probably meant.
pub(crate) fn unknown(name: &str, place: impl Into<String>) -> KnobError {
    let closest = KNOBS
        .iter()
        .map(|knob| (strsim::normalized_damerau_levenshtein(name, knob.name), knob.name))
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .filter(|(likeness, _)| *likeness > 0.6);
    let remedy = match closest {
        Some((_, meant)) => format!("did you mean `{meant}`? `just knobs` lists all"),
        None => "remove it; `just knobs` lists all".to_owned(),
    };
    KnobError::new(format!("unknown knob `{name}`"), place, remedy)
}

#[cfg(test)]
mod tests {
    use super::{FULL, KNOBS, find, knob};

    #[test]
    fn rows_are_unique_and_their_defaults_are_valid() {
        for (index, knob) in KNOBS.iter().enumerate() {
            assert!(KNOBS[..index].iter().all(|other| other.name != knob.name), "{}", knob.name);
            if let Some(default) = knob.default {
                assert!(knob.kind.accepts(default), "{}: {default}", knob.name);
            }
            assert_eq!(knob.default.is_none(), !knob.unset.is_empty(), "{}", knob.name);
            assert!(!knob.meaning.is_empty() && !knob.meaning.ends_with('.'), "{}", knob.name);
        }
        let place = |name| KNOBS.iter().position(|knob| knob.name == name).unwrap();
        for (name, value) in FULL {
            assert!(
                place(knob::MACE_BENCH_QUICK.name()) < place(name)
                    && KNOBS[place(name)].kind.accepts(value),
                "{name}"
            );
        }
        assert!(find("FEATURES").is_some() && find("features").is_none());
    }
}
