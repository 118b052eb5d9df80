//! Checks one long synthetic history and prints the time and memory that it took: `scale
//! <transactions> [keys] [list length]`, in one process for each line of a table.

use isolation::{check, synthetic::Synthetic};
use std::time::Instant;

#[expect(clippy::print_stdout, reason = "an example speaks to the terminal")]
fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let mut next = |otherwise| match numbers.next() {
        Some(Ok(number)) => number,
        Some(Err(error)) => panic!("scale <transactions> [keys] [list length]: {error}"),
        None => otherwise,
    };
    let txns = next(1_000_000);
    let keys = next(10_000);
    let list = next(0);
    let history = Synthetic { txns, keys, list, seed: 1 }.history();
    let started = Instant::now();
    let busy = busy_nanos();
    let report = check(&history).expect("a synthetic history is well formed");
    let seconds = started.elapsed().as_secs_f64();
    let busy = busy.zip(busy_nanos()).map(|(before, after)| (after - before) as f64 / 1e9);
    let a_second = |seconds: f64| format!("{:.0} a second", f64::from(txns) / seconds);
    assert!(report.is_clean(), "{report:?}");
    println!(
        "{txns} transactions, {keys} keys, lists of {list}: {seconds:.2} s, {}, of a processor {}, \
         {} bytes each in the history, {} at the peak",
        a_second(seconds),
        busy.map_or_else(
            || "unknown".to_owned(),
            |busy| format!("{busy:.2} s, {}", a_second(busy))
        ),
        history.bytes() as u64 / u64::from(txns),
        peak_bytes()
            .map_or_else(|| "unknown".to_owned(), |peak| { (peak / u64::from(txns)).to_string() }),
    );
}

/// The peak memory of this process. Known on Linux only.
fn peak_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

/// The CPU time of this process. Known on Linux only. Unlike wall time it is meaningful on a busy
/// machine.
fn busy_nanos() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok()
}
