//! One running exploration: enumerates states, skips duplicates, hands states to the pool, counts,
//! explores recoveries and shrinks findings.

use super::{
    layer::{Above, Layer, points},
    sample::Sample,
    settings::Explore,
};
use crate::{
    build::Builder,
    crash::belongs,
    error::{Error, Result},
    finding::Finding,
    judge::{Outcome, Promises},
    persist::Model,
    report::Report,
    shrink::shrink,
    state::{State, Step},
    trace::Trace,
    worker::{Check, Pool, Reply, Subject, Task},
};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::{
    collections::{BTreeMap, HashSet},
    fs,
    sync::Arc,
    time::Instant,
};

/// How many lost operations a finding lists.
const LINES: usize = 40;

/// States that failed in the same way.
#[derive(Default)]
struct Alike {
    states: u64,
    /// The states of the workload that they are or whose recovery they cut off.
    origins: HashSet<State>,
}

pub(super) struct Run<'a> {
    settings: &'a Explore,
    pool: Pool<'a>,
    report: Report,
    seen: HashSet<(u128, Promises)>,
    /// States of recoveries. The counts of the trace do not depend on them: the threads of a store
    /// need not recover the same way twice.
    seen_below: HashSet<(u128, Promises)>,
    /// Sound states of the trace, from which recoveries are chosen.
    sound: Vec<State>,
    by_key: BTreeMap<String, Alike>,
    /// Findings before they are shrunk.
    raw: Vec<(State, Option<Above>, Outcome)>,
}

impl<'a> Run<'a> {
    pub(super) fn new(settings: &'a Explore, trace: &Arc<Trace>, check: Check<'a>) -> Result<Self> {
        let model = Arc::new(Model::new(trace));
        let pool = Pool::new(Some(model), check, settings.limits(), settings.own_folder())?;
        let report = Report {
            trace: trace.summary.clone(),
            in_memory: settings.is_in_memory(),
            workers: settings.workers,
            ..Report::default()
        };
        Ok(Self {
            settings,
            pool,
            report,
            seen: HashSet::new(),
            seen_below: HashSet::new(),
            sound: Vec::new(),
            by_key: BTreeMap::new(),
            raw: Vec::new(),
        })
    }

    pub(super) fn all(mut self) -> Result<Report> {
        let begun = Instant::now();
        let model = self.pool.model().expect("the pool was made with a model");
        let layer = Layer { model, above: None };
        let points = points(&layer.model, self.settings);
        self.report.points = (points.len() as u64, layer.model.trace.events.len() as u64 + 1);
        // Reordered calls are the least likely states, and there are many: they come after the
        // recoveries.
        let (last, first): (Vec<_>, Vec<_>) =
            self.settings.steps.iter().partition(|step| **step == Step::Permute);
        for step in first {
            self.step(&layer, step, &points)?;
        }
        self.recoveries(&layer)?;
        for step in last {
            self.step(&layer, step, &points)?;
        }
        self.report.elapsed = begun.elapsed();
        self.conclude(&layer)?;
        Ok(self.report)
    }

    fn is_full(&self) -> bool {
        self.by_key.len() >= self.settings.findings
    }

