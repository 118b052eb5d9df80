//! A life of an aging database: one process opens it, says what the crash before left of the promises,
//! compares every key, lets the clients work while it compares every key again, and ends as its plan
//! says. What it has to say goes out line by line, so that a life that dies has said what it knew.

use super::{
    clients::{self, Stretch, Worked},
    keys,
    plan::{Copying, Ending, Life},
    verify::{Verified, Verifier},
    window::Window,
};
use crate::{
    engine::{Bucket, Driver, Engine, EngineError, Merge, Outcome, Reason},
    error::Error,
    history::{
        History,
        expected::{CLIENTS, Expected},
        journal::Recorder,
        kill::{self, Countdown, Mark},
        script::{Runner, Step},
    },
    oracle::{
        Violation,
        judge::{Evidence, Sizes, judge_all},
        recovery::Streams,
        space::{Bound, Sample},
    },
    settings::{FindingId, Seed, excludes},
    testdir,
};
use process::sample;
use results::resident::Rest;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// The bucket that stays.
pub(super) const BUCKET: &str = "old";

/// The database, below the folder of the expectation.
const DATABASE: &str = "db";

/// Where it is copied to, below that folder, with what a copy that was cut off left.
const COPIES: &str = "copies";

/// The stretch behind which the bucket is unloaded and the database at rest is copied: early, so that the
/// memory it takes is there before growth is judged.
const EARLY: u64 = 1;

/// The stretch beside which the database at work is copied.
const COPIED: u64 = 2;

/// Rounds of collection while the bucket is unloaded: garbage of an unloaded bucket must wait until it is loaded.
const WHILE_UNLOADED: u32 = 8;

/// Stretches of work in a life, each with a rest at its end.
pub(super) const STRETCHES: u64 = 12;

/// Bytes of files that do not grow with the data.
const SLACK: u64 = 16 << 20;

/// How long the life before may take to die.
const PATIENCE: Duration = Duration::from_secs(30);

/// Threads that compare all keys while nobody works, and while clients do.
const READERS: usize = 2;

/// What is said of a life, a line each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    /// The database is open, and all of it was compared at rest.
    Opened {
        /// Keys that were compared.
        reads: u64,
        /// How long that took, in milliseconds.
        millis: u64,
    },
    /// All of it was compared while the clients worked.
    Compared {
        /// Keys that were compared.
        reads: u64,
        /// Those whose changes went on too fast to tell.
        unsettled: u64,
        /// How long that took, in milliseconds.
        millis: u64,
    },
    /// A stretch of work is done and its work promised.
    Rested(Rest),
    /// A copy was judged.
    Copied,
    /// A promise is broken.
    Found(String),
    /// States that a power loss may leave of the life's end were judged.
    Lost {
        /// How many.
        states: u64,
        /// How many more there were.
        left_out: u64,
    },
    /// The life is at its end; nothing but the end itself is left.
    Ending,
}

/// An open database in its life.
struct Living<'a> {
    life: &'a Life,
    driver: &'a dyn Driver,
    // The bucket is given back before its engine closes, and while it is unloaded.
    bucket: Option<Box<dyn Bucket>>,
    engine: Box<dyn Engine>,
    expected: &'a Expected,
    dir: PathBuf,
    say: &'a (dyn Fn(&Said) + Sync),
}

impl Life {
    /// Leads it in this process. An `Err` is an answer that no call within the documented limits gets.
    /// Whether the database is sound at its end.
    pub fn lead(&self, driver: &dyn Driver, say: &(dyn Fn(&Said) + Sync)) -> Outcome<bool> {
        fs::create_dir_all(self.database()).unwrap_or_else(|error| panic!("{error}"));
        let expected = Expected::open(&self.folder, self.keys);
        let expected = expected.unwrap_or_else(|error| panic!("{error}"));
        let dir = self.database();
        let engine = self.open(driver, &dir)?;
        let bucket = self.bucket(engine.as_ref(), &expected, say)?;
        let expected = &expected;
        let bucket = Some(bucket);
        let mut living = Living { life: self, driver, bucket, engine, expected, dir, say };
        living.window().close_left()?;
        let is_sound = living.opened()? && living.work()?;
        say(&Said::Ending);
        match self.ending {
            Ending::Close | Ending::PowerLoss => drop(living),
            _ => kill::die(),
        }
        Ok(is_sound)
    }

    /// The database's folder.
    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// The folder of a copy of it.
    pub fn copy(&self) -> PathBuf {
        self.folder.join(COPIES).join(format!("{DATABASE}-{}", self.cycle))
    }

    /// Opens the database. A life that was cut off with who led it may still be dying.
    fn open(&self, driver: &dyn Driver, dir: &Path) -> Outcome<Box<dyn Engine>> {
        let asked = Instant::now();
        loop {
            match driver.open(dir, &self.options) {
                Err(EngineError::Refused(Reason::Busy)) if asked.elapsed() < PATIENCE => {
                    thread::yield_now();
                }
                answer => return answer,
            }
        }
    }

