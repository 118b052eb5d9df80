//! What known findings exclude from the sweep of holds: the meetings that show them, told by who is held
//! where while what is done. Where a finding's fix is applied nothing is excluded. Decides nothing else.

use super::{
    deed::Deed::{self, Checkpoint, Collect, Copy, Mix, Open, Read, Renew, Unload},
    schedule::Schedule,
    work::Work,
};
use crate::{
    history::script::{Then, held::LEAD},
    settings::{FindingId, excludes},
};

/// A thread in one of these makes a page, or puts it into the place of another one.
const CHANGES: [&str; 12] = [
    "Node::",
    "base::",
    "BaseIter::",
    "LeafIter::",
    "Publish::",
    "Pool::alloc_in",
    "Pool::transfer_junks",
    "DeltaView",
    "Tree::split",
    "Tree::try_",
    "Tree::link",
    "Evictor::evict_bucket",
];

/// The evictor's thread.
const EVICTOR: &str = "evictor";

/// Whether a known finding may show in this schedule.
pub fn excludes_schedule(schedule: &Schedule, work: &Work) -> bool {
    let Schedule { thread, label, amid, then, .. } = schedule;
    if *then == Then::Close {
        // Nothing is done amid it.
        return false;
    }
    let act = work.acts[schedule.act];
    let is_lead = thread == LEAD;
    // While a thread of the engine is held, the clients go on and make pages.
    let changes = !is_lead || CHANGES.iter().any(|name| label.contains(name));
    let cuts = matches!(amid, Checkpoint | Renew | Copy | Unload);
    let shows = |id: FindingId| match id {
        // Who has a handle has opened the bucket that is being created.
        FindingId::OPENED_WHILE_CREATED => is_lead && act == Open && amid.has_handle(),
        // What a cut tears apart is seen in a killed process, and in a copy.
        FindingId::SPLIT_WITHOUT_ITS_CHILD | FindingId::HISTORY_AHEAD_OF_ITS_PAGE => {
            changes && cuts && (*then == Then::Die || copies(work, *amid))
        }
        FindingId::SCAN_OVER_CHECKPOINT | FindingId::READING_A_COLLECTED_FILE => {
            let reads = is_lead && act.has_handle() || thread == EVICTOR;
            reads && matches!(amid, Renew | Collect)
                || is_lead && matches!(act, Read | Mix) && *amid == Checkpoint
        }
        FindingId::COPY_DURING_CHECKPOINT => {
            is_lead && act == Copy && matches!(amid, Checkpoint | Renew | Collect)
                || *amid == Copy && (act == Checkpoint || thread == "checkpointer")
        }
        FindingId::UNLOAD_RACES_THE_EVICTOR => work.is_evicting() && *amid == Unload,
        _ => false,
    };
    OF_MEETINGS.into_iter().any(|id| excludes(id) && shows(id))
}

fn copies(work: &Work, amid: Deed) -> bool {
    amid == Copy || work.acts.contains(&Copy)
}

/// The findings that a meeting shows.
const OF_MEETINGS: [FindingId; 7] = [
    FindingId::OPENED_WHILE_CREATED,
    FindingId::SPLIT_WITHOUT_ITS_CHILD,
    FindingId::HISTORY_AHEAD_OF_ITS_PAGE,
    FindingId::SCAN_OVER_CHECKPOINT,
    FindingId::READING_A_COLLECTED_FILE,
    FindingId::COPY_DURING_CHECKPOINT,
    FindingId::UNLOAD_RACES_THE_EVICTOR,
];

#[cfg(test)]
mod tests {
    use super::{
        super::{schedule::Spot, work::ALL},
        *,
    };
    use crate::history::ways::{Kind, Passed};

    #[test]
    fn a_death_at_a_cut_is_left_out_where_pages_are_made() {
        let work = ALL.iter().find(|work| work.name == "evict").unwrap();
        let is_left_out = |thread: &str, label: &str, amid: Deed, then: Then| {
            let passed = Passed {
                thread: thread.to_owned(),
                kind: Kind::Small,
                way: 1,
                site: 1,
                act: 6,
                times: 1,
                names: vec![label.to_owned()],
            };
            let all = Spot { passed, label: label.to_owned() }.schedules(work, true);
            let schedule = all.iter().find(|it| it.amid == amid && it.then == then).unwrap();
            excludes_schedule(schedule, work)
        };
        let torn = [FindingId::SPLIT_WITHOUT_ITS_CHILD, FindingId::HISTORY_AHEAD_OF_ITS_PAGE];
        let torn = torn.into_iter().any(excludes);
        assert_eq!(is_left_out("collector", "cycle", Checkpoint, Then::Die), torn);
        assert_eq!(is_left_out(LEAD, "Node::split", Checkpoint, Then::Die), torn);
        // The client that would make pages is held elsewhere; nobody dies; nothing is cut.
        assert!(!is_left_out(LEAD, "Bucket::get", Checkpoint, Then::Die));
        assert!(!is_left_out("collector", "cycle", Checkpoint, Then::GoOn));
        assert!(!is_left_out("collector", "cycle", Deed::Overwrite, Then::Die));
    }
}
