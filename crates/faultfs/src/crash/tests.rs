//! The rules of persistence on traces small enough to check by hand. Interposes no process and
//! writes nothing.

use super::{Bounds, Choice, Garbage, State, Step, Tear, tears};
use crate::{
    build::Builder,
    image::Image,
    op::{Call, Event, Ino, Kind, Op, Scope},
    persist::{Model, NEVER, Profile, What},
    trace::{Summary, Trace},
};
use std::sync::Arc;

const BOUNDS: Bounds = Bounds { window: 12, rounds: 1, seed: 0, hostile: false };

fn create(ino: u32, name: &str) -> Op {
    Op::Create { dir: Ino::ROOT, name: name.into(), ino: Ino(ino), kind: Kind::File }
}

fn write(ino: u32, offset: u64, data: &[u8]) -> Op {
    Op::Write { ino: Ino(ino), offset, data: data.into() }
}

fn rename(from: &str, name: &str, ino: u32) -> Op {
    let dir = Ino::ROOT;
    let from_dir = Ino::ROOT;
    Op::Rename { from_dir, from: from.into(), dir, name: name.into(), ino: Ino(ino) }
}

fn begin(call: u32, ino: u32) -> Op {
    Op::SyncBegin { call, scope: Scope::Ino(Ino(ino)) }
}

fn end(call: u32, ino: u32, errno: i32) -> Op {
    Op::SyncEnd { call, scope: Scope::Ino(Ino(ino)), errno }
}

/// Operations of one thread, in sequence.
fn model(ops: &[Op]) -> Arc<Model> {
    let event = |(seq, op): (usize, &Op)| Event {
        thread: 0,
        entered: seq as u32,
        call: Call::Write,
        op: op.clone(),
    };
    modelled(ops.iter().enumerate().map(event).collect())
}

fn modelled(events: Vec<Event>) -> Arc<Model> {
    Arc::new(Model::new(&Arc::new(Trace::new(Image::default(), events, Summary::default()))))
}

/// The text of a file in the image that a state leaves, `None` without the file.
fn text(model: &Arc<Model>, state: &State, path: &str) -> Option<Vec<u8>> {
    let image = Builder::new(model.clone()).image(state);
    let (_, ino) = image.entries.iter().find(|(at, _)| at == path)?;
    let file = &image.files[ino];
    Some(file.read(0, file.size() as usize))
}

fn without(cut: u32, lost: &[u32]) -> State {
    State { lost: lost.to_vec(), ..State::whole(Step::DropOne, cut) }
}

#[test]
fn size_and_data_are_lost_apart() {
    // Units: 0 the name, 1 and 2 data and size of "ab", 3 and 4 of "cd".
    let model = model(&[create(1, "f"), write(1, 0, b"ab"), write(1, 2, b"cd")]);
    assert_eq!(model.pending(3, &[]), [0, 1, 2, 3, 4]);
    assert_eq!(text(&model, &without(3, &[]), "f").unwrap(), b"abcd");
    assert_eq!(text(&model, &without(3, &[4]), "f").unwrap(), b"ab");
    assert_eq!(text(&model, &without(3, &[3]), "f").unwrap(), b"ab\0\0");
    assert_eq!(text(&model, &without(3, &[1, 2]), "f").unwrap(), b"\0\0cd");
    assert_eq!(text(&model, &without(3, &[2]), "f").unwrap(), b"abcd");
    assert_eq!(text(&model, &without(3, &[0]), "f"), None);
}

#[test]
fn sync_covers_earlier_data_and_not_the_name() {
    let ops = [create(1, "f"), write(1, 0, b"ab"), begin(1, 1), write(1, 0, b"xy"), end(1, 1, 0)];
    let model = model(&ops);
    assert_eq!(model.pending(4, &[]), [0, 1, 2, 3]);
    assert_eq!(model.pending(5, &[]), [0, 3]);
    assert_eq!(text(&model, &without(5, &[3]), "f").unwrap(), b"ab");
}

#[test]
fn a_failed_sync_leaves_its_bytes_in_doubt_for_ever() {
    let ops = |errno| {
        [
            write(1, 0, b"ab"),
            begin(1, 1),
            end(1, 1, errno),
            write(1, 2, b"c"),
            begin(2, 1),
            end(2, 1, 0),
        ]
    };
    assert_eq!(model(&ops(5)).pending(6, &[]), [0, 1]);
    // An interrupted call has cleaned no page.
    assert_eq!(model(&ops(4)).pending(6, &[]), []);
}

