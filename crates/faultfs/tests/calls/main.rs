//! Calls each interposed symbol and each number of `syscall` once, through libc, on a real folder.
//! Checks what the trace says, and that a rule can make the call fail without an effect. The list
//! is read from the source of the hooks, so that none is missed. Says nothing about crash states.
#![cfg(all(target_os = "linux", target_env = "gnu"))]

mod acts;
mod numbers;
mod place;
mod table;

use faultfs::{Call, Op, Plan};
use numbers::{FOLLOWED, REFUSED, X86_ONLY};
use place::{Done, done};
use std::collections::BTreeSet;
use table::{ROWS, seen};

const HOOK: &str = include_str!("../../src/hook.rs");
const RAW: &str = include_str!("../../src/hook/raw.rs");

/// The source files of the hooks.
const HOOKS: [(&str, &str); 8] = [
    ("data", include_str!("../../src/hook/data.rs")),
    ("file", include_str!("../../src/hook/file.rs")),
    ("kernel", include_str!("../../src/hook/kernel.rs")),
    ("name", include_str!("../../src/hook/name.rs")),
    ("raw", RAW),
    ("read", include_str!("../../src/hook/read.rs")),
    ("fallocate", include_str!("../../src/hook/fallocate.rs")),
    ("sync", include_str!("../../src/hook/sync.rs")),
];

/// All errors that a rule can inject.
const ERRNOS: [(&str, i32); 6] = [
    ("EIO", libc::EIO),
    ("EACCES", libc::EACCES),
    ("ENOSPC", libc::ENOSPC),
    ("EDQUOT", libc::EDQUOT),
    ("EINTR", libc::EINTR),
    ("EMFILE", libc::EMFILE),
];

/// The symbols that the hooks export.
fn symbols() -> BTreeSet<&'static str> {
    let sources = HOOKS.iter().map(|(_, text)| *text);
    let mut symbols = BTreeSet::new();
    for export in sources.flat_map(|text| text.split("#[unsafe(no_mangle)]").skip(1)) {
        let (_, rest) = export.split_once("extern \"C\" fn ").unwrap();
        symbols.insert(rest.split('(').next().unwrap());
    }
    symbols
}

/// The numbers that the hook on `syscall` names, and whether they are only on `x86_64`.
fn numbers() -> BTreeSet<(&'static str, bool)> {
    let mut numbers = BTreeSet::new();
    let mut before = "";
    for line in RAW.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(rest) = line.strip_prefix("libc::SYS_") {
            let name = rest.split(|c: char| c != '_' && !c.is_ascii_alphanumeric()).next();
            numbers.insert((name.unwrap(), before == "#[cfg(target_arch = \"x86_64\")]"));
        }
        before = line;
    }
    assert_eq!(RAW.matches("libc::SYS_").count(), numbers.len(), "a number stands alone in an arm");
    numbers
}

fn exists(number: &str) -> bool {
    cfg!(target_arch = "x86_64") || !X86_ONLY.contains(&number)
}

#[test]
fn every_symbol_and_every_number_is_in_the_tables() {
    let modules: BTreeSet<&str> =
        HOOK.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';')).collect();
    assert_eq!(HOOKS.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(), modules);
    let declared = Call::ALL.iter().filter(|call| **call != Call::Mark).map(|call| call.name());
    assert_eq!(declared.collect::<BTreeSet<_>>(), symbols());
    assert_eq!(ROWS.iter().map(|(call, ..)| call.name()).collect::<BTreeSet<_>>(), symbols());
    let followed = FOLLOWED.iter().map(|(name, _)| *name);
    let tested = followed.chain(REFUSED.iter().map(|(name, _)| *name));
    assert_eq!(
        tested.map(|name| (name, X86_ONLY.contains(&name))).collect::<BTreeSet<_>>(),
        numbers()
    );
}

/// Asserts that a call did what its row says.
#[track_caller]
fn has_done(call: Call, what: &str, done: &Done) {
    assert_eq!(done.lines, seen(call), "{what}");
    let refused = seen(call).iter().any(|line| line.starts_with("refused "));
    assert_eq!(done.result >= 0, !refused, "{what}: errno {:?}", done.errno);
    let counted = done.trace.summary().calls.get(&call).copied();
    // Numbers count as the calls of their names.
    assert_eq!(counted, (call != Call::Syscall).then_some(1), "{what}");
}

