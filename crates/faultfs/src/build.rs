//! Builds the image of a crash state: applies the surviving units, in trace order, to the image at
//! the start. Caches what neighbouring states share; decides nothing and writes nothing.

use crate::{
    content::{Content, PAGE},
    crash::{SECTOR, data_range, sectors},
    image::Image,
    names::Names,
    op::{Ino, Op},
    persist::{Model, What},
    state::{Garbage, State, Tear},
    trace::image_of,
};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::{collections::BTreeMap, sync::Arc};

/// Builds images of one model. Cheapest with ascending cuts, which exploration uses.
pub(crate) struct Builder {
    model: Arc<Model>,
    names: Anchor<Names>,
    files: BTreeMap<Ino, Anchor<Content>>,
}

/// A value with the first `applied` units of its chain applied, all undamaged.
struct Anchor<T> {
    applied: usize,
    value: T,
}

impl Builder {
    pub(crate) fn new(model: Arc<Model>) -> Self {
        let names = Anchor { applied: 0, value: model.trace.base_names() };
        Self { model, names, files: BTreeMap::new() }
    }

    /// The image that a state leaves.
    pub(crate) fn image(&mut self, state: &State) -> Image {
        let names = self.names(state);
        let model = self.model.clone();
        image_of(&names, |ino| self.content(&model, ino, state))
    }

    fn names(&mut self, state: &State) -> Names {
        let model = &self.model;
        let (solid, end) = span(model, &model.entries, state);
        if solid < self.names.applied {
            self.names = Anchor { applied: 0, value: model.trace.base_names() };
        }
        let op = |id: &u32| &model.trace.events[model.units[*id as usize].seq as usize].op;
        for id in &model.entries[self.names.applied..solid] {
            self.names.value.apply(op(id));
        }
        self.names.applied = solid;
        let mut names = self.names.value.clone();
        for id in &model.entries[solid..end] {
            match fate(model, *id, state) {
                Fate::Kept => names.apply(op(id)),
                Fate::Torn(Tear::BothNames) => names.insert_half(op(id)),
                Fate::Torn(_) => names.remove_half(op(id)),
                // The kind stays known although the name is lost: another name may lead to the
                // file.
                Fate::Gone => declare(&mut names, op(id)),
            }
        }
        names
    }

    fn content(&mut self, model: &Model, ino: Ino, state: &State) -> Content {
        let base = || model.trace.base.files.get(&ino).cloned().unwrap_or_default();
        let Some(chain) = model.by_file.get(&ino) else { return base() };
        let (solid, end) = span(model, chain, state);
        let anchor = self.files.entry(ino).or_insert_with(|| Anchor { applied: 0, value: base() });
        if solid < anchor.applied {
            *anchor = Anchor { applied: 0, value: base() };
        }
        for id in &chain[anchor.applied..solid] {
            keep(model, *id, &mut anchor.value);
        }
        anchor.applied = solid;
        let mut content = anchor.value.clone();
        for id in &chain[solid..end] {
            match fate(model, *id, state) {
                Fate::Kept => keep(model, *id, &mut content),
                Fate::Torn(tear) => tear_data(model, *id, tear, &mut content),
                Fate::Gone => {}
            }
        }
        content
    }
}

fn declare(names: &mut Names, op: &Op) {
    if let Op::Create { ino, kind, .. } = op {
        names.declare(*ino, kind.clone());
    }
}

enum Fate {
    Kept,
    Torn(Tear),
    Gone,
}

fn fate(model: &Model, id: u32, state: &State) -> Fate {
    let seq = model.units[id as usize].seq;
    if state.lost.binary_search(&id).is_ok() || state.hidden.binary_search(&seq).is_ok() {
        return Fate::Gone;
    }
    match state.torn.binary_search_by_key(&id, |(id, _)| *id) {
        Ok(at) => Fate::Torn(state.torn[at].1),
        Err(_) => Fate::Kept,
    }
}

