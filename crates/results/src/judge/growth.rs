//! Growth without bound: a trend that is there (Mann-Kendall), that amounts to something
//! (Theil-Sen slope times the cycles), and of which at least half goes on in the later two thirds:
//! what flattens is a cache that filled.

use super::{Judgement, Trend};
use crate::{
    limits::Growth,
    row::Row,
    stats::{Point, median, rises, theil_sen},
};

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Resident bytes.
    Memory,
    /// File descriptors.
    OpenFiles,
    /// Threads.
    Threads,
    /// Bytes of the database's folder.
    Disk,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Memory, Self::OpenFiles, Self::Threads, Self::Disk];

    /// The name in judgements.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::OpenFiles => "open files",
            Self::Threads => "threads",
            Self::Disk => "disk",
        }
    }

    /// What a row says about it.
    pub fn of(self, row: &Row) -> Option<u64> {
        match self {
            Self::Memory => row.rss_bytes,
            Self::OpenFiles => row.open_files,
            Self::Threads => row.threads,
            Self::Disk => row.disk_bytes,
        }
    }

    /// How much it may grow over the run where `typical` is its median.
    fn allowed(self, typical: f64, limits: &Growth) -> f64 {
        let relative = typical * limits.bytes_pct / 100.0;
        match self {
            Self::Memory => relative.max(limits.memory_bytes as f64),
            Self::Disk => relative.max(limits.disk_bytes as f64),
            Self::OpenFiles | Self::Threads => limits.handles as f64,
        }
    }

    fn say(self, amount: f64) -> String {
        match self {
            Self::Memory | Self::Disk => format!("{:.1} MiB", amount / f64::from(1 << 20)),
            Self::OpenFiles | Self::Threads => format!("{amount:.1}"),
        }
    }
}

/// Judges one resource over the rows of a run.
pub fn growth(resource: Resource, rows: &[Row], limits: &Growth) -> Judgement {
    let pieces = pieces(resource, rows, limits.warmup_cycles);
    let readings: Vec<f64> = pieces.iter().flatten().map(|(_, y)| *y).collect();
    let count = readings.len();
    let unclear = |why: String| Judgement::new(resource.name(), Trend::Inconclusive, why);
    if rows.iter().all(|row| resource.of(row).is_none()) {
        return unclear("no cycle was sampled".to_owned());
    }
    let (Some(slope), true) = (theil_sen(&pieces), count >= limits.min_cycles) else {
        return unclear(format!(
            "{count} cycles after a warm-up of {}, of at least {}: run longer",
            limits.warmup_cycles, limits.min_cycles
        ));
    };
    let typical = median(&readings).unwrap_or_default();
    let span = pieces.iter().map(|piece| span(piece)).sum::<f64>();
    let late: Vec<_> = pieces.iter().map(|piece| piece[piece.len() / 3..].to_vec()).collect();
    let late_slope = theil_sen(&late).unwrap_or(slope);
    let grown = slope * span;
    let late_grown = late_slope * span;
    let allowed = resource.allowed(typical, limits);
    let p = rises(&pieces);
    let lasts = grown >= allowed && late_grown >= allowed / 2.0;
    let trend = if lasts && p <= limits.significance { Trend::Found } else { Trend::Steady };
    let because = format!(
        "{} grown over {span:.0} cycles at a median of {}, {} at the later rate; {} allowed; \
         trend p = {p:.4}",
        resource.say(grown),
        resource.say(typical),
        resource.say(late_grown),
        resource.say(allowed),
    );
    Judgement::new(resource.name(), trend, because).with([
        ("median", typical),
        ("per_cycle", slope),
        ("per_cycle_later", late_slope),
        ("grown", grown),
        ("allowed", allowed),
        ("p", p),
        ("cycles", count as f64),
    ])
}

/// The readings of each process after its warm-up, the cycle's number as their place.
fn pieces(resource: Resource, rows: &[Row], warmup: usize) -> Vec<Vec<Point>> {
    let pieces = rows.chunk_by(|one, other| one.process == other.process);
    pieces
        .map(|piece| {
            let read =
                piece.iter().filter_map(|row| Some((row.cycle as f64, resource.of(row)? as f64)));
            read.skip(warmup).collect::<Vec<_>>()
        })
        .filter(|piece| !piece.is_empty())
        .collect()
}

fn span(piece: &[Point]) -> f64 {
    match piece {
        [(first, _), .., (last, _)] => last - first,
        _ => 0.0,
    }
}
