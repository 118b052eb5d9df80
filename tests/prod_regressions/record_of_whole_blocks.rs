//! Cause: zstd closes a frame whose raw length is a multiple of 131,072, its block size, with an empty block of
//! three bytes. The engine reads a compressed record in pieces of 131,072 bytes, and takes a full destination
//! with input left over for damage (`decode_reader_into`, `src/utils/compress.rs`). When the compressed length
//! is 1 to 3 above a multiple of 131,072, the destination is full after the last whole piece, and the input
//! that is left is the empty block.
//!
//! Sequence:
//! 1. Make a bucket with compression.
//! 2. Store a value of 262,075 bytes, whose record has 262,144 with its head of 69. Fill the first block with
//!    noise, nearly to its end, and put so much noise into the second that the compressed record has 131,073 to
//!    131,075 bytes.
//! 3. Write a checkpoint.
//! 4. Read the value in another process.
//!
//! Symptom: the process aborts, "must read payload record", and so does each process that reads the value. The
//! bytes in the file are right, with the right checksum, and an engine that accepts the empty block reads them.
//!
//! Broken promise: a value that was stored can be read. "Existing raw and compressed records remain readable"
//! (docs/design.md, 3.5).
//!
//! Ruled out: the length of the value, and compression as such. Values of the same length whose records have
//! other lengths are read, and so is a record that is not compressed.

use mace_prod::{
    engine::{BucketOptions, Driver, Engine, EngineOptions, Merge, Preset, mace::MaceDriver},
    history::script::Step,
    regression,
    scenario::{claims::store, database::Stage},
};
use std::{fs, ops::RangeInclusive, path::Path};

/// What zstd takes for a block and the engine for a piece, in bytes.
const BLOCK: usize = 128 << 10;

/// What a blob file has beside one record, in bytes: an interval, a relocation and a footer.
const BESIDE: usize = 72;

/// Zeros at the end of the first block: with fewer zstd stores it as it is.
const ROOM: usize = 2600;

/// Lengths of a compressed record whose last piece is of nothing but the empty block.
const LENGTHS: RangeInclusive<usize> = BLOCK + 1..=BLOCK + 3;

/// Each try corrects the amount of noise by what the last one was off.
const TRIES: usize = 32;

const KEY: &[u8] = b"key";

fn buckets() -> BucketOptions {
    BucketOptions { compression: true, ..Preset::Defaults.bucket() }
}

/// A value that makes two blocks with the head of its record, and so much noise in the second.
fn value(noise: &[u8], head: usize, second: usize) -> Vec<u8> {
    let first = BLOCK - head - ROOM;
    let mut value = vec![0; 2 * BLOCK - head];
    value[..first].copy_from_slice(&noise[..first]);
    value[BLOCK - head..][..second].copy_from_slice(&noise[first..first + second]);
    value
}

/// Bytes of all blob files of a database.
fn blob_bytes(dir: &Path) -> usize {
    let entries = fs::read_dir(dir.join("data")).expect("a database has files").flatten();
    let blobs = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("blob_"));
    blobs.map(|blob| blob.metadata().map_or(0, |meta| meta.len() as usize)).sum()
}

/// What a reader of such a record dies saying: in 0.2.0, and in 0.1.2.
const DEATHS: [&str; 2] = ["must read payload record", "self.decoders.with_decoder("];

/// Stores values, each in a bucket of its number, until the record of one has such a length; that value, if one
/// has, and the last number.
fn stored(dir: &Path, engine: &dyn Engine, noise: &[u8]) -> (Option<Vec<u8>>, usize) {
    let store = |number: usize, value: &[u8]| {
        let before = blob_bytes(dir);
        let bucket = engine.create_bucket(&number.to_string(), &buckets()).expect("a fresh bucket");
        store(bucket.as_ref(), KEY, value).expect("a healthy database");
        bucket.checkpoint_and_wait();
        blob_bytes(dir) - before - BESIDE
    };
    // Nothing but noise is not compressed: what its record has in front of it.
    let head = store(0, noise) - noise.len();
    let mut second = ROOM;
    for number in 1..=TRIES {
        let value = value(noise, head, second);
        let record = store(number, &value);
        if LENGTHS.contains(&record) {
            return (Some(value), number);
        }
        second = (second + BLOCK + 2).saturating_sub(record).min(2 * ROOM);
    }
    (None, TRIES)
}

regression!(RECORD_OF_WHOLE_BLOCKS: a_stored_value_is_read_again, |finding| {
    let options = EngineOptions { collect_every_ms: None, ..Preset::Defaults.engine() };
    let mut database = finding.database("database");
    let dir = database.dir();
    let open = || MaceDriver.open(&dir, &options).expect("the database opens");
    let engine = open();
    let noise = finding.seed().rng().bytes(2 * BLOCK);
    let (value, last) = stored(&dir, engine.as_ref(), &noise);
    drop(engine);
    let Some(value) = value else {
        finding.came_to("a record of such a length", 0);
        return Ok(());
    };
    let reading = |numbers: RangeInclusive<usize>| {
        let read = |number: usize| {
            let bucket = number.to_string();
            let open = Step::Open { bucket: bucket.clone(), options: buckets() };
            [open, Step::ReadAll { bucket }]
        };
        Stage::closing(&options, numbers.flat_map(read).collect())
    };
    let control = finding.process(&mut database, &reading(0..=last - 1));
    finding.expects(control.is_done(), &control)?;
    let ended = finding.process(&mut database, &reading(last..=last));
    finding.shows(DEATHS.iter().any(|said| ended.died_saying(said)))?;
    finding.expects(ended.is_done(), &ended)?;
    let engine = open();
    let bucket = engine.open_bucket(&last.to_string(), Merge::None).expect("the bucket is there");
    let read = bucket.view().and_then(|view| view.get(KEY));
    let is_kept = read.as_ref() == Ok(&value);
    finding.keeps(is_kept, "a stored value is read as it was", &read.map(|read| read.len()))?;
    finding.came_to("a record of such a length", 1);
    Ok(())
});
