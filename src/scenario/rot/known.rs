//! Known findings that damage shows, and what tells them from any other defect: what was damaged, where
//! the engine cut its log, and a sound database with the same cause, which comes out the same. Only while a
//! finding's entry holds. Opens nothing itself.

use super::{
    damage::{Damage, What},
    files::{Files, Kind, is_newest},
    look::{cut_alike, fingerprint},
    places::log_records,
};
use crate::{
    history::dump::Dump,
    settings::{FindingId, excludes},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// A damage after which another state was read, and nothing was said.
#[derive(Clone, Copy, Debug)]
pub struct Suspect<'a> {
    /// The files without the damage, as they were when it was done.
    pub files: &'a Files,
    /// The same as they were when the database was opened next.
    pub closed: &'a Files,
    /// The damage.
    pub damage: &'a Damage,
    /// The log files that an opening made shorter: their sizes.
    pub cut: &'a BTreeMap<String, u64>,
    /// What tells the state that was read.
    pub print: u64,
}

impl Suspect<'_> {
    /// The finding, if it is one; `is_sound` says that the checker found nothing. `look` reads a
    /// database with these files and tells the state, if it is a wrong one.
    pub fn known(
        &self,
        is_sound: bool,
        look: impl FnOnce(&Files) -> Option<u64>,
    ) -> Option<FindingId> {
        let id = if self.is_without_manifest() && !is_sound {
            FindingId::MANIFEST_GONE
        } else if self.is_swapped() {
            FindingId::LOG_FILES_SWAPPED
        } else if self.cut.is_empty() {
            return None;
        } else {
            let ends = self.cut_at_the_damage(is_sound);
            let ends = ends.map(|alike| (FindingId::LOG_ENDS_AT_DAMAGE, alike));
            let (id, alike) = ends.or_else(|| {
                Some((FindingId::LOG_FILES_SWAPPED, self.cut_behind_others(is_sound)?))
            })?;
            Some(id).filter(|_| look(&alike) == Some(self.print))?
        };
        excludes(id).then_some(id)
    }

    /// The manifest is gone or empty, and nothing is read, as from a new database.
    fn is_without_manifest(&self) -> bool {
        let is_gone = |(name, now): (&String, &Option<Vec<u8>>)| {
            let is_empty = now.as_ref().is_none_or(Vec::is_empty);
            is_empty && Kind::of(name) == Some(Kind::Manifest)
        };
        self.damage.changed.iter().any(is_gone) && self.print == fingerprint(&Dump::default())
    }

    /// Sound files that an opening cuts where it cut these, if that is where a damaged record begins.
    fn cut_at_the_damage(&self, is_sound: bool) -> Option<Files> {
        let is_at_damage = |(name, size): (&String, &u64)| {
            self.is_told(is_sound, name) && self.is_damaged(name, *size as usize)
        };
        self.cut.iter().all(is_at_damage).then(|| cut_alike(self.closed, self.cut)).flatten()
    }

    /// The checker overlooks a cut in the newest file of a stream alone, as it documents.
    fn is_told(&self, is_sound: bool, name: &str) -> bool {
        !is_sound || is_newest(self.closed, name)
    }

    /// Whether the record of a log that begins here is another one now, or has come to be there.
    fn is_damaged(&self, name: &str, at: usize) -> bool {
        let Some(now) = self.damage.changed.get(name) else { return false };
        let now = now.as_deref().unwrap_or_default();
        let before = &self.files[name];
        match log_records(before).into_iter().find(|record| record.start == at) {
            Some(record) => now.get(record.clone()) != Some(&before[record]),
            None => at == before.len() && now.len() > at,
        }
    }

    /// Files whose records are all whole, but some stand in another's place: a sector from elsewhere
    /// brought them, and the opening cut behind them, where no record of the sound file begins or ends.
    fn cut_behind_others(&self, is_sound: bool) -> Option<Files> {
        let is_from_elsewhere = matches!(
            self.damage.what,
            What::ForeignSector | What::MisdirectedSector | What::MisdirectedPage
        );
        let (name, size) = self.cut.first_key_value().filter(|_| self.cut.len() == 1)?;
        let left = self.damage.changed.get(name)?.as_deref()?.get(..*size as usize)?;
        let begins_or_ends = |it: &Range<usize>| it.start == left.len() || it.end == left.len();
        if log_records(&self.files[name]).iter().any(begins_or_ends) {
            return None;
        }
        let logs = self.files.iter().filter(|(other, _)| Kind::of(other) == Some(Kind::Wal));
        let whole: BTreeSet<&[u8]> = logs.flat_map(|(_, log)| records(log)).collect();
        let is_whole = records(left).map(<[u8]>::len).sum::<usize>() == left.len()
            && records(left).all(|record| whole.contains(record));
        if !(is_from_elsewhere && is_whole && self.is_told(is_sound, name)) {
            return None;
        }
        let mut alike = self.closed.clone();
        alike.insert(name.clone(), left.to_vec());
        cut_alike(&alike, self.cut)
    }

    /// Two log files, each whole, have changed their places.
    fn is_swapped(&self) -> bool {
        let is_log = |name: &String| Kind::of(name) == Some(Kind::Wal);
        self.damage.what == What::Swapped && self.damage.changed.keys().all(is_log)
    }
}