    /// Explores one step at all crash points of a layer.
    fn step(&mut self, layer: &Layer, step: Step, points: &[u32]) -> Result<()> {
        if !belongs(self.settings.profile, step) {
            return Ok(());
        }
        let depth = layer.depth();
        let limit = if depth == 1 { self.settings.limit } else { self.settings.nested_limit };
        // Counts first, so that a limited step is a sample of the whole and not its beginning.
        let mut sample = Sample::of(layer, step, points, limit, self.settings);
        self.report.tally(depth, step).possible += sample.possible;
        if step == Step::DropOne {
            self.report.beyond_window += sample.beyond_window;
        }
        let mut builder = Builder::new(layer.model.clone());
        let Self { pool, report, seen, seen_below, settings, sound, by_key, raw } = self;
        let mut score = Score { layer, settings, sound, by_key, raw, tallies: Vec::new() };
        let score = std::cell::RefCell::new(&mut score);
        let mut next = || loop {
            if score.borrow().by_key.len() >= settings.findings {
                return None;
            }
            let state = sample.next()?;
            let tally = report.tally(depth, step);
            let legal = layer.model.legality(&state);
            if !legal.contains(&settings.profile) {
                tally.illegal += 1;
                continue;
            }
            let promises = layer.promises(&state);
            let hash = builder.image(&state).hash();
            let known = (hash, promises.clone());
            let is_new = if depth == 1 {
                seen.insert(known)
            } else {
                !seen.contains(&known) && seen_below.insert(known)
            };
            if !is_new {
                tally.duplicate += 1;
                continue;
            }
            // States of recoveries derive from states that already belong to this shard.
            if depth == 1 && !settings.is_own(hash) {
                tally.elsewhere += 1;
                continue;
            }
            tally.judged += 1;
            for profile in legal {
                *report.profiles.entry(profile).or_default() += 1;
            }
            return Some(layer.task(state, promises));
        };
        let mut done = |task: Task, reply: Reply| score.borrow_mut().take(task, &reply);
        pool.run(&mut next, &mut done)?;
        let failed = score.borrow().tallies.len() as u64;
        let tally = report.tally(depth, step);
        tally.failed += failed;
        tally.left_out += sample.left_out;
        Ok(())
    }

    /// Explores crashes during the recovery from sampled states.
    fn recoveries(&mut self, layer: &Layer) -> Result<()> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.settings.seed);
        let mut candidates = std::mem::take(&mut self.sound);
        // In the order of states, not of workers, so that a seed selects the same ones.
        candidates.sort();
        // The more is missing, the more a recovery has to do: half of the sample is damaged states.
        let mut damaged: Vec<State> =
            candidates.iter().filter(|s| s.damage() > 0).cloned().collect();
        let mut chosen = Vec::new();
        while chosen.len() < self.settings.nested && !candidates.is_empty() {
            let from = if chosen.len() % 2 == 0 && !damaged.is_empty() {
                &mut damaged
            } else {
                &mut candidates
            };
            let state = from.swap_remove(rng.next_u64() as usize % from.len());
            candidates.retain(|other| *other != state);
            damaged.retain(|other| *other != state);
            chosen.push(state);
        }
        for (number, state) in chosen.into_iter().enumerate() {
            if self.is_full() {
                break;
            }
            self.recovery(layer, number, state)?;
        }
        Ok(())
    }

    fn recovery(&mut self, layer: &Layer, number: usize, state: State) -> Result<()> {
        self.report.nested.0 += 1;
        let file = self.pool.folder().join(format!("recovery-{number}"));
        let promises = layer.promises(&state);
        let mut task = Some(Task {
            trace_to: Some(file.clone()),
            ..layer.task(state.clone(), promises.clone())
        });
        let mut reply = None;
        self.pool.run(&mut || task.take(), &mut |task, said| reply = Some((task, said)))?;
        let Some((task, reply)) = reply else { return Ok(()) };
        if !reply.outcome.is_sound() {
            // The state was sound before; the judge failed only when it was recorded.
            self.report.tally(1, state.step).failed += 1;
            let Self { settings, sound, by_key, raw, .. } = self;
            Score { layer, settings, sound, by_key, raw, tallies: Vec::new() }.take(task, &reply);
        }
        if let Some(why) = reply.untraced {
            if !self.report.untraced.contains(&why) {
                self.report.untraced.push(why);
            }
            return Ok(());
        }
        if !file.is_file() {
            return Ok(());
        }
        self.report.nested.1 += 1;
        let legal = layer.model.legality(&state);
        let trace = layer.model.trace.read_recovery(&file)?;
        let inner = Layer {
            model: Arc::new(Model::new(&Arc::new(trace))),
            above: Some(Above { file, state, legal, promises }),
        };
        let points = points(&inner.model, self.settings);
        for step in self.settings.steps.clone() {
            // Deeper samples and reorderings add little: a recovery is the work of one thread.
            if step < Step::Random {
                self.step(&inner, step, &points)?;
            }
        }
        Ok(())
    }

    /// Shrinks, labels and stores the findings.
    fn conclude(&mut self, layer: &Layer) -> Result<()> {
        for (number, (state, above, outcome)) in
            std::mem::take(&mut self.raw).into_iter().enumerate()
        {
            let outer_lost = above.as_ref().map(|above| layer.model.describe(&above.state));
            let layer = match above {
                None => Layer { model: layer.model.clone(), above: None },
                Some(above) => {
                    let trace = Arc::new(layer.model.trace.read_recovery(&above.file)?);
                    Layer { model: Arc::new(Model::new(&trace)), above: Some(above) }
                }
            };
            let finding = self.finding(&layer, number, state, outcome)?;
            let mut outer_lost = outer_lost.unwrap_or_default();
            outer_lost.truncate(LINES);
            self.report.findings.push(Finding { outer_lost, ..finding });
        }
        Ok(())
    }

    fn finding(
        &mut self,
        layer: &Layer,
        number: usize,
        state: State,
        outcome: Outcome,
    ) -> Result<Finding> {
        let dedup_key = outcome.dedup_key();
        let pool = &mut self.pool;
        let minimal = shrink(&state, self.settings.questions, &mut |smaller| {
            let mut task = Some(layer.task(smaller.clone(), layer.promises(smaller)));
            let mut same = false;
            pool.run(&mut || task.take(), &mut |_, said| {
                same = said.outcome.dedup_key() == dedup_key;
            })?;
            Ok(same)
        })?;
        let file =
            self.settings.store.as_ref().map(|folder| folder.join(format!("finding-{number}")));
        let replay = self.settings.replay.as_ref().zip(file.as_ref());
        let mut finding = Finding {
            step: state.step,
            depth: layer.depth(),
            seed: self.settings.seed,
            outer: layer.above.as_ref().map(|above| above.state.clone()),
            outer_lost: Vec::new(),
            lost: layer.model.describe(&minimal),
            legal: layer.legality(&state),
            minimal_legal: layer.legality(&minimal),
            count: self.by_key[&dedup_key].states,
            origins: self.by_key[&dedup_key].origins.len() as u64,
            replay: replay.map(|(command, file)| command.replace("{}", &file.to_string_lossy())),
            file: file.clone(),
            promises: layer.promises(&minimal),
            outcome,
            state,
            minimal,
        };
        if let Some(file) = &file {
            let folder = file.parent().unwrap_or(file);
            fs::create_dir_all(folder).map_err(|error| Error::new("create", folder, error))?;
            let image = Builder::new(layer.model.clone()).image(&finding.minimal);
            finding.store(&image, file)?;
            // The unit numbers of a finding refer to this trace, which is the recovery's at depth
            // 2.
            layer.model.trace.write(&file.with_extension("trace"))?;
        }
        finding.lost.truncate(LINES);
        Ok(finding)
    }
}