    /// Opens the bucket with the life's options, or makes it.
    fn bucket(
        &self,
        engine: &dyn Engine,
        expected: &Expected,
        say: &(dyn Fn(&Said) + Sync),
    ) -> Outcome<Box<dyn Bucket>> {
        match engine.change_bucket_options(BUCKET, &self.bucket) {
            Ok(()) => engine.open_bucket(BUCKET, Merge::Sum),
            Err(EngineError::Absent) => {
                if (0..CLIENTS).any(|client| expected.reached(client).acked > 0) {
                    say(&Said::Found("a lost suffix: the bucket is gone".to_owned()));
                }
                engine.create_bucket(BUCKET, &self.bucket)
            }
            Err(denial) => Err(denial),
        }
    }
}

impl Living<'_> {
    fn bucket(&self) -> &dyn Bucket {
        self.bucket.as_deref().expect("it is unloaded only while nobody works")
    }

    fn verifier(&self) -> Verifier<'_> {
        Verifier { bucket: self.bucket(), expected: self.expected }
    }

    fn window(&self) -> Window<'_> {
        Window {
            engine: self.engine.as_ref(),
            dir: &self.dir,
            options: &self.life.options,
            bucket: &self.life.bucket,
            seed: Seed::new(self.life.seed).derive("window"),
        }
    }

    fn found(&self, words: Vec<String>) -> bool {
        let is_sound = words.is_empty();
        for found in words {
            (self.say)(&Said::Found(found));
        }
        is_sound
    }

    /// Judges what the life before left. Whether it is sound.
    fn opened(&self) -> Outcome<bool> {
        let started = Instant::now();
        let verifier = self.verifier();
        let recovered = verifier.recover(self.life.promised)?;
        let compared = verifier.all(READERS)?;
        let mut words = recovered.words.clone();
        words.extend(verifier.explain(&compared, &recovered)?);
        let millis = started.elapsed().as_millis() as u64;
        (self.say)(&Said::Opened { reads: compared.reads, millis });
        if !self.found(words) {
            return Ok(false);
        }
        self.promise()?;
        let filled = self.stretch(0, None).fill()?;
        self.rest(filled)
    }

    /// What was acknowledged survives from now on whatever happens.
    fn promise(&self) -> Outcome<()> {
        self.bucket().checkpoint_and_wait();
        self.engine.sync()?;
        self.expected.promise().unwrap_or_else(|error| panic!("{error}"));
        Ok(())
    }

    fn stretch<'s>(&'s self, number: u64, death: Option<&'s Countdown>) -> Stretch<'s> {
        Stretch {
            engine: self.engine.as_ref(),
            verifier: self.verifier(),
            manners: self.life.manners,
            death,
            trace: None,
            operations: self.life.operations / STRETCHES,
            seed: Seed::new(self.life.seed).derive(&format!("stretch {number}")),
        }
    }

    /// All stretches, or those before the one in which the process dies. Whether all was sound.
    fn work(&mut self) -> Outcome<bool> {
        let mark = match self.life.ending {
            Ending::KillAcked(commits) => Some(Mark::Acked(commits)),
            Ending::KillAsked(commits) => Some(Mark::Asked(commits)),
            Ending::Close | Ending::PowerLoss | Ending::Failpoint(_) => None,
        };
        let countdown = mark.map(Countdown::new);
        for number in 1..=STRETCHES {
            let death = countdown.as_ref().filter(|_| number == STRETCHES);
            let mut worked = self.stretch_of(number, death)?;
            if number == EARLY && self.life.unloads {
                worked.found.extend(self.reload()?);
            }
            if !self.rest(worked)? {
                return Ok(false);
            }
            if number == EARLY && self.life.copying == Copying::AtRest && !self.copied_at_rest()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Has the bucket unloaded and opens it again; what is odd then, of every key.
    fn reload(&mut self) -> Outcome<Vec<String>> {
        if excludes(FindingId::UNLOAD_RACES_THE_EVICTOR) {
            self.bucket().checkpoint_and_wait();
        }
        self.bucket = None;
        let recorder = Recorder::memory(&History::default());
        let seed = Seed::new(self.life.seed);
        let mut runner = Runner::new(self.engine.as_ref(), &self.dir, &recorder, seed);
        let mut steps = vec![Step::Unload { bucket: BUCKET.to_owned() }];
        if self.life.manners.collects {
            steps.push(Step::Collect { rounds: WHILE_UNLOADED });
        }
        runner.run(&steps)?;
        self.bucket = Some(self.engine.open_bucket(BUCKET, Merge::Sum)?);
        let words = self.verifier().all(READERS)?.words();
        Ok(words.into_iter().map(|words| format!("after an unloading, {words}")).collect())
    }

    /// Copies the database while nobody works and judges the copy. Whether it is sound.
    fn copied_at_rest(&self) -> Outcome<bool> {
        // The checkpoint before may have returned with its record not yet in the log.
        self.bucket().checkpoint_and_wait();
        let words = match self.copied()? {
            Some(promised) => self.of_copy(&promised),
            None => Vec::new(),
        };
        Ok(self.found(words))
    }

    /// Copies the database to its place; what had been acknowledged before. Nothing where the engine makes no copies.
    fn copied(&self) -> Outcome<Option<Vec<u64>>> {
        if !self.driver.capabilities().copy {
            return Ok(None);
        }
        let acked = |client| clients::marked(client, self.expected.reached(client).acked);
        let promised = (0..CLIENTS).map(acked).collect();
        self.remove_copies();
        let room = self.life.folder.join(COPIES);
        fs::create_dir_all(&room)
            .unwrap_or_else(|error| panic!("{}", Error::new("create", &room, error)));
        self.engine.copy_to(&self.life.copy())?;
        Ok(Some(promised))
    }

    fn remove_copies(&self) {
        let room = self.life.folder.join(COPIES);
        if room.exists() {
            fs::remove_dir_all(&room)
                .unwrap_or_else(|error| panic!("{}", Error::new("remove", &room, error)));
        }
    }

    /// What is wrong with the copy, which goes then. Before the next promise: what came after the copy was asked for is
    /// among the intents until then.
    fn of_copy(&self, promised: &[u64]) -> Vec<String> {
        let found = self.life.state(self.driver, &self.life.copy(), promised);
        (self.say)(&Said::Copied);
        if found.is_ok() {
            self.remove_copies();
        }
        found.err().into_iter().map(|words| format!("in a copy, {words}")).collect()
    }

    /// Clients; in the first stretch a look at every key as well, in the second a window and, where it is to be, a copy.
    fn stretch_of(&self, number: u64, death: Option<&Countdown>) -> Outcome<Worked> {
        let stretch = self.stretch(number, death);
        thread::scope(|scope| {
            let compared = (number == 1).then(|| scope.spawn(|| compare(self.verifier())));
            let judged = (number == 2).then(|| scope.spawn(|| self.window().run()));
            let is_copied = number == COPIED && self.life.copying == Copying::AtWork;
            let copied = is_copied.then(|| scope.spawn(|| self.copied()));
            let worked = stretch.run();
            let copied = copied.map(|copied| copied.join().expect("who copies is ours"));
            let judged = judged.map(|judged| judged.join().expect("a window is ours")).transpose();
            let compared = compared.map(|all| all.join().expect("a reader is ours")).transpose();
            let mut worked = worked?;
            for Violation { oracle, witness, .. } in judged?.into_iter().flatten() {
                worked.found.push(format!("{oracle}: {witness}"));
            }
            if let Some(promised) = copied.transpose()?.flatten() {
                worked.found.extend(self.of_copy(&promised));
            }
            if let Some((verified, millis)) = compared? {
                let Verified { reads, unsettled, .. } = verified;
                worked.found.extend(verified.words());
                worked.reads += reads;
                (self.say)(&Said::Compared { reads, unsettled, millis });
            }
            Ok(worked)
        })
    }

    /// Everybody rests: what was done is promised, and what the process holds is read. Whether all is
    /// sound.
    fn rest(&self, worked: Worked) -> Outcome<bool> {
        self.promise()?;
        if self.life.manners.collects {
            self.engine.collect_garbage();
        }
        let sampled = sample::process(std::process::id()).ok();
        let rest = Rest {
            operations: worked.operations,
            commits: worked.commits,
            reads: worked.reads,
            commit_p99_ns: worked.latencies.value_at_quantile(0.99),
            commit_max_ns: worked.latencies.max(),
            rss_bytes: sampled.map(|sample| sample.rss_bytes),
            open_files: sampled.map(|sample| sample.open_files),
            threads: sampled.map(|sample| sample.threads),
            disk_bytes: testdir::bytes_below(&self.dir),
        };
        (self.say)(&Said::Rested(rest));
        let mut found = worked.found;
        found.extend(self.room());
        Ok(self.found(found))
    }

    /// Whether files stay bounded, by the oracle of space.
    fn room(&self) -> Vec<String> {
        if !self.life.manners.collects {
            return Vec::new();
        }
        let live = (0..self.expected.keys())
            .map(|number| keys::bytes(number, self.expected.slot(number).settled));
        let data = self.dir.join("data");
        let files = fs::read_dir(&data).map_or(0, |entries| entries.count() as u64);
        let file_bytes = testdir::bytes_below(&data);
        let live_bytes = live.sum::<u64>();
        let slack_bytes = SLACK + 4 * self.life.bucket.checkpoint_bytes.min(live_bytes);
        let bound = Bound { factor: 3, slack_bytes };
        let samples = vec![Sample { live_bytes, file_bytes, files }];
        let history = History::default();
        let sizes = Some(Sizes { samples, bound });
        let evidence = Evidence { sizes, ..Evidence::new(&history, Streams::One, &[]) };
        let violations = judge_all(&evidence).violations();
        let say = |Violation { oracle, witness, .. }: Violation| format!("{oracle}: {witness}");
        violations.into_iter().map(say).collect()
    }
}

fn compare(verifier: Verifier<'_>) -> Outcome<(Verified, u64)> {
    let started = Instant::now();
    let compared = verifier.all(READERS)?;
    Ok((compared, started.elapsed().as_millis() as u64))
}
