//! A journal of events that survives the death of its writer: one JSON line an event, each line
//! one write call, so that what was recorded is in the page cache before the engine is asked for
//! the next thing. Judges nothing.

use crate::{
    engine::Bucket,
    error::{Error, Result},
    history::{
        Event, History, Milestone,
        kill::{self, Countdown, Mark},
    },
    workload::TxnId,
};
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// Takes the events of all clients of a process and hands out stamps.
#[derive(Debug)]
pub struct Recorder {
    stamp: AtomicU64,
    next_seq: Mutex<BTreeMap<u16, u32>>,
    sink: Sink,
    countdown: Option<Countdown>,
    told: Option<Told>,
    /// Told when a stamp was handed out, for those who wait for one, and how many those are.
    moved: (Mutex<()>, Condvar),
    waiters: AtomicU64,
}

/// Who hears of each event as it is recorded.
struct Told(Box<dyn Fn(&Event) + Send + Sync>);

impl std::fmt::Debug for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Told")
    }
}

#[derive(Debug)]
enum Sink {
    Memory(Mutex<Vec<Event>>),
    File(PathBuf, File),
}

impl Recorder {
    /// Keeps events in memory, after those of an earlier history of the same database.
    pub fn memory(earlier: &History) -> Self {
        Self::new(earlier, Sink::Memory(Mutex::new(Vec::new())))
    }

    /// Appends events to a journal file, going on behind its last whole line.
    pub fn file(path: &Path) -> Result<Self> {
        let whole = whole_lines(path)?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| Error::new("open", path, error))?;
        // What its dead writer left of a line would become the beginning of the next one.
        file.set_len(whole.len() as u64).map_err(|error| Error::new("cut", path, error))?;
        Ok(Self::new(&parsed(path, &whole)?, Sink::File(path.to_owned(), file)))
    }

    fn new(earlier: &History, sink: Sink) -> Self {
        let mut next_seq = BTreeMap::new();
        for event in &earlier.events {
            if let Event::Begin { txn, .. } = event {
                let next = next_seq.entry(txn.client).or_insert(0);
                *next = txn.seq.max(*next);
            }
        }
        let stamp = AtomicU64::new(earlier.last_stamp() + 1);
        Self {
            stamp,
            next_seq: Mutex::new(next_seq),
            sink,
            countdown: None,
            told: None,
            moved: Default::default(),
            waiters: AtomicU64::new(0),
        }
    }

    /// The same, killing the process at a mark.
    #[must_use]
    pub fn killing(mut self, mark: Option<Mark>) -> Self {
        self.countdown = mark.map(Countdown::new);
        self
    }

    /// The same, telling of each event: before the engine is asked, and after it answered.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.told = Some(Told(Box::new(tell)));
        self
    }

    /// Whether the events are to survive the process, because it is going to be killed.
    pub fn survives(&self) -> bool {
        matches!(self.sink, Sink::File(..))
    }

    /// The next stamp.
    pub fn stamp(&self) -> u64 {
        let stamp = self.stamp.fetch_add(1, Ordering::SeqCst);
        // Who is counted after this sees the new stamp himself.
        if self.waiters.load(Ordering::SeqCst) > 0 {
            self.tell();
        }
        stamp
    }

    /// Waits until so many stamps were handed out, or until it is over. Whoever says that it is
    /// over also calls [`Recorder::tell`].
    pub fn wait_for(&self, stamps: u64, over: &AtomicBool) {
        let mut waiting = self.waiting();
        self.waiters.fetch_add(1, Ordering::SeqCst);
        while self.stamp.load(Ordering::SeqCst) < stamps && !over.load(Ordering::SeqCst) {
            waiting = self.moved.1.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        self.waiters.fetch_sub(1, Ordering::SeqCst);
    }

    /// Has those who wait look again.
    pub fn tell(&self) {
        drop(self.waiting());
        self.moved.1.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, ()> {
        self.moved.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a checkpoint of a bucket and waits for it.
    pub fn checkpoint(&self, name: &str, bucket: &dyn Bucket) {
        let asked = self.stamp();
        bucket.checkpoint_and_wait();
        let stamp = self.stamp();
        self.record(Event::Checkpoint { bucket: name.to_owned(), asked, stamp });
    }

    /// A client's next attempt.
    pub fn next_txn(&self, client: u16) -> TxnId {
        let mut next = self.next_seq.lock().expect("no client panics while it holds this");
        let seq = next.entry(client).or_insert(0);
        *seq += 1;
        TxnId { client, seq: *seq }
    }

    /// Records an event.
    ///
    /// # Panics
    /// When the journal cannot be written: without it nothing can be judged.
    pub fn record(&self, event: Event) {
        if let Some(Told(tell)) = &self.told {
            tell(&event);
        }
        match &self.sink {
            Sink::Memory(events) => {
                events.lock().expect("no client panics while it holds this").push(event);
            }
            Sink::File(path, file) => {
                let mut line = serde_json::to_vec(&event).expect("events are plain data");
                line.push(b'\n');
                let mut file = file;
                file.write_all(&line)
                    .unwrap_or_else(|error| panic!("{}", Error::new("write", path, error)));
                if self.countdown.as_ref().is_some_and(|count| count.ends_with(&event)) {
                    self.record(Event::Milestone(Milestone::Killed));
                    kill::die();
                }
            }
        }
    }

    /// The events kept in memory, ordered.
    ///
    /// # Panics
    /// When the recorder writes to a file.
    pub fn into_history(self) -> History {
        match self.sink {
            Sink::Memory(events) => {
                History::ordered(events.into_inner().expect("no client panicked"))
            }
            Sink::File(path, _) => panic!("{} is to be read from its file", path.display()),
        }
    }
}

/// Reads a journal; one that is not there is empty. A last line without its end was being written
/// when the writer died and is left out.
pub fn read(path: &Path) -> Result<History> {
    parsed(path, &whole_lines(path)?)
}

fn whole_lines(path: &Path) -> Result<String> {
    let mut text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(Error::new("read", path, error)),
    };
    text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
    Ok(text)
}

fn parsed(path: &Path, lines: &str) -> Result<History> {
    let events = lines
        .lines()
        .map(|line| serde_json::from_str(line).map_err(|error| Error::new("parse", path, error)))
        .collect::<Result<Vec<Event>>>()?;
    Ok(History::ordered(events))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn a_journal_goes_on_where_its_dead_writer_left_it() {
        let dir = TestDir::new("journal").unwrap();
        let path = dir.join("journal");
        let first = Recorder::file(&path).unwrap();
        let txn = first.next_txn(4);
        let stamp = first.stamp();
        first.record(Event::Begin { txn, bucket: "b".to_owned(), stamp });
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"Begin\":{\"txn").unwrap();

        assert_eq!(read(&path).unwrap().events.len(), 1);
        let second = Recorder::file(&path).unwrap();
        assert_eq!(second.next_txn(4), TxnId { client: 4, seq: 2 });
        let stamp_of_second = second.stamp();
        assert!(stamp_of_second > stamp);
        let txn = TxnId { client: 4, seq: 2 };
        second.record(Event::Begin { txn, bucket: "b".to_owned(), stamp: stamp_of_second });
        assert_eq!(read(&path).unwrap().events.len(), 2, "the torn line is gone");
    }

    #[test]
    fn a_line_that_is_no_event_is_an_error_of_its_file() {
        let dir = TestDir::new("journal").unwrap();
        let path = dir.join("journal");
        fs::write(&path, "nonsense\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("parse") && error.contains("journal"), "{error}");
    }
}
