//! The ratio of the times that two programs take for the same work, as Criterion shows it. Knows
//! neither what the work is nor what the programs are linked with.

use criterion::{Criterion, SamplingMode};
use mace_prod::scenario::bench::serving::{self, JOBS, Served};
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

/// Pairs of one iteration: the ratio of their sums.
const PAIRS: u32 = 3;

pub(crate) fn main() -> ExitCode {
    if serving::serve() {
        return ExitCode::SUCCESS;
    }
    let Some(plain) = plain_binary() else {
        complain("cargo did not build the bench `perf`, which this one is compared with");
        return ExitCode::from(2);
    };
    let interposed = std::env::current_exe().expect("a process knows its program");
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(30))
        .configure_from_args();
    for job in JOBS {
        ratio(&mut criterion, &format!("Interposed/{job}"), &interposed, &plain, job);
        ratio(&mut criterion, &format!("Same/{job}"), &plain, &plain, job);
    }
    criterion.final_summary();
    ExitCode::SUCCESS
}

/// The time of the first program in that of the second, in seconds.
fn ratio(criterion: &mut Criterion, name: &str, one: &Path, other: &Path, job: &str) {
    let mut group = criterion.benchmark_group("faultfs");
    group.sampling_mode(SamplingMode::Flat);
    let mut pair = None;
    group.bench_function(name, |bencher| {
        let (one, other) =
            pair.get_or_insert_with(|| (Served::start(one, job), Served::start(other, job)));
        bencher.iter_custom(|iterations| {
            let ratio = |_| {
                let mut ones = Duration::ZERO;
                let mut others = Duration::ZERO;
                for at in 0..PAIRS {
                    // Who goes first has no advantage.
                    if at % 2 == 0 {
                        ones += one.once();
                        others += other.once();
                    } else {
                        others += other.once();
                        ones += one.once();
                    }
                }
                Duration::from_secs_f64(ones.as_secs_f64() / others.as_secs_f64())
            };
            (0..iterations).map(ratio).sum()
        });
    });
    group.finish();
}

/// The program of `benches/perf.rs`, which cargo has built before or builds now.
fn plain_binary() -> Option<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .args(["bench", "--no-run", "--package", "mace-prod", "--no-default-features"])
        .args(["--bench", "perf", "--message-format", "json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let built = text.lines().filter_map(|line| serde_json::from_str(line).ok());
    let of_bench = |message: serde_json::Value| {
        (message["target"]["name"] == "perf")
            .then(|| message["executable"].as_str().map(PathBuf::from))?
    };
    built.filter_map(of_bench).next_back()
}

#[expect(clippy::print_stderr, reason = "a program's last words")]
fn complain(line: &str) {
    eprintln!("interposed: {line}");
}
