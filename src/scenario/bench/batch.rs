//! One batch: what is done while the clock runs, and what is checked when it stands.

use crate::{
    engine::{Bucket, Driver, EngineError, Keys, Order, Outcome, Scan},
    scenario::bench::{
        database::{Database, Place, copy, fill},
        reopen,
        work::{Bench, Work, Wrong},
    },
    testdir::TestDir,
    workload::records::{Record, Records, Tally},
};
use std::{
    cell::RefCell,
    ops::Bound,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// A case that is ready to be repeated.
pub struct Batch<'d> {
    bench: Bench,
    driver: &'d dyn Driver,
    place: Place,
    records: Records,
    whole: Tally,
    kept: Kept,
}

/// What all batches of a case use.
enum Kept {
    /// Each batch needs an empty bucket; the database that the last one left, if it can have more.
    Last(RefCell<Option<Database>>),
    /// All batches read this one.
    Database(Database),
    /// Each batch opens a copy of the database in this folder.
    Image(TestDir),
}

impl<'d> Batch<'d> {
    pub(super) fn prepare(
        bench: Bench,
        driver: &'d dyn Driver,
        place: &Place,
    ) -> Result<Self, Wrong> {
        let records = bench.records()?;
        let whole = Tally::of(records.sorted());
        let kept = match bench.work {
            Work::Put | Work::Commit | Work::Delete => Kept::Last(RefCell::default()),
            Work::Get | Work::Scan => {
                let database = Database::filled(driver, place, records.shuffled())?;
                Kept::Database(database)
            }
            Work::ReopenClean | Work::ReopenKilled => {
                Kept::Image(reopen::image(&bench, driver, &records)?)
            }
        };
        Ok(Self { bench, driver, place: place.clone(), records, whole, kept })
    }

    /// Does the work once and says how long it took; an error when it was not done.
    pub fn run(&self) -> Result<Duration, Wrong> {
        match (self.bench.work, &self.kept) {
            (Work::Get, Kept::Database(database)) => {
                self.reading("read", |share| get(database.bucket.as_ref(), share))
            }
            (Work::Scan, Kept::Database(database)) => {
                self.reading("scanned", |share| scan(database.bucket.as_ref(), share))
            }
            (Work::Delete, Kept::Last(last)) => self.deleting(last),
            (_, Kept::Image(image)) => self.opening(image),
            (_, Kept::Last(last)) => self.writing(last),
            (work, Kept::Database(_)) => unreachable!("{work:?} keeps no database open"),
        }
    }

    fn reading(
        &self,
        what: &str,
        read: impl Fn(&[Record]) -> Outcome<Tally> + Sync,
    ) -> Result<Duration, Wrong> {
        let order = match self.bench.work {
            Work::Scan => self.records.sorted(),
            _ => self.records.shuffled(),
        };
        let (time, met) = clients(self.bench.clients, order, read)?;
        Wrong::tally(what, met, self.whole)?;
        Ok(time)
    }

    /// A database whose bucket is empty.
    fn empty(&self, last: &RefCell<Option<Database>>) -> Result<Database, Wrong> {
        let Bench { work, key_bytes, value_bytes, total, .. } = self.bench;
        let bytes = work.items(total) * (key_bytes + value_bytes) as u64;
        let renewed = last.take().map_or(Ok(None), |last| last.renewed(bytes))?;
        match renewed {
            Some(database) => Ok(database),
            None => Database::fresh(self.driver, &self.place, work == Work::Commit),
        }
    }

    fn writing(&self, last: &RefCell<Option<Database>>) -> Result<Duration, Wrong> {
        let database = self.empty(last)?;
        let bucket = database.bucket.as_ref();
        let records = self.records.shuffled();
        let (time, written) = clients(self.bench.clients, records, |share| put(bucket, share))?;
        Wrong::tally("written", written, self.whole)?;
        Wrong::tally("are there after writing", database.contents()?, self.whole)?;
        last.replace(Some(database));
        Ok(time)
    }