/// How many units of a chain are certain in every crash, and how many there are. The certain part
/// only grows with the cut, so anchors are reused.
fn span(model: &Model, chain: &[u32], state: &State) -> (usize, usize) {
    let end = chain.partition_point(|id| *id < model.issued(state.cut));
    let hidden = state.hidden.first().copied().unwrap_or(u32::MAX);
    let solid = chain[..end].iter().position(|id| {
        let unit = model.units[*id as usize];
        unit.covered >= state.cut || unit.seq >= hidden
    });
    (solid.unwrap_or(end), end)
}

/// Applies a whole unit of a file.
fn keep(model: &Model, id: u32, content: &mut Content) {
    let unit = model.units[id as usize];
    match (unit.what, &model.trace.events[unit.seq as usize].op) {
        (What::Data, Op::Write { offset, data, .. }) => content.write(*offset, data),
        (What::Data, Op::Zero { offset, len, .. }) => content.zero(*offset, *len),
        (What::Size { to, exact: true }, _) => content.set_size(to),
        (What::Size { to, exact: false }, _) => content.set_size(content.size().max(to)),
        _ => {}
    }
}

/// Applies the surviving part of a torn unit of data.
fn tear_data(model: &Model, id: u32, tear: Tear, content: &mut Content) {
    let (offset, len) = data_range(model, id);
    let bytes = bytes(model, id);
    match tear {
        Tear::Bytes(keep) => content.write(offset, &bytes[..(keep as usize).min(bytes.len())]),
        Tear::Garbage(garbage) => content.write(offset, &filler(model, id, garbage)),
        Tear::BothNames | Tear::NoName => {}
        _ => {
            let first = offset / SECTOR;
            let count = sectors(model, id);
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(if let Tear::Random(seed) = tear {
                seed
            } else {
                0
            });
            for sector in 0..count {
                let toss = rng.next_u64().is_multiple_of(2);
                if !survives(tear, sector, count, first, toss) {
                    continue;
                }
                let start = ((first + sector) * SECTOR).max(offset);
                let end = ((first + sector + 1) * SECTOR).min(offset + len);
                let range = (start - offset) as usize..(end - offset) as usize;
                content.write(start, &bytes[range]);
            }
        }
    }
}

/// Whether this sector of a torn write is there.
fn survives(tear: Tear, sector: u64, count: u64, first: u64, toss: bool) -> bool {
    let page = (first + sector) / (PAGE / SECTOR) - first / (PAGE / SECTOR);
    match tear {
        Tear::First(keep) => sector < u64::from(keep),
        Tear::Last(keep) => sector >= count - u64::from(keep).min(count),
        Tear::EvenPages => page.is_multiple_of(2),
        Tear::OddPages => !page.is_multiple_of(2),
        Tear::Hole => sector < count / 3 || sector >= count - count / 3,
        Tear::Random(_) => toss,
        Tear::Bytes(_) | Tear::Garbage(_) | Tear::BothNames | Tear::NoName => true,
    }
}

fn bytes(model: &Model, id: u32) -> Vec<u8> {
    match &model.trace.events[model.units[id as usize].seq as usize].op {
        Op::Write { data, .. } => data.to_vec(),
        Op::Zero { len, .. } => vec![0; *len as usize],
        _ => Vec::new(),
    }
}

/// The bytes of a sector that is not there.
fn filler(model: &Model, id: u32, garbage: Garbage) -> Vec<u8> {
    /// Neither text, nor a small number, nor all ones.
    const PATTERN: u8 = 0xA5;
    let len = data_range(model, id).1 as usize;
    match garbage {
        Garbage::Zeros => vec![0; len],
        Garbage::Pattern => vec![PATTERN; len],
        Garbage::Stale => {
            let chain = &model.by_file[&model.units[id as usize].ino];
            let earlier = chain
                .iter()
                .rev()
                .find(|other| **other < id && model.units[**other as usize].what == What::Data);
            let mut old = earlier.map(|other| bytes(model, *other)).unwrap_or_default();
            old.resize(len, PATTERN);
            old
        }
    }
}
