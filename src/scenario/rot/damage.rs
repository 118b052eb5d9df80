//! One damage to the files of a database: what a disk, or who copies files about, does to them. Draws them
//! and carries them out on bytes in memory; opens nothing.

use super::{
    files::{Files, Kind, is_newest},
    places::{Places, log_records, places},
};
use crate::{
    error::{Error, Result},
    settings::Rng,
};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    ops::Range,
    path::Path,
};

/// Bytes of the smallest part of a file that a disk writes.
const SECTOR: usize = 512;

/// How many draws may change nothing before it counts that none can.
const DRAWS: usize = 200;

/// What is done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// A bit is another one.
    FlippedBit,
    /// A byte is another one.
    ChangedByte,
    /// 512 bytes are zeros.
    ZeroedSector,
    /// 4,096 bytes are zeros.
    ZeroedPage,
    /// 512 bytes are those of another place of the file.
    MisdirectedSector,
    /// 4,096 bytes are those of another place of the file.
    MisdirectedPage,
    /// 512 bytes are those of another file of the kind.
    ForeignSector,
    /// 512 bytes are as they were when the database was closed before.
    OlderSector,
    /// 4,096 bytes are as they were then.
    OlderPage,
    /// The file is as it was then.
    OlderFile,
    /// The file ends earlier.
    CutShort,
    /// There is something behind its end.
    Extended,
    /// It and another one of the kind have changed their places.
    Swapped,
    /// It is not there.
    Removed,
    /// It is empty.
    Emptied,
}

impl What {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::FlippedBit,
        Self::ChangedByte,
        Self::ZeroedSector,
        Self::ZeroedPage,
        Self::MisdirectedSector,
        Self::MisdirectedPage,
        Self::ForeignSector,
        Self::OlderSector,
        Self::OlderPage,
        Self::OlderFile,
        Self::CutShort,
        Self::Extended,
        Self::Swapped,
        Self::Removed,
        Self::Emptied,
    ];

    /// The name in figures.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FlippedBit => "flipped_bit",
            Self::ChangedByte => "changed_byte",
            Self::ZeroedSector => "zeroed_sector",
            Self::ZeroedPage => "zeroed_page",
            Self::MisdirectedSector => "misdirected_sector",
            Self::MisdirectedPage => "misdirected_page",
            Self::ForeignSector => "foreign_sector",
            Self::OlderSector => "older_sector",
            Self::OlderPage => "older_page",
            Self::OlderFile => "older_file",
            Self::CutShort => "cut_short",
            Self::Extended => "extended",
            Self::Swapped => "swapped",
            Self::Removed => "removed",
            Self::Emptied => "emptied",
        }
    }

    /// How often it is drawn beside the others: what falls on one place has more of them.
    const fn weight(self) -> u64 {
        match self {
            Self::FlippedBit | Self::ChangedByte => 5,
            Self::ZeroedSector | Self::MisdirectedSector => 2,
            _ => 1,
        }
    }

    /// Bytes that are replaced as a whole.
    const fn block(self) -> usize {
        match self {
            Self::ZeroedPage | Self::MisdirectedPage | Self::OlderPage => 8 * SECTOR,
            _ => SECTOR,
        }
    }
}

/// One damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// What was done.
    pub what: What,
    /// In words, with the file and the place.
    pub words: String,
    /// The part of the file that it begins in, where it falls on a place.
    pub part: Option<&'static str>,
    /// The files that are other ones now, or none.
    pub changed: BTreeMap<String, Option<Vec<u8>>>,
}

impl Damage {
    /// The files with the damage.
    #[must_use]
    pub fn on(&self, files: &Files) -> Files {
        let mut files = files.clone();
        for (name, bytes) in &self.changed {
            match bytes {
                Some(bytes) => files.insert(name.clone(), bytes.clone()),
                None => files.remove(name),
            };
        }
        files
    }