#[test]
fn each_call_enters_the_trace_as_what_it_did() {
    for (call, ..) in ROWS {
        has_done(*call, call.name(), &done("", |at| acts::act(*call, at)));
    }
}

#[test]
fn syscall_number_is_traced_as_its_call() {
    for (number, call) in FOLLOWED.iter().filter(|(number, _)| exists(number)) {
        has_done(*call, number, &done("", |at| numbers::act(number, at)));
    }
}

#[test]
fn untraceable_syscall_is_refused_without_effect() {
    for (number, errno) in REFUSED.iter().filter(|(number, _)| exists(number)) {
        let done = done("", |at| numbers::act(number, at));
        assert_eq!((done.result, done.errno), (-1, Some(*errno)), "{number}");
        assert_eq!((done.change, done.position), (None, 4), "{number}");
        let refused: Vec<Call> = done.trace.summary().refused.iter().map(|it| it.call).collect();
        assert_eq!(refused, [Call::Syscall], "{number}");
    }
}

#[test]
fn injected_error_leaves_no_effect() {
    for (call, legal, _) in ROWS {
        for (name, errno) in ERRNOS {
            let rule = format!("{call}=1*return({name})");
            assert_eq!(rule.parse::<Plan>().is_ok(), legal.contains(&name), "{rule}");
            if !legal.contains(&name) {
                continue;
            }
            let done = done(&rule, |at| acts::act(*call, at));
            assert_eq!((done.result, done.errno), (-1, Some(errno)), "{rule}");
            assert_eq!((done.change, done.position), (None, 4), "{rule}");
            assert_eq!(done.trace.summary().rules[0].fired, 1, "{rule}");
            let failed = format!("FAILED, errno {errno}");
            let told = |line: &String| line.contains(" FAULT ") || line.contains(&failed);
            let syncs = seen(*call).iter().any(|line| line.contains(" begins "));
            let lines: Vec<bool> = done.lines.iter().map(told).collect();
            // A sync that fails has begun, and ends.
            let expected: &[bool] = if syncs { &[false, true, true] } else { &[true] };
            assert_eq!(lines, expected, "{rule}: {:?}", done.lines);
        }
    }
}

#[test]
fn short_and_torn_transfers_move_a_prefix() {
    let is = |call: Call, words: &[&str]| words.iter().any(|word| call.name().contains(word));
    for (call, ..) in ROWS {
        let short = format!("{call}=1*return(short=2)");
        let torn = format!("{call}=1*return(torn=2,ENOSPC)");
        let moves = is(*call, &["read", "write", "copy_file_range", "sendfile"]);
        assert_eq!(short.parse::<Plan>().is_ok(), moves, "{short}");
        assert_eq!(torn.parse::<Plan>().is_ok(), is(*call, &["write"]), "{torn}");
        if moves {
            let done = done(&short, |at| acts::act(*call, at));
            assert_eq!(done.result, 2, "{short}");
            begins(&done, *call, &short);
        }
        if is(*call, &["write"]) {
            let done = done(&torn, |at| acts::act(*call, at));
            assert_eq!((done.result, done.errno), (-1, Some(libc::ENOSPC)), "{torn}");
            begins(&done, *call, &torn);
        }
    }
}

/// Asserts that two bytes of the whole transfer were moved.
#[track_caller]
fn begins(done: &Done, call: Call, rule: &str) {
    let moved = |line: &str| line.rsplit(' ').next().unwrap().to_owned();
    let whole = moved(&seen(call)[0]);
    let part = moved(&done.lines[1]);
    assert!(done.lines[0].contains(" FAULT "), "{rule}: {:?}", done.lines);
    assert_eq!((part.as_str(), part.len()), (&whole[..2], 2), "{rule}");
    let writes = done.trace.events().iter().filter(|event| matches!(event.op, Op::Write { .. }));
    assert_eq!(writes.count(), usize::from(!call.name().contains("read")), "{rule}");
}
