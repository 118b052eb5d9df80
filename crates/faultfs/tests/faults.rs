//! What fault rules do to the calls of a process: which call, which error, from when on, how often. The same
//! seed gives the same faults, whatever failpoints the program has of its own. Says nothing about stores.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use faultfs::{Op, Plan, Session, Trace, acked, begun, note};
use std::{
    fs::{self, File},
    io::{Error, ErrorKind, IoSliceMut, Read, Write},
    os::unix::fs::FileExt,
    path::Path,
    process::{Command, Output},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A process has one session; `cargo test` runs these as threads.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Set for the copy of this binary that a rule kills; holds its folder.
const VICTIM: &str = "FAULTFS_TEST_VICTIM";

#[track_caller]
fn under(rules: &str, seed: u64, work: impl FnOnce(&Path)) -> Trace {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let dir = tempfile::tempdir().unwrap();
    let session = Session::new().plan(rules.parse().unwrap()).seed(seed);
    let recording = session.start(dir.path()).unwrap();
    work(recording.root());
    recording.finish().unwrap()
}

/// The outcome of each of `n` writes of 1,000 bytes to `name`: bytes, or the errno.
fn writes(root: &Path, name: &str, n: u64) -> Vec<Result<usize, i32>> {
    let file = File::create(root.join(name)).unwrap();
    let write = |at| file.write_at(&[1; 1000], at * 1000).map_err(|e| e.raw_os_error().unwrap());
    (0..n).map(write).collect()
}

#[test]
fn the_third_write_below_a_path_fails_once() {
    let trace = under("pwrite64[wal]=2*off->1*return(EIO)", 0, |root| {
        assert_eq!(writes(root, "data", 3), [Ok(1000), Ok(1000), Ok(1000)]);
        assert_eq!(writes(root, "wal", 4), [Ok(1000), Ok(1000), Err(libc::EIO), Ok(1000)]);
    });
    let hits = &trace.summary().rules[0];
    assert_eq!((hits.matched, hits.fired), (4, 1));
}

#[test]
fn a_rule_without_a_count_stays() {
    let trace = under("pwrite*=1*off->return(ENOSPC)", 0, |root| {
        assert_eq!(writes(root, "f", 3), [Ok(1000), Err(libc::ENOSPC), Err(libc::ENOSPC)]);
    });
    assert_eq!(trace.summary().rules[0].fired, 2);
}

/// The errors of one write after each of these steps.
fn steps(rules: &str, steps: &[&dyn Fn(&File)]) -> (Vec<bool>, Trace) {
    let mut failed = Vec::new();
    let trace = under(rules, 0, |root| {
        let file = File::create(root.join("f")).unwrap();
        for step in steps {
            step(&file);
            failed.push(file.write_at(b"x", 0).is_err());
        }
    });
    (failed, trace)
}

#[test]
fn a_rule_applies_from_its_moment_on() {
    let begin = |_: &File| begun(3);
    let ack = |_: &File| acked(3);
    let mark = |_: &File| note(7);
    let sync = |file: &File| drop(file.sync_all());
    let nothing = |_: &File| ();
    let check = |moment: &str, all: &[&dyn Fn(&File)], expected: &[bool]| {
        let (failed, trace) = steps(&format!("pwrite64@{moment}=return(EIO)"), all);
        assert_eq!(failed, expected, "{moment}: {trace}");
        let hits = &trace.summary().rules[0];
        let armed = expected.iter().filter(|failed| **failed).count() as u64;
        assert_eq!((hits.matched, hits.fired), (armed, armed), "{moment}");
        assert_eq!(hits.armed.is_some(), armed > 0, "{moment}");
        assert_eq!(trace.to_string().contains(": never armed"), armed == 0, "{trace}");
    };
    let work: [&dyn Fn(&File); 6] = [&begin, &ack, &mark, &sync, &ack, &nothing];
    check("begun", &work, &[true; 6]);
    check("begun(3)", &work, &[true; 6]);
    check("begun(4)", &work, &[false; 6]);
    check("acked", &work, &[false, true, true, true, true, true]);
    check("note(7)", &work, &[false, false, true, true, true, true]);
    check("note(8)", &work, &[false; 6]);
    check("sync", &work, &[false, false, false, true, true, true]);
    check("2*acked(3)", &work, &[false, false, false, false, true, true]);
    check("3*acked", &work, &[false; 6]);
}

#[test]
fn the_steps_of_a_rule_begin_with_its_moment() {
    let ack = |_: &File| acked(1);
    let (failed, trace) =
        steps("pwrite64@2*acked=1*off->1*return(EIO)", &[&ack as &dyn Fn(&File); 5]);
    assert_eq!(failed, [false, false, true, false, false]);
    let hits = &trace.summary().rules[0];
    assert_eq!((hits.matched, hits.fired), (4, 1));
    let armed = hits.armed.unwrap() as usize;
    assert!(matches!(trace.events()[armed - 1].op, Op::Mark(_)), "{trace}");
}

#[test]
fn a_sync_that_failed_is_no_moment() {
    let sync = |file: &File| drop(file.sync_all());
    let rules = "fsync=1*return(EIO)->1*return(lie);pwrite64@sync=return(EIO)";
    assert_eq!(steps(rules, &[&sync as &dyn Fn(&File); 3]).0, [false, false, true]);
}

/// A put of an engine with a failpoint of its own.
fn put(file: &File) -> std::io::Result<()> {
    fail::fail_point!("engine-put", |_| Err(Error::other("the engine's own")));
    file.write_all_at(b"x", 0)
}

#[test]
fn an_engines_own_failpoints_disarm_no_rule() {
    let trace = under("pwrite64=2*off->2*return(EIO)", 0, |root| {
        let file = File::create(root.join("f")).unwrap();
        let scenario = fail::FailScenario::setup();
        fail::cfg("pwrite64", "off").unwrap();
        fail::cfg("engine-put", "1*return").unwrap();
        assert_eq!(put(&file).unwrap_err().to_string(), "the engine's own");
        put(&file).unwrap();
        put(&file).unwrap();
        assert_eq!(put(&file).unwrap_err().raw_os_error(), Some(libc::EIO));
        scenario.teardown();
        assert_eq!(put(&file).unwrap_err().raw_os_error(), Some(libc::EIO));
        put(&file).unwrap();
    });
    let hits = &trace.summary().rules[0];
    assert_eq!((hits.matched, hits.fired), (5, 2));
}

#[test]
fn a_short_write_says_so_and_a_torn_one_does_not() {
    let rules = "pwrite64[short]=1*return(short=10);pwrite64[torn]=1*return(torn=512,ENOSPC)";
    let trace = under(rules, 0, |root| {
        assert_eq!(writes(root, "short", 1), [Ok(10)]);
        assert_eq!(writes(root, "torn", 1), [Err(libc::ENOSPC)]);
    });
    let sizes: Vec<u64> = trace.final_image().paths().map(|(_, size)| size).collect();
    assert_eq!(sizes, [10, 512]);
}

#[test]
fn reads_fail_come_short_and_are_interrupted() {
    let rules = "read=1*return(EINTR)->1*return(short=3)->1*return(EIO)";
    let trace = under(rules, 0, |root| {
        fs::write(root.join("f"), b"0123456789").unwrap();
        let mut file = File::open(root.join("f")).unwrap();
        let mut room = [0; 10];
        assert_eq!(file.read(&mut room).unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(file.read(&mut room).unwrap(), 3);
        assert_eq!(file.read(&mut room).unwrap_err().raw_os_error(), Some(libc::EIO));
        assert_eq!(file.read(&mut room).unwrap(), 7);
    });
    assert_eq!(trace.summary().rules[0].fired, 3);
}

#[test]
fn short_vectored_read_is_not_end_of_file() {
    let trace = under("readv=1*return(short=3)", 0, |root| {
        fs::write(root.join("f"), b"0123456789").unwrap();
        let mut file = File::open(root.join("f")).unwrap();
        let mut none = [0; 0];
        let mut room = [0; 10];
        let parts = &mut [IoSliceMut::new(&mut none), IoSliceMut::new(&mut room)];
        assert_eq!(file.read_vectored(parts).unwrap(), 3);
        assert_eq!(&room[..3], b"012");
    });
    assert_eq!(trace.summary().rules[0].fired, 1);
}

#[test]
fn a_rule_meets_no_call_of_the_session_itself() {
    let trace = under("*=return(delay=0)", 0, |_| ());
    assert_eq!((trace.summary().rules[0].matched, trace.summary().calls.len()), (0, 0));
}

#[test]
fn names_and_syncs_fail_too() {
    let rules =
        "rename=return(EIO);fsync=1*return(EIO);unlink=return(EIO);open64=9*off->return(EMFILE)";
    let trace = under(rules, 0, |root| {
        let mut file = File::create(root.join("a")).unwrap();
        file.write_all(b"x").unwrap();
        assert!(file.sync_all().is_err());
        assert!(file.sync_all().is_ok());
        assert!(fs::rename(root.join("a"), root.join("b")).is_err());
        assert!(fs::remove_file(root.join("a")).is_err());
    });
    let failed = |event: &&faultfs::Event| matches!(event.op, Op::SyncEnd { errno: 5, .. });
    assert_eq!(trace.events().iter().filter(failed).count(), 1);
    assert_eq!(trace.final_image().paths().collect::<Vec<_>>(), [("a", 1)]);
}

#[test]
fn the_same_seed_gives_the_same_faults() {
    let run = |seed| {
        let mut seen = Vec::new();
        under("pwrite64=return(EIO,p=0.5)", seed, |root| seen = writes(root, "f", 64));
        seen
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let failed = run(3).iter().filter(|result| result.is_err()).count();
    assert!((16..48).contains(&failed), "{failed} of 64");
}

#[test]
fn a_delayed_call_takes_its_time() {
    let start = Instant::now();
    let trace = under("fsync=return(delay=50)", 0, |root| {
        File::create(root.join("f")).unwrap().sync_all().unwrap();
    });
    assert!(start.elapsed() >= Duration::from_millis(50));
    assert_eq!(trace.summary().rules[0].fired, 1);
}

#[test]
fn a_crash_leaves_the_log_up_to_the_call() {
    let dir = tempfile::tempdir().unwrap();
    let status = victim(dir.path(), "the_victim", "fsync=1*off->return(crash)").status;
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGKILL));
    let trace = Trace::read(&dir.path().join("log")).unwrap();
    assert!(!trace.is_whole());
    assert!(matches!(trace.events().last().unwrap().op, Op::Fault { .. }), "{trace}");
    trace.compare(&dir.path().join("root")).unwrap();
}

/// Runs a test of this binary with a rule in the crate's own variable, and a failpoint in that of the engine.
fn victim(dir: &Path, test: &str, rules: &str) -> Output {
    fs::create_dir(dir.join("root")).unwrap();
    let own = std::env::current_exe().unwrap();
    let mut command = Command::new(own);
    command.args(["--exact", test]).env(faultfs::VARIABLE, rules).env(VICTIM, dir);
    command.env("FAILPOINTS", "engine-put=1*return;engine-open=panic");
    command.output().unwrap()
}

#[test]
fn the_engines_variable_and_ours_work_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let output = victim(dir.path(), "the_engine", "pwrite64=1*return(EIO)");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("1 passed"), "{said}");
}

