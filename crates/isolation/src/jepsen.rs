//! Histories as Jepsen and Elle write them: a line for what a process asks and one for what it was answered,
//! in EDN or JSON; transactions over lists that are appended to, or over registers. Reads them into
//! transactions with dense numbers; infers and judges nothing.

use crate::{
    form::{Form, Unreadable, read_all},
    history::{History, Key, Outcome, Version},
};
use std::collections::BTreeMap;

/// What a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    /// Read a key; what it held, the oldest element of a list first.
    Read(Key, Vec<Version>),
    /// Gave a register a value, or appended to a list.
    Wrote(Key, Version),
}

/// What a history holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Lists,
    Registers,
}

/// A history.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) kind: Kind,
    /// The transactions with their stamps, which are places in the text; without operations.
    pub(crate) history: History,
    /// What each did. Reads of one that was not acknowledged are unknown and not here.
    pub(crate) did: Vec<Vec<Did>>,
    /// The line in which each was asked for.
    pub(crate) lines: Vec<u32>,
    pub(crate) names: Written,
}

/// Keys and values by their numbers. A version is a value at a key; who wrote it, if anybody did.
#[derive(Debug, Default)]
pub(crate) struct Written {
    keys: BTreeMap<Form, Key>,
    versions: BTreeMap<(Key, Form), Version>,
    pub(crate) key_names: Vec<String>,
    pub(crate) version_names: Vec<String>,
    pub(crate) writers: Vec<Option<u32>>,
}

impl Written {
    fn key(&mut self, form: &Form) -> Key {
        if let Some(key) = self.keys.get(form) {
            return *key;
        }
        let key = self.key_names.len() as Key;
        self.keys.insert(form.clone(), key);
        self.key_names.push(form.to_string());
        key
    }

    fn version(&mut self, key: Key, form: &Form) -> Version {
        let at = (key, form.clone());
        if let Some(version) = self.versions.get(&at) {
            return *version;
        }
        let version = self.writers.len() as Version;
        self.versions.insert(at, version);
        self.version_names.push(form.to_string());
        self.writers.push(None);
        version
    }
}

/// One line.
struct Line<'f> {
    /// Which one, from 1.
    at: u32,
    kind: &'f str,
    process: i64,
    value: &'f [Form],
}

/// A transaction: where it was asked for, and where it was answered and how.
struct Asked<'f> {
    invoked: (u32, &'f Line<'f>),
    answered: Option<(u32, &'f Line<'f>)>,
}

impl Recorded {
    /// Reads a history.
    pub(crate) fn read(text: &str) -> Result<Self, Unreadable> {
        let mut forms = read_all(text)?;
        // All of it in one vector.
        if let [(line, Form::List(all))] = &mut forms[..] {
            let line = *line;
            forms = std::mem::take(all).into_iter().map(|form| (line, form)).collect();
        }
        let mut lines = Vec::new();
        for (line, form) in &forms {
            lines.extend(read_line(*line, form)?);
        }
        let mut asked = pair(&lines)?;
        asked.sort_by_key(|asked| asked.invoked.0);
        let mut this = Self {
            kind: kind(&lines)?,
            history: History::new(),
            did: Vec::new(),
            lines: Vec::new(),
            names: Written::default(),
        };
        let mut sessions = BTreeMap::new();
        for asked in &asked {
            this.transaction(asked, &mut sessions)?;
        }
        Ok(this)
    }

    fn transaction(
        &mut self,
        asked: &Asked<'_>,
        sessions: &mut BTreeMap<i64, u16>,
    ) -> Result<(), Unreadable> {
        let Asked { invoked: (begin, line), answered } = asked;
        let outcome = match answered.map(|(_, line)| line.kind) {
            Some("ok") => Outcome::Committed,
            Some("fail") => Outcome::Aborted,
            _ => Outcome::Unknown,
        };
        // A session tells why real time orders two transactions; that it does is known without it.
        let next = sessions.len() as u16;
        let session = *sessions.entry(line.process).or_insert(next);
        let txn = self.history.len() as u32;
        self.history.begin(session, 2 * begin);
        match answered {
            Some((end, _)) if outcome != Outcome::Unknown => {
                self.history.end(outcome, 2 * end - 1, 2 * end);
            }
            _ => self.history.end(outcome, 2 * begin + 1, u32::MAX),
        }
        self.lines.push(line.at);
        let told = answered.filter(|_| outcome == Outcome::Committed);
        let told = told.map_or(*line, |(_, line)| line);
        let mut did = Vec::new();
        for form in told.value {
            did.extend(self.operation(told.at, form, txn, outcome)?);
        }
        self.did.push(did);
        Ok(())
    }