/// Collects the replies of the workers.
struct Score<'a> {
    layer: &'a Layer,
    settings: &'a Explore,
    sound: &'a mut Vec<State>,
    by_key: &'a mut BTreeMap<String, Alike>,
    raw: &'a mut Vec<(State, Option<Above>, Outcome)>,
    tallies: Vec<()>,
}

impl Score<'_> {
    fn take(&mut self, task: Task, reply: &Reply) {
        let (Subject::State(state) | Subject::Of(_, state)) = task.subject else { return };
        if reply.outcome.is_sound() {
            if self.layer.above.is_none() && self.settings.nested > 0 {
                self.sound.push(state);
            }
            return;
        }
        self.tallies.push(());
        let dedup_key = reply.outcome.dedup_key();
        let alike = self.by_key.entry(dedup_key.clone()).or_default();
        alike.states += 1;
        let above = self.layer.above.as_ref();
        alike.origins.insert(above.map_or_else(|| state.clone(), |above| above.state.clone()));
        let found = (state, self.layer.above.clone(), reply.outcome.clone());
        // Of the findings of one step the first state in order is kept, whichever worker was
        // faster.
        match self.raw.iter_mut().find(|(_, _, outcome)| outcome.dedup_key() == dedup_key) {
            None => self.raw.push(found),
            Some(known)
                if known.0.step == found.0.step && known.1.is_none() && found.1.is_none() =>
            {
                if found.0 < known.0 {
                    *known = found;
                }
            }
            Some(_) => {}
        }
    }
}
