//! Known findings that a remainder shows on disk before anything opens it. Only a remainder that
//! breaks a promise as well is counted as one, and only while the finding's entry holds.

use crate::{engine::EngineOptions, settings::leaves_out};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::Path,
};

/// The creation of a database was cut off: the file of the manifest has its size and no header.
pub const CUT_OFF_CREATION: &str = "cut-off-creation";

/// A log file that is not the newest of its stream lost its end or its name, and newer ones did not.
pub const SHORT_LOG_FILE: &str = "short-log-file";

/// A sync of the log failed and the next one was believed. Nothing on disk shows it: the class is
/// every remainder that lacks what such a sync left in doubt.
pub const FAILED_SYNC: &str = "sync-believed-after-failed";

/// Bytes of the two headers of a manifest, in btree-store 2.1.0 (`src/store.rs`).
const HEADERS: usize = 8192;

/// Bytes of a header that are used.
const HEADER: usize = 40;

/// The finding that this database shows, which must not be open.
pub fn of(dir: &Path, options: &EngineOptions) -> Option<&'static str> {
    let shown = if has_no_header(dir) {
        CUT_OFF_CREATION
    } else if has_short_log_file(dir, options) {
        SHORT_LOG_FILE
    } else {
        return None;
    };
    leaves_out(shown).then_some(shown)
}

/// Neither header was written whole: each ends in its checksum.
fn has_no_header(dir: &Path) -> bool {
    let mut headers = [0; HEADERS];
    let read = File::open(dir.join("log/manifest"))
        .and_then(|mut manifest| manifest.read_exact(&mut headers));
    let empty = |header: &[u8]| header[HEADER / 2..HEADER].iter().all(|byte| *byte == 0);
    read.is_ok() && headers.chunks(HEADERS / 2).all(empty)
}

/// A stream goes on in a new file when the old one has reached its size, and not before; files are
/// numbered without gaps.
fn has_short_log_file(dir: &Path, options: &EngineOptions) -> bool {
    let mut streams: BTreeMap<String, BTreeMap<u64, u64>> = BTreeMap::new();
    let Ok(entries) = fs::read_dir(dir.join("log")) else { return false };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some((stream, number)) = name.rsplit_once('_') else { continue };
        let (Ok(number), Ok(meta)) = (number.parse(), entry.metadata()) else { continue };
        if stream.contains("wal") {
            streams.entry(stream.to_owned()).or_default().insert(number, meta.len());
        }
    }
    streams.values().any(|files| {
        let newest = files.len().saturating_sub(1);
        let gap = files.keys().zip(files.keys().skip(1)).any(|(one, next)| next - one > 1);
        gap || files.values().take(newest).any(|size| *size < options.wal_file_bytes)
    })
}
