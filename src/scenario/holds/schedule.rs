//! Schedules: a thread, where it is held, what another one does meanwhile, and what comes then. Each has
//! a text that names it, and a sentence. Data; runs nothing.

use super::{
    deed::{Deed, Who, attempted},
    work::Work,
};
use crate::history::{
    hold::{At, Place},
    script::{Meeting, Step, Then, held::LEAD},
    ways::{Kind, Passed},
};
use std::collections::BTreeMap;

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The thread.
    pub thread: String,
    /// What it does at the place.
    pub kind: Kind,
    /// The place, by the functions that lead there.
    pub label: String,
    way: u64,
    /// In which act, from 0.
    pub act: usize,
    /// How often it came by in that act.
    pub nth: u64,
    /// What is done meanwhile.
    pub amid: Deed,
    /// What comes then.
    pub then: Then,
}

/// A place in an act, with how often it was passed.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The recorded place.
    pub passed: Passed,
    /// Its label.
    pub label: String,
}

/// The last two words of a function's path, without what it is generic over.
fn short(name: &str) -> String {
    let mut plain = String::new();
    let mut depth = 0;
    let name = name.trim_start_matches(['<', '&']);
    let name = name.replace("{{closure}}", "closure");
    for c in name.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            c if depth <= 0 => plain.push(c),
            _ => {}
        }
    }
    let plain = plain.split(" as ").next().unwrap_or_default().to_owned();
    let words: Vec<&str> = plain.split("::").filter(|word| !word.is_empty()).collect();
    words[words.len().saturating_sub(2)..].join("::")
}

/// Whether a thread that is in this function may be held: it is the engine's, or a client between two
/// calls. The suite's own books are no place.
fn is_place(name: &str) -> bool {
    let plain = name.trim_start_matches(['<', '&']);
    let own = ["mace_prod::engine::", "mace_prod::history::clients::"];
    !plain.starts_with("mace_prod::") || own.iter().any(|of| plain.starts_with(of))
}

/// The places of a recording, each in the first and the last act in which a thread came by. What comes
/// after the acts only reads what is left.
pub fn spots(places: Vec<Passed>, work: &Work) -> Vec<Spot> {
    let counts = |passed: &Passed| {
        let is_of_acts = passed.act < work.acts.len() as u64;
        is_of_acts && passed.names.first().is_some_and(|name| is_place(name))
    };
    let mut sites: BTreeMap<(String, Kind, u64), Vec<Passed>> = BTreeMap::new();
    for passed in places.into_iter().filter(counts) {
        let all = sites.entry((passed.thread.clone(), passed.kind, passed.site)).or_default();
        all.push(passed);
    }
    let mut labels: BTreeMap<(String, Kind, String), u32> = BTreeMap::new();
    // In an order that is the same in each process.
    let mut sites: Vec<Vec<Passed>> = sites.into_values().collect();
    sites.sort_by_key(|all| (all[0].act, all[0].names.clone(), all[0].way));
    let spots = sites.into_iter().flat_map(|mut all| {
        let names: Vec<String> = all[0].names.iter().take(3).map(|name| short(name)).collect();
        let mut label = names.join("<");
        let number = labels.entry((all[0].thread.clone(), all[0].kind, label.clone())).or_default();
        *number += 1;
        if *number > 1 {
            label = format!("{label}#{number}");
        }
        all.sort_by_key(|passed| passed.act);
        let last = all.pop();
        let first =
            all.into_iter().next().filter(|it| Some(it.act) != last.as_ref().map(|it| it.act));
        let both = first.into_iter().chain(last);
        both.map(move |passed| Spot { passed, label: label.clone() })
    });
    spots.collect()
}

impl Spot {
    /// All schedules of this place, of a work.
    pub fn schedules(&self, work: &Work, may_die: bool) -> Vec<Schedule> {
        let Passed { thread, kind, way, act, times, .. } = &self.passed;
        let act = *act as usize;
        let is_lead = thread == LEAD;
        let mut nths = vec![1, *times];
        nths.dedup();
        let mut all = Vec::new();
        for nth in nths {
            for amid in work.amid {
                if *amid == Deed::Unload && is_lead && work.acts[act].has_handle() {
                    continue;
                }
                for then in [Then::GoOn, Then::Die] {
                    if then == Then::Die && !may_die {
                        continue;
                    }
                    all.push(Schedule {
                        thread: thread.clone(),
                        kind: *kind,
                        label: self.label.clone(),
                        way: *way,
                        act,
                        nth,
                        amid: *amid,
                        then,
                    });
                }
            }
            if !is_lead && let Some(last) = all.last().cloned() {
                all.push(Schedule { then: Then::Close, ..last });
            }
        }
        all
    }
}

