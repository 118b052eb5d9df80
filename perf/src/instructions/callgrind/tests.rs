//! What callgrind's tools print and how they fail, with recorded output and with tools that sin. That
//! real valgrind counts is shown by `tests/cli/counting.rs`.

use super::parse;

/// Recorded with valgrind 3.19.0 from a program built without optimisation, most lines without a
/// count left out; `plain.txt` with `--show-percs=no`, which is how older releases print.
const SHARES: &str = include_str!("../../../tests/fixtures/callgrind/shares.txt");
const PLAIN: &str = include_str!("../../../tests/fixtures/callgrind/plain.txt");

#[test]
fn recorded_output_of_both_formats_is_read() {
    let counts = parse(SHARES);
    assert_eq!(parse(PLAIN), counts);
    assert_eq!(super::total(&counts), 99_922, "what callgrind calls its total");
    for (name, count) in [
        ("core::slice::<impl [T]>::binary_search_by", 53_600),
        ("core::slice::<impl [T]>::copy_from_slice", 4),
        (
            "<usize as core::slice::index::SliceIndex<[T]>>::get_unchecked::precondition_check",
            6_600,
        ),
        ("<r::Node as r::Look>::deep'2", 134),
        ("__memcpy_avx_unaligned_erms", 412),
    ] {
        assert_eq!(counts.get(name), Some(&count), "{name} is missing in {counts:#?}");
    }
}

#[test]
fn brackets_of_a_name_are_kept_without_an_object() {
    let counts = parse("53,600 (53.64%)  /rustc/59/mod.rs:core::slice::<impl [T]>::sort\n");
    assert_eq!(counts.keys().collect::<Vec<_>>(), ["core::slice::<impl [T]>::sort"]);
}

#[cfg(unix)]
mod failing {
    use super::super::Callgrind;
    use process::Interrupts;
    use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

    /// What is said of a count by these two scripts, with so long to count.
    fn said(valgrind: &str, annotate: &str, limit: Duration) -> Result<usize, String> {
        let folder = tempfile::tempdir().unwrap();
        let script = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let callgrind = Callgrind {
            valgrind: script("valgrind", valgrind),
            annotate: script("annotate", annotate),
            limit,
        };
        let file = folder.path().join("out");
        let interrupts = Interrupts::install().unwrap();
        let counts = callgrind.count(|_| {}, &file, &interrupts);
        assert!(!Path::new(&file).exists(), "the counts are left behind");
        counts.map(|counts| counts.len())
    }

    const LONG: Duration = Duration::from_mins(10);

    #[test]
    fn what_prevents_a_count_is_its_reason() {
        let counted = "echo '12 (100.0%)  a.rs:a [/x]'";
        assert_eq!(said("exit 0", counted, LONG), Ok(1));
        for (valgrind, annotate, reason) in [
            ("exit 7", counted, "failed under callgrind (exit status: 7), see its bench log"),
            ("exit 0", "exit 1", "callgrind_annotate cannot read its counts (exit status: 1)"),
            ("exit 0", "echo nothing", "spent no instruction in *bench::batch::timed*"),
            ("exit 0", "echo '0  a.rs:a'", "spent no instruction in *bench::batch::timed*"),
        ] {
            assert_eq!(said(valgrind, annotate, LONG), Err(reason.to_owned()));
        }
        let late = said("exec sleep 600", counted, Duration::from_millis(1));
        assert_eq!(late, Err("takes longer than 0 s under callgrind".to_owned()));
    }
}
