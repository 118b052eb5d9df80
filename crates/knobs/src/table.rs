//! The one table of all knobs. A knob that is not here does not exist: asking for it panics and
//! setting it is an error. To add one, add a row; nothing else has to change.

use crate::{Home, Kind, KnobError};

/// One knob: how it is spelled, what it accepts, where its file value lives and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Knob {
    /// The name, the same as environment variable, as flag and as key in its file.
    pub name: &'static str,
    /// The built-in default; `None` when there is no value unless somebody sets one.
    pub default: Option<&'static str>,
    /// What happens while there is no value; empty for a knob with a default.
    pub unset: &'static str,
    /// The file in `.config/` that may set it.
    pub home: Home,
    /// What its value looks like.
    pub kind: Kind,
    /// One line of help, with the unit.
    pub meaning: &'static str,
}

const fn knob(
    name: &'static str,
    default: &'static str,
    home: Home,
    kind: Kind,
    meaning: &'static str,
) -> Knob {
    Knob { name, default: Some(default), unset: "", home, kind, meaning }
}

const fn unset(
    name: &'static str,
    unset: &'static str,
    home: Home,
    kind: Kind,
    meaning: &'static str,
) -> Knob {
    Knob { name, default: None, unset, home, kind, meaning }
}

/// At least one: a limit or a round count of nothing would make an empty run look like a pass.
const POSITIVE: Kind = Kind::at_least(1);
const LIMIT: Kind = Kind::Seconds { min: 1 };