#[test]
fn the_engine() {
    #[expect(clippy::disallowed_methods, reason = "how a test starts a copy of itself")]
    let Some(dir) = std::env::var_os(VICTIM) else { return };
    let root = Path::new(&dir).join("root");
    let recording = Session::new().plan(Plan::from_env().unwrap()).start(&root).unwrap();
    let scenario = fail::FailScenario::setup();
    let file = File::create(root.join("f")).unwrap();
    assert_eq!(put(&file).unwrap_err().to_string(), "the engine's own");
    assert_eq!(put(&file).unwrap_err().raw_os_error(), Some(libc::EIO));
    put(&file).unwrap();
    scenario.teardown();
    assert_eq!(recording.finish().unwrap().summary().rules[0].fired, 1);
}

#[test]
fn the_victim() {
    #[expect(clippy::disallowed_methods, reason = "how a test starts a copy of itself")]
    let Some(dir) = std::env::var_os(VICTIM) else {
        assert_eq!(Plan::default().to_string(), "");
        return;
    };
    let dir = Path::new(&dir);
    let session = Session::new().plan(Plan::from_env().unwrap()).log(dir.join("log"));
    let recording = session.start(&dir.join("root")).unwrap();
    let mut file = File::create(dir.join("root/f")).unwrap();
    for _ in 0..3 {
        file.write_all(b"more").unwrap();
        file.sync_all().unwrap();
    }
    assert!(recording.finish().is_err(), "the rule kills before this");
}

