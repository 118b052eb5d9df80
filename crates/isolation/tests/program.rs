//! The program `isolation` as a user meets it: what it prints, and its exit codes.

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

const SKEW: &str = r#"{"index":0,"type":"invoke","process":0,"value":[["r","x",null],["append","y",1]]}
{"index":1,"type":"invoke","process":1,"value":[["r","y",null],["append","x",1]]}
{"index":2,"type":"ok","process":0,"value":[["r","x",[]],["append","y",1]]}
{"index":3,"type":"ok","process":1,"value":[["r","y",[]],["append","x",1]]}
"#;

/// The same as Jepsen writes it.
const EDN: &str = "{:type :invoke, :f :txn, :process 0, :value [[:r x nil] [:append y 1]]}
#jepsen.history.Op{:type :invoke, :f :txn, :process 1, :value [[:r y nil] [:append x 1]]}
{:type :info, :f :kill, :process :nemesis, :value nil} ; a fault
{:type :ok, :f :txn, :process 0, :value [[:r x []] [:append y 1]]}
{:type :ok, :f :txn, :process 1, :value [[:r y []] [:append x 1]]}
";

fn run(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isolation"));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn ended(output: &Output, code: i32, says: &[&str]) {
    let said = String::from_utf8_lossy(if code == 2 { &output.stderr } else { &output.stdout });
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    for part in says {
        assert!(said.contains(part), "{part:?} is missing in:\n{said}");
    }
}

#[test]
fn the_strongest_level_is_named() {
    let shown = [
        "snapshot isolation          holds\n",
        "serialisable                broken\n",
        "strongest that holds: strong snapshot isolation\n",
        "2 transactions, 2 acknowledged, 2 dependencies\n",
        "anti-dependency cycle (G2): the transactions could have run one after the other\n",
        "T0 (line 1) -> T1 (line 2) (rw): T0 (line 1) saw nothing at key x, and T1 (line 2) wrote 1 there",
        "\nsnapshot isolation: satisfied (exit 0)",
    ];
    ended(&run(&["-"], SKEW), 0, &shown);
    let broken = ["\nserialisable: BROKEN (exit 1)"];
    ended(&run(&["--level", "serialisable", "-"], SKEW), 1, &broken);
    ended(&run(&["-", "--level=strict-serialisable"], SKEW), 1, &[]);
    let dirty = SKEW.replace(r#"["r","x",[]]"#, r#"["r","x",[9]]"#);
    ended(&run(&["-"], &dirty), 1, &["strongest that holds: none of these", "value never written"]);
}

#[test]
fn a_file_is_read_and_what_is_none_is_refused() {
    let folder = std::env::temp_dir().join(format!("isolation-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let file = folder.join("history.edn");
    fs::write(&file, EDN).unwrap();
    let judged = run(&[file.to_str().unwrap()], "");
    fs::remove_dir_all(&folder).unwrap();
    ended(&judged, 0, &["strongest that holds: strong snapshot isolation"]);
    ended(&run(&[file.to_str().unwrap()], ""), 2, &["cannot read the history", "history.edn"]);
    ended(&run(&["-"], "{"), 2, &["isolation: line 1: a bracket that is not closed: -: "]);
    ended(&run(&[], ""), 2, &["no file"]);
    ended(&run(&["a", "b"], ""), 2, &["unexpected argument \"b\""]);
    ended(&run(&["--level", "best", "-"], ""), 2, &["no level \"best\""]);
    ended(&run(&["--fast", "-"], ""), 2, &["unexpected argument \"--fast\""]);
}

#[test]
fn a_history_that_says_nothing_is_no_pass() {
    ended(&run(&["-"], ""), 3, &["INCONCLUSIVE (exit 3)"]);
    let alone = SKEW.lines().step_by(2).collect::<Vec<_>>().join("\n");
    ended(&run(&["-"], &alone), 3, &["1 transactions, 1 acknowledged, 0 dependencies"]);
    ended(&run(&["--help"], ""), 0, &["Exit codes:", "strict-serialisable"]);
}
