//! Keys of 65,535 and of 65,536 bytes are inserted; `Keyspace::insert` says "Keys may be up to 65536 bytes long".
//! Then a short one is, which shows what the panic leaves.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use fjall::{Database, KeyspaceCreateOptions};
use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
};

fn main() {
    let folder = env::temp_dir().join(format!("fjall-repro-{}", process::id()));
    let db = Database::builder(&folder).open().unwrap();
    let keyspace = db.keyspace("k", KeyspaceCreateOptions::default).unwrap();
    let inserted = [65_535, 65_536].map(|length| {
        let insert = AssertUnwindSafe(|| keyspace.insert(vec![b'k'; length], "value"));
        let answer = catch_unwind(insert);
        println!("a key of {length} bytes: {answer:?}");
        answer.is_ok()
    });
    println!("a key of 3 bytes, then: {:?}", keyspace.insert("key", "value"));
    let _ = fs::remove_dir_all(&folder);
    if inserted != [true, true] {
        println!("broken: a key of a length that is documented ends in a panic");
        process::exit(1);
    }
    println!("kept: keys of 65535 and of 65536 bytes are answered");
    process::exit(0);
}