/// The records of a log.
fn records(log: &[u8]) -> impl Iterator<Item = &[u8]> {
    log_records(log).into_iter().map(|record| &log[record])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINT: u64 = 7;

    /// Two log files of three records each, and a manifest.
    fn files() -> Files {
        let begin = |number: u8| [vec![1], vec![number; 12]].concat();
        let log = [begin(1), begin(2), begin(3)].concat();
        [("log/group_wal_1", log.clone()), ("log/group_wal_2", log), ("log/manifest", vec![1; 9])]
            .map(|(name, bytes)| (name.to_owned(), bytes))
            .into()
    }

    fn damage(what: What, changed: &[(&str, Option<Vec<u8>>)]) -> Damage {
        let changed = changed.iter().map(|(name, now)| ((*name).to_owned(), now.clone()));
        Damage { what, words: String::new(), part: None, changed: changed.collect() }
    }

    /// The finding behind a state with this print, where a sound database cut alike shows another one.
    fn known(damage: &Damage, cut: &[(&str, u64)], print: u64, alike: u64) -> Option<FindingId> {
        let files = files();
        let cut = cut.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
        let suspect = Suspect { files: &files, closed: &files, damage, cut: &cut, print };
        suspect.known(false, |files| {
            assert_eq!(files["log/group_wal_1"].len(), 14, "cut, and a byte that is no record");
            Some(alike)
        })
    }

    #[test]
    fn a_cut_at_the_damage_is_known() {
        let name = "log/group_wal_1";
        let mut bytes = files()[name].clone();
        bytes[20] ^= 1;
        let flipped = damage(What::FlippedBit, &[(name, Some(bytes))]);
        let id = Some(FindingId::LOG_ENDS_AT_DAMAGE);
        assert_eq!(known(&flipped, &[(name, 13)], PRINT, PRINT), id);
        assert_eq!(known(&flipped, &[(name, 13)], PRINT, 8), None, "another state");
        assert_eq!(known(&flipped, &[(name, 26)], PRINT, PRINT), None, "behind the damage");
        assert_eq!(known(&flipped, &[(name, 0)], PRINT, PRINT), None, "a sound record is cut");
        assert_eq!(known(&flipped, &[], PRINT, PRINT), None, "nothing is cut");
        let both = [(name, 13), ("log/group_wal_2", 13)];
        assert_eq!(known(&flipped, &both, PRINT, PRINT), None, "a sound file is cut too");
    }

    #[test]
    fn a_damage_is_in_the_record_that_it_changes() {
        let files = files();
        let name = "log/group_wal_1";
        let is_damaged = |now: Vec<u8>, at| {
            let damage = damage(What::ChangedByte, &[(name, Some(now))]);
            let cut = &BTreeMap::new();
            let suspect =
                Suspect { files: &files, closed: &files, damage: &damage, cut, print: PRINT };
            suspect.is_damaged(name, at)
        };
        let mut other = files[name].clone();
        other[20] ^= 1;
        let found = [0, 13, 26, 39, 20].map(|at| is_damaged(other.clone(), at));
        assert_eq!(found, [false, true, false, false, false]);
        let longer = [&files[name][..], &[9]].concat();
        assert!(is_damaged(longer.clone(), 39) && !is_damaged(longer, 26));
    }

    #[test]
    fn whole_records_in_anothers_place_are_taken() {
        let name = "log/group_wal_1";
        let longer = |number: u8| [vec![4], vec![number; 20]].concat();
        let known = |what, first: Vec<u8>, cut: &[(&str, u64)], alike| {
            let mut files = files();
            files.insert("log/group_wal_2".to_owned(), [longer(8), longer(9)].concat());
            let bytes = [&first[..], &[4; 39]].concat()[..39].to_vec();
            let damage = damage(what, &[(name, Some(bytes))]);
            let cut = cut.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
            let suspect =
                Suspect { files: &files, closed: &files, damage: &damage, cut: &cut, print: PRINT };
            suspect.known(false, |files| {
                assert_eq!(files[name].split_last().unwrap().1, first, "what was brought whole");
                Some(alike)
            })
        };
        let id = Some(FindingId::LOG_FILES_SWAPPED);
        let foreign = What::ForeignSector;
        assert_eq!(known(foreign, longer(8), &[(name, 21)], PRINT), id);
        assert_eq!(known(foreign, longer(8), &[(name, 21)], 8), None, "another state");
        assert_eq!(known(foreign, longer(7), &[(name, 21)], PRINT), None, "of no other place");
        assert_eq!(known(foreign, longer(8), &[(name, 20)], PRINT), None, "within a record");
        assert_eq!(known(What::ChangedByte, longer(8), &[(name, 21)], PRINT), None, "a byte");
        let both = [(name, 21), ("log/group_wal_2", 21)];
        assert_eq!(known(foreign, longer(8), &both, PRINT), None, "a sound file is cut too");
        let own = [vec![1], vec![1; 12]].concat();
        assert_eq!(known(foreign, own, &[(name, 13)], PRINT), Some(FindingId::LOG_ENDS_AT_DAMAGE));
        let sound = files()[name][..26].to_vec();
        assert_eq!(known(foreign, sound, &[(name, 13)], PRINT), None, "a sound record is cut");
    }

    #[test]
    fn a_checker_may_overlook_the_newest_log_alone() {
        for (name, expected) in
            [("log/group_wal_1", None), ("log/group_wal_2", Some(FindingId::LOG_ENDS_AT_DAMAGE))]
        {
            let files = files();
            let mut bytes = files[name].clone();
            bytes[20] ^= 1;
            let damage = damage(What::FlippedBit, &[(name, Some(bytes))]);
            let cut = [(name.to_owned(), 13)].into();
            let suspect =
                Suspect { files: &files, closed: &files, damage: &damage, cut: &cut, print: PRINT };
            assert_eq!(suspect.known(true, |_| Some(PRINT)), expected, "{name}");
        }
    }

    #[test]
    fn a_new_database_is_one_without_its_manifest() {
        let empty = fingerprint(&Dump::default());
        let id = Some(FindingId::MANIFEST_GONE);
        for now in [None, Some(Vec::new())] {
            let gone = damage(What::Removed, &[("log/manifest", now)]);
            assert_eq!(known(&gone, &[], empty, 0), id);
            assert_eq!(known(&gone, &[], PRINT, 0), None, "something is read");
        }
        let other = damage(What::CutShort, &[("log/manifest", Some(vec![1]))]);
        assert_eq!(known(&other, &[], empty, 0), None, "there is something of it");
    }

    #[test]
    fn only_log_files_change_their_places_unseen() {
        let of = |names: [&str; 2]| {
            let swapped = names.map(|name| (name, Some(Vec::new())));
            known(&damage(What::Swapped, &swapped), &[], PRINT, 0)
        };
        let id = Some(FindingId::LOG_FILES_SWAPPED);
        assert_eq!(of(["log/group_wal_1", "log/group_wal_2"]), id);
        assert_eq!(of(["data/data_1", "data/data_2"]), None);
    }
}
