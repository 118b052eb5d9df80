//! Fixes applied to texts: finds the lines of each edit by their hash and puts ours in their place.
//! Fixes that do not stand on one another are found in the same text, so that one does not hide the
//! place of another. Pure.

use super::form::{Edit, Fix};
use crate::{Error, Result};
use std::collections::BTreeMap;
use xxhash_rust::xxh3::xxh3_64;

/// The hash of lines: of each with one line feed behind it, however the file ends its lines.
pub fn hash(lines: &[&str]) -> String {
    let text: String = lines.iter().flat_map(|line| [*line, "\n"]).collect();
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// Lines that give way to others.
struct Place<'f> {
    fix: &'f Fix,
    from: usize,
    to: usize,
    text: &'f str,
}

/// Applies `fixes`, which are in order, to the files that `read` gives; returns the changed ones.
pub fn apply(
    fixes: &[&Fix],
    read: impl Fn(&str) -> Result<String>,
) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for edit in fixes.iter().flat_map(|fix| &fix.edits) {
        if !texts.contains_key(&edit.file) {
            texts.insert(edit.file.clone(), read(&edit.file)?);
        }
    }
    let mut depths = BTreeMap::new();
    for fix in fixes {
        let below = fix.after.iter().filter_map(|id| depths.get(id.as_str()));
        let depth: usize = below.max().map_or(0, |depth| depth + 1);
        depths.insert(fix.id.as_str(), depth);
    }
    for depth in 0..=depths.values().copied().max().unwrap_or(0) {
        for (file, text) in &mut texts {
            let mut places = Vec::new();
            for fix in fixes.iter().filter(|fix| depths[fix.id.as_str()] == depth) {
                for edit in fix.edits.iter().filter(|edit| edit.file == *file) {
                    places.push(find(fix, edit, text)?);
                }
            }
            *text = replaced(text, places, file)?;
        }
    }
    Ok(texts)
}

impl Edit {
    /// The first line of `text` that this changes, counted from 1; none where it changes what other fixes made.
    pub fn line_in(&self, text: &str) -> Option<usize> {
        match found(self, text).as_slice() {
            [at] => Some(at + self.keep_before + 1),
            _ => None,
        }
    }
}

/// Where the lines are that an edit looks for.
fn found(edit: &Edit, text: &str) -> Vec<usize> {
    let lines: Vec<_> = text.lines().collect();
    let is_it = |(_, window): &(usize, &[&str])| hash(window) == edit.hash;
    lines.windows(edit.lines).enumerate().filter(is_it).map(|(at, _)| at).collect()
}

fn find<'f>(fix: &'f Fix, edit: &'f Edit, text: &str) -> Result<Place<'f>> {
    let why = match found(edit, text).as_slice() {
        [at] => {
            let from = at + edit.keep_before;
            let to = at + edit.lines - edit.keep_after;
            return Ok(Place { fix, from, to, text: &edit.text });
        }
        [] => format!("the lines {} are not there", edit.hash),
        places => format!("the lines {} are there {} times", edit.hash, places.len()),
    };
    let Fix { id, kind, .. } = fix;
    Err(Error::new(
        format_args!("{kind} `{id}` does not apply: {why}"),
        &edit.file,
        kind.remedy(id),
    ))
}

fn replaced(text: &str, mut places: Vec<Place<'_>>, file: &str) -> Result<String> {
    places.sort_by_key(|place| (place.from, place.to));
    for pair in places.windows(2) {
        if let [left, right] = pair
            && left.to > right.from
        {
            let what =
                format!("fixes `{}` and `{}` change the same line", left.fix.id, right.fix.id);
            return Err(Error::new(what, file, "make one on top of the other (`after`)"));
        }
    }
    let old: Vec<_> = text.split_inclusive('\n').collect();
    let mut new = String::new();
    let mut at = 0;
    for Place { from, to, text, .. } in places {
        new.extend(old[at..from].iter().copied());
        new.push_str(text);
        at = to;
    }
    new.extend(old[at..].iter().copied());
    Ok(new)
}