    /// Does the same to files that may have changed since: only the bytes that are other ones are written.
    /// A file that is gone by now is left so.
    pub fn patch(&self, files: &Files, dir: &Path) -> Result<()> {
        for (name, bytes) in &self.changed {
            let path = dir.join(name);
            if path.exists() {
                let done = match bytes {
                    None => fs::remove_file(&path),
                    Some(now) => patched(&path, &files[name], now),
                };
                done.map_err(|error| Error::new("damage", &path, error))?;
            }
        }
        Ok(())
    }

    /// Files that have it, and may have changed since, without it.
    #[must_use]
    pub fn undone(&self, files: &Files, mut now: Files) -> Files {
        for (name, changed) in &self.changed {
            let before = &files[name];
            let Some(changed) = changed else {
                now.entry(name.clone()).or_insert_with(|| before.clone());
                continue;
            };
            let Some(there) = now.get_mut(name) else { continue };
            if changed.len() != before.len() {
                let since = there.get(changed.len()..).unwrap_or_default();
                *there = [before, since].concat();
                continue;
            }
            for ((there, changed), before) in there.iter_mut().zip(changed).zip(before) {
                if changed != before {
                    *there = *before;
                }
            }
        }
        now
    }

    /// Whether each file is as it was earlier: no checksum could show that, only a promise of freshness.
    /// A log grows at its end, so that a part of a file from the beginning is one: up to the end of a
    /// record, or anywhere in the newest one, as a write that was torn leaves it.
    pub fn is_stale(&self, files: &Files) -> bool {
        if matches!(self.what, What::OlderSector | What::OlderPage | What::OlderFile) {
            return true;
        }
        self.changed.iter().all(|(name, now)| {
            let now = now.as_deref();
            if Kind::of(name) != Some(Kind::Wal) || now.is_none() && !is_newest(files, name) {
                return false;
            }
            let left = now.unwrap_or_default();
            let is_end = |record: &Range<usize>| record.end == left.len();
            files[name].starts_with(left)
                && (left.is_empty()
                    || is_newest(files, name)
                    || log_records(&files[name]).iter().any(is_end))
        })
    }
}

fn within(range: &Range<usize>, rng: &mut Rng) -> usize {
    range.start + rng.below((range.end - range.start) as u64) as usize
}

fn patched(path: &Path, before: &[u8], now: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    if now.len() < before.len() {
        return file.set_len(now.len() as u64);
    }
    if now.len() > before.len() {
        file.seek(SeekFrom::End(0))?;
        return file.write_all(&now[before.len()..]);
    }
    let differs = |at: &usize| before[*at] != now[*at];
    let first = (0..now.len()).find(differs).unwrap_or_default();
    let last = (0..now.len()).rfind(differs).unwrap_or_default();
    file.seek(SeekFrom::Start(first as u64))?;
    file.write_all(&now[first..=last])
}

/// The files of one kind, from which damages are drawn.
#[derive(Debug)]
pub struct Victim<'a> {
    files: &'a Files,
    older: Option<&'a Files>,
    names: Vec<&'a String>,
    places: BTreeMap<&'a String, Places>,
}

impl<'a> Victim<'a> {
    /// Of a database with these files, which had those when it was closed before. Files of one that is
    /// open do not change places, and have no older state.
    pub fn new(kind: Kind, files: &'a Files, older: Option<&'a Files>) -> Self {
        let names: Vec<&String> =
            files.keys().filter(|name| Kind::of(name) == Some(kind)).collect();
        let places = names.iter().map(|name| (*name, places(kind, &files[*name]))).collect();
        Self { files, older, names, places }
    }

