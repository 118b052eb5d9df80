//! One batch: what is done while the clock runs, and what is checked when it stands.

use crate::{
    engine::{Bucket, Driver, EngineError, Keys, Order, Outcome, Read, Scan},
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
    path::Path,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// What counts beside the clock, in a batch of one client.
pub trait Meter {
    /// The timed work begins, on this thread, in the database of this folder.
    fn begin(&self, folder: &Path);
    /// It has ended; the database is still open.
    fn end(&self);
}

/// A case that is ready to be repeated.
pub struct Batch<'d> {
    bench: Bench,
    driver: &'d dyn Driver,
    place: Place,
    records: Records,
    whole: Tally,
    kept: Kept,
    meter: Option<&'d dyn Meter>,
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
        Ok(Self { bench, driver, place: place.clone(), records, whole, kept, meter: None })
    }

    /// The same case with a meter beside the clock.
    ///
    /// # Panics
    /// When it has several clients: a meter counts one thread's work.
    #[must_use]
    pub fn metered(self, meter: &'d dyn Meter) -> Self {
        assert_eq!(self.bench.clients, 1, "a meter counts the work of one client");
        Self { meter: Some(meter), ..self }
    }

    /// Does the work once and says how long it took; an error when it was not done.
    pub fn run(&self) -> Result<Duration, Wrong> {
        match (self.bench.work, &self.kept) {
            (Work::Get, Kept::Database(database)) => {
                self.reading("read", database, |share| get(database.bucket.as_ref(), share))
            }
            (Work::Scan, Kept::Database(database)) => {
                self.reading("scanned", database, |share| scan(database.bucket.as_ref(), share))
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
        database: &Database,
        read: impl Fn(&[Record]) -> Outcome<Tally> + Sync,
    ) -> Result<Duration, Wrong> {
        let order = match self.bench.work {
            Work::Scan => self.records.sorted(),
            _ => self.records.shuffled(),
        };
        let (time, met) = self.clients(database, order, read)?;
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
        let pinned = self.pinned(bucket)?;
        let (time, written) = self.clients(&database, records, |share| put(bucket, share))?;
        drop(pinned);
        Wrong::tally("written", written, self.whole)?;
        Wrong::tally("are there after writing", database.contents()?, self.whole)?;
        last.replace(Some(database));
        Ok(time)
    }

    fn deleting(&self, last: &RefCell<Option<Database>>) -> Result<Duration, Wrong> {
        let records = self.records.shuffled();
        let database = self.empty(last)?;
        let bucket = database.bucket.as_ref();
        let pinned = self.pinned(bucket)?;
        fill(bucket, records)?;
        let (time, removed) = self.clients(&database, records, |share| delete(bucket, share))?;
        drop(pinned);
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
        let folder = dir.path().to_owned();
        let timed = self.watched(&folder, || -> Result<_, Wrong> {
            let database = Database::open(self.driver, dir)?;
            // A database is open when it answers.
            let answer = database.bucket.view()?.get(key)?;
            Ok((database, answer))
        });
        let time = timed.time();
        let (database, answer) = timed.result?;
        if answer != *value {
            return Err(Wrong("another value was read than was written".to_owned()));
        }
        Wrong::tally("are there after opening", database.contents()?, self.whole)?;
        database.close();
        Ok(time)
    }

    /// Under a meter, a view from before the work that stays open beside it. What the engine may forget
    /// is what no view can see; mace-kv's collector looks for that every few milliseconds, and no option stops it.
    /// With a view it finds the same in every run.
    fn pinned<'b>(&self, bucket: &'b dyn Bucket) -> Outcome<Option<Box<dyn Read + 'b>>> {
        self.meter.map(|_| bucket.view()).transpose()
    }

    /// Times work on this thread, under the meter if there is one.
    fn watched<T>(&self, folder: &Path, work: impl FnOnce() -> T) -> Timed<T> {
        if let Some(meter) = self.meter {
            meter.begin(folder);
        }
        let timed = timed(work);
        if let Some(meter) = self.meter {
            meter.end();
        }
        timed
    }

    /// Shares the records among clients that start together, and takes the time from when the first
    /// begins until the last is done. One client works on the calling thread.
    fn clients(
        &self,
        database: &Database,
        records: &[Record],
        work: impl Fn(&[Record]) -> Outcome<Tally> + Sync,
    ) -> Result<(Duration, Tally), EngineError> {
        let count = self.bench.clients;
        if count == 1 {
            let timed = self.watched(database.folder(), || work(records));
            return Ok((timed.time(), timed.result?));
        }
        let together = Barrier::new(count);
        let results: Vec<Timed<Outcome<Tally>>> = thread::scope(|scope| {
            let work = &work;
            let together = &together;
            let client = |client| {
                let share = Records::share(records, client, count);
                scope.spawn(move || {
                    together.wait();
                    // Each says when it began: on a busy machine the thread that started them all
                    // may be the last to go on.
                    timed(|| work(share))
                })
            };
            let threads: Vec<_> = (0..count).map(client).collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        });
        let start = results.iter().map(|timed| timed.start).min().expect("there are clients");
        let end = results.iter().map(|timed| timed.end).max().expect("there are clients");
        let mut whole = Tally::default();
        for timed in results {
            whole = whole.and(timed.result?);
        }
        Ok((end - start, whole))
    }
}

/// Work that was timed.
struct Timed<T> {
    start: Instant,
    end: Instant,
    result: T,
}

impl<T> Timed<T> {
    fn time(&self) -> Duration {
        self.end - self.start
    }
}

/// What the clock covers; callgrind finds it by this name, on every client's thread.
#[inline(never)]
fn timed<T>(work: impl FnOnce() -> T) -> Timed<T> {
    let start = Instant::now();
    let result = work();
    Timed { start, end: Instant::now(), result }
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
