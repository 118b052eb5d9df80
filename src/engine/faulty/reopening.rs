//! The defects of reopening: each is an edit of the book, after which the database is brought to the
//! state that the book makes. A victim is chosen so that its loss leaves a trace: what was
//! overwritten anyway nobody can miss.

use super::{
    book::{Book, Change, Pairs, Work, replay},
    defect::Defect,
    force::{force, force_named},
    shared::Shared,
};
use crate::engine::{BucketOptions, Engine, EngineError, Merge, Outcome};

/// What opening a database again does to it.
pub(super) fn reopened(shared: &Shared, engine: &dyn Engine) -> Outcome<()> {
    let mut book = shared.book();
    let lost = book.lose();
    let defect = shared.defect.filter(|_| book.defects == 0);
    let shown = defect.is_some_and(|defect| edit(defect, &mut book).is_some());
    if lost || shown {
        force_all(engine, &book.committed, &book.buckets())?;
    }
    let bucket_sin = match defect {
        Some(Defect::BucketDropped) => drop_bucket(engine, &mut book)?,
        Some(Defect::BucketRevived) => revive_bucket(engine, &mut book)?,
        _ => false,
    };
    book.defects += u64::from(shown || bucket_sin);
    Ok(())
}

/// Brings every bucket to the state that the work makes.
pub(super) fn force_all(engine: &dyn Engine, works: &[Work], buckets: &[String]) -> Outcome<()> {
    buckets.iter().try_for_each(|name| force_named(engine, name, &replay(works, name)))
}

fn drop_bucket(engine: &dyn Engine, book: &mut Book) -> Outcome<bool> {
    let Some(name) = book.there.pop_last() else { return Ok(false) };
    engine.delete_bucket(&name)?;
    Ok(true)
}

fn revive_bucket(engine: &dyn Engine, book: &mut Book) -> Outcome<bool> {
    let Some((name, pairs)) = book.gone.pop_last() else { return Ok(false) };
    let options = BucketOptions { merge: Merge::Sum, ..BucketOptions::default() };
    match engine.create_bucket(&name, &options) {
        Ok(bucket) => force(bucket.as_ref(), &pairs)?,
        Err(denial @ EngineError::Refused(_)) => return Err(denial),
        Err(_) => return Ok(false),
    }
    engine.unload_bucket(&name)?;
    Ok(true)
}

/// Edits the book; nothing when the book has no victim yet.
fn edit(defect: Defect, book: &mut Book) -> Option<()> {
    let third = book.openings == 3;
    match defect {
        Defect::AcknowledgedDropped => drop(book.committed.pop()?),
        Defect::LastWriteDropped => drop(wide(book)?.writes.pop()),
        Defect::FirstWriteDropped => {
            let work = wide(book)?;
            let first = work.writes[0].0.clone();
            work.writes.retain(|(key, _)| *key != first);
        }
        Defect::MiddleDropped => {
            let last = book.committed.len().checked_sub(1)?;
            let victim =
                (0..last).rev().find(|&at| leaves_a_trace(book, at) && returned(book, at))?;
            book.committed.remove(victim);
        }
        Defect::ReadFromDropped => {
            let victim = (0..book.committed.len()).rev().find(|&at| {
                leaves_a_trace(book, at)
                    && book.committed[at].writes.iter().any(|(key, change)| {
                        !matches!(change, Change::Add(_)) && replaced(book, at, key)
                    })
            })?;
            book.committed.remove(victim);
        }
        Defect::SeenDropped => {
            let victim = (0..book.committed.len()).rev().find(|&at| {
                let txn = book.committed[at].txn;
                book.unsure.contains(&txn) && book.seen.contains(&txn) && leaves_a_trace(book, at)
            })?;
            book.committed.remove(victim);
        }
        Defect::AbortedRevived => {
            let work = book.dropped.iter().rfind(|work| sets_for_good(work))?.clone();
            book.committed.push(work);
        }
        Defect::UncommittedKept => {
            let work = book.cut.iter().rfind(|work| sets_for_good(work))?.clone();
            book.committed.push(work);
        }
        Defect::InFlightTorn => {
            let mut work = book.lost.pop().filter(|work| work.writes.len() > 1)?;
            work.writes.pop();
            book.committed.push(work);
        }
        Defect::LostFlips => book.committed.push(book.lost.last().filter(|_| third)?.clone()),
        Defect::KeptFlips => {
            let work = book.kept.last().filter(|_| third)?.clone();
            book.committed.retain(|other| *other != work);
        }
        Defect::SecondReopeningDiffers => drop(book.committed.pop_if(|_| third)?),
        Defect::BarrierDoesNothing => book.committed.truncate(book.synced.checked_sub(1)?),
        Defect::CopyDrops => drop(book.committed.pop_if(|_| book.copied)?),
        Defect::NeverWritten
        | Defect::Truncated
        | Defect::OfAnotherKey
        | Defect::ReplacedWriteKept
        | Defect::OperandDropped
        | Defect::OperandTwice => return spoil(defect, book),
        _ => return None,
    }
    Some(())
}

