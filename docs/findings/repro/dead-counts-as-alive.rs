//! A leaf with older versions of its keys, which an open view keeps, is folded by the clean-up after a dropped
//! transaction, and divided by the next write. Then the view is closed, and the engine is asked for its account of
//! dead records. Without the view, as a control, the account is right.
//!
//! Features: extra_check
//!
//! Measured: 10 of 10 runs of an optimised build, on two cores beside other work.

use mace::{Bucket, BucketOptions, Mace, OpCode, Options, TxnKV};
use std::{
    env,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind, set_hook},
    path::Path,
    process,
};

fn write(bucket: &Bucket, keys: Range<u32>) -> Result<TxnKV<'_>, OpCode> {
    let txn = bucket.begin()?;
    for key in keys {
        txn.upsert(format!("k{key:02}"), "value")?;
    }
    Ok(txn)
}

/// What the engine's own account of what is dead says, in the end.
fn account(folder: &Path, has_view: bool) -> Result<Option<String>, OpCode> {
    let mut options = Options::new(folder);
    // Collects when it is asked to.
    options.gc_timeout = 0;
    let mace = Mace::new(options.validate()?)?;
    let mut small = BucketOptions::new();
    small.split_elems = 64;
    small.consolidate_threshold = 16;
    let bucket = mace.new_bucket("b", small)?;
    write(&bucket, 0..60)?.commit()?;
    let view = if has_view { Some(bucket.view()?) } else { None };
    write(&bucket, 0..60)?.commit()?;
    write(&bucket, 60..65)?.commit()?;
    drop(write(&bucket, 70..71)?);
    mace.start_gc();
    bucket.checkpoint_and_wait();
    write(&bucket, 66..67)?.commit()?;
    drop(view);
    let mut said = None;
    for _ in 0..50 {
        bucket.checkpoint_and_wait();
        mace.start_gc();
        let ask = || mace::testing::assert_persisted_gc_stats(&mace);
        match catch_unwind(AssertUnwindSafe(ask)) {
            Ok(()) => return Ok(None),
            Err(panic) => said = panic.downcast_ref::<String>().cloned(),
        }
    }
    Ok(said)
}

fn main() -> Result<(), OpCode> {
    set_hook(Box::new(|_| ()));
    let base = env::temp_dir().join(format!("mace-dead-{}", process::id()));
    let control = account(&base.join("control"), false)?;
    assert_eq!(control, None, "the control");
    match account(&base.join("view"), true)? {
        None => println!("kept: what is dead counts as dead"),
        Some(said) => {
            // It has several lines, and the verdict is one.
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            println!("broken: after 50 rounds of checkpoint and collection: {said}");
            process::exit(1);
        }
    }
    Ok(())
}
