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
use std::collections::{BTreeMap, BTreeSet};

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
        } else if !self.cut.is_empty() {
            let alike = self.cut_at_the_damage(is_sound)?;
            Some(FindingId::LOG_ENDS_AT_DAMAGE).filter(|_| look(&alike) == Some(self.print))?
        } else {
            return None;
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

    /// Sound files whose log ends where the damage had it end, if the opening cut it there.
    /// The checker overlooks that in the newest file of a stream alone, as it documents.
    fn cut_at_the_damage(&self, is_sound: bool) -> Option<Files> {
        let ends = self.cut.iter().map(|(name, size)| {
            let end = self.log_end(name, *size as usize)?;
            let is_told = !is_sound || is_newest(self.closed, name);
            is_told.then(|| (name.clone(), end as u64))
        });
        cut_alike(self.closed, &ends.collect::<Option<_>>()?)
    }

    /// Where the log of a file ends that an opening cut here: at this record, if it is another one now or
    /// has come to be there. A sector from elsewhere may bring whole records in front of one that it brings
    /// in part; then the log ends where those begin.
    fn log_end(&self, name: &str, cut: usize) -> Option<usize> {
        let now = self.damage.changed.get(name)?.as_deref().unwrap_or_default();
        let before = &self.files[name];
        let mut records = log_records(before).into_iter();
        let is_damaged = match records.clone().find(|record| record.start == cut) {
            Some(record) => now.get(record.clone()) != Some(&before[record]),
            None => cut == before.len() && now.len() > cut,
        };
        if is_damaged {
            return Some(cut);
        }
        let is_from_elsewhere = matches!(
            self.damage.what,
            What::ForeignSector | What::MisdirectedSector | What::MisdirectedPage
        );
        let end = records.find(|it| now.get(it.clone()) != Some(&before[it.clone()]))?.start;
        let logs = self.files.iter().filter(|(other, _)| Kind::of(other) == Some(Kind::Wal));
        let whole: BTreeSet<&[u8]> = logs
            .flat_map(|(_, log)| log_records(log).into_iter().map(|record| &log[record]))
            .collect();
        let mut brought = log_records(now.get(..cut)?).into_iter().filter(|it| it.start >= end);
        let last = brought.clone().last()?.end;
        (is_from_elsewhere && last == cut && brought.all(|it| whole.contains(&now[it])))
            .then_some(end)
    }

    /// Two log files, each whole, have changed their places.
    fn is_swapped(&self) -> bool {
        let is_log = |name: &String| Kind::of(name) == Some(Kind::Wal);
        self.damage.what == What::Swapped && self.damage.changed.keys().all(is_log)
    }
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
    fn whole_records_from_elsewhere_stand_before_the_damage() {
        let name = "log/group_wal_1";
        let longer = |number: u8| [vec![4], vec![number; 20]].concat();
        let mut files = files();
        files.insert("log/group_wal_2".to_owned(), [longer(8), longer(9)].concat());
        let end = |what, first: Vec<u8>, cut| {
            let bytes = [first, vec![4; 18]].concat();
            let damage = damage(what, &[(name, Some(bytes))]);
            let cuts = BTreeMap::new();
            let suspect = Suspect {
                files: &files,
                closed: &files,
                damage: &damage,
                cut: &cuts,
                print: PRINT,
            };
            suspect.log_end(name, cut)
        };
        assert_eq!(end(What::ForeignSector, longer(8), 21), Some(0));
        assert_eq!(end(What::ForeignSector, longer(7), 21), None, "no record of another place");
        assert_eq!(end(What::ForeignSector, longer(8), 20), None, "within a whole record");
        assert_eq!(end(What::ChangedByte, longer(8), 21), None, "a byte brings no record");
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