impl Schedule {
    /// This schedule with the count of a text, if the text names it otherwise. How often a thread comes by
    /// differs from one recording to the next.
    pub fn named(mut self, text: &str) -> Option<Self> {
        let nth = text.rsplit('/').nth(2)?;
        self.nth = nth.parse().ok().filter(|nth| *nth > 0)?;
        (self.text() == text).then_some(self)
    }

    /// The text that names it.
    pub fn text(&self) -> String {
        let Self { thread, label, act, nth, amid, .. } = self;
        let kind = match self.kind {
            Kind::Page => "page",
            Kind::Small => "small",
            Kind::Hook => "hook",
        };
        let then = match self.then {
            Then::GoOn => "go-on",
            Then::Die => "die",
            Then::Close => "close",
        };
        format!("{act}/{thread}/{kind}/{label}/{nth}/{}/{then}", amid.name())
    }

    /// The schedule as prose.
    pub fn prose(&self, work: &Work) -> String {
        let Self { thread, label, act, nth, amid, .. } = self;
        let does = match self.kind {
            Kind::Page => "asks for a page's memory in",
            Kind::Small => "asks for memory in",
            Kind::Hook => "comes by the hook",
        };
        let before: Vec<&str> = work.acts[..*act].iter().map(|deed| deed.clause()).collect();
        let before =
            if before.is_empty() { String::new() } else { format!("{}. ", before.join(", ")) };
        let way = label.replace('<', ", called by ");
        let until = match self.then {
            Then::Close => "the database is closed".to_owned(),
            _ => amid.clause().to_owned(),
        };
        let then = match self.then {
            Then::GoOn => "It is let go, and all others go on.",
            Then::Die => {
                "The process dies then; where the others wait for that thread, once it was let go and all are done."
            }
            Then::Close => "It is let go when the closing waits for it.",
        };
        format!(
            "{before}While {}, the thread `{thread}` is held where it {does} {way} for the {nth}. time, until {until}. {then}",
            work.acts[*act].clause(),
        )
    }

    /// The step that carries it out.
    pub fn step(&self, work: &Work) -> Step {
        let options = work.bucket();
        let place = Place { thread: self.thread.clone(), at: At::Way(self.way), nth: self.nth };
        Step::Meet(Box::new(Meeting {
            acts: acts(work),
            during: self.act,
            place,
            amid: match self.then {
                Then::Close => Vec::new(),
                Then::GoOn | Then::Die => attempted(self.amid.steps(Who::Other, &options)),
            },
            then: self.then,
        }))
    }
}

/// The acts of a work, and some that look at what is left before it is overwritten, and go on.
pub fn acts(work: &Work) -> Vec<Vec<Step>> {
    let options = work.bucket();
    let deeds = work.acts.iter().chain([&Deed::Read, &Deed::Overwrite, &Deed::Read]);
    deeds.map(|deed| deed.steps(Who::Lead, &options)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Deed, Kind, Schedule, Then};

    #[test]
    fn a_text_names_a_schedule_with_any_count() {
        let recorded = Schedule {
            thread: "collector".to_owned(),
            kind: Kind::Hook,
            label: "collector/AfterCut".to_owned(),
            way: 7,
            act: 6,
            nth: 1,
            amid: Deed::Renew,
            then: Then::Die,
        };
        let sixth = Schedule { nth: 6, ..recorded.clone() };
        assert_eq!(recorded.clone().named(&sixth.text()), Some(sixth));
        let other = Schedule { then: Then::GoOn, ..recorded.clone() };
        assert_eq!(recorded.clone().named(&other.text()), None);
        for text in ["", "6/collector", "6/collector/hook/collector/AfterCut/0/renew/die"] {
            assert_eq!(recorded.clone().named(text), None, "{text}");
        }
    }
}
