//! Databases of a process that was killed: the bench program starts itself once more, and that
//! process fills a database and dies with it open.

use crate::{
    engine::{Bucket, BucketOptions, Driver, Engine},
    history::kill,
    scenario::bench::{
        database::{BUCKET, Database, Place, fill, options},
        work::{Bench, Work, Wrong},
    },
    testdir::TestDir,
    workload::records::Records,
};
use std::{
    ffi::OsString,
    path::Path,
    process::{Command, Stdio},
};

/// How a process is told that it is to fill a database and die.
pub(super) const VARIABLE: &str = "MACE_PROD_INTERNAL_BENCH_FILL";

/// What this process was told to fill: the folder, and the records' number and sizes.
pub fn kill_order() -> Option<OsString> {
    knobs::runtime::internal(VARIABLE)
}

/// The folder of a database that was closed or, for [`Work::ReopenKilled`], whose process died.
pub(super) fn image(
    bench: &Bench,
    driver: &dyn Driver,
    records: &Records,
) -> Result<TestDir, Wrong> {
    if bench.work != Work::ReopenKilled {
        let place = Place::default();
        let database = Database::filled(driver, &place, records.shuffled())?;
        return Ok(database.close());
    }
    let dir = TestDir::new("bench-killed")?;
    let program = std::env::current_exe().map_err(|error| Wrong(error.to_string()))?;
    let Bench { total, key_bytes, value_bytes, .. } = bench;
    let order = format!("{total}:{key_bytes}:{value_bytes}:{}", dir.path().display());
    let status = Command::new(program)
        .env(VARIABLE, order)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_err(|error| Wrong(format!("cannot start the process to be killed: {error}")))?;
    if status.code().is_some() {
        return Err(Wrong(format!("the process to be killed ended by itself ({status})")));
    }
    Ok(dir)
}

/// Fills the database that was ordered and dies with it open; returns only when it could not.
pub fn die_filled(driver: &dyn Driver, order: &OsString) -> Wrong {
    match filled(driver, order) {
        Ok(open) => {
            // Closing is what a process that is killed does not do.
            std::mem::forget(open);
            kill::die();
            Wrong("the process that was killed goes on".to_owned())
        }
        Err(wrong) => wrong,
    }
}

type Open = (Box<dyn Bucket>, Box<dyn Engine>);

fn filled(driver: &dyn Driver, order: &OsString) -> Result<Open, Wrong> {
    let malformed = || Wrong(format!("malformed order {}", order.display()));
    let text = order.to_str().ok_or_else(malformed)?;
    let mut parts = text.splitn(4, ':');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (Some(total), Some(key), Some(value)) = (number(), number(), number()) else {
        return Err(malformed());
    };
    let dir = Path::new(parts.next().ok_or_else(malformed)?);
    let key_bytes = key as usize;
    let value_bytes = value as usize;
    let bench = Bench { work: Work::ReopenKilled, key_bytes, value_bytes, clients: 1, total };
    let records = bench.records()?;
    let engine = driver.open(dir, &options(false))?;
    let bucket = engine.create_bucket(BUCKET, &BucketOptions::default())?;
    fill(bucket.as_ref(), records.shuffled())?;
    Ok((bucket, engine))
}
