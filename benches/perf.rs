//! The benches: the suite's batches of work on the plain engine, measured by Criterion. Each checks
//! what it did and fails when it did not do it. Cases are named `Put/K16-V16/1`: the work, the sizes
//! of key and value in bytes, and the number of clients. `Control/spin` is work that never changes.
//!
//! Nothing is judged here. `just perf` reads what Criterion writes.

use criterion::{BenchmarkId, Criterion};
use knobs::{Knobs, findings::Build};
use mace_prod::{
    engine::{
        altered::{Alteration, Altered},
        mace::MaceDriver,
        spin::spin,
    },
    scenario::bench::{Bench, Place, Work, Wrong, die_filled, kill_order, shorten_slices},
    settings::{BenchProfile, ENGINE_BUILD},
};
use std::{
    env,
    process::ExitCode,
    time::{Duration, Instant},
};

/// Tells this process to slow the engine down by so many steps of the constant loop for each client in
/// a batch, in one burst: how the self-test plants a slowdown that the gate has to find. Every batch
/// has the same bursts, or the low quantile would be that of the batches with the fewest.
const SLOW: &str = "MACE_PROD_INTERNAL_BENCH_SLOW";

/// Steps of one iteration of the control case, a millisecond or two.
const CONTROL_STEPS: u64 = 1_000_000;

/// Time before the clock counts. Every batch brings its own database, so that there is little to
/// warm up.
const WARM_UP: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    #[cfg(unix)]
    if mace_prod::scenario::bench::serving::serve() {
        return ExitCode::SUCCESS;
    }
    let profile = match profile() {
        Ok(profile) => profile,
        Err(line) => {
            complain(&line);
            return ExitCode::from(2);
        }
    };
    if let Some(order) = kill_order() {
        complain(&die_filled(&MaceDriver, &order).to_string());
        return ExitCode::FAILURE;
    }
    shorten_slices();
    let steps = knobs::runtime::internal(SLOW).and_then(|steps| steps.to_str()?.parse().ok());
    // Durable commits are to wait for a disk, and this program is on one.
    let disk = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let place = Place { disk };
    control(&mut criterion(&profile, Work::Get));
    for work in Work::ALL {
        let mut criterion = criterion(&profile, work);
        for bench in Bench::of(&profile, work) {
            let slow = |steps| Alteration::Slow { steps, every: bench.calls() };
            let driver = Altered { driver: MaceDriver, alteration: steps.map(slow) };
            run(&mut criterion, bench, &driver, &place);
        }
        criterion.final_summary();
    }
    ExitCode::SUCCESS
}

/// The cases, or the one line that says why there are none.
fn profile() -> Result<BenchProfile, String> {
    if ENGINE_BUILD != Build::Plain {
        return Err("the benches measure the engine as its users ship it: \
                    cargo bench --bench perf --no-default-features"
            .to_owned());
    }
    let knobs = Knobs::load().map_err(|error| error.to_string())?;
    let profile = BenchProfile::from_knobs(&knobs);
    for work in Work::ALL {
        for bench in Bench::of(&profile, work) {
            bench.records().map_err(|wrong| format!("{}: {wrong}", bench.name()))?;
        }
    }
    Ok(profile)
}

/// Criterion with the profile's times for this work; its own flags win over them.
fn criterion(profile: &BenchProfile, work: Work) -> Criterion {
    let [put, get, scan] = profile.measure;
    let time = match work {
        Work::Put | Work::Commit | Work::Delete => put,
        Work::Get | Work::ReopenClean | Work::ReopenKilled => get,
        Work::Scan => scan,
    };
    Criterion::default()
        .sample_size(profile.samples)
        .measurement_time(time)
        .warm_up_time(WARM_UP)
        .configure_from_args()
}

fn run(criterion: &mut Criterion, bench: Bench, driver: &Altered<MaceDriver>, place: &Place) {
    let (size, last) = bench.parameters();
    let mut group = criterion.benchmark_group(bench.work.group());
    // Criterion calls the closure once for every sample; the database is made once, and only for
    // a case that is run.
    let mut batch = None;
    group.bench_function(BenchmarkId::new(size, last), |bencher| {
        let batch = batch.get_or_insert_with(|| done(bench, bench.prepare(driver, place)));
        bencher.iter_custom(|iterations| (0..iterations).map(|_| done(bench, batch.run())).sum());
    });
    group.finish();
}

/// A batch that did not do its work is no measurement.
fn done<T>(bench: Bench, result: Result<T, Wrong>) -> T {
    result.unwrap_or_else(|wrong| panic!("{}: {wrong}", bench.name()))
}

fn control(criterion: &mut Criterion) {
    let right = spin(CONTROL_STEPS);
    criterion.benchmark_group("Control").bench_function("spin", |bencher| {
        bencher.iter_custom(|iterations| {
            let start = Instant::now();
            let same = (0..iterations).filter(|_| spin(CONTROL_STEPS) == right).count();
            let time = start.elapsed();
            assert_eq!(same as u64, iterations, "Control/spin: the loop gave another result");
            time
        });
    });
}

#[expect(clippy::print_stderr, reason = "a program's last words, before Criterion has the console")]
fn complain(line: &str) {
    eprintln!("perf benches: {line}");
}