#[test]
fn a_synchronous_write_covers_itself_alone() {
    let scope = Scope::Write(1);
    let ops = [
        write(1, 0, b"ab"),
        write(1, 2, b"cd"),
        Op::SyncBegin { call: 1, scope },
        Op::SyncEnd { call: 1, scope, errno: 0 },
    ];
    assert_eq!(model(&ops).pending(4, &[]), [0, 1]);
}

#[test]
fn only_the_hostile_profile_splits_a_rename() {
    let model = model(&[create(1, "tmp"), write(1, 0, b"new"), rename("tmp", "f", 1)]);
    let there =
        |state: &State| (text(&model, state, "tmp").is_some(), text(&model, state, "f").is_some());
    assert_eq!(there(&without(3, &[])), (false, true));
    assert_eq!(there(&without(3, &[3])), (true, false));
    // The name of the new file is lost, the rename of that file is not.
    assert_eq!(there(&without(3, &[0])), (false, true));
    let half = |tear| State { torn: vec![(3, tear)], ..State::whole(Step::TearOne, 3) };
    assert_eq!(there(&half(Tear::BothNames)), (true, true));
    assert_eq!(there(&half(Tear::NoName)), (false, false));
    assert!(!model.is_legal(Profile::PosixWeak, &half(Tear::NoName)));
    assert!(tears(&model, 3, &BOUNDS).is_empty());
    assert_eq!(
        tears(&model, 3, &Bounds { hostile: true, ..BOUNDS }),
        [Tear::BothNames, Tear::NoName]
    );
}

#[test]
fn what_tears_is_a_sector() {
    let old = [1; 2048];
    let model = model(&[
        write(1, 0, &old),
        begin(1, 1),
        end(1, 1, 0),
        write(1, 256, &[2; 1024]),
        create(1, "f"),
    ]);
    let torn = |tear| {
        let state = State { torn: vec![(2, tear)], ..State::whole(Step::TearOne, 5) };
        let bytes = text(&model, &state, "f").unwrap();
        // One number for each run of bytes: so many of the old, so many of the new, and so on.
        bytes.chunk_by(|a, b| a == b).map(<[u8]>::len).collect::<Vec<_>>()
    };
    assert_eq!(super::sectors(&model, 2), 3);
    assert_eq!(torn(Tear::First(1)), [256, 256, 1536]);
    assert_eq!(torn(Tear::Last(1)), [1024, 256, 768]);
    assert_eq!(torn(Tear::Hole), [256, 256, 512, 256, 768]);
    assert_eq!(torn(Tear::Bytes(7)), [256, 7, 1785]);
    assert_eq!(torn(Tear::Garbage(Garbage::Stale)), [2048]);
}

#[test]
fn journals_keep_a_beginning_and_a_sync_moves_it() {
    // Two files; the sync of g is after the write to f.
    let ops = [
        create(1, "f"),
        create(2, "g"),
        write(1, 0, b"ab"),
        write(2, 0, b"cd"),
        begin(1, 2),
        end(1, 2, 0),
    ];
    let model = model(&ops);
    // Units: 0 and 1 names; 2, 3 data and size of f; 4, 5 of g, which are durable at the end.
    assert_eq!(model.units[3].what, What::Size { to: 2, exact: false });
    assert_eq!(model.pending(6, &[]), [0, 1, 2, 3]);
    // On ext4 the sync commits everything before it; on xfs it commits up to the last change of g,
    // which is the newest change of all.
    assert_eq!(
        model.legality(&without(6, &[2])),
        [Profile::Xfs, Profile::PosixWeak, Profile::Hostile]
    );
    assert_eq!(model.legality(&without(6, &[3])), [Profile::PosixWeak, Profile::Hostile]);
    // Before the sync any prefix is legal, and only xfs allows a size without its data.
    assert!(model.legality(&without(4, &[2, 3, 4, 5])).contains(&Profile::Ext4Ordered));
    assert!(!model.legality(&without(4, &[2, 3])).contains(&Profile::Xfs));
    assert_eq!(
        model.legality(&without(4, &[4])),
        [Profile::Xfs, Profile::PosixWeak, Profile::Hostile]
    );
    assert!(model.legality(&without(4, &[0, 1, 2, 3, 4, 5])).contains(&Profile::StrictLoss));
}

#[test]
fn units_older_than_the_window_go_together() {
    let ops: Vec<Op> = (0..6).map(|at| write(1, at, b"x")).collect();
    let model = model(&ops);
    let pending = model.pending(6, &[]);
    assert_eq!(pending.len(), 12);
    let choice = Choice::new(&model, pending, &Bounds { window: 4, ..BOUNDS });
    assert_eq!(choice.beyond_window(), 8);
    // Four units, two operations of two units each, and the eight older ones as one.
    let states = choice.states(&model, Step::DropOne, 6, &BOUNDS, &mut || true);
    assert_eq!(
        states.iter().map(|state| state.lost.len()).collect::<Vec<_>>(),
        [1, 1, 1, 1, 2, 2, 8]
    );
    let states = choice.states(&model, Step::KeepOne, 6, &BOUNDS, &mut || true);
    assert_eq!(
        states.iter().map(|state| state.lost.len()).collect::<Vec<_>>(),
        [11, 11, 11, 11, 10, 10, 4]
    );
}