#[test]
fn a_plan_prints_as_it_parses() {
    let text = "pwrite64[wal/]=2*off->1*return(EIO);fsync=return(EIO,p=0.25);\
                write*=return(torn=512,ENOSPC);read=3*return(short=7)->yield;close=return(delay=9);\
                close[wal]=1*return(ENOSPC);fsync[a]=return(lie);pwrite*=return(lost);\
                pwritev*=return(misdirected=512);preadv=1*return(rot=9);fdatasync=1*return(EINTR);dup3=return(EINTR);\
                fsync[a@b]@2*begun=off;fsync[a@b]@sync=off;unlink@acked(5)=return(EIO);dup@3*note(7)=off";
    let plan: Plan = text.parse().unwrap();
    assert_eq!(plan.to_string(), text);
    assert!(plan.rules()[0].matches(faultfs::Call::Pwrite64, "db/wal/1"));
    assert!(!plan.rules()[0].matches(faultfs::Call::Pwrite64, "db/data"));
}

#[test]
fn a_mistake_in_a_plan_is_one_line() {
    let cases = [
        ("fsnyc=return(EIO)", "`fsnyc` is no call that can fail"),
        ("fsync=10%return(EIO)", "`%` draws without a seed: use `return(…,p=0.1)`"),
        ("unlink=return(ENOSPC)", "unlink cannot do `ENOSPC`"),
        ("fsync=return(short=3)", "fsync cannot do `short=3`"),
        ("rename=return(EINTR)", "rename cannot do `EINTR`"),
        ("dup*=return(EINTR)", "dup cannot do `EINTR`"),
        ("syncfs=return(EINTR)", "syncfs cannot do `EINTR`"),
        ("sync_file_range=return(EDQUOT)", "sync_file_range cannot do `EDQUOT`"),
        ("fallocate=return(EDQUOT)", "fallocate cannot do `EDQUOT`"),
        ("copy_file_range=return(EDQUOT)", "copy_file_range cannot do `EDQUOT`"),
        ("sendfile64=return(ENOSPC)", "sendfile64 cannot do `ENOSPC`"),
        ("fsync=panic", "`panic` is none of off, yield, sleep(ms), return(…)"),
        ("fsync[a=return(EIO)", "a path part ends with `]`"),
        ("fsync", "a rule is `call[part]=steps`"),
        ("fsync=return(EIO,p=2)", "`2` is no probability"),
        ("fsync=return(EIO);fsync=off", "this name has a rule already"),
        ("write=x*off", "`x` is no count"),
        ("write=return(EIO,crash)", "`crash` is no fault, or one too many"),
        ("pread=return(lie)", "pread cannot do `lie`"),
        ("fsync=return(lost)", "fsync cannot do `lost`"),
        ("write*=return(rot)", "write cannot do `rot=0`"),
        ("read*=return(misdirected)", "read cannot do `misdirected=4096`"),
        ("sync=return(EIO)", "`sync` is no call that can fail"),
        ("fsync@later=off", "`later` is none of begun, acked, note, sync"),
        ("fsync@sync(1)=off", "`sync(1)` is none of begun, acked, note, sync"),
        ("fsync@acked(x)=off", "`acked(x)` wants a number in `()`"),
        ("fsync@0*acked=off", "`0*acked` has no count of at least 1"),
        ("fsync@acked=off;fsync@acked=off", "this name has a rule already"),
    ];
    for (text, why) in cases {
        let message = text.parse::<Plan>().err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.ends_with(why), "{text}: {message}");
        assert!(!message.contains('\n'));
    }
}