    /// The names of the parts that its files have.
    pub fn parts(&self) -> Vec<&'static str> {
        let mut parts: Vec<_> = self.places.values().flat_map(|places| places.keys()).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.into_iter().copied().collect()
    }

    /// What can be done to its files.
    pub fn possible(&self) -> Vec<What> {
        let has_changed =
            |name: &&String| self.older(name).is_some_and(|older| *older != self.files[*name]);
        let has_other_bytes = |name: &&String| {
            let both = self.older(name).into_iter().flatten().zip(&self.files[*name]);
            both.into_iter().any(|(older, now)| older != now)
        };
        let is_possible = |what: &What| match what {
            What::Swapped => self.older.is_some() && self.names.len() > 1,
            What::ForeignSector => self.names.len() > 1,
            What::OlderSector | What::OlderPage => self.names.iter().any(has_other_bytes),
            What::MisdirectedSector | What::MisdirectedPage => {
                self.names.iter().any(|name| self.files[*name].len() >= 2 * what.block())
            }
            What::OlderFile => self.names.iter().any(has_changed),
            _ => true,
        };
        What::ALL.into_iter().filter(is_possible).collect()
    }

    /// How many bytes there are.
    pub fn bytes(&self) -> usize {
        self.names.iter().map(|name| self.files[*name].len()).sum()
    }

    /// The damage that changes the `number`-th byte of all of them.
    pub fn at_byte(&self, mut number: usize, rng: &mut Rng) -> Option<Damage> {
        let name = self.names.iter().find(|name| {
            let length = self.files[**name].len();
            let is_here = number < length;
            number -= if is_here { 0 } else { length };
            is_here
        })?;
        Some(self.byte(What::ChangedByte, name, number, rng))
    }

    /// The `number`-th damage. The first ones do each thing that can be done, the next ones fall on each
    /// part; what comes after them is drawn.
    pub fn draw(&self, number: usize, rng: &mut Rng) -> Option<Damage> {
        let possible = self.possible();
        let parts = self.parts();
        let part = number.checked_sub(possible.len()).and_then(|number| parts.get(number)).copied();
        let weights: Vec<u64> = possible.iter().map(|what| what.weight()).collect();
        (0..DRAWS).find_map(|_| {
            let damage = match (possible.get(number), part) {
                (Some(what), _) => self.one(*what, rng),
                (None, Some(part)) => {
                    let has_it = |name: &&&String| self.places[*name].contains_key(part);
                    let names: Vec<&String> = self.names.iter().filter(has_it).copied().collect();
                    let name = *rng.pick(&names);
                    let range = rng.pick(&self.places[name][part]);
                    Some(self.byte(What::FlippedBit, name, within(range, rng), rng))
                }
                (None, None) => self.one(possible[rng.weighted(&weights)], rng),
            }?;
            let is_other = |name, now: &Option<Vec<u8>>| self.files.get(name) != now.as_ref();
            damage.changed.iter().any(|(name, now)| is_other(name, now)).then_some(damage)
        })
    }

    fn one(&self, what: What, rng: &mut Rng) -> Option<Damage> {
        let name = *rng.pick(&self.names);
        let before = &self.files[name];
        if before.is_empty() {
            return None;
        }
        let whole = |words: String, changed: Vec<(&String, Option<Vec<u8>>)>| {
            let changed = changed.into_iter().map(|(name, now)| (name.clone(), now)).collect();
            Some(Damage { what, words, part: None, changed })
        };
        match what {
            What::FlippedBit | What::ChangedByte => {
                let at = self.place(name, rng)?;
                Some(self.byte(what, name, at, rng))
            }
            What::ZeroedSector
            | What::ZeroedPage
            | What::MisdirectedSector
            | What::MisdirectedPage
            | What::ForeignSector
            | What::OlderSector
            | What::OlderPage => self.block(what, name, rng),
            What::OlderFile => {
                let older = self.older(name)?.clone();
                whole(format!("{name} is as it was before"), vec![(name, Some(older))])
            }
            What::CutShort => {
                let at = self.place(name, rng)?;
                whole(
                    format!("{name} ends after {at} of {} bytes", before.len()),
                    vec![(name, Some(before[..at].to_vec()))],
                )
            }
            What::Extended => {
                let more = rng.between(1, 2 * SECTOR as u64) as usize;
                let tail = if rng.percent(50) { vec![0; more] } else { rng.bytes(more) };
                let words = format!("{name} has {more} bytes behind its end");
                whole(words, vec![(name, Some([&before[..], &tail].concat()))])
            }
            What::Swapped => {
                let other = *rng.pick(&self.names);
                let words = format!("{name} and {other} have changed their places");
                let [ours, theirs] = [before.clone(), self.files[other].clone()];
                whole(words, vec![(name, Some(theirs)), (other, Some(ours))])
            }
            What::Removed => whole(format!("{name} is gone"), vec![(name, None)]),
            What::Emptied => whole(format!("{name} is empty"), vec![(name, Some(Vec::new()))]),
        }
    }

    /// A place in one of the parts of a file: each part is as likely as the next.
    fn place(&self, name: &String, rng: &mut Rng) -> Option<usize> {
        let places = self.places.get(name)?;
        let parts: Vec<&Vec<_>> = places.values().collect();
        if parts.is_empty() {
            return None;
        }
        let part = *rng.pick(&parts);
        let range = rng.pick(part);
        Some(within(range, rng))
    }

    fn part(&self, name: &String, at: usize) -> Option<&'static str> {
        let is_in = |ranges: &Vec<Range<usize>>| ranges.iter().any(|range| range.contains(&at));
        let mut parts = self.places.get(name)?.iter();
        parts.find(|(_, ranges)| is_in(ranges)).map(|(part, _)| *part)
    }

    fn byte(&self, what: What, name: &String, at: usize, rng: &mut Rng) -> Damage {
        let mut now = self.files[name].clone();
        let part = self.part(name, at);
        let change = match what {
            What::FlippedBit => 1 << rng.below(8),
            _ => rng.between(1, 255) as u8,
        };
        now[at] ^= change;
        let place = part.unwrap_or("no part");
        let words = format!("{name} has other bits {change:#04x} at {at}, in its {place}");
        Damage { what, words, part, changed: [(name.clone(), Some(now))].into() }
    }

    fn block(&self, what: What, name: &String, rng: &mut Rng) -> Option<Damage> {
        let before = &self.files[name];
        let block = what.block();
        let at = self.place(name, rng)? / block * block;
        let length = block.min(before.len() - at);
        let source = match what {
            What::ZeroedSector | What::ZeroedPage => None,
            What::OlderSector | What::OlderPage => Some(self.older(name)?),
            What::ForeignSector => Some(&self.files[*rng.pick(&self.names)]),
            _ => Some(before),
        };
        let mut now = before.clone();
        let words = match source {
            None => {
                now[at..at + length].fill(0);
                format!("{name} has zeros from {at} to {}", at + length)
            }
            Some(bytes) => {
                let from = match what {
                    What::OlderSector | What::OlderPage => at,
                    _ => rng.below((bytes.len() / block).max(1) as u64) as usize * block,
                };
                let there = bytes.get(from..)?;
                let length = length.min(there.len());
                now[at..at + length].copy_from_slice(&there[..length]);
                format!("{name} has at {at} the {length} bytes of {from}: {}", what.name())
            }
        };
        let part = self.part(name, at);
        Some(Damage { what, words, part, changed: [(name.clone(), Some(now))].into() })
    }

    fn older(&self, name: &str) -> Option<&Vec<u8>> {
        self.older?.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{scenario::rot::files, settings::Seed, testdir::TestDir};

    /// A record of the log that begins a transaction.
    fn begin(number: u8) -> Vec<u8> {
        [vec![1], vec![number; 12]].concat()
    }

    fn database() -> Files {
        let log = [begin(1), begin(2), begin(3)].concat();
        let page = Seed::new(9).rng().bytes(9000);
        [
            ("data/data_1", page.clone()),
            ("data/data_2", page.iter().rev().copied().collect()),
            ("log/group_wal_1", log.clone()),
            ("log/group_wal_2", log),
            ("log/manifest", [page.clone(), page].concat()),
        ]
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .into()
    }

    fn to(name: &str, now: Option<Vec<u8>>) -> Damage {
        let changed = [(name.to_owned(), now)].into();
        Damage { what: What::CutShort, words: String::new(), part: None, changed }
    }

    #[test]
    fn each_damage_and_each_part_has_its_turn() {
        let mut files = database();
        files.insert("log/group_wal_1".to_owned(), (0..=255).flat_map(begin).collect());
        files.insert("log/group_wal_2".to_owned(), (0..=255).rev().flat_map(begin).collect());
        let mut older = files.clone();
        older.get_mut("log/manifest").unwrap()[4500] ^= 1;
        for kind in [Kind::Data, Kind::Wal, Kind::Manifest] {
            let victim = Victim::new(kind, &files, Some(&older));
            let possible = victim.possible();
            let mut rng = Seed::new(1).rng();
            let drawn: Vec<Damage> = (0..possible.len() + victim.parts().len())
                .map(|number| victim.draw(number, &mut rng).unwrap())
                .collect();
            let whats: Vec<What> = drawn.iter().map(|damage| damage.what).collect();
            assert!(whats.starts_with(&possible), "{kind}: {whats:?}");
            let parts = drawn[possible.len()..].iter().filter_map(|damage| damage.part);
            assert_eq!(parts.collect::<Vec<_>>(), victim.parts(), "{kind}");
            assert!(drawn.iter().all(|damage| damage.on(&files) != files), "{kind}");
            let is_older = possible.contains(&What::OlderSector);
            assert_eq!(is_older, kind == Kind::Manifest, "{kind}");
        }
    }

    #[test]
    fn open_files_are_damaged_as_closed_ones_are() {
        let files = database();
        let victim = Victim::new(Kind::Data, &files, None);
        assert!(!victim.possible().contains(&What::Swapped));
        let dir = TestDir::new("patched").unwrap();
        let mut rng = Seed::new(2).rng();
        for number in 0..200 {
            let damage = victim.draw(number, &mut rng).unwrap();
            files::write(&files, dir.path()).unwrap();
            damage.patch(&files, dir.path()).unwrap();
            let now = files::read(dir.path()).unwrap();
            assert_eq!(now, damage.on(&files), "{}", damage.words);
            assert_eq!(damage.undone(&files, now), files, "{}", damage.words);
        }
    }

    #[test]
    fn only_the_bytes_of_the_damage_are_written() {
        let files = database();
        let dir = TestDir::new("patched").unwrap();
        let mut now = files.clone();
        now.get_mut("data/data_1").unwrap()[0] ^= 0xff;
        files::write(&now, dir.path()).unwrap();
        let mut bytes = files["data/data_1"].clone();
        bytes[70] ^= 1;
        to("data/data_1", Some(bytes)).patch(&files, dir.path()).unwrap();
        now.get_mut("data/data_1").unwrap()[70] ^= 1;
        assert_eq!(files::read(dir.path()).unwrap(), now);
    }

    #[test]
    fn what_a_file_was_earlier_is_no_damage_to_notice() {
        let files = database();
        let [first, newest] = ["log/group_wal_1", "log/group_wal_2"];
        let is_stale = |name: &str, length: usize| {
            to(name, Some(files[name][..length].to_vec())).is_stale(&files)
        };
        assert!(is_stale(first, 26) && is_stale(first, 0) && is_stale(newest, 20));
        assert!(!is_stale(first, 20), "a record of a file in front of a younger one is torn");
        assert!(!is_stale("data/data_1", 0) && !is_stale("log/manifest", 4096));
        assert!(to(newest, None).is_stale(&files) && !to(first, None).is_stale(&files));
        let mut other = files[newest].clone();
        other[20] ^= 1;
        assert!(!to(newest, Some(other)).is_stale(&files));
    }

    #[test]
    fn each_byte_has_its_number() {
        let files = database();
        let victim = Victim::new(Kind::Wal, &files, None);
        let mut rng = Seed::new(3).rng();
        assert_eq!(victim.bytes(), 78);
        for number in 0..78 {
            let damage = victim.at_byte(number, &mut rng).unwrap();
            let name = if number < 39 { "log/group_wal_1" } else { "log/group_wal_2" };
            let now = damage.changed[name].as_ref().unwrap();
            let differs: Vec<usize> = (0..39).filter(|at| now[*at] != files[name][*at]).collect();
            assert_eq!(differs, [number % 39]);
        }
        assert!(victim.at_byte(78, &mut rng).is_none());
    }
}
