//! The ledger over several sittings, machines and engines.

use super::{Entry, Ledger, Subject, merge, read, write};
use crate::seeds::{Shard, root_seed};
use std::{fs, path::Path};

fn subject(version: &str) -> Subject {
    Subject {
        engine: format!("mace-kv {version}"),
        source: "registry".into(),
        features: "failpoints".into(),
    }
}

fn entry(index: u64, layer: &str, verdict: &str) -> Entry {
    let place = (index, root_seed(7, index));
    Entry { verdict: verdict.into(), ..Entry::new(7, place, subject("0.2.0"), layer) }
}

fn ledger(folder: &Path, name: &str, entries: &[Entry]) -> std::path::PathBuf {
    let path = folder.join(name);
    let mut ledger = Ledger::open(&path).unwrap();
    for entry in entries {
        ledger.append(entry.clone()).unwrap();
    }
    path
}

#[test]
fn a_later_run_goes_on_where_the_earlier_one_ended() {
    let folder = tempfile::tempdir().unwrap();
    let entries =
        [entry(0, "stress", "passed"), entry(0, "chaos", "failed"), entry(1, "stress", "passed")];
    let path = ledger(folder.path(), "ledger", &entries);
    let ledger = Ledger::open(&path).unwrap();
    let (here, other) = (subject("0.2.0"), subject("0.1.2"));
    assert_eq!(ledger.soak_seed(&here), Some(7));
    assert_eq!(ledger.next_index(7, &here, Shard::WHOLE), 2);
    assert_eq!(ledger.next_index(7, &here, Shard::parse("2/2").unwrap()), 3);
    assert_eq!(ledger.next_index(7, &other, Shard::WHOLE), 0, "another engine has run nothing");
    assert_eq!(ledger.next_index(8, &here, Shard::WHOLE), 0, "another row of seeds");
    assert_eq!(ledger.soak_seed(&other), None);
}

#[test]
fn a_torn_line_is_lost_and_a_wrong_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = ledger(folder.path(), "ledger", &[entry(0, "stress", "passed")]);
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}{}", &text[..20])).unwrap();
    assert_eq!(read(&path).unwrap().len(), 1);
    let mut opened = Ledger::open(&path).unwrap();
    opened.append(entry(1, "stress", "passed")).unwrap();
    assert_eq!(read(&path).unwrap().len(), 2);

    let newer = text.replace("\"version\":1", "\"version\":2");
    let unknown = text.replace("\"layer\"", "\"lair\"");
    for (text, says) in [("nonsense\n", "line 1"), (&newer, "form 2"), (&unknown, "line 1")] {
        fs::write(&path, text).unwrap();
        let line = Ledger::open(&path).unwrap_err().to_string();
        assert!(line.contains(says) && line.contains("ledger"), "{line}");
    }
}

#[test]
fn ledgers_of_shards_become_one_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let one =
        ledger(folder.path(), "one", &[entry(0, "stress", "passed"), entry(2, "stress", "passed")]);
    let two = ledger(
        folder.path(),
        "two",
        &[entry(1, "stress", "passed"), entry(2, "stress", "failed"), entry(0, "stress", "passed")],
    );
    let forth = merge(&[one.clone(), two.clone()]).unwrap();
    assert_eq!(forth, merge(&[two, one.clone(), one]).unwrap());
    let found: Vec<_> = forth.iter().map(|e| (e.index, e.verdict.as_str())).collect();
    assert_eq!(found, [(0, "passed"), (1, "passed"), (2, "failed"), (2, "passed")]);

    let path = folder.path().join("all");
    write(&path, &forth).unwrap();
    assert_eq!(read(&path).unwrap(), forth);
    let shard = Shard::parse("1/2").unwrap();
    assert_eq!(Ledger::open(&path).unwrap().next_index(7, &subject("0.2.0"), shard), 4);
    let line = merge(&[folder.path().join("nowhere")]).unwrap_err().to_string();
    assert!(line.starts_with("no such ledger"), "{line}");
}
