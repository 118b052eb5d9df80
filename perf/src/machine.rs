//! Facts about the machine, for the reader of a figure. Reads `/proc` where there is one.

use results::gate::{Machine, Origin};
use std::{fs, process::Command, thread};

/// The origin of what is measured here and now.
pub(crate) fn origin(engine: String, commit: String) -> Origin {
    let cpu = text("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let rustc = Command::new("rustc").arg("--version").output().map(|output| output.stdout);
    let machine = Machine {
        cpu: cpu.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.into()),
        cores: thread::available_parallelism().map_or(0, usize::from),
        os: std::env::consts::OS.to_owned(),
        kernel: text("/proc/sys/kernel/osrelease").trim().to_owned(),
        rustc: String::from_utf8_lossy(&rustc.unwrap_or_default()).trim().to_owned(),
    };
    Origin::now(engine, commit, machine)
}

/// Load average of the last minute; 0 where nobody says.
pub(crate) fn load() -> f64 {
    text("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0)
}

/// The share of the last minute in which something waited for a core, in per cent.
pub(crate) fn pressure_pct() -> Option<f64> {
    let text = text("/proc/pressure/cpu");
    let (_, rest) = text.split_once("avg60=")?;
    rest.split(' ').next()?.parse().ok()
}

fn text(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}
