//! What a database does after it survived a power loss: it is opened, written and closed, and loses
//! its power again. Each such life has a journal and the state that it began with in a folder of its
//! own, and its words to the trace are told from those of the first life by their numbers. Knows no
//! trace and chooses no crash.

use super::{
    Crash, DATABASE, Recorded, TraceMark, TraceMarks,
    known::{Cut, LOG_BEHIND_CUT, LogSizes, cut_again, refusal},
    other_engines, told,
};
use crate::{
    engine::{EngineOptions, Preset},
    history::{
        Event, History, Milestone,
        child::{self, End, Plan},
        clients::Traffic,
        dump::Dump,
        journal::{self, Recorder},
        script::Step,
    },
    oracle::{OracleName, Violation, judge::Evidence, recovery::Reopened},
    settings::{Seed, excludes},
    testdir,
    workload::{Mix, Source},
};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// The file in a life's folder that says which log files its opening cut.
const CUT: &str = "cut";

/// The number of the first word of a second life; a recording has neither so many stamps nor so
/// many milestones.
const FIRST: u64 = 1 << 48;

/// `TraceMarks` of one life at the most.
const WORDS: u64 = 1 << 32;

/// `SecondCrashes` of one case at the most.
const MANY: u64 = 1 << 14;

/// Where the lives of a case are kept: outside of the recorded folder.
#[derive(Debug)]
pub struct SecondCrashes {
    folder: PathBuf,
    /// The one that was read last: power losses in it are judged one after the other, and reading it
    /// would cost as much as judging.
    newest: Mutex<Option<(u64, Arc<Life>)>>,
    /// Whether log files are left where the opening of a second life cuts an older one.
    leaves_younger: bool,
}

/// A life that is over.
#[derive(Debug)]
struct Life {
    history: Arc<History>,
    /// How many of its events were before it.
    before: usize,
    /// The state that it began with.
    dump: Dump,
    /// The log files that its opening cut.
    cut: Vec<Cut>,
}

impl SecondCrashes {
    /// In this folder, which is made when there is one.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), newest: Mutex::new(None), leaves_younger: false }
    }

    /// Leaves what the finding `log-behind-a-cut` needs where it is, and puts all that breaks then down
    /// to it.
    #[must_use]
    pub fn leaving_younger_logs(self) -> Self {
        Self { leaves_younger: true, ..self }
    }

    /// A number that no life has yet.
    fn begin(&self) -> Result<u64, String> {
        fs::create_dir_all(&self.folder).map_err(|error| error.to_string())?;
        let mut free = (0..MANY).filter(|number| fs::create_dir(self.of(*number)).is_ok());
        free.next().ok_or_else(|| format!("{} takes no folder", self.folder.display()))
    }

    fn of(&self, number: u64) -> PathBuf {
        self.folder.join(number.to_string())
    }

    /// What a life that is over left.
    fn read(&self, number: u64) -> Result<Arc<Life>, String> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, life)) = newest.as_ref().filter(|(read, _)| *read == number) {
            return Ok(Arc::clone(life));
        }
        let folder = self.of(number);
        let history = journal::read(&folder.join("journal")).map_err(|error| error.to_string())?;
        let dump = child::read_dump(&folder.join("dump")).map_err(|error| error.to_string())?;
        let before = before(&history);
        let cut = fs::read(folder.join(CUT)).map_err(|error| error.to_string())?;
        let cut = serde_json::from_slice(&cut).map_err(|error| error.to_string())?;
        let life = Arc::new(Life { history: Arc::new(history), before, dump, cut });
        *newest = Some((number, Arc::clone(&life)));
        Ok(life)
    }
}

