//! The parts of a file: where its records, their headers and what leads to them are, as mace-kv 0.2.0
//! writes them (`src/map/data.rs`, `src/cc/wal.rs`; btree-store 2.1.0, `src/node.rs`). So that damage falls
//! on every part and not on the largest alone. Changes nothing.

use super::files::Kind;
use std::{collections::BTreeMap, ops::Range};

/// Ranges of bytes by the name of the part that they are.
pub type Places = BTreeMap<&'static str, Vec<Range<usize>>>;

/// Bytes of the footer of a data or blob file.
const FOOTER: usize = 24;

/// Bytes of an interval and of a relocation in front of it.
const INTERVAL: usize = 16;
const RELOCATION: usize = 32;

/// Bytes of a record that lead it.
const HEAD: usize = 32;

/// Bytes of a page of the manifest, of its header and of its trailer.
const PAGE: usize = 4096;
const PAGE_HEAD: usize = 32;
const PAGE_TAIL: usize = 4;

/// Bytes of the headers of the log's records: update, begin, commit, abort, checkpoint.
const LOG: [usize; 5] = [51, 13, 13, 13, 21];
const LOG_NAMES: [&str; 5] = ["update", "begin", "commit", "abort", "checkpoint"];

/// Where the length of an update's payload is in its header.
const PAYLOAD: usize = 11;

/// The parts of a file of this kind.
pub fn places(kind: Kind, bytes: &[u8]) -> Places {
    let mut places = match kind {
        Kind::Data | Kind::Blob => of_records(bytes),
        Kind::Wal => of_log(bytes),
        Kind::Manifest => of_pages(bytes),
    };
    for ranges in places.values_mut() {
        ranges.retain(|range| range.start < range.end && range.end <= bytes.len());
    }
    places.retain(|_, ranges| !ranges.is_empty());
    places
}

fn word(bytes: &[u8], at: usize) -> usize {
    let word = bytes.get(at..at + 4).and_then(|word| word.try_into().ok());
    word.map_or(0, |word| u32::from_le_bytes(word) as usize)
}

fn of_records(bytes: &[u8]) -> Places {
    let mut places = Places::new();
    let Some(footer) = bytes.len().checked_sub(FOOTER) else { return places };
    let relocations = footer.saturating_sub(word(bytes, footer + 8) * RELOCATION);
    let intervals = relocations.saturating_sub(word(bytes, footer + 12) * INTERVAL);
    for (name, range) in [
        ("footer", footer..bytes.len()),
        ("relocation", relocations..footer),
        ("interval", intervals..relocations),
    ] {
        places.entry(name).or_default().push(range);
    }
    for at in (relocations..footer).step_by(RELOCATION) {
        let offset = word(bytes, at + 8);
        let [raw, stored] = [word(bytes, at + 16), word(bytes, at + 20)];
        let end = offset + if stored == 0 { raw } else { stored };
        let head = end.min(offset + HEAD);
        places.entry("head").or_default().push(offset..head);
        places.entry("payload").or_default().push(head..end);
    }
    places
}

/// The records of a log file, up to the first byte that begins none.
pub fn log_records(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut records = Vec::new();
    let mut at = 0;
    while let Some(header) = bytes.get(at).and_then(|kind| LOG.get(usize::from(*kind))) {
        let payload = if bytes[at] == 0 { word(bytes, at + PAYLOAD) } else { 0 };
        let end = at + header + payload;
        if end > bytes.len() {
            break;
        }
        records.push(at..end);
        at = end;
    }
    records
}

fn of_log(bytes: &[u8]) -> Places {
    let mut places = Places::new();
    for Range { start, end } in log_records(bytes) {
        let kind = usize::from(bytes[start]);
        let head = start + LOG[kind];
        places.entry(LOG_NAMES[kind]).or_default().push(start..head);
        places.entry("payload").or_default().push(head..end);
    }
    places
}

fn of_pages(bytes: &[u8]) -> Places {
    let mut places = Places::new();
    for start in (0..bytes.len()).step_by(PAGE) {
        let end = bytes.len().min(start + PAGE);
        if start < 2 * PAGE {
            places.entry("header").or_default().push(start..start + 40);
            places.entry("padding").or_default().push(start + 40..end);
            continue;
        }
        places.entry("head").or_default().push(start..start + PAGE_HEAD);
        places.entry("trailer").or_default().push(end - PAGE_TAIL..end);
        let body = start + PAGE_HEAD..end - PAGE_TAIL;
        for chunk in body.clone().step_by(HEAD) {
            let range = chunk..body.end.min(chunk + HEAD);
            let is_empty = bytes[range.clone()].iter().all(|byte| *byte == 0);
            let name = if is_empty { "padding" } else { "content" };
            places.entry(name).or_default().push(range);
        }
    }
    places
}