    fn operation(
        &mut self,
        line: u32,
        form: &Form,
        txn: u32,
        outcome: Outcome,
    ) -> Result<Option<Did>, Unreadable> {
        let Some((word, key, value)) = parts(form) else {
            let what = "an operation is no [r key value], [append key value] or [w key value]";
            return Err(Unreadable { line, what: what.to_owned() });
        };
        let key = self.names.key(key);
        if word == "r" {
            let found = match (value, self.kind) {
                (Form::Nil, _) => Vec::new(),
                (Form::List(all), Kind::Lists) => {
                    all.iter().map(|form| self.names.version(key, form)).collect()
                }
                (Form::Number(_) | Form::Word(_), Kind::Registers) => {
                    vec![self.names.version(key, value)]
                }
                _ => {
                    let what = format!("a read of {value} among {:?}", self.kind).to_lowercase();
                    return Err(Unreadable { line, what });
                }
            };
            let told = outcome == Outcome::Committed;
            return Ok(told.then_some(Did::Read(key, found)));
        }
        let version = self.names.version(key, value);
        if self.names.writers[version as usize].replace(txn).is_some() {
            let what = format!("{value} is written a second time: values have to be unique");
            return Err(Unreadable { line, what });
        }
        Ok(Some(Did::Wrote(key, version)))
    }
}

/// The word, the key and the value of an operation.
fn parts(form: &Form) -> Option<(&str, &Form, &Form)> {
    let Form::List(parts) = form else { return None };
    let [word, key, value] = parts.as_slice() else { return None };
    let word = word.word().filter(|word| ["r", "w", "append"].contains(word))?;
    let is_name = |form: &Form| matches!(form, Form::Number(_) | Form::Word(_));
    (is_name(key) && (word == "r" || is_name(value))).then_some((word, key, value))
}

/// What a line says; nothing where it is not of a client's transaction.
fn read_line(line: u32, form: &Form) -> Result<Option<Line<'_>>, Unreadable> {
    let wrong = |what: String| Err(Unreadable { line, what });
    let Some(kind) = form.get("type").and_then(Form::word) else {
        return wrong("no operation: it has no type".to_owned());
    };
    if !["invoke", "ok", "fail", "info"].contains(&kind) {
        return wrong(format!("an operation of the type {kind:?}"));
    }
    // Faults are injected by processes that have a name in place of a number.
    let process = match form.get("process") {
        Some(Form::Number(process)) => *process,
        None | Some(Form::Nil) => 0,
        Some(_) => return Ok(None),
    };
    if form.get("f").and_then(Form::word).is_some_and(|word| word != "txn") {
        return Ok(None);
    }
    match form.get("value") {
        Some(Form::List(value)) => Ok(Some(Line { at: line, kind, process, value })),
        None | Some(Form::Nil) if kind != "ok" => {
            Ok(Some(Line { at: line, kind, process, value: &[] }))
        }
        _ => wrong("a transaction is no list of operations".to_owned()),
    }
}

/// Puts each answer to what it answers. A process waits for its answer.
fn pair<'f>(lines: &'f [Line<'f>]) -> Result<Vec<Asked<'f>>, Unreadable> {
    let mut open: BTreeMap<i64, Asked<'_>> = BTreeMap::new();
    let mut asked = Vec::new();
    for (place, line) in (1..).zip(lines) {
        let Line { kind, process, .. } = *line;
        let wrong = |what: &str| {
            Err(Unreadable { line: line.at, what: format!("process {process} {what}") })
        };
        if kind == "invoke" {
            let invoked = (place, line);
            if open.insert(process, Asked { invoked, answered: None }).is_some() {
                return wrong("asks again before it was answered");
            }
        } else {
            let Some(mut one) = open.remove(&process) else {
                return wrong("is answered and has not asked");
            };
            one.answered = Some((place, line));
            asked.push(one);
        }
    }
    asked.extend(open.into_values());
    Ok(asked)
}

fn kind(lines: &[Line<'_>]) -> Result<Kind, Unreadable> {
    let mut found = None;
    for Line { at, value, .. } in lines {
        for form in *value {
            let kind = match parts(form) {
                Some(("append", ..) | ("r", _, Form::List(_))) => Kind::Lists,
                Some(("w", ..) | ("r", _, Form::Number(_) | Form::Word(_))) => Kind::Registers,
                _ => continue,
            };
            if *found.get_or_insert(kind) != kind {
                let what = "lists and registers in one history".to_owned();
                return Err(Unreadable { line: *at, what });
            }
        }
    }
    Ok(found.unwrap_or(Kind::Lists))
}
