//! Fault rules as data: a grammar that parses and prints. Checks what a rule may say. Injects
//! nothing, and reads nothing but the environment, on request.
//!
//! `rule = call['[' path-part ']']['@' moment] '=' step ('->' step)*`, rules separated by `;`. A call
//! is a symbol, or a prefix followed by `*`. The steps are written as those of the `fail` crate:
//! `[count*]task[(arguments)]`, tried in order. A step that has used up its count passes to the next.
//!
//! A moment is `[count*]event[(number)]`; before it the rule matches nothing. The events are the marks
//! `begun`, `acked` and `note`, of any number or of that one, and `sync`, any sync that returned 0:
//! `@note(7)` is the first `note(7)`, `@3*acked` the third acknowledgement.
//!
//! The arguments of `return` say what happens to the call:
//!
//! | argument | the call |
//! |---|---|
//! | `EIO`, `EACCES`, `ENOSPC`, `EDQUOT`, `EINTR`, `EMFILE` | fails with it, where the man page lists it |
//! | `short=N` | transfers at most N bytes and says so |
//! | `torn`, `torn=N` | writes half its bytes, or N, and fails with `EIO` or a second argument |
//! | `delay=N` | happens N milliseconds later |
//! | `crash` | does not happen: the process is killed |
//! | `lie` | is a sync that does nothing and returns 0 |
//! | `lost` | is a write that returns as if it had been done, and its place keeps what it had |
//! | `misdirected`, `misdirected=N` | the same, and its bytes are written 4096, or N, bytes further on, or further back where the file ends before that |
//! | `rot`, `rot=N` | reads, and the first bit, or bit N, of what was read is wrong |
//! | `p=X` | happens with this probability, from the session's seed |

mod effect;
mod legal;
mod moment;

pub(crate) use effect::{Effect, Then};

use crate::{
    error::{Error, Result},
    op::Call,
};
use effect::{ERRNOS, Errno};
use legal::{can_fail, is_legal};
use moment::Moment;
use std::{
    fmt::{Display, Formatter, Result as FmtResult},
    str::FromStr,
    time::Duration,
};

/// The variable that [`Plan::from_env`] reads. `FAILPOINTS` is the `fail` crate's, and so the engine's.
pub const VARIABLE: &str = "FAULTFS_RULES";

/// Fault rules. The first rule that fires on a call decides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    rules: Vec<Rule>,
}

/// One rule, such as `pwrite64[wal/]=2*off->1*return(EIO)`: the third write below `wal/` fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pattern: String,
    part: Option<String>,
    pub(crate) moment: Option<Moment>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step {
    pub(crate) count: Option<u32>,
    pub(crate) task: Task,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Task {
    Off,
    Yield,
    Return { effect: Effect, probability: Option<f64> },
}

impl Plan {
    /// Reads the rules in [`VARIABLE`]; there are none when it is not set. A mistake is a one-line error.
    pub fn from_env() -> Result<Self> {
        #[expect(clippy::disallowed_methods, reason = "the one documented variable, read once")]
        let text = std::env::var(VARIABLE).unwrap_or_default();
        text.parse().map_err(|error: Error| Error::new("use", VARIABLE, error))
    }

    /// The rules, in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }
}

impl FromStr for Plan {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut plan = Self::default();
        for text in text.split(';').map(str::trim).filter(|text| !text.is_empty()) {
            let rule = Rule::parse(text).map_err(|why| Error::new("use the rule", text, why))?;
            if plan.rules.iter().any(|other| other.name() == rule.name()) {
                return Err(Error::new("use the rule", text, "this name has a rule already"));
            }
            plan.rules.push(rule);
        }
        Ok(plan)
    }
}

impl Rule {
    /// `call[part]@moment`.
    pub fn name(&self) -> String {
        let part = self.part.as_ref().map(|part| format!("[{part}]")).unwrap_or_default();
        let moment = self.moment.map(|moment| format!("@{moment}")).unwrap_or_default();
        format!("{}{part}{moment}", self.pattern)
    }

    /// Whether the rule, once armed, matches this call on this path.
    pub fn matches(&self, call: Call, path: &str) -> bool {
        self.is_about(call) && self.part.as_ref().is_none_or(|part| path.contains(part.as_str()))
    }

    fn is_about(&self, call: Call) -> bool {
        let fits = match self.pattern.strip_suffix('*') {
            Some(start) => call.name().starts_with(start),
            None => call.name() == self.pattern,
        };
        fits && can_fail(call)
    }

    fn parse(text: &str) -> std::result::Result<Self, String> {
        let (name, steps) = text.split_once('=').ok_or("a rule is `call[part]=steps`")?;
        // A part of a path may have a `@` of its own.
        let after = name.rfind(']').unwrap_or(0);
        let (name, moment) = match name[after..].find('@') {
            None => (name, None),
            Some(at) => (&name[..after + at], Some(Moment::parse(&name[after + at + 1..])?)),
        };
        let (pattern, part) = match name.split_once('[') {
            None => (name, None),
            Some((pattern, part)) => {
                let part = part.strip_suffix(']').ok_or("a path part ends with `]`")?;
                (pattern, Some(part.to_owned()))
            }
        };
        let steps = steps.split("->").map(Step::parse).collect::<std::result::Result<_, _>>()?;
        let rule = Self { pattern: pattern.to_owned(), part, moment, steps };
        rule.check()?;
        Ok(rule)
    }

