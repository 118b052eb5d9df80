//! What a part needs of the machine's disks, and what cases that were killed leave on them. Judges no
//! case.

use crate::{files, part::Part};
use process::{Error, Result, console, scratch::Left};
use std::{fs, path::Path};

/// What to do about a place that cannot be looked at.
const READABLE: &str = "make it a readable folder";

/// Bytes that must be free where the databases of the cases live. Eight cases at a time were seen to
/// take less than half of it.
const SCRATCH_BYTES: u64 = 512 << 20;

/// Bytes that must be free where reports and evidence are written.
const OUT_BYTES: u64 = 64 << 20;

/// Removes what earlier runs left, and makes sure that there is room for a part that writes to `out`.
pub(crate) fn prepare(out: &Path, part: &Part) -> Result<()> {
    let scratch = process::scratch::base();
    clear(&scratch)?;
    require_room(&[(&scratch, SCRATCH_BYTES), (out, OUT_BYTES)], part)
}

fn clear(scratch: &Path) -> Result<()> {
    let left = left(scratch)?;
    if !left.is_empty() {
        let place = scratch.display();
        let number = left.len();
        console::note(&format!(
            "cleared    {number} folders of cases that were killed, in {place}"
        ));
    }
    // Another run beside this one may be quicker.
    left.iter().try_for_each(|left| files::remove_folder(&left.path))
}

/// Refuses to run a part where it has too little room; each place with the bytes that it needs.
fn require_room(places: &[(&Path, u64)], part: &Part) -> Result<()> {
    for (folder, needed) in places {
        let free = process::scratch::room(folder)
            .map_err(|error| Error::io("ask for the room of", folder, READABLE, error))?;
        if free < *needed {
            let needed = needed >> 20;
            let free = free >> 20;
            let what = format!("{free} MiB are free, and {} takes up to {needed}", part.label);
            let remedy = "make room, or set TMPDIR to a folder that has it";
            return Err(Error::new(what, folder.display(), remedy));
        }
    }
    Ok(())
}

/// Takes the folders of cases that were killed for their evidence, each with the verdict that `said`
/// gives for the label of its case, or, when the whole run was told to end, removes them.
pub(crate) fn collect(
    artifacts: &Path,
    was_interrupted: bool,
    said: impl Fn(&str) -> String,
) -> Result<()> {
    collect_from(&process::scratch::base(), artifacts, was_interrupted, said)
}

fn collect_from(
    scratch: &Path,
    artifacts: &Path,
    was_interrupted: bool,
    said: impl Fn(&str) -> String,
) -> Result<()> {
    for Left { path, label } in left(scratch)? {
        if was_interrupted {
            files::remove_folder(&path)?;
        } else {
            let evidence = artifacts.join(&label);
            let resists = |error| Error::io("keep the evidence", &path, "make room for it", error);
            fs::write(path.join("verdict.txt"), said(&label)).map_err(resists)?;
            process::scratch::keep(&path, &evidence).map_err(resists)?;
            console::note(&format!("evidence: {}, of a case that was killed", evidence.display()));
        }
    }
    Ok(())
}

fn left(scratch: &Path) -> Result<Vec<Left>> {
    process::scratch::left(scratch)
        .map_err(|error| Error::io("read the folder", scratch, READABLE, error))
}

#[cfg(test)]
mod tests {
    use super::require_room;
    use crate::part::{Mode, parts};

    #[test]
    fn a_part_without_room_is_refused_with_the_size() {
        let folder = tempfile::tempdir().unwrap();
        let part = &parts(Mode::Fast, "failpoints")[0];
        require_room(&[(folder.path(), 1)], part).unwrap();
        let line = require_room(&[(folder.path(), u64::MAX)], part).unwrap_err().to_string();
        assert!(line.contains("MiB are free, and fast takes up to"), "{line}");
        assert!(line.ends_with("make room, or set TMPDIR to a folder that has it"), "{line}");
    }

    /// Who holds a folder can only be asked on Unix.
    #[cfg(unix)]
    mod held {
        use super::super::{clear, collect_from};
        use process::scratch::Folder;
        use std::{fs, path::Path};

        /// A folder of a case at work, and one of a case that was killed.
        fn two_folders(scratch: &Path) -> Folder {
            let killed = Folder::new(scratch, "fast::killed").unwrap();
            fs::write(killed.path().join("file"), "evidence").unwrap();
            Folder::new(scratch, "fast::at_work").unwrap()
        }

        #[test]
        fn what_a_killed_case_left_becomes_its_evidence() {
            let scratch = tempfile::tempdir().unwrap();
            let out = tempfile::tempdir().unwrap();
            let at_work = two_folders(scratch.path());
            collect_from(scratch.path(), out.path(), false, str::to_uppercase).unwrap();
            let evidence = |file| fs::read_to_string(out.path().join("fast__killed").join(file));
            assert_eq!(evidence("file").unwrap(), "evidence");
            assert_eq!(evidence("verdict.txt").unwrap(), "FAST__KILLED");
            assert!(at_work.path().is_dir());
            assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
        }

        #[test]
        fn what_an_interrupted_run_left_is_removed() {
            let scratch = tempfile::tempdir().unwrap();
            let out = tempfile::tempdir().unwrap();
            for is_next_run in [false, true] {
                let at_work = two_folders(scratch.path());
                if is_next_run {
                    clear(scratch.path()).unwrap();
                } else {
                    collect_from(scratch.path(), out.path(), true, str::to_owned).unwrap();
                }
                assert!(at_work.path().is_dir());
                assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 1);
                fs::remove_dir(at_work.path()).unwrap();
            }
            assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
        }
    }
}
