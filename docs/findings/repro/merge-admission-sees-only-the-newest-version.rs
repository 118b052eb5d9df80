//! Three orders in which a merge and a plain write of one key overlap. First writer wins: in each of them the
//! second of the two has to be refused.
//!
//! Measured: 10 of 10 runs of a release build, on two cores beside other work.

use mace::{Bucket, BucketOptions, Mace, OpCode, Options, u64_add_operator};
use std::{env, fs, process};

type Answer = Result<(), OpCode>;

fn number(value: u64) -> [u8; 8] {
    value.to_le_bytes()
}

/// The younger merges, the older merges and commits, the younger writes plainly over it.
fn own_operand_hides(bucket: &Bucket, key: &str) -> Answer {
    let older = bucket.begin()?;
    let younger = bucket.begin()?;
    younger.merge(key, number(1))?;
    older.merge(key, number(1))?;
    older.commit()?;
    let answer = younger.upsert(key, number(0));
    younger.commit()?;
    answer
}

/// The younger merges and commits, the older merges, a third writes plainly over both.
fn younger_operand_hides(bucket: &Bucket, key: &str) -> Answer {
    let older = bucket.begin()?;
    let younger = bucket.begin()?;
    younger.merge(key, number(1))?;
    younger.commit()?;
    older.merge(key, number(1))?;
    let third = bucket.begin()?;
    let answer = third.upsert(key, number(0));
    third.commit()?;
    older.commit()?;
    answer
}

/// The younger writes plainly and merges, the older merges over it and commits.
fn operand_hides_a_write(bucket: &Bucket, key: &str) -> Answer {
    let older = bucket.begin()?;
    let younger = bucket.begin()?;
    younger.upsert(key, number(5))?;
    younger.merge(key, number(1))?;
    let answer = older.merge(key, number(1));
    older.commit()?;
    younger.commit()?;
    answer
}

fn main() {
    let folder = env::temp_dir().join(format!("mace-repro-{}", process::id()));
    let db = Mace::new(Options::new(&folder).validate().unwrap()).unwrap();
    let merging = BucketOptions { merge_operator: u64_add_operator(), ..BucketOptions::default() };
    let bucket = db.new_bucket("b", merging).unwrap();
    let orders: [(&str, fn(&Bucket, &str) -> Answer); 3] = [
        ("own", own_operand_hides),
        ("younger", younger_operand_hides),
        ("hidden", operand_hides_a_write),
    ];
    let mut admitted = 0;
    for (key, order) in orders {
        let answer = order(&bucket, key);
        let value = bucket.view().unwrap().get(key).map(|value| value.to_vec());
        println!("{key}: the write was answered {answer:?}; in the end there is {value:?}");
        admitted += u32::from(answer.is_ok());
    }
    let _ = fs::remove_dir_all(&folder);
    if admitted > 0 {
        println!(
            "broken: {admitted} of 3 overlapping writes were admitted, and a committed merge is gone"
        );
        process::exit(1);
    }
    println!("kept: the overlapping writes were refused");
    process::exit(0);
}