    /// Checks that every call that the rule matches can do what the steps say.
    fn check(&self) -> std::result::Result<(), String> {
        let calls: Vec<Call> =
            Call::ALL.iter().copied().filter(|call| self.is_about(*call)).collect();
        if calls.is_empty() {
            return Err(format!("`{}` is no call that can fail", self.pattern));
        }
        for step in &self.steps {
            let Task::Return { effect, .. } = step.task else { continue };
            if let Some(call) = calls.iter().find(|call| !is_legal(**call, effect)) {
                return Err(format!("{call} cannot do `{effect}`"));
            }
        }
        Ok(())
    }
}

impl Step {
    fn parse(text: &str) -> std::result::Result<Self, String> {
        let text = text.trim();
        let (head, arguments) = match text.split_once('(') {
            None => (text, None),
            Some((head, rest)) => (head, Some(rest.strip_suffix(')').ok_or("no closing `)`")?)),
        };
        if head.contains('%') {
            return Err("`%` draws without a seed: use `return(…,p=0.1)`".to_owned());
        }
        let (count, task) = match head.split_once('*') {
            None => (None, head),
            Some((count, task)) => {
                (Some(count.parse().map_err(|_| format!("`{count}` is no count"))?), task)
            }
        };
        let task = match (task, arguments) {
            ("off", None) => Task::Off,
            ("yield", None) => Task::Yield,
            ("sleep" | "delay", Some(millis)) => Task::delay(millis)?,
            ("return", Some(arguments)) => Task::parse_return(arguments)?,
            _ => return Err(format!("`{text}` is none of off, yield, sleep(ms), return(…)")),
        };
        Ok(Self { count, task })
    }
}

impl Task {
    fn delay(millis: &str) -> std::result::Result<Self, String> {
        let millis = millis.parse().map_err(|_| format!("`{millis}` is no number of ms"))?;
        Ok(Self::Return { effect: Effect::Delay(Duration::from_millis(millis)), probability: None })
    }

    fn parse_return(arguments: &str) -> std::result::Result<Self, String> {
        let mut effect = None;
        let mut probability = None;
        for argument in arguments.split(',').map(str::trim) {
            let (key, value) = argument.split_once('=').unwrap_or((argument, ""));
            let number = || value.parse().map_err(|_| format!("`{argument}` wants a number"));
            let or = |default| if value.is_empty() { Ok(default) } else { number() };
            let errno = ERRNOS.iter().find(|(name, _)| *name == argument).map(|(_, code)| *code);
            effect = Some(match (key, effect) {
                ("p", _) => {
                    probability = Some(parse_probability(value)?);
                    continue;
                }
                ("short", None) => Effect::Short(number()?),
                ("torn", None) => {
                    let keep = if value.is_empty() { None } else { Some(number()?) };
                    Effect::Torn { keep, then: Then::Fail(Errno::Eio) }
                }
                ("delay", None) => Effect::Delay(Duration::from_millis(number()?.into())),
                ("crash", None) => Effect::Crash,
                ("lie", None) => Effect::Lie,
                ("lost", None) => Effect::Astray(None),
                ("misdirected", None) => Effect::Astray(Some(or(4096)?)),
                ("rot", None) => Effect::Rot(or(0)?),
                ("crash", Some(Effect::Torn { keep, .. })) => {
                    Effect::Torn { keep, then: Then::Crash }
                }
                (_, None) if errno.is_some() => Effect::Fail(errno.expect("just seen")),
                (_, Some(Effect::Torn { keep, .. })) if errno.is_some() => {
                    Effect::Torn { keep, then: Then::Fail(errno.expect("just seen")) }
                }
                _ => return Err(format!("`{argument}` is no fault, or one too many")),
            });
        }
        let effect = effect.ok_or("nothing to do but draw")?;
        Ok(Self::Return { effect, probability })
    }
}

fn parse_probability(text: &str) -> std::result::Result<f64, String> {
    text.parse()
        .ok()
        .filter(|p| (0.0..=1.0).contains(p))
        .ok_or_else(|| format!("`{text}` is no probability"))
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        write!(f, "{}=", self.name())?;
        for (at, step) in self.steps.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "->" })?;
            step.count.map_or(Ok(()), |count| write!(f, "{count}*"))?;
            match step.task {
                Task::Off => f.write_str("off")?,
                Task::Yield => f.write_str("yield")?,
                Task::Return { effect, probability: None } => write!(f, "return({effect})")?,
                Task::Return { effect, probability: Some(p) } => {
                    write!(f, "return({effect},p={p})")?;
                }
            }
        }
        Ok(())
    }
}

impl Display for Plan {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        for (at, rule) in self.rules.iter().enumerate() {
            write!(f, "{}{rule}", if at == 0 { "" } else { ";" })?;
        }
        Ok(())
    }
}
