//! Scans a snapshot; in the middle of the scan the keys are overwritten until their leaf is folded, and a
//! checkpoint is written; then the scan goes on. Without the checkpoint, as a control, it ends.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{Bucket, BucketOptions, Mace, Options};
use std::{
    env, fs,
    path::Path,
    process::{self, Command, Stdio},
};

fn overwrite(bucket: &Bucket, times: u32) {
    for number in 0..times {
        let txn = bucket.begin().unwrap();
        for key in 0..8_u64 {
            txn.upsert(key.to_be_bytes(), [number as u8; 100]).unwrap();
        }
        txn.commit().unwrap();
    }
}

fn work(folder: &Path, checkpoint: bool) {
    let mut options = Options::new(folder);
    options.sync_on_write = false;
    let db = Mace::new(options.validate().unwrap()).unwrap();
    let small =
        BucketOptions { split_elems: 64, consolidate_threshold: 16, ..BucketOptions::default() };
    let bucket = db.new_bucket("b", small).unwrap();
    overwrite(&bucket, 1);
    let view = bucket.view().unwrap();
    // The leaf gets a history, since the snapshot may still ask for it.
    overwrite(&bucket, 40);
    let mut scan = view.range::<&[u8], _>(..);
    assert!(scan.try_next().unwrap().is_some());
    overwrite(&bucket, 40);
    if checkpoint {
        bucket.checkpoint_and_wait();
    }
    let mut rest = 0;
    while scan.try_next().unwrap().is_some() {
        rest += 1;
    }
    assert_eq!(rest, 7);
}

fn ends_well(folder: &Path, how: &str) -> bool {
    let mut child = Command::new(env::current_exe().unwrap());
    child.arg(folder).arg(how).stderr(Stdio::inherit());
    child.status().unwrap().success()
}

fn main() {
    let arguments: Vec<String> = env::args().collect();
    if let [_, folder, how] = arguments.as_slice() {
        return work(Path::new(folder), how == "checkpoint");
    }
    let base = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    assert!(ends_well(&base.join("control"), "control"));
    let ended = ends_well(&base.join("checkpoint"), "checkpoint");
    let _ = fs::remove_dir_all(&base);
    if !ended {
        println!("broken: the process of the scan died");
        process::exit(1);
    }
    println!("kept: the scan saw its snapshot to the end");
    process::exit(0);
}