#[test]
fn each_state_is_counted_and_can_be_built_alone() {
    let event = |thread, entered, op| Event { thread, entered, call: Call::Write, op };
    let model = modelled(vec![
        event(0, 0, create(1, "f")),
        event(0, 1, write(1, 0, &[b'a'; 2048])),
        event(1, 2, write(2, 0, b"b")),
        event(0, 2, write(1, 2048, b"c")),
    ]);
    let bounds = Bounds { rounds: 3, hostile: true, ..BOUNDS };
    let choice = Choice::new(&model, model.pending(4, &[]), &bounds);
    for step in Step::ALL {
        let states =
            |wanted: &mut dyn FnMut() -> bool| choice.states(&model, *step, 4, &bounds, wanted);
        let all = states(&mut || true);
        assert!(!all.is_empty(), "{step:?}");
        assert_eq!(choice.count(&model, *step, 4, &bounds), all.len() as u64, "{step:?}");
        for (number, state) in all.iter().enumerate() {
            let mut asked = 0;
            let alone = states(&mut || {
                asked += 1;
                asked == number + 1
            });
            assert_eq!(alone, std::slice::from_ref(state), "{step:?} {number}");
        }
    }
}

#[test]
fn calls_that_overlapped_are_told_in_both_orders() {
    let event = |thread, entered, op| Event { thread, entered, call: Call::Write, op };
    let overlapping = modelled(vec![
        event(0, 0, write(1, 0, b"a")),
        event(0, 1, write(1, 1, b"a")),
        event(1, 1, write(2, 0, b"b")),
    ]);
    let all = |model: &Model| {
        let choice = Choice::new(model, model.pending(3, &[]), &BOUNDS);
        choice.states(model, Step::Permute, 3, &BOUNDS, &mut || true)
    };
    let hidden: Vec<_> =
        all(&overlapping).iter().map(|s| (s.hidden.clone(), s.lost.len())).collect();
    // The other thread's first write was over when this call began; its second was not.
    assert_eq!(hidden, [(vec![1], 4), (vec![1], 0)]);
    let ordered = modelled(vec![
        event(0, 0, write(1, 0, b"a")),
        event(0, 1, write(1, 1, b"a")),
        event(1, 2, write(2, 0, b"b")),
    ]);
    assert_eq!(all(&ordered), []);
}

#[test]
fn hidden_sync_covers_nothing_other_syncs_do() {
    let ops = [write(1, 0, b"a"), begin(1, 1), end(1, 1, 0), begin(2, 1), end(2, 1, 0)];
    let model = model(&ops);
    assert_eq!(model.units[0].covered, 2);
    assert_ne!(model.units[0].covered, NEVER);
    assert!(model.is_durable(0, 5, &[2]));
    assert!(!model.is_durable(0, 4, &[2]));
    assert!(!model.is_durable(0, 5, &[2, 4]));
}

#[test]
fn kept_name_is_durable_at_once_and_alone() {
    let ops = [create(1, "f"), create(2, "g"), write(2, 0, b"a"), rename("f", "h", 1)];
    let events = model(&ops).trace.events.clone();
    let trace = Trace::new(Image::default(), events, Summary::default());
    assert_eq!(Model::new(&Arc::new(trace.clone())).pending(4, &[]), [0, 1, 2, 3, 4]);
    let model = Model::new(&Arc::new(trace.keeping(|path| path == "g" || path == "h")));
    assert_eq!(model.pending(1, &[]), [0]);
    // Units: 0 the name f, 1 g, 2 and 3 data and size, 4 the rename.
    assert_eq!(model.pending(4, &[]), [0, 2, 3]);
    assert!(model.is_durable(1, 4, &[2]), "whatever else has not happened");
}

#[test]
fn the_last_prefix_is_the_final_folder() {
    let ops = [
        create(1, "f"),
        write(1, 0, &[3; 6000]),
        Op::Truncate { ino: Ino(1), size: 5000 },
        rename("f", "g", 1),
    ];
    let model = model(&ops);
    let image = Builder::new(model.clone()).image(&State::whole(Step::Prefix, 4));
    assert_eq!(image.difference(&model.trace.final_image()), None);
    assert_eq!(image.hash(), model.trace.final_image().hash());
}
