//! The thresholds that a long run is judged by: the tables of `.config/soak.toml` that are no
//! knobs. Every key has a default; an unknown key and a value out of its range are errors.

use serde::Deserialize;

/// All thresholds.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// What counts as growth without bound.
    pub growth: Growth,
    /// What counts as getting slower.
    pub pace: Pace,
}

/// What counts as growth without bound of a process's resources.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Growth {
    /// Cycles after the start of a process that are left out: caches fill.
    pub warmup_cycles: usize,
    /// Cycles after warm-up without which nothing can be said.
    pub min_cycles: usize,
    /// The greatest p value of a trend that counts as one.
    pub significance: f64,
    /// Per cent of the median that memory and disk may grow over the run.
    pub bytes_pct: f64,
    /// Bytes that memory may grow over the run, whatever the per cent are.
    pub memory_bytes: u64,
    /// Bytes that the database's folder may grow over the run, whatever the per cent are.
    pub disk_bytes: u64,
    /// Open files, and threads, that may be added over the run.
    pub handles: u64,
}

/// What counts as getting slower.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// Snapshots without which nothing can be said.
    pub min_snapshots: usize,
    /// First snapshots that the others are compared with.
    pub first_snapshots: usize,
    /// The greatest p value of a drift or a step that counts as one.
    pub significance: f64,
    /// Per cent that the benches may get slower over the run.
    pub slower_pct: f64,
    /// Per cent that the run must have been able to see: with more noise than that it is
    /// inconclusive.
    pub resolves_pct: f64,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            warmup_cycles: 3,
            min_cycles: 8,
            significance: 0.002,
            bytes_pct: 5.0,
            memory_bytes: 4 << 20,
            disk_bytes: 1 << 20,
            handles: 4,
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            min_snapshots: 12,
            first_snapshots: 3,
            significance: 0.01,
            slower_pct: 10.0,
            resolves_pct: 20.0,
        }
    }
}

impl Limits {
    /// Reads the tables of a text; the error is what is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let limits: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
            format!("{} (line {line})", error.message())
        })?;
        match limits.out_of_range() {
            Some(what) => Err(what),
            None => Ok(limits),
        }
    }

    fn out_of_range(&self) -> Option<String> {
        let Self { growth, pace } = self;
        let share = |value: f64| value > 0.0 && value < 1.0;
        let per_cent = |value: f64| value > 0.0 && value <= 1000.0;
        for (key, value, fits, range) in [
            ("growth.significance", growth.significance, share(growth.significance), "0 to 1"),
            ("growth.bytes_pct", growth.bytes_pct, per_cent(growth.bytes_pct), "0 to 1000"),
            ("pace.significance", pace.significance, share(pace.significance), "0 to 1"),
            ("pace.slower_pct", pace.slower_pct, per_cent(pace.slower_pct), "0 to 1000"),
            ("pace.resolves_pct", pace.resolves_pct, per_cent(pace.resolves_pct), "0 to 1000"),
        ] {
            if !fits {
                return Some(format!("`{key}` = {value}, which is not in {range}"));
            }
        }
        // Below these no trend can reach any significance worth the name.
        for (key, value, least) in [
            ("growth.min_cycles", growth.min_cycles, 6),
            ("pace.min_snapshots", pace.min_snapshots, 8),
            ("pace.first_snapshots", pace.first_snapshots, 1),
        ] {
            if value < least {
                return Some(format!("`{key}` = {value}, which is less than {least}"));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn an_absent_table_is_the_default() {
        let limits = Limits::parse("SOAK_THREADS = 4\n[pace]\nslower_pct = 7.5\n").unwrap();
        assert!((limits.pace.slower_pct - 7.5).abs() < 1e-9);
        assert_eq!(limits.growth, super::Growth::default());
        assert_eq!(Limits::parse("").unwrap(), Limits::default());
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_named() {
        for (text, says) in [
            ("[growth]\nwarmup = 3\n", "warmup"),
            ("[growth]\nbytes_pct = 'much'\n", "line 2"),
            ("[growth]\nsignificance = 1.5\n", "`growth.significance` = 1.5"),
            ("[growth]\nmin_cycles = 2\n", "less than 6"),
            ("[growth]\nhandles = -1\n", "line 2"),
            ("[pace]\nslower_pct = 0\n", "`pace.slower_pct` = 0"),
            ("[pace]\nmin_snapshots = 3\n", "`pace.min_snapshots` = 3"),
            ("[pace\n", "line 1"),
        ] {
            let what = Limits::parse(text).unwrap_err();
            assert!(what.contains(says), "{text}: {what}");
        }
    }
}