    fn deleting(&self, last: &RefCell<Option<Database>>) -> Result<Duration, Wrong> {
        let records = self.records.shuffled();
        let database = self.empty(last)?;
        let bucket = database.bucket.as_ref();
        fill(bucket, records)?;
        let (time, removed) = clients(self.bench.clients, records, |share| delete(bucket, share))?;
        Wrong::tally("removed", removed, self.whole)?;
        let left = database.contents()?.entries;
        if left > 0 {
            return Err(Wrong(format!("{left} records are there after all were removed")));
        }
        last.replace(Some(database));
        Ok(time)
    }

    fn opening(&self, image: &TestDir) -> Result<Duration, Wrong> {
        let dir = copy(image.path())?;
        let (key, value) = &self.records.shuffled()[0];
        let (time, opened) = timed(|| -> Result<_, Wrong> {
            let database = Database::open(self.driver, dir)?;
            // A database is open when it answers.
            let answer = database.bucket.view()?.get(key)?;
            Ok((database, answer))
        });
        let (database, answer) = opened?;
        if answer != *value {
            return Err(Wrong("another value was read than was written".to_owned()));
        }
        Wrong::tally("are there after opening", database.contents()?, self.whole)?;
        database.close();
        Ok(time)
    }
}

/// What the clock covers; callgrind finds it by this name.
#[inline(never)]
fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let result = work();
    (start.elapsed(), result)
}

/// Shares the records among clients that start together, and takes the time from when the first
/// begins until the last is done. One client works on the calling thread, where callgrind can
/// follow it.
fn clients(
    count: usize,
    records: &[Record],
    work: impl Fn(&[Record]) -> Outcome<Tally> + Sync,
) -> Result<(Duration, Tally), EngineError> {
    if count == 1 {
        let (time, tally) = timed(|| work(records));
        return Ok((time, tally?));
    }
    let together = Barrier::new(count);
    let results: Vec<(Instant, Instant, Outcome<Tally>)> = thread::scope(|scope| {
        let work = &work;
        let together = &together;
        let client = |client| {
            let share = Records::share(records, client, count);
            scope.spawn(move || {
                together.wait();
                // Each says when it began: on a busy machine the thread that started them all
                // may be the last to go on.
                let start = Instant::now();
                let tally = work(share);
                (start, Instant::now(), tally)
            })
        };
        let threads: Vec<_> = (0..count).map(client).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        threads.into_iter().map(join).collect()
    });
    let start = results.iter().map(|(start, _, _)| *start).min().expect("there are clients");
    let end = results.iter().map(|(_, end, _)| *end).max().expect("there are clients");
    let mut whole = Tally::default();
    for (_, _, tally) in results {
        whole = whole.and(tally?);
    }
    Ok((end - start, whole))
}

fn put(bucket: &dyn Bucket, share: &[Record]) -> Outcome<Tally> {
    let mut tally = Tally::default();
    for (key, value) in share {
        let txn = bucket.begin()?;
        txn.put(key, value)?;
        txn.commit()?;
        tally.add(key, value);
    }
    Ok(tally)
}

fn delete(bucket: &dyn Bucket, share: &[Record]) -> Outcome<Tally> {
    let mut tally = Tally::default();
    for (key, value) in share {
        let txn = bucket.begin()?;
        txn.del(key)?;
        txn.commit()?;
        tally.add(key, value);
    }
    Ok(tally)
}

fn get(bucket: &dyn Bucket, share: &[Record]) -> Outcome<Tally> {
    let view = bucket.view()?;
    let mut tally = Tally::default();
    for (key, _) in share {
        tally.add(key, &view.get(key)?);
    }
    Ok(tally)
}

fn scan(bucket: &dyn Bucket, share: &[Record]) -> Outcome<Tally> {
    let mut tally = Tally::default();
    let (Some((first, _)), Some((last, _))) = (share.first(), share.last()) else {
        return Ok(tally);
    };
    let keys = Keys::Range(Bound::Included(first.clone()), Bound::Included(last.clone()));
    let scan = Scan { keys, order: Order::Forward, limit: usize::MAX };
    bucket.view()?.visit(&scan, &mut |key, value| tally.add(key, value))?;
    Ok(tally)
}