/// Defects against one write.
fn spoil(defect: Defect, book: &mut Book) -> Option<()> {
    let last = book.committed.last_mut()?;
    let bucket = last.bucket.clone();
    let (key, value) = last.writes.iter().rev().find_map(|(key, change)| match change {
        Change::Set(value) => Some((key.clone(), value.clone())),
        Change::Del | Change::Add(_) => None,
    })?;
    let set = |key: Vec<u8>, value: Vec<u8>| (key, Change::Set(value));
    match defect {
        Defect::NeverWritten => {
            let wrong = value.iter().map(|byte| !byte).collect();
            last.writes.push(set(key, wrong));
        }
        Defect::Truncated => last.writes.push(set(key, value[..value.len() - 1].to_vec())),
        Defect::OfAnotherKey => {
            let pairs = replay(&book.committed, &bucket);
            let other = pairs.into_keys().find(|other| *other != key && other.starts_with(b"k"))?;
            book.committed.last_mut()?.writes.push(set(other, value));
        }
        Defect::ReplacedWriteKept => {
            let victim = (0..book.committed.len()).rev().find_map(|at| {
                let key = twice_set(&book.committed[at])?;
                (!replaced(book, at, &key)).then_some((at, key))
            });
            let (at, key) = victim?;
            let writes = &mut book.committed[at].writes;
            let final_one = writes.iter().rposition(|(other, _)| *other == key)?;
            writes.remove(final_one);
        }
        Defect::OperandDropped => {
            let at = (0..book.committed.len())
                .rev()
                .find(|&at| operand(&book.committed[at]).is_some() && leaves_a_trace(book, at))?;
            let write = operand(&book.committed[at])?;
            book.committed[at].writes.remove(write);
        }
        _ => {
            let at = book.committed.iter().rposition(|work| operand(work).is_some())?;
            let write = operand(&book.committed[at])?;
            let again = book.committed[at].writes[write].clone();
            book.committed[at].writes.push(again);
        }
    }
    Some(())
}

/// The last commit that wrote two keys at least.
fn wide(book: &mut Book) -> Option<&mut Work> {
    let wide = |work: &Work| {
        work.writes.windows(2).any(|pair| pair[0].0 != pair[1].0)
            && work.writes.iter().all(|(_, change)| matches!(change, Change::Set(_)))
    };
    // Later and narrower commits must not have written over it.
    let at = book.committed.iter().rposition(wide)?;
    let hidden = book.committed[at].writes.iter().any(|(key, _)| replaced(book, at, key));
    book.committed.get_mut(at).filter(|_| !hidden)
}

/// Whether the work leaves a value at some key.
fn sets_for_good(work: &Work) -> bool {
    let last = |key: &[u8]| work.writes.iter().rfind(|(at, _)| at == key);
    work.writes.iter().any(|(key, _)| matches!(last(key), Some((_, Change::Set(_)))))
}

/// Whether a later commit wrote the key too.
fn replaced(book: &Book, at: usize, key: &[u8]) -> bool {
    let work = &book.committed[at];
    book.committed[at + 1..].iter().any(|later| later.touches(&work.bucket, key))
}

/// Whether some value of the commit is there to this day.
fn leaves_a_trace(book: &Book, at: usize) -> bool {
    let sets = |(key, change): &(Vec<u8>, Change)| {
        matches!(change, Change::Set(_)) && !replaced(book, at, key)
    };
    let is_shown =
        |write: &(Vec<u8>, Change)| sets(write) && last_word(book, at, &write.0, &write.1);
    book.committed[at].writes.iter().any(is_shown)
}

/// Whether the write is its transaction's last one to its key.
fn last_word(book: &Book, at: usize, key: &[u8], change: &Change) -> bool {
    let last = book.committed[at].writes.iter().rfind(|(at, _)| at == key);
    last.is_some_and(|(_, last)| last == change)
}

/// Whether a later commit began after this one had returned.
fn returned(book: &Book, at: usize) -> bool {
    book.committed[at + 1..].iter().any(|later| later.seen > at)
}

/// A key that the work set twice, with nothing else in between.
pub(super) fn twice_set(work: &Work) -> Option<Vec<u8>> {
    let sets = |key: &Vec<u8>| {
        let own: Vec<&Change> =
            work.writes.iter().filter(|(at, _)| at == key).map(|(_, change)| change).collect();
        own.len() > 1 && own.iter().rev().take(2).all(|change| matches!(change, Change::Set(_)))
    };
    work.writes.iter().map(|(key, _)| key).find(|key| sets(key)).cloned()
}

fn operand(work: &Work) -> Option<usize> {
    work.writes.iter().position(|(_, change)| matches!(change, Change::Add(_)))
}

/// The pairs of a bucket as the book has them.
pub(super) fn pairs(book: &Book, bucket: &str) -> Pairs {
    replay(&book.committed, bucket)
}