/// Every knob, in the order in which `just knobs` prints them.
#[rustfmt::skip]
pub(crate) static KNOBS: &[Knob] = &[
    knob("FEATURES", "failpoints", Home::Prod, Kind::Features,
        "cargo features of the suite; empty is the plain engine, as its users ship it"),
    knob("FAST_TIMEOUT", "300", Home::Nextest, LIMIT, "seconds for the whole fast layer"),
    knob("STRESS_TIMEOUT", "600", Home::Nextest, LIMIT, "seconds for each stress case"),
    knob("CHAOS_TIMEOUT", "300", Home::Nextest, LIMIT, "seconds for each chaos case"),
    knob("CHAOS_RETRY", "3", Home::Nextest, Kind::Count { min: 1, max: 1000 },
        "attempts in all for a chaos case, all with the same seed"),
    knob("CHAOS_FLAKY", "fail", Home::Nextest, Kind::Choice(&["fail", "pass"]),
        "what a case that passed only on a later attempt counts as"),
    unset("MACE_PROD_SEED", "from NEXTEST_RUN_ID, else the OS", Home::Prod, Kind::Seed,
        "root seed; each case derives its own from it and its name"),
    knob("MACE_PROD_BUCKET_STRESS_ROUNDS", "512", Home::Prod, POSITIVE,
        "bucket create/delete rounds"),
    knob("MACE_PROD_BUCKET_CHURN_ROUNDS", "128", Home::Prod, POSITIVE,
        "bucket churn rounds under concurrent traffic"),
    knob("MACE_PROD_BUCKET_CHURN_WORKERS", "2", Home::Prod, Kind::Count { min: 1, max: 256 },
        "clients that make that traffic"),
    knob("MACE_PROD_EVICTOR_STRESS_ROUNDS", "512", Home::Prod, POSITIVE,
        "evict/drop/reload rounds"),
    knob("MACE_POWER_STATES", "1200", Home::Prod, POSITIVE,
        "crash states that each power-loss case judges, about"),
    knob("MACE_POWER_FAULTS", "60", Home::Prod, Kind::at_least(0),
        "runs that meet a failing disk in each such case, about; 0 = every fault at every call"),
    knob("MACE_POWER_SHARD", "1/1", Home::Prod, Kind::Shard,
        "this machine's part of those states and runs, k/n; all parts need the same MACE_PROD_SEED"),
    unset("MACE_POWER_RULE", "try them all", Home::Nowhere, Kind::Text,
        "the one fault rule that the cases of a failing disk try instead"),
    unset("MACE_POWER_REPLAY", "explore", Home::Nowhere, Kind::Path,
        "a stored finding that a power-loss case judges again instead"),
    unset("MACE_ENGINE_PATH", "the registry's crate", Home::Prod, Kind::Path,
        "a checkout of the engine to test instead of the registry's crate"),
    unset("MACE_ENGINE", "the locked version", Home::Prod, Kind::Version,
        "a published version of the engine to test"),
    knob("MACE_PROD_FIXES", "none", Home::Prod, Kind::List,
        "our fixes that are applied to the engine's sources: none, all, ID,ID or all,-ID"),
    knob("MACE_PERF_THRESHOLD_FILE", ".config/perf.toml", Home::Nowhere, Kind::Path,
        "the gate's thresholds and the quick bench knobs"),
    knob("MACE_PERF_BASE_REF", "origin/master", Home::Perf, Kind::Text, "baseline of compare"),
    knob("MACE_PERF_BENCH_ARGS", "--noplot", Home::Perf, Kind::Text, "passed on to Criterion"),
    knob("MACE_PERF_COMPARE_FILTERS",
        "Put/K16-V16/1,Put/K100-V1024/4,Get/K16-V16/1,Get/K100-V1024/4,Scan/K16-V16/1,Scan/K100-V1024/4",
        Home::Perf, Kind::List, "cases that compare benches"),
    knob("MACE_PERF_REGRESS_PCT", "5", Home::Perf, Kind::Percent, "per-case threshold, per cent"),
    knob("MACE_PERF_MAX_REGRESS_CASES", "0", Home::Perf, Kind::at_least(0),
        "the gate fails when more cases than this regress"),
    knob("MACE_PERF_MIN_COMPARE_CASES", "6", Home::Perf, POSITIVE,
        "the gate fails when fewer cases are comparable"),
    knob("MACE_PERF_MIN_BASE_NS", "10000", Home::Perf, Kind::at_least(0),
        "cases with a smaller base, in nanoseconds, are listed but not gated"),
    knob("MACE_PERF_COMPARE_ITEMS", "200", Home::Perf, POSITIVE,
        "items of one iteration in the short runs of a comparison"),
    knob("MACE_PERF_RUN_MS", "250", Home::Perf, Kind::Count { min: 1, max: 60_000 },
        "milliseconds that such a run is to take, about"),
    knob("MACE_PERF_REALTIME", "1", Home::Perf, Kind::Switch,
        "1 = such a run gets a real-time priority where that is allowed, so that other work waits"),
    knob("MACE_PERF_SCREEN_ROUNDS", "6", Home::Perf, Kind::Count { min: 2, max: 1000 },
        "rounds of four runs in which every case is screened"),
    knob("MACE_PERF_CONFIRM_ROUNDS", "12", Home::Perf, Kind::Count { min: 2, max: 1000 },
        "fresh rounds for suspects; twice as many when these leave it open"),
    knob("MACE_PERF_LAYOUTS", "6", Home::Perf, Kind::Count { min: 1, max: 64 },
        "link layouts of each side that the rounds go over; 1 is the default layout alone"),
    knob("MACE_PERF_BUDGET_SECS", "600", Home::Perf, LIMIT,
        "seconds of measuring in a comparison; what is open then is inconclusive"),
    knob("MACE_PERF_INSTRUCTIONS", "1", Home::Perf, Kind::Switch,
        "1 = a comparison counts instructions where valgrind is installed"),
    knob("MACE_PERF_OUT_DIR", "target/perf_gate", Home::Perf, Kind::Path, "where the gate writes"),
    knob("MACE_BENCH_QUICK", "1", Home::Perf, Kind::Switch, "1 = the quick profile, 0 = the full one"),
    knob("MACE_BENCH_TOTAL_ITEMS", "20000", Home::Perf, POSITIVE, "items of one iteration"),
    knob("MACE_BENCH_THREADS", "1,4", Home::Perf, Kind::Counts, "thread counts, never clamped"),
    knob("MACE_BENCH_KV_CASES", "16:16,100:1024", Home::Perf, Kind::Sizes,
        "key:value sizes in bytes"),
    knob("MACE_BENCH_PUT_MEAS_SECS", "5", Home::Perf, LIMIT, "seconds of measuring a Put case"),
    knob("MACE_BENCH_GET_MEAS_SECS", "5", Home::Perf, LIMIT, "seconds of measuring a Get case"),
    knob("MACE_BENCH_SCAN_MEAS_SECS", "5", Home::Perf, LIMIT, "seconds of measuring a Scan case"),
    // Criterion refuses fewer than ten samples.
    knob("MACE_BENCH_SAMPLE_SIZE", "10", Home::Perf, Kind::at_least(10), "samples of a case"),
    knob("SOAK_DURATION_SECS", "21600", Home::Soak, LIMIT, "seconds in all"),
    knob("SOAK_THREADS", "8", Home::Soak, Kind::Count { min: 1, max: 1024 },
        "threads handed to the layers"),
    knob("SOAK_STRESS_TIMEOUT", "600", Home::Soak, LIMIT, "seconds for each stress case"),
    knob("SOAK_CHAOS_TIMEOUT", "300", Home::Soak, LIMIT, "seconds for each chaos case"),
    knob("SOAK_FAST_TIMEOUT", "300", Home::Soak, LIMIT, "seconds for the whole fast layer"),
    knob("SOAK_CHAOS_EVERY", "2", Home::Soak, Kind::at_least(0),
        "chaos every so many cycles, 0 disables"),
    knob("SOAK_PERF_EVERY", "4", Home::Soak, Kind::at_least(0),
        "perf snapshot every so many cycles, 0 disables"),
    knob("SOAK_CYCLE_PAUSE_SECS", "5", Home::Soak, Kind::Seconds { min: 0 },
        "seconds of pause between cycles"),
    knob("SOAK_METRICS_DIR", "target/prod_soak", Home::Soak, Kind::Path, "where soak writes"),
];

/// The full profile of the benches: what these rows mean with `MACE_BENCH_QUICK = 0` where nobody sets
/// them by hand. The file and the defaults are the quick profile, so that this wins over both. The
/// switch stands above these rows.
const FULL: [(&str, &str); 3] = [
    ("MACE_BENCH_TOTAL_ITEMS", "100000"),
    ("MACE_BENCH_THREADS", "1,2,4,8"),
    ("MACE_BENCH_KV_CASES", "16:16,100:1024,1024:1024,16:10240"),
];

/// The switch between the profiles.
pub(crate) const QUICK: &str = "MACE_BENCH_QUICK";

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
    use super::{FULL, KNOBS, QUICK, find};

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
            assert!(place(QUICK) < place(name) && KNOBS[place(name)].kind.accepts(value), "{name}");
        }
        assert!(find("FEATURES").is_some() && find("features").is_none());
    }
}
