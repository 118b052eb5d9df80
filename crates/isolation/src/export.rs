//! Exports histories to other checkers: Jepsen's operations in Elle's JSON, one a line.

use crate::{
    anomaly::{Found, Malformed},
    history::{History, Key, Op, Outcome, Version},
    resolve::{BY_SCAN, NONE, Resolved},
};
use std::fmt::Write;

/// The Elle workload that a history is exported as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Shape {
    /// Reads and writes of single values (`rw-register`). A removal is a write of a value of its
    /// own. A scan is a read of each key of its range. Reads whose version is unknown are left out.
    Registers,
    /// Lists that grow (`list-append`).
    Lists,
}

/// The history in Elle's JSON. Sets have no counterpart there and are left out. A session that got
/// no clear answer continues under a new process number, as in Jepsen.
///
/// # Errors
/// When the history is malformed.
pub fn elle(history: &History, shape: Shape) -> Result<String, Malformed> {
    let all = Resolved::new(history, &mut Found::default())?;
    let mut lines: Vec<(u32, bool, u32)> = Vec::new();
    for (number, txn) in history.txns().iter().enumerate() {
        let end =
            if txn.outcome == Outcome::Unknown { history.over(number as u32) } else { txn.end };
        lines.push((txn.begin, false, number as u32));
        lines.push((end, true, number as u32));
    }
    lines.sort_unstable();
    let mut generations = vec![0u32; 1 << 16];
    let mut processes = vec![0u32; history.len()];
    let mut text = String::new();
    for (index, (_, ended, number)) in lines.into_iter().enumerate() {
        let txn = history.txn(number);
        let generation = &mut generations[usize::from(txn.session)];
        if !ended {
            processes[number as usize] = u32::from(txn.session) + (*generation << 16);
            // The end of an unknown transaction comes after the later transactions of its session.
            *generation += u32::from(txn.outcome == Outcome::Unknown);
        }
        let kind = match txn.outcome {
            _ if !ended => "invoke",
            Outcome::Committed => "ok",
            Outcome::Aborted | Outcome::Conflicted => "fail",
            Outcome::Unknown => "info",
        };
        let process = processes[number as usize];
        write!(text, r#"{{"index":{index},"type":"{kind}","process":{process},"value":["#)
            .expect("a string takes all");
        operations(&all, shape, number, ended, &mut text);
        text.push_str("]}\n");
    }
    Ok(text)
}

/// Appends one operation.
struct Operations<'a> {
    text: &'a mut String,
    first: bool,
}

impl Operations<'_> {
    fn say(&mut self, what: std::fmt::Arguments<'_>) {
        let comma = if std::mem::take(&mut self.first) { "" } else { "," };
        write!(self.text, "{comma}{what}").expect("a string takes all");
    }
}

fn operations(all: &Resolved<'_>, shape: Shape, number: u32, ended: bool, text: &mut String) {
    let told = ended && all.history.txn(number).outcome == Outcome::Committed;
    let mut out = Operations { text, first: true };
    for op in all.history.ops(number) {
        match (shape, op) {
            (Shape::Lists, Op::List(key, elements)) if told => {
                out.say(format_args!(r#"["r",{key},{elements:?}]"#));
            }
            (Shape::Lists, Op::List(key, _)) => out.say(format_args!(r#"["r",{key},null]"#)),
            (Shape::Lists, Op::Extend(key, element)) => {
                out.say(format_args!(r#"["append",{key},{element}]"#));
            }
            (Shape::Registers, Op::Read(key, version)) => {
                read(all, number, told, key, version, &mut out);
            }
            (Shape::Registers, Op::Scan(low, high, _, items)) => {
                let found = |key| items.iter().find(|item| item.0 == key).map(|item| item.1);
                (low..high).for_each(|key| read(all, number, told, key, found(key), &mut out));
            }
            (Shape::Registers, Op::Write(key, version) | Op::Delete(key, version)) => {
                out.say(format_args!(r#"["w",{key},{version}]"#));
            }
            _ => {}
        }
    }
}

fn read(
    all: &Resolved<'_>,
    number: u32,
    told: bool,
    key: Key,
    version: Option<Version>,
    out: &mut Operations<'_>,
) {
    let version = match version {
        _ if !told => None,
        Some(version) => Some(version),
        None => {
            // The transaction removed the key itself, so its absence is no external read.
            let own = |op: Op<'_>| matches!(op, Op::Delete(at, _) if at == key);
            if all.history.ops(number).any(own) {
                return;
            }
            let reads = all.reads(number).iter().filter(|&&read| read != NONE);
            let here = reads.map(|read| read & !BY_SCAN).find(|&read| all.key_of(read) == key);
            // It is unknown which removal the read saw, or the removal is the transaction's own.
            let Some(version) = here.filter(|&version| all.shown(version).is_none()) else {
                return;
            };
            (version < all.history.versions()).then_some(version)
        }
    };
    match version {
        Some(version) => out.say(format_args!(r#"["r",{key},{version}]"#)),
        None => out.say(format_args!(r#"["r",{key},null]"#)),
    }
}
