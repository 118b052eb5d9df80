//! What callgrind writes and how it fails, with recorded counts and with a tool that sins. That real
//! valgrind counts is shown by `tests/cli/counting.rs`.

use super::{parse, total};

/// Recorded with valgrind 3.19.0 from a program built without optimisation: a function that calls
/// itself ten times is all that is counted.
const RECORDED: &str = include_str!("../../../tests/fixtures/callgrind/recorded.txt");

#[test]
fn recorded_counts_are_each_functions_own() {
    let counts = parse(RECORDED);
    assert_eq!(total(&counts), 325, "what callgrind calls its total");
    for (name, count) in [("core::hint::black_box", 45), ("r::deep", 30), ("r::deep'2", 250)] {
        assert_eq!(counts.get(name), Some(&count), "{name} is missing in {counts:#?}");
    }
    assert_eq!(counts.len(), 3, "a caller has spent nothing itself");
}

#[cfg(unix)]
mod failing {
    use super::super::count;
    use process::Interrupts;
    use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command, time::Duration};

    /// What is said of a count by this script, with so long to count.
    fn said(valgrind: &str, limit: Duration) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("valgrind");
        let file = folder.path().join("out");
        let text = valgrind.replace("OUT", file.to_str().unwrap());
        fs::write(&script, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let interrupts = Interrupts::install().unwrap();
        let counts = count(&mut Command::new(script), &file, limit, &interrupts);
        assert!(!Path::new(&file).exists(), "the counts are left behind");
        counts.map(|counts| counts.len())
    }

    const LONG: Duration = Duration::from_mins(10);

    #[test]
    fn what_prevents_a_count_is_its_reason() {
        assert_eq!(said("printf 'fn=a\\n1 12\\n' >OUT", LONG), Ok(1));
        for (valgrind, reason) in [
            (
                "echo 'fn=a' >OUT; exit 7",
                "failed under callgrind (exit status: 7), see its bench log",
            ),
            ("exit 0", "has counts that cannot be read (No such file or directory (os error 2))"),
            ("printf 'fn=a\\n' >OUT", "spent no instruction in *bench::batch::timed*"),
            ("printf 'fn=a\\n1 0\\n' >OUT", "spent no instruction in *bench::batch::timed*"),
        ] {
            assert_eq!(said(valgrind, LONG), Err(reason.to_owned()));
        }
        let late = said("exec sleep 600", Duration::from_millis(1));
        assert_eq!(late, Err("takes longer than 0 s under callgrind".to_owned()));
    }
}