impl Recorded<'_> {
    /// Judges a crash state of the recorded folder, or of a life after the first power loss: then
    /// against both, and against the state that the second life began with.
    pub fn judge(&self, crash: &Crash<'_>, lives: &SecondCrashes) -> Result<(), String> {
        let of_second = |numbers: &[u64]| -> Vec<u64> {
            numbers.iter().filter(|number| **number >= FIRST).copied().collect()
        };
        let asked = of_second(crash.asked);
        let promised = of_second(crash.promised);
        let Some(any) = asked.iter().chain(&promised).next() else {
            return self.judge_first(crash);
        };
        let number = (any - FIRST) / WORDS;
        let life = lives.read(number)?;
        let second = Recorded {
            driver: self.driver,
            options: self.options.clone(),
            streams: self.streams,
            history: Arc::clone(&life.history),
            before: life.before,
            logs: Vec::new(),
            life: number + 1,
            notes: Arc::clone(&self.notes),
        };
        let stamps = |numbers: Vec<u64>| -> Vec<u64> {
            numbers.into_iter().map(|number| (number - FIRST) % WORDS).collect()
        };
        let (history, promise) = second.until(&stamps(asked), &stamps(promised));
        let first = crash.first();
        let (_, promised_before) = self.until(&first.0, &first.1);
        let dump = life.dump.clone();
        let state = Reopened { events: life.before, promise: promised_before, dump };
        let dir = crash.folder.join(DATABASE);
        let judge = |dir: &Path| second.database_after(dir, &history, vec![state.clone()], promise);
        let aside = crash.folder.with_extension("mended");
        // Before the opening, which cuts.
        let is_cut_again = cut_again(&dir, &life.cut, &aside).map_err(|error| error.to_string())?;
        let (violations, known) = judge(&dir);
        let engine = self.driver.identity().name;
        let torn =
            || other_engines::torn_batch(&engine, &violations, &dir, &aside, |dir| judge(dir).0);
        let cut = || {
            let is_behind = lives.leaves_younger && life.cut.iter().any(Cut::has_younger);
            let is_known = !violations.is_empty()
                && (is_behind && excludes(LOG_BEHIND_CUT)
                    || is_cut_again && judge(&aside).0.is_empty());
            is_known.then_some(LOG_BEHIND_CUT)
        };
        let known = known.or_else(cut);
        if is_cut_again {
            let _ = fs::remove_dir_all(&aside);
        }
        let known = known.or_else(torn);
        let known = known.or_else(|| refusal(&dir, &violations));
        told(&violations, known)
    }

    /// Opens what a power loss left and what was found sound, writes more and closes it, telling
    /// each word. A promise that breaks meanwhile is the answer.
    pub fn live_on(
        &self,
        crash: &Crash<'_>,
        lives: &SecondCrashes,
        tell: impl Fn(TraceMark) + Send + Sync + 'static,
    ) -> Result<(), String> {
        let number = lives.begin()?;
        let life = lives.of(number);
        let (history, promise) = self.until(crash.asked, crash.promised);
        let plan = self.plan(crash.folder, &life, number);
        write(&plan.journal, &history)?;
        let words = TraceMarks::of(&plan.options);
        let recorder = Recorder::file(&plan.journal).map_err(|error| error.to_string())?;
        let told_as = move |stamp: u64| FIRST + number * WORDS + stamp;
        let sizes = LogSizes::of(&plan.dir);
        let dir = plan.dir.clone();
        let cuts = life.join(CUT);
        if !lives.leaves_younger && excludes(LOG_BEHIND_CUT) {
            self.leave_nothing_behind_a_cut(&plan, &life.join("tried"))?;
        }
        let recorder = recorder.telling(move |event| match words.of_event(event) {
            Some(_) if is_opened(event) => {
                let cut = serde_json::to_vec(&sizes.cut(&dir)).expect("what was cut is plain data");
                fs::write(&cuts, cut).expect("the life's folder takes files");
            }
            Some(_) if matches!(event, Event::Milestone(_)) => {}
            Some(TraceMark::Asked(stamp)) => tell(TraceMark::Asked(told_as(stamp))),
            Some(TraceMark::Promised(stamp)) => tell(TraceMark::Promised(told_as(stamp))),
            None => {}
        });
        // Nothing is made smaller here: this life is what remains.
        let storing = self.storing(&life);
        if let Err(denial) = child::carry_out(self.driver, &plan, &recorder) {
            let words = format!("it answers {denial}");
            let found = [Violation::new(OracleName::Answers, super::SERVES, words)];
            storing.keep_words(&history, &[], &found);
            return told(&found, None);
        }
        let Life { history, before, dump, .. } = &*lives.read(number)?;
        // What the first life acknowledged and lost by right, no client can be blamed to miss.
        let misled = "what the first life lost by right, no client can be blamed to miss";
        let state = [Reopened { events: *before, promise, dump: dump.clone() }];
        let evidence = Evidence {
            clients_misled: (!self.options.durable).then_some(misled),
            ..self.evidence(history, &state)
        };
        told(&storing.judged(&evidence).violations(), None)
    }

    /// Removes the log files that would be behind what the plan's opening cuts. An opening of a copy
    /// shows which these are; one that is refused shows nothing, and the life will be refused too.
    fn leave_nothing_behind_a_cut(&self, plan: &Plan, copy: &Path) -> Result<(), String> {
        testdir::copy_tree(&plan.dir, copy).map_err(|error| error.to_string())?;
        let sizes = LogSizes::of(copy);
        let opened = self.driver.open(copy, &plan.options);
        let cuts = opened.map(|_engine| sizes.cut(copy)).unwrap_or_default();
        for cut in cuts.iter().filter(|cut| cut.has_younger()) {
            cut.remove_younger(&plan.dir)
                .map_err(|error| format!("remove what is behind a cut: {error}"))?;
        }
        fs::remove_dir_all(copy).map_err(|error| format!("remove {}: {error}", copy.display()))
    }

    /// Nothing in it conflicts or is dropped, and its log does not rotate.
    fn plan(&self, folder: &Path, life: &Path, number: u64) -> Plan {
        let bucket = || "a".to_owned();
        let mix = Mix { keys: 24, abort_pct: 0, ..Mix::default() };
        let traffic = Traffic { first_client: 1, clients: 1, source: Source::Mix(mix), txns: 3 };
        let traffic = || Step::Traffic { bucket: bucket(), traffic: traffic.clone() };
        let options = Preset::Tiny.bucket().checkpoints_when_asked();
        let mut steps = vec![Step::Open { bucket: bucket(), options }, traffic()];
        if !self.options.durable {
            steps.push(Step::Sync);
        }
        steps.extend([Step::Checkpoint { bucket: bucket() }, traffic()]);
        Plan {
            dir: folder.join(DATABASE),
            journal: life.join("journal"),
            options: EngineOptions { wal_file_bytes: 1 << 20, ..self.options.clone() },
            seed: Seed::new(number).derive("second life"),
            dump: Some(life.join("dump")),
            steps,
            count: Vec::new(),
            end: End::Close,
            kill: None,
            open_files: None,
            listens: false,
        }
    }
}

impl Crash<'_> {
    /// The words of the first life that had been asked and promised.
    fn first(&self) -> (Vec<u64>, Vec<u64>) {
        let of_first = |numbers: &[u64]| -> Vec<u64> {
            numbers.iter().filter(|number| **number < FIRST).copied().collect()
        };
        (of_first(self.asked), of_first(self.promised))
    }
}

fn is_opened(event: &Event) -> bool {
    matches!(event, Event::Milestone(Milestone::Opened { .. }))
}

/// How many events of a life's journal were before it.
fn before(history: &History) -> usize {
    let started = |event: &Event| matches!(event, Event::Milestone(Milestone::Started));
    history.events.iter().rposition(started).unwrap_or_default()
}

/// Begins a journal with what had happened.
fn write(path: &Path, history: &History) -> Result<(), String> {
    let mut text = String::new();
    for event in &history.events {
        text.push_str(&serde_json::to_string(event).map_err(|error| error.to_string())?);
        text.push('\n');
    }
    fs::write(path, text).map_err(|error| error.to_string())
}
